//! Prompts made of tokens.

mod autoprompt;
mod manual;
mod random;

#[cfg(test)]
mod tests;

pub use autoprompt::{Autoprompt, AutopromptConfig};
pub use manual::Manual;
pub use random::Random;
