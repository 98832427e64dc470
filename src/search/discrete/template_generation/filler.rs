//! The model that writes into gaps.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::ModelKind;
use crate::prompt::{Skeleton, Verbalizer};
use crate::scoring::{Cost, Gap, MaskedSpans, Scorer, ScoringError, SpanNext, SpanRow, SpanSource, SpanWriting};
use crate::search::discrete::paraphrase::is_han;
use crate::task::Example;

/// A model that writes into gaps. Examples have their labels.
pub trait SpanFiller: Send + Sync {
    /// Whether it fills masks; else it writes token by token.
    fn fills_masks(&self) -> bool;

    /// The ids that may be written, ascending; those that may come `first` in a gap, or behind others.
    fn vocabulary(&self, first: bool) -> &[u32];

    /// What tokens write, with a space in front where they are set off from what stands before them.
    fn text(&self, ids: &[u32]) -> String;

    /// The evaluations of the searched model that so many of this one are worth.
    fn charge(&self, evaluations: u64) -> u64;

    /// The most evaluations of a beam of `width` texts of up to `max_length` tokens.
    ///
    /// # Errors
    /// [`ScoringError`] if the model cannot take a skeleton.
    fn most(&self, skeleton: &Skeleton, data: &Data<'_>, width: usize, max_length: usize) -> Result<u64, ScoringError>;

    /// Makes ready to write into the gaps of a skeleton.
    ///
    /// # Errors
    /// [`ScoringError`] if the model cannot take the skeleton.
    fn begin(
        &self,
        skeleton: &Skeleton,
        data: &Data<'_>,
        max_length: usize,
    ) -> Result<Box<dyn Spans + '_>, ScoringError>;

    /// The sums over the examples of the log-probability of every token at the first open place of each gap.
    ///
    /// # Errors
    /// [`ScoringError`] if the model cannot take one.
    fn fill(&self, gaps: &[Gap], data: &Data<'_>) -> Result<MaskedSpans, ScoringError>;
}

/// What is read.
#[derive(Debug, Clone, Copy)]
pub struct Data<'a> {
    /// The columns of the examples.
    pub columns: &'a [String],
    /// The examples.
    pub examples: &'a [Example],
    /// The label words, of which the first of each label is read.
    pub verbalizer: &'a Arc<Verbalizer>,
}

/// A beam of texts that are being written.
pub trait Spans {
    /// Reads the next step of every row and says what may come after it.
    ///
    /// # Errors
    /// [`ScoringError`].
    fn read(&mut self, rows: &[SpanRow]) -> Result<Vec<SpanNext>, ScoringError>;

    /// What all of it cost so far.
    fn cost(&self) -> Cost;
}

impl Spans for SpanWriting<'_> {
    fn read(&mut self, rows: &[SpanRow]) -> Result<Vec<SpanNext>, ScoringError> {
        SpanWriting::read(self, rows)
    }

    fn cost(&self) -> Cost {
        SpanWriting::cost(self)
    }
}

/// A scorer's model.
pub struct ScorerFiller {
    scorer: Scorer,
    vocabulary: Vec<u32>,
    /// Those of them that do not go on with the word before: what stands before a gap is the input or the answer.
    beginnings: Vec<u32>,
    /// The weights of this model and of the one that is searched for.
    weights: (u64, u64),
}

impl ScorerFiller {
    /// The model of `scorer`, which may not say a word of `verbalizer`; `searched` is the model that templates are searched for, and
    /// what its tokenizer cannot write is not written.
    pub fn new(scorer: Scorer, searched: &Scorer, verbalizer: &Verbalizer) -> Self {
        let words: HashSet<String> =
            verbalizer.labels.iter().flat_map(|label| &label.words).map(|word| word.to_lowercase()).collect();
        let tokenizer = &scorer.loaded().tokenizer;
        let other = searched.loaded();
        let same = other.tokenizer_hash == scorer.loaded().tokenizer_hash;
        let writable = |text: &str| same || other.tokenizer.can_write(text);
        let vocabulary: Vec<u32> = (0..tokenizer.vocab_size() as u32)
            .filter(|id| !tokenizer.special_ids().contains(id))
            .filter(|&id| tokenizer.token_text(id).is_some_and(|(text, _)| may_stand(&text, &words) && writable(&text)))
            .collect();
        let n_weights = |scorer: &Scorer| scorer.loaded().model.shape().n_parameters.max(1) as u64;
        let weights = (n_weights(&scorer), n_weights(searched));
        let goes_on = |id: u32| {
            let text = tokenizer.token_text(id).map(|(text, _)| text).unwrap_or_default();
            !tokenizer.is_word_start(id) && text.starts_with(char::is_alphanumeric)
        };
        let beginnings = vocabulary.iter().copied().filter(|&id| !goes_on(id)).collect();
        Self { scorer, vocabulary, beginnings, weights }
    }

    /// Checks that the model can take a skeleton with `max_length` tokens in its gaps.
    ///
    /// # Errors
    /// [`ScoringError`] naming what it cannot take.
    pub fn check(&self, skeleton: &Skeleton, verbalizer: &Verbalizer, max_length: usize) -> Result<(), ScoringError> {
        if self.fills_masks() {
            return Ok(());
        }
        let columns: Vec<String> = skeleton.bare().columns().into_iter().map(str::to_owned).collect();
        let example = Example { row: 0, fields: vec![String::new(); columns.len()], label: None };
        let words = verbalizer.labels.iter().filter_map(|label| label.words.first());
        words.map(|word| self.scorer.span_source(skeleton, &columns, (&example, word), max_length).map(drop)).collect()
    }

    fn sources(&self, skeleton: &Skeleton, data: &Data<'_>, room: usize) -> Result<Vec<SpanSource>, ScoringError> {
        let word = |example: &Example| {
            let label = example.label.and_then(|label| data.verbalizer.labels.get(label));
            label.and_then(|label| label.words.first()).map_or("", String::as_str)
        };
        data.examples
            .iter()
            .map(|example| self.scorer.span_source(skeleton, data.columns, (example, word(example)), room))
            .collect()
    }
}

/// Whether a token with this text may stand in a gap.
fn may_stand(text: &str, words: &HashSet<String>) -> bool {
    let own = text.trim();
    // A byte that is no character has a name in place of a text.
    let byte = own.starts_with("<0x") && own.ends_with('>');
    !own.is_empty()
        && !byte
        && !own.starts_with("[unused")
        && !own.chars().any(|c| c.is_control() || c == '\u{fffd}' || c == '\u{2581}')
        && !words.contains(&own.to_lowercase())
}

/// Whether no space stands before a character where words are whole entries of the vocabulary.
fn closes(c: char) -> bool {
    matches!(c, '.' | ',' | '!' | '?' | ';' | ':' | ')' | ']' | '}' | '%' | '\'')
}

/// Whether a character is of Chinese, its punctuation counted.
fn is_chinese(c: char) -> bool {
    is_han(c) || matches!(c, '\u{3000}'..='\u{303F}' | '\u{FF00}'..='\u{FFEF}')
}

impl SpanFiller for ScorerFiller {
    fn fills_masks(&self) -> bool {
        self.scorer.loaded().model.shape().kind == ModelKind::Masked
    }

    fn vocabulary(&self, first: bool) -> &[u32] {
        if first { &self.beginnings } else { &self.vocabulary }
    }

    fn text(&self, ids: &[u32]) -> String {
        let tokenizer = &self.scorer.loaded().tokenizer;
        let Some((&first, text)) = ids.first().map(|first| (first, tokenizer.decode(ids))) else {
            return String::new();
        };
        let text = text.trim();
        let begins = tokenizer.is_word_start(first);
        let glued = |c: char| is_chinese(c) || (!tokenizer.space_matters() && closes(c));
        match begins && !text.starts_with(glued) {
            true => format!(" {text}"),
            false => text.to_owned(),
        }
    }

    fn charge(&self, evaluations: u64) -> u64 {
        let (own, searched) = self.weights;
        evaluations.saturating_mul(own).div_ceil(searched)
    }

    fn most(&self, skeleton: &Skeleton, data: &Data<'_>, width: usize, max_length: usize) -> Result<u64, ScoringError> {
        Ok(SpanWriting::most(&self.sources(skeleton, data, max_length)?, width, max_length))
    }

    fn begin(
        &self,
        skeleton: &Skeleton,
        data: &Data<'_>,
        max_length: usize,
    ) -> Result<Box<dyn Spans + '_>, ScoringError> {
        Ok(Box::new(self.scorer.write_spans(self.sources(skeleton, data, max_length)?)?))
    }

    fn fill(&self, gaps: &[Gap], data: &Data<'_>) -> Result<MaskedSpans, ScoringError> {
        self.scorer.masked_spans(gaps, data.columns, &data.examples.iter().collect::<Vec<_>>())
    }
}
