//! The parts that families are made of, one a file.
//!
//! Weights are plain tensors on the inner device, not burn parameters: they are frozen, and an operation between an autodiff
//! tensor and one without autodiff takes the latter for a constant, so gradients reach the embeddings and nothing else. Where
//! a model is tuned, the parts hold what is tuned as [`Weight`](super::tuning::Weight)s, and `bind` puts other numbers into them.
//!
//! # Decisions
//!
//! - 2026-11: a part has two forms. On the CPU it uses the operators of [`kernel`](super::kernel), over sequences that stand one
//!   after the other; elsewhere burn's, over padded rows. What is chosen is a family's weights' device, when they are loaded.

mod activation;
mod attention;
mod causal_attention;
mod causal_mask;
mod cross_attention;
mod decoder;
mod decoder_layer;
mod encoder;
mod encoder_decoder;
mod encoder_layer;
mod feed_forward;
mod gated_feed_forward;
mod input_embeddings;
mod linear;
mod masked_head;
mod norm;
mod padding;
mod recompute;
mod relative_bias;
mod rms_norm;
mod rope_parameters;
mod rotary;
mod seq2seq_layer;
mod seq2seq_stack;
mod tuned_linear;

pub use activation::Activation;
pub use attention::{AttentionNames, SelfAttention};
pub use causal_attention::{CausalAttention, LayerKeyValues, Sight, join_past};
pub use causal_mask::causal_bias;
pub use cross_attention::{CrossAttention, CrossSight};
pub use decoder::{CausalDecoder, CausalDecoderParts, SightKind};
pub use decoder_layer::{DecoderLayer, StateFeedForward, StateNorm};
pub use encoder::{MaskedEncoder, MaskedEncoderParts, embed_rows};
pub use encoder_decoder::{EncoderDecoder, EncoderDecoderParts, TextEnds};
pub use encoder_layer::EncoderLayer;
pub use feed_forward::FeedForward;
pub use gated_feed_forward::GatedFeedForward;
pub use input_embeddings::{AddedEmbeddings, InputEmbeddings};
pub use linear::{Linear, side_by_side};
pub use masked_head::MaskedHead;
pub use norm::Norm;
pub use padding::{PredictRows, Seen, pack, padding_bias, unpack};
pub use recompute::recomputed;
pub use relative_bias::{Buckets, RelativeBias};
pub use rms_norm::RmsNorm;
pub use rope_parameters::RopeParameters;
pub use rotary::{Pairing, Rotary, Rotation};
pub use seq2seq_layer::Seq2SeqLayer;
pub use seq2seq_stack::Seq2SeqStack;
