//! Prompts made of vectors.

mod adamw;
mod schedule;
mod soft_prompt;
mod start;
#[cfg(test)]
mod tests;

pub use adamw::AdamW;
pub use schedule::Schedule;
pub use soft_prompt::{SoftPromptConfig, SoftPromptSearch, most_steps};
pub use start::{Slot, start};
