//! What stands around label words.

use std::collections::BTreeSet;

use crate::prompt::Verbalizer;
use crate::task::Sentence;

use super::frame::{Frame, Order};
use super::names::{Names, capitalised};
use super::tally::Tally;
use super::words::{ends_behind, spaced, starts_before};

/// Looks for label words.
pub(super) struct LabelMiner {
    names: Names,
    /// The label of each word.
    labels: Vec<u32>,
    max_words: usize,
    window: usize,
}

impl LabelMiner {
    /// A miner of the contexts of all label words.
    pub fn new(verbalizer: &Verbalizer, max_words: usize, window: usize) -> Self {
        let (mut words, mut labels) = (Vec::new(), Vec::new());
        for (label, of) in verbalizer.labels.iter().enumerate() {
            for word in &of.words {
                words.push(word.clone());
                labels.push(label as u32);
            }
        }
        Self { names: Names::new(&words, true), labels, max_words, window }
    }

    /// What is in some sentences.
    pub fn tally(&self, sentences: &[Sentence<'_>]) -> Tally {
        let mut tally = Tally { n_sentences: sentences.len() as u64, ..Tally::default() };
        for sentence in sentences {
            let text = sentence.text;
            let hits = self.names.hits(text);
            let mut found: BTreeSet<(Frame, u32)> = BTreeSet::new();
            for (at, hit) in hits.iter().enumerate() {
                let label = self.labels[hit.name];
                *tally.totals.entry(label).or_default() += 1;
                let from = if at == 0 { 0 } else { hits[at - 1].end };
                let until = hits.get(at + 1).map_or(text.len(), |next| next.start);
                let starts = starts_before(&text[from..hit.start], self.max_words);
                let ends = ends_behind(&text[hit.end..until], self.window);
                for left in 0..=starts.len() {
                    for right in 0..=ends.len() {
                        if !(1..=self.max_words).contains(&(left + right)) {
                            continue;
                        }
                        let start = if left == 0 { hit.start } else { from + starts[left - 1] };
                        let end = if right == 0 { hit.end } else { hit.end + ends[right - 1] };
                        let frame = Frame {
                            order: Order::Answer,
                            before: capitalised(&spaced(&text[start..hit.start])),
                            between: String::new(),
                            behind: spaced(&text[hit.end..end]),
                        };
                        found.insert((frame, label));
                    }
                }
            }
            tally.n_matched += u64::from(!hits.is_empty());
            found.into_iter().for_each(|(frame, label)| tally.add(frame, label, (sentence.file, sentence.line)));
        }
        tally
    }
}
