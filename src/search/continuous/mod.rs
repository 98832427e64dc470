//! Prompts made of vectors.

mod adamw;
mod encoder;
mod prefix_start;
mod schedule;
mod start;
#[cfg(test)]
mod tests;
mod trained;
mod training;

pub use adamw::AdamW;
pub use encoder::Encoder;
pub use prefix_start::prefix_start;
pub use schedule::Schedule;
pub use start::{Slot, start};
pub use trained::{Part, Trained};
pub use training::{Training, TrainingConfig, most_steps};
