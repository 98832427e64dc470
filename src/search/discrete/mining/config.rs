//! What is mined, and where the sentences come from.

use crate::search::SearchError;
use crate::spec::MinedPlace;
use crate::task::Sentence;

use super::tally::Tally;

/// How templates are mined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MiningConfig {
    /// What is looked for.
    pub ground: Ground,
    /// Templates that dev looks at, at most.
    pub n_templates: usize,
    /// Facts, or occurrences of label words, that a template needs.
    pub min_support: usize,
    /// Words, or Chinese characters, of a template's own, at most.
    pub max_words: usize,
    /// Words left and right of a pair of names, or right of a label word, at most.
    pub window: usize,
}

/// What is looked for in sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// The two names of training facts.
    Facts,
    /// Label words, whose contexts stand at these places of the text.
    Labels(Vec<MinedPlace>),
}

/// Sentences that somebody reads who may touch files.
pub trait Sentences: Send + Sync {
    /// Goes through all of them, a part at a time: `read` sees parts on all threads, `take` what it made of them, in their order.
    ///
    /// # Errors
    /// [`SearchError::Corpus`].
    fn pass(
        &self,
        read: &(dyn Fn(&[Sentence<'_>]) -> Tally + Sync),
        take: &mut dyn FnMut(Tally),
    ) -> Result<Passed, SearchError>;

    /// A place in them for people.
    fn place(&self, file: u32, line: u64) -> String;
}

/// What a pass took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passed {
    /// Bytes of the files.
    pub bytes: u64,
    /// By the clock.
    pub seconds: f64,
}
