//! Prompts made of tokens.

mod autoprompt;
mod demonstrations;
mod gcg;
mod hot_flip;
mod label_words;
mod manual;
mod mining;
mod objective;
mod paraphrase;
mod pez;
mod probe;
mod random;
mod template_generation;
mod trail;

#[cfg(test)]
mod circle;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trigger_tests;

pub use autoprompt::{Autoprompt, AutopromptConfig};
pub use demonstrations::{Demonstrations, DemonstrationsConfig};
pub use gcg::{Gcg, GcgConfig};
pub use label_words::{LabelWords, LabelWordsConfig, Lexicon, TemplateAndWords, WordScore};
pub use manual::Manual;
pub use mining::{Ground, Mining, MiningConfig, Passed, Sentences, Setting, Tally};
pub use objective::Objective;
pub use paraphrase::{
    Generators, Offer, Paraphrase, ParaphraseConfig, Rephrase, RoundTrip, Speech, Synonyms, SynonymsError, Thesaurus,
    Translate, Translator, has_han, stands_for,
};
pub use pez::{Pez, PezConfig};
pub use probe::ProbeConfig;
pub use random::Random;
pub use template_generation::{ScorerFiller, SpanFiller, Spans, TemplateGeneration, TemplateGenerationConfig};
