//! Prompts made of tokens.

mod autoprompt;
mod label_words;
mod manual;
mod paraphrase;
mod random;

#[cfg(test)]
mod tests;

pub use autoprompt::{Autoprompt, AutopromptConfig};
pub use label_words::{LabelWords, LabelWordsConfig, Lexicon, TemplateAndWords, WordScore};
pub use manual::Manual;
pub use paraphrase::{Generators, Offer, Paraphrase, ParaphraseConfig, Synonyms, SynonymsError, Thesaurus, has_han};
pub use random::Random;
