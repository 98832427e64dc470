//! Prompts made of vectors.

mod adafactor;
mod adamw;
mod batches;
mod bbt;
mod cma;
mod encoder;
mod found;
mod generation;
mod optimiser;
mod prefix_start;
mod schedule;
mod sgd;
mod start;
#[cfg(test)]
mod tests;
mod trained;
mod training;

pub use adafactor::Adafactor;
pub use adamw::AdamW;
pub use bbt::{Bbt, BbtConfig};
pub use cma::{Cma, usual_population};
pub use encoder::Encoder;
pub use optimiser::{Optimiser, clip};
pub use prefix_start::prefix_start;
pub use schedule::Schedule;
pub use sgd::Sgd;
pub use start::{Slot, embedding_spread, start};
pub use trained::{Part, Trained};
pub use training::{Training, TrainingConfig, most_steps};
