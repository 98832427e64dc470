//! The parts that families are made of, one a file.
//!
//! Weights are plain tensors on the inner device, not burn parameters: they are frozen, and an operation between an autodiff
//! tensor and one without autodiff takes the latter for a constant, so gradients reach the embeddings and nothing else.

mod activation;
mod attention;
mod encoder;
mod encoder_layer;
mod feed_forward;
mod input_embeddings;
mod linear;
mod masked_head;
mod norm;
mod padding;

pub use activation::Activation;
pub use attention::{AttentionNames, SelfAttention};
pub use encoder::{MaskedEncoder, MaskedEncoderParts, embed_rows};
pub use encoder_layer::EncoderLayer;
pub use feed_forward::FeedForward;
pub use input_embeddings::{AddedEmbeddings, InputEmbeddings};
pub use linear::Linear;
pub use masked_head::MaskedHead;
pub use norm::Norm;
pub use padding::{PredictRows, Seen, padding_bias};
