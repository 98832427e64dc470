//! Label words found from labelled examples, for a template that stands.
//!
//! 1. **Pool**: for every label the words that suit it, by one of three scores ([`WordScore`]), words of one token from the whole
//!    vocabulary, words of several by a beam from left to right through the answer's places.
//! 2. **Assignments**: all words of the pool are scored exactly, by the item's rule for words of several tokens, on the training
//!    examples at once; from those numbers every assignment of words to labels is worth its accuracy on train, then its mean
//!    log-likelihood, without asking the model again.
//! 3. **Selection**: the best assignments are candidates, and dev chooses among them.
//!
//! # Decisions
//!
//! - 2026-11: LM-BFF (arXiv 2012.15723) ranks the assignments by fine-tuning on dev and brings in words of one token only; here
//!   the model stays frozen, and words of several tokens are scored as they will be used. AutoPrompt (arXiv 2010.15980) leaves
//!   the choice among the words of its classifier to a person; here train and dev make it, and of the vocabulary the
//!   `n_likely` tokens that the model writes most readily take part, since a classifier of a few examples also likes
//!   tokens that nobody would write. PETAL (arXiv 2010.13641) ranks frequent words by likelihood ratio; likely ones here.
//! - 2026-11: a word of several tokens has its likelihood from the exact left-to-right probabilities. For the ratio of PETAL
//!   `log p` stands in for `log p/(1-p)`, from which it differs by less than p; AutoPrompt's classifier is one a place, and a
//!   word has the sum of its places.
//! - 2026-11: pools keep words of each number of tokens apart: a product of probabilities would never let the longer ones in.
//!   Whether a longer word is any good is decided on the exact scores.

mod assignment;
mod classifier;
mod lexicon;
mod pool;
mod search;
#[cfg(test)]
mod tests;
mod with_template;

pub use lexicon::Lexicon;
pub use search::LabelWords;
pub use with_template::TemplateAndWords;

/// How words are ranked for a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordScore {
    /// Mean log-probability over the label's examples (LM-BFF, arXiv 2012.15723).
    Likelihood,
    /// A linear classifier of the answer's states, applied to the words' output embeddings (AutoPrompt, arXiv 2010.15980).
    Classifier,
    /// Log-odds over the label's examples minus those over the others' (PETAL, arXiv 2010.13641).
    LikelihoodRatio,
}

/// What a search of label words is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelWordsConfig {
    /// How words are ranked.
    pub score: WordScore,
    /// Words a label.
    pub per_label: usize,
    /// Whether words of several tokens have to be known ones (see [`Lexicon`]).
    pub known_words: bool,
    /// The numbers of tokens that a word may have, ascending.
    pub n_tokens: Vec<usize>,
    /// Words kept for each label and number of tokens.
    pub pool: usize,
    /// Beginnings kept for each label at every place of a longer word.
    pub beam: usize,
    /// The likeliest tokens of the vocabulary among which a classifier or a ratio chooses.
    pub n_likely: usize,
    /// Training examples that words are ranked and assignments are compared on.
    pub batch_size: usize,
    /// Assignments that dev chooses among, at most.
    pub n_candidates: usize,
}

impl LabelWordsConfig {
    /// The evaluations before the first candidate, at least and about: finding the words of the fewest tokens, and of all that
    /// are asked for; scoring them comes to as much again.
    pub fn before_candidates(&self, n_labels: usize, n_train: usize) -> (u64, u64) {
        let batch = self.batch_size.min(n_train);
        let costs: Vec<u64> = self.n_tokens.iter().map(|&n| pool::cost(self, n, n_labels, batch)).collect();
        (2 * costs.first().copied().unwrap_or(0), 2 * costs.iter().sum::<u64>())
    }
}
