//! Prompts made of tokens.

mod autoprompt;
mod demonstrations;
mod manual;
mod paraphrase;
mod random;

#[cfg(test)]
mod tests;

pub use autoprompt::{Autoprompt, AutopromptConfig};
pub use demonstrations::{Demonstrations, DemonstrationsConfig};
pub use manual::Manual;
pub use paraphrase::{Generators, Offer, Paraphrase, ParaphraseConfig, Synonyms, SynonymsError, Thesaurus, has_han};
pub use random::Random;
