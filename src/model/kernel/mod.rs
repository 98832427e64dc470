//! Operators of the CPU: plain loops over `f32` slices, and their place on burn's tape.
//!
//! burn-flex computes everything else; here is what the profile of scoring asks for, each forward and backward: products with
//! frozen matrices, normalisation, activations, rotation, and attention over sequences that stand one after the other without
//! padding.
//!
//! # Decisions
//!
//! - 2026-11: a product keeps one order of summation for every number of its output, whatever else is in the batch and however
//!   many threads there are. A sequence's states are therefore the same to the last bit alone, in any batch and on any number of
//!   threads. Refused: the gemm crate, equally fast on large products, whose blocking depends on the shapes.
//! - 2026-11: vector code comes from `pulp`, which compiles each loop for AVX-512, AVX2, NEON and plain CPUs and chooses when the
//!   program runs, in safe Rust. Refused: intrinsics, which need `unsafe` and a copy a processor.
//! - 2026-11: the frozen matrices are stored once, in panels as the forward product reads them. The backward product reads the
//!   same panels as sums over their columns, a little slower. Refused: a second copy turned round, as large as the model.
//! - 2026-11: operators go on burn's tape as nodes of our own on `Autodiff<Flex>`, because only the CPU has them. Refused: burn's
//!   dispatching extension trait, which would ask for an implementation on every backend.
//! - 2026-11: what a tape would be too large with is computed again, a block at a time ([`recomputed`]), and a block's tape lives only
//!   while its gradient is taken. Refused: burn's own `Device::gradient_checkpointing`, which computes again what burn calls memory
//!   bound, single sums, products and reshapes; here the memory is in what our operators keep, which burn takes for compute bound,
//!   and tensors of both strategies cannot meet in one operation.

mod activation;
mod attention;
mod attention_gradient;
mod distance_bias;
mod feed_forward;
mod normalise;
mod operator;
mod panels;
mod product;
mod product_gradient;
mod recompute;
mod rotation;
mod segments;
mod softmax;
#[cfg(test)]
mod tests;
mod threads;

pub use activation::{Curve, curve};
pub use attention::{AttentionShape, Columns, attend};
pub use distance_bias::DistanceBias;
pub use feed_forward::{FrozenFeedForward, feed_forward};
pub use normalise::{Normaliser, normalise};
pub use operator::is_cpu;
#[cfg(test)]
pub use operator::{elsewhere, gradients_given};
pub use panels::FrozenMap;
pub use product::map;
pub use recompute::recomputed;
pub use rotation::{Turn, rotate};
pub use segments::{Segments, Window};
