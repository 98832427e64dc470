//! Tuning the model itself: all weights, biases only, or low-rank steps beside frozen maps.
//!
//! A family loads as ever. A [`Tuner`] in its placement says which weights are tuned, and the layers keep those as [`Weight`]s with
//! a number instead of freezing them. [`TunableModel`] then makes models of given numbers: *tracked* ones, whose gradients can be
//! asked for, and plain ones for scoring.
//!
//! # Decisions
//!
//! - 2026-11: trained numbers are values outside the model ([`TunedWeights`](crate::prompt::TunedWeights)), and a model with other
//!   numbers is another model that shares what is frozen. Refused: weights that change in place, under which a score would depend
//!   on when it is asked for.
//! - 2026-11: a plain model on the CPU is frozen again, in the panels of the kernel: it scores as fast as the base, and its states
//!   are the same to the last bit in any batch, which the stored scores rely on. Low-rank steps stay two thin maps of their own, so
//!   that the base is never copied.
//! - 2026-11: a tuned weight keeps the checkpoint's name, shape and orientation, so that what is saved is what was loaded with
//!   other numbers. What the checkpoint has twice (tied decoders) is tuned once and written twice.
//! - 2026-11: products with tracked weights are burn's, in the backward pass too; all other operators stay those of the kernel.
//! - 2026-11: `all` keeps the checkpoint's numbers, the trained ones, their gradients and what the optimiser keeps beside: with
//!   AdamW five times the model, and the best so far a sixth. The others keep the model once.

mod checkpoint;
mod classifier;
mod tunable_model;
mod tuner;
mod weight;

pub use classifier::ClassifierNames;
pub use tunable_model::{TunableModel, TunedModel};
pub use tuner::Tuner;
pub use weight::{Weight, alike};
