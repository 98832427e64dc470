//! What stands between and around the two names of a fact.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::task::Sentence;

use super::frame::{Frame, Order};
use super::names::{Hit, Names, capitalised};
use super::tally::Tally;
use super::words::{ends_behind, ends_sentence, is_balanced, n_words, spaced, starts_before};

/// Looks for training facts.
pub(super) struct FactMiner {
    names: Names,
    /// The facts of a subject and an object, by the places of their names.
    facts: BTreeMap<(usize, usize), Vec<u32>>,
    max_words: usize,
    window: usize,
}

impl FactMiner {
    /// A miner of `facts`, each a subject and the number of its object, whose words are in `objects`. Words of objects that no fact
    /// has are found too, so that no template holds one.
    pub fn new(facts: &[(String, usize)], objects: &[Vec<String>], max_words: usize, window: usize) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut number = |text: &str| {
            *numbers.entry(text.to_owned()).or_insert_with(|| {
                names.push(text.to_owned());
                names.len() - 1
            })
        };
        let words: Vec<Vec<usize>> =
            objects.iter().map(|words| words.iter().map(|word| number(word.trim())).collect()).collect();
        let mut of_pair: BTreeMap<(usize, usize), Vec<u32>> = BTreeMap::new();
        for (fact, (subject, object)) in facts.iter().enumerate() {
            let subject = number(subject.trim());
            for &word in words.get(*object).into_iter().flatten() {
                of_pair.entry((subject, word)).or_default().push(fact as u32);
            }
        }
        Self { names: Names::new(&names, false), facts: of_pair, max_words, window }
    }

    /// What is in some sentences.
    pub fn tally(&self, sentences: &[Sentence<'_>]) -> Tally {
        let mut tally = Tally { n_sentences: sentences.len() as u64, ..Tally::default() };
        for sentence in sentences {
            let mut found: BTreeSet<(Frame, u32)> = BTreeSet::new();
            let hits = self.names.hits(sentence.text);
            for (at, pair) in hits.windows(2).enumerate() {
                let facts = |subject: &Hit, object: &Hit| self.facts.get(&(subject.name, object.name));
                for (order, facts) in
                    [(Order::SubjectFirst, facts(&pair[0], &pair[1])), (Order::ObjectFirst, facts(&pair[1], &pair[0]))]
                {
                    let Some(facts) = facts else { continue };
                    for frame in self.frames(sentence.text, &hits, at, order) {
                        found.extend(facts.iter().map(|&fact| (frame.clone(), fact)));
                    }
                }
            }
            tally.n_matched += u64::from(!found.is_empty());
            found.into_iter().for_each(|(frame, fact)| tally.add(frame, fact, (sentence.file, sentence.line)));
        }
        tally
    }

    /// The frames of the names `at` and behind it: what is between them, and windows.
    fn frames(&self, text: &str, hits: &[Hit], at: usize, order: Order) -> Vec<Frame> {
        let (first, second) = (hits[at], hits[at + 1]);
        let between = &text[first.end..second.start];
        if ends_sentence(between) || !is_balanced(between) {
            return Vec::new();
        }
        let from = if at == 0 { 0 } else { hits[at - 1].end };
        let until = hits.get(at + 2).map_or(text.len(), |hit| hit.start);
        let starts = starts_before(&text[from..first.start], self.window).into_iter().map(|start| from + start);
        let ends = ends_behind(&text[second.end..until], self.window).into_iter().map(|end| second.end + end);
        let ends: Vec<usize> = std::iter::once(second.end).chain(ends).collect();
        let mut frames = Vec::new();
        for start in std::iter::once(first.start).chain(starts) {
            for &end in &ends {
                let frame = Frame {
                    order,
                    before: capitalised(&spaced(&text[start..first.start])),
                    between: spaced(between),
                    behind: spaced(&text[second.end..end]),
                };
                let n_words = frame.texts().into_iter().map(n_words).sum::<usize>();
                if (1..=self.max_words).contains(&n_words) {
                    frames.push(frame);
                }
            }
        }
        frames
    }
}
