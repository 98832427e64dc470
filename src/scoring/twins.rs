//! Inputs that several prompts of a round have in common, passed through the model once.
//!
//! Candidates that differ in their label words only are the same input, read at the same places for other tokens; so are the
//! passes of words that begin alike, and examples with equal texts.
//!
//! # Decisions
//!
//! - 2026-11: what a prompt costs does not depend on it (contract, definition 4): every prompt is charged its own passes.

use std::collections::HashMap;

use crate::prompt::SoftPrompt;

use super::batch::Sequence;

/// A prompt's pass on an example.
pub(super) type Reader = (usize, usize, usize);

/// Who else reads a sequence that stands for several.
#[derive(Default)]
pub(super) struct Twins(HashMap<Reader, Vec<Reader>>);

impl Twins {
    /// The distinct ones of some sequences, in their order; `soft_of` gives the vectors of a prompt.
    pub(super) fn part<'p>(
        sequences: Vec<Sequence>,
        soft_of: impl Fn(usize) -> Option<&'p SoftPrompt>,
    ) -> (Vec<Sequence>, Self) {
        let mut first = HashMap::new();
        let same_as: Vec<usize> = sequences
            .iter()
            .enumerate()
            .map(|(place, sequence)| {
                // Vectors are compared by where they are: prompts that share them share their place too.
                let soft = soft_of(sequence.prompt).map(std::ptr::from_ref);
                let Sequence { ids, positions, soft_at, soft_before, .. } = sequence;
                *first.entry((ids, positions, soft_at, *soft_before, soft)).or_insert(place)
            })
            .collect();
        drop(first);
        let mut twins = Self::default();
        for (place, &other) in same_as.iter().enumerate().filter(|(place, other)| place != *other) {
            twins.0.entry(reader(&sequences[other])).or_default().push(reader(&sequences[place]));
        }
        let mut place = 0;
        let mut distinct = sequences;
        distinct.retain(|_| {
            place += 1;
            same_as[place - 1] == place - 1
        });
        (distinct, twins)
    }

    /// All who read a sequence.
    pub(super) fn readers(&self, sequence: &Sequence) -> impl Iterator<Item = Reader> {
        let own = reader(sequence);
        std::iter::once(own).chain(self.0.get(&own).into_iter().flatten().copied())
    }
}

fn reader(sequence: &Sequence) -> Reader {
    (sequence.prompt, sequence.example, sequence.pass)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(reader: Reader, ids: &[u32], positions: &[usize]) -> Sequence {
        let (prompt, example, pass) = reader;
        Sequence { prompt, example, pass, ..Sequence::of_tokens(ids, positions) }
    }

    #[test]
    fn equal_inputs_stand_once_with_all_their_readers() {
        let all = vec![
            sequence((0, 0, 0), &[1, 2, 3], &[2]),
            sequence((0, 1, 0), &[1, 2], &[1]),
            sequence((1, 0, 0), &[1, 2, 3], &[2]),
            sequence((1, 1, 0), &[1, 2], &[0]),
            sequence((2, 0, 1), &[1, 2, 3], &[2]),
        ];
        let (distinct, twins) = Twins::part(all, |_| None);
        let readers: Vec<Vec<Reader>> = distinct.iter().map(|sequence| twins.readers(sequence).collect()).collect();
        assert_eq!(readers, [vec![(0, 0, 0), (1, 0, 0), (2, 0, 1)], vec![(0, 1, 0)], vec![(1, 1, 0)]]);
    }

    #[test]
    fn other_vectors_make_another_input() {
        let soft = [1.0, 2.0].map(|value| SoftPrompt::new(vec![value; 4], 4));
        let all =
            || (0..3).map(|prompt| Sequence { soft_at: vec![0], ..sequence((prompt, 0, 0), &[0, 9], &[1]) }).collect();
        let (distinct, _) = Twins::part(all(), |prompt| Some(&soft[prompt % 2]));
        assert_eq!(distinct.len(), 2);
        let (distinct, _) = Twins::part(all(), |_| Some(&soft[0]));
        assert_eq!(distinct.len(), 1);
    }
}
