//! Which forward passes a verbalizer needs, and how their numbers become label scores.

use std::collections::{BTreeMap, HashMap};

use crate::model::{ModelError, Tokenizer};
use crate::prompt::Verbalizer;
use crate::spec::MultiToken;

use super::ScoringError;

/// A label word as tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The index of its label.
    pub label: usize,
    /// The word.
    pub text: String,
    /// Its tokens, at least one.
    pub ids: Vec<u32>,
}

/// Where a label word stands.
#[derive(Debug, Clone, Copy)]
pub struct WordPlace<'a> {
    /// Whether the template has a space before its mask: it belongs to the word (contract, definition 9).
    pub after_space: bool,
    /// N of `{mask:N}`.
    pub fixed: Option<usize>,
    /// For a model that continues text: the template's text directly before the word, without the space that belongs to the
    /// word.
    pub continues: Option<&'a str>,
    /// For a model that writes the word in a decoder, behind a sentinel.
    pub decoded: bool,
}

/// The tokens of every label word, label after label.
///
/// # Errors
/// [`ScoringError::UnwritableWord`], [`ScoringError::WordLength`], [`ScoringError::SameTokens`].
pub fn encode_words(
    verbalizer: &Verbalizer,
    tokenizer: &Tokenizer,
    place: WordPlace<'_>,
    model: &str,
) -> Result<Vec<Word>, ScoringError> {
    let mut words: Vec<Word> = Vec::new();
    let mut first: HashMap<Vec<u32>, usize> = HashMap::new();
    for (label, entry) in verbalizer.labels.iter().enumerate() {
        for text in &entry.words {
            let written = match place.continues {
                Some(context) => tokenizer.encode_continuation(context, text, place.after_space),
                None if place.decoded && !place.after_space => tokenizer.encode_inner_word(text),
                None => tokenizer.encode_word(text, place.after_space),
            };
            let ids = written.map_err(|error| ScoringError::UnwritableWord {
                label: entry.label.clone(),
                word: text.clone(),
                model: model.into(),
                reason: match error {
                    ModelError::UnwritableWord { why, .. } => why,
                    other => other.to_string(),
                },
            })?;
            if let Some(fixed) = place.fixed.filter(|&n| n != ids.len()) {
                return Err(ScoringError::WordLength {
                    label: entry.label.clone(),
                    word: text.clone(),
                    found: ids.len(),
                    fixed,
                    model: model.into(),
                });
            }
            if let Some(other) = first.get(&ids).map(|&at| &words[at]) {
                return Err(ScoringError::SameTokens {
                    first: verbalizer.labels[other.label].label.clone(),
                    second: entry.label.clone(),
                    word: other.text.clone(),
                    other: text.clone(),
                    model: model.into(),
                });
            }
            first.insert(ids.clone(), words.len());
            words.push(Word { label, text: text.clone(), ids });
        }
    }
    Ok(words)
}

/// One number to read off a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// The word whose score it is a part of.
    pub word: usize,
    /// The mask, counted from 0 within the expanded `{mask}`.
    pub mask: usize,
    /// The token whose log-probability is read there.
    pub token: u32,
}

/// One forward pass: `{mask}` expanded to as many places as `filled` has, some of them filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// The token in each place; `None` leaves the mask.
    pub filled: Vec<Option<u32>>,
    /// What is read off it.
    pub reads: Vec<Read>,
}

/// All passes of a verbalizer under a rule for words of several tokens (contract, definition 10).
#[derive(Debug, Clone)]
pub struct Passes {
    /// The words.
    pub words: Vec<Word>,
    /// The passes, those with fewer masks first; each is one evaluation per example.
    pub passes: Vec<Pass>,
    /// Whether the numbers read must be normalised over the whole vocabulary. Where every word is read off the same places
    /// of one pass, the normalisers are the same for all words and cancel among the labels.
    pub whole_vocabulary: bool,
    n_labels: usize,
    by_length: bool,
}

impl Passes {
    /// The passes for `words` under `rule`.
    pub fn new(words: Vec<Word>, n_labels: usize, rule: MultiToken) -> Self {
        let mut found: BTreeMap<(usize, Vec<Option<u32>>), Vec<Read>> = BTreeMap::new();
        for (word, Word { ids, .. }) in words.iter().enumerate() {
            for (mask, &token) in ids.iter().enumerate() {
                let filled = |keep: &dyn Fn(usize) -> bool| -> Vec<Option<u32>> {
                    ids.iter().enumerate().map(|(place, &id)| keep(place).then_some(id)).collect()
                };
                let filled = match rule {
                    MultiToken::Joint | MultiToken::Mean => filled(&|place| place < mask),
                    MultiToken::Independent => filled(&|_| false),
                    MultiToken::PseudoLikelihood => filled(&|place| place != mask),
                };
                found.entry((ids.len(), filled)).or_default().push(Read { word, mask, token });
            }
        }
        let passes: Vec<Pass> = found.into_iter().map(|((_, filled), reads)| Pass { filled, reads }).collect();
        Self { whole_vocabulary: passes.len() > 1, words, passes, n_labels, by_length: rule == MultiToken::Mean }
    }

    /// The pass of a prompt whose labels have vectors: the state where the answer stands is read once for each of them, behind
    /// `n_mask` open places. What stands for a token is the number of the label.
    pub fn of_vectors(labels: Vec<String>, n_mask: usize) -> Self {
        let n_labels = labels.len();
        let words = labels.into_iter().enumerate();
        let words = words.map(|(label, text)| Word { label, text, ids: vec![label as u32] }).collect();
        let reads = (0..n_labels).map(|word| Read { word, mask: 0, token: word as u32 }).collect();
        let passes = vec![Pass { filled: vec![None; n_mask], reads }];
        Self { words, passes, whole_vocabulary: false, n_labels, by_length: false }
    }

    /// The passes for a model that continues text: every word has one pass, whose input goes on with all its tokens
    /// but the last, and its score is the sum over its tokens (divided by their number under `mean`). A word that begins as a
    /// longer one has the longer one's pass. What several words begin with is read off one of their passes only: it is the same in
    /// all of them, and with hundreds of words, reading it off each would cost more than the rest.
    pub fn continuing(words: Vec<Word>, n_labels: usize, rule: MultiToken) -> Self {
        let mut longest_first: Vec<usize> = (0..words.len()).collect();
        longest_first.sort_by_key(|&word| std::cmp::Reverse(words[word].ids.len()));
        let mut passes: Vec<Pass> = Vec::new();
        // The first pass that goes on with these tokens.
        let mut pass_of: HashMap<&[u32], usize> = HashMap::new();
        for word in longest_first {
            let ids = words[word].ids.as_slice();
            let own = &ids[..ids.len() - 1];
            if !pass_of.contains_key(own) {
                let filled = own.iter().copied().map(Some).collect();
                (0..=own.len()).for_each(|n| {
                    pass_of.entry(&own[..n]).or_insert(passes.len());
                });
                passes.push(Pass { filled, reads: Vec::new() });
            }
            for (mask, &token) in ids.iter().enumerate() {
                if let Some(&pass) = pass_of.get(&ids[..mask]) {
                    passes[pass].reads.push(Read { word, mask, token });
                }
            }
        }
        passes.reverse();
        let length = words.first().map_or(0, |word| word.ids.len());
        let one_length = words.iter().all(|word| word.ids.len() == length);
        let whole_vocabulary = passes.len() > 1 || !one_length;
        Self { whole_vocabulary, words, passes, n_labels, by_length: rule == MultiToken::Mean }
    }

    /// Labels.
    pub fn n_labels(&self) -> usize {
        self.n_labels
    }

    /// Word scores from what was read: `reads[pass][read]`, in nats.
    pub fn word_scores(&self, reads: &[Vec<f64>]) -> Vec<f64> {
        let mut scores = vec![0.0; self.words.len()];
        for (pass, values) in self.passes.iter().zip(reads) {
            for (read, value) in pass.reads.iter().zip(values) {
                scores[read.word] += value;
            }
        }
        if self.by_length {
            for (score, word) in scores.iter_mut().zip(&self.words) {
                *score /= word.ids.len() as f64;
            }
        }
        scores
    }

    /// Log-probabilities among the labels: a label's score is the logarithm of the sum of its words' probabilities, and the
    /// labels' scores are normalised by log-softmax.
    pub fn label_logprobs(&self, reads: &[Vec<f64>]) -> Vec<f64> {
        let words = self.word_scores(reads);
        // Words stand label after label.
        let mut by_label = self.words.chunk_by(|a, b| a.label == b.label).peekable();
        let mut at = 0;
        let labels: Vec<f64> = (0..self.n_labels)
            .map(|label| match by_label.next_if(|own| own[0].label == label) {
                Some(own) => {
                    at += own.len();
                    log_sum_exp(words[at - own.len()..at].iter().copied())
                }
                None => f64::NEG_INFINITY,
            })
            .collect();
        let total = log_sum_exp(labels.iter().copied());
        labels.into_iter().map(|score| score - total).collect()
    }

    /// Whether a word's score is divided by its tokens.
    pub fn by_length(&self) -> bool {
        self.by_length
    }
}

/// `ln(sum(exp(x)))` without overflow; minus infinity for no number at all.
pub fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if max.is_infinite() { max } else { max + values.map(|x| (x - max).exp()).sum::<f64>().ln() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(label: usize, ids: &[u32]) -> Word {
        Word { label, text: format!("{ids:?}"), ids: ids.into() }
    }

    #[test]
    fn words_of_one_token_need_one_pass_and_no_vocabulary() {
        let passes = Passes::new(vec![word(0, &[5]), word(0, &[6]), word(1, &[7])], 2, MultiToken::Joint);
        assert_eq!(passes.passes.len(), 1);
        assert!(!passes.whole_vocabulary);
        let logprobs = passes.label_logprobs(&[vec![1f64.ln(), 2f64.ln(), 5f64.ln()]]);
        assert!((logprobs[0] - (3.0f64 / 8.0).ln()).abs() < 1e-12 && (logprobs[1] - (5.0f64 / 8.0).ln()).abs() < 1e-12);
    }

    #[test]
    fn joint_shares_passes_between_words_with_the_same_beginning() {
        let words = vec![word(0, &[5, 6]), word(1, &[5, 7]), word(1, &[8])];
        let passes = Passes::new(words, 2, MultiToken::Joint);
        let filled: Vec<_> = passes.passes.iter().map(|p| p.filled.clone()).collect();
        assert_eq!(filled, [vec![None], vec![None, None], vec![Some(5), None]]);
        assert_eq!(passes.passes[2].reads, [Read { word: 0, mask: 1, token: 6 }, Read { word: 1, mask: 1, token: 7 }]);
        assert!(passes.whole_vocabulary);
    }

    #[test]
    fn independent_words_of_one_length_need_one_pass() {
        let passes = Passes::new(vec![word(0, &[5, 6]), word(1, &[7, 8])], 2, MultiToken::Independent);
        assert_eq!((passes.passes.len(), passes.whole_vocabulary), (1, false));
        assert_eq!(passes.word_scores(&[vec![1.0, 2.0, 3.0, 4.0]]), [3.0, 7.0]);
    }

    #[test]
    fn continuations_share_the_pass_of_the_longest_that_begins_as_they_do() {
        let words = vec![word(0, &[5]), word(0, &[6, 7]), word(1, &[6, 7, 8]), word(1, &[9, 7])];
        let passes = Passes::continuing(words, 2, MultiToken::Joint);
        let filled: Vec<_> = passes.passes.iter().map(|p| p.filled.clone()).collect();
        assert_eq!(filled, [vec![Some(9)], vec![Some(6), Some(7)]]);
        let read = |word, mask, token| Read { word, mask, token };
        // What every word begins with is read off one pass.
        assert_eq!(passes.passes[0].reads, [read(3, 1, 7)]);
        let first =
            [read(2, 0, 6), read(2, 1, 7), read(2, 2, 8), read(1, 0, 6), read(1, 1, 7), read(3, 0, 9), read(0, 0, 5)];
        assert_eq!(passes.passes[1].reads, first);
        assert!(passes.whole_vocabulary);
        // Word 0 at the first place, word 1 at two, word 2 at three, word 3 at two of different passes.
        let scores = passes.word_scores(&[vec![-2.0], vec![-4.0, -8.0, -16.0, -4.0, -8.0, -1.0, -32.0]]);
        assert_eq!(scores, [-32.0, -12.0, -28.0, -3.0]);
        let one = Passes::continuing(vec![word(0, &[5]), word(1, &[6])], 2, MultiToken::Joint);
        assert_eq!((one.passes.len(), one.passes[0].filled.len(), one.whole_vocabulary), (1, 0, false));
    }

    #[test]
    fn pseudo_likelihood_masks_one_token_at_a_time_and_mean_divides_by_the_length() {
        let passes = Passes::new(vec![word(0, &[5, 6]), word(1, &[7])], 2, MultiToken::PseudoLikelihood);
        let filled: Vec<_> = passes.passes.iter().map(|p| p.filled.clone()).collect();
        assert_eq!(filled, [vec![None], vec![None, Some(6)], vec![Some(5), None]]);
        let mean = Passes::new(vec![word(0, &[5, 6]), word(1, &[7])], 2, MultiToken::Mean);
        assert_eq!(mean.word_scores(&[vec![-1.0], vec![-2.0], vec![-4.0]]), [-3.0, -1.0]);
    }
}
