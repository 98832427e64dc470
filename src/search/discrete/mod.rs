//! Prompts made of tokens.

mod autoprompt;
mod demonstrations;
mod edits;
mod evolution;
mod gcg;
mod hot_flip;
mod label_words;
mod manual;
mod members;
mod mining;
mod objective;
mod paraphrase;
mod pez;
mod phrase;
mod probe;
mod random;
mod ranking;
mod template_generation;
mod trail;
mod train_batch;
mod waiting;
mod wording;

#[cfg(test)]
mod circle;
#[cfg(test)]
mod language;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trigger_tests;

pub use autoprompt::{Autoprompt, AutopromptConfig};
pub use demonstrations::{Demonstrations, DemonstrationsConfig};
pub use edits::{Edits, EditsConfig};
pub use evolution::{Algorithm, Crossover, Evolution, EvolutionConfig};
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
pub use phrase::Level;
pub use probe::ProbeConfig;
pub use random::Random;
pub use template_generation::{ScorerFiller, SpanFiller, Spans, TemplateGeneration, TemplateGenerationConfig};
pub use wording::Rewording;
