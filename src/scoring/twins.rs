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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Reader {
    pub(super) prompt: usize,
    pub(super) example: usize,
    pub(super) pass: usize,
}

/// Who else reads a sequence that stands for several.
#[derive(Default)]
pub(super) struct Twins(HashMap<Reader, Vec<Reader>>);

impl Twins {
    /// The distinct ones of some sequences, in their order; `vectors_of` gives the virtual tokens of a prompt and the number of its
    /// prefix.
    pub(super) fn part<'p>(
        sequences: Vec<Sequence>,
        vectors_of: impl Fn(usize) -> (Option<&'p SoftPrompt>, usize),
    ) -> (Vec<Sequence>, Self) {
        let mut first = HashMap::new();
        let same_as: Vec<usize> = sequences
            .iter()
            .enumerate()
            .map(|(place, sequence)| {
                let (soft, prefix) = vectors_of(sequence.prompt);
                // Vectors are compared by where they are: prompts that share them share their place too.
                let vectors = (soft.map(std::ptr::from_ref), prefix);
                let Sequence { ids, positions, soft_at, soft_before, decoder_from, .. } = sequence;
                *first.entry((ids, positions, soft_at, *soft_before, *decoder_from, vectors)).or_insert(place)
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

fn reader(&Sequence { prompt, example, pass, .. }: &Sequence) -> Reader {
    Reader { prompt, example, pass }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence((prompt, example, pass): (usize, usize, usize), ids: &[u32], positions: &[usize]) -> Sequence {
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
        let (distinct, twins) = Twins::part(all, |_| (None, 0));
        let of = |sequence| twins.readers(sequence).map(|r| (r.prompt, r.example, r.pass)).collect();
        let readers: Vec<Vec<(usize, usize, usize)>> = distinct.iter().map(of).collect();
        assert_eq!(readers, [vec![(0, 0, 0), (1, 0, 0), (2, 0, 1)], vec![(0, 1, 0)], vec![(1, 1, 0)]]);
    }

    #[test]
    fn other_vectors_and_another_prefix_make_another_input() {
        let soft = [1.0, 2.0].map(|value| SoftPrompt::new(vec![value; 4], 4));
        let all =
            || (0..3).map(|prompt| Sequence { soft_at: vec![0], ..sequence((prompt, 0, 0), &[0, 9], &[1]) }).collect();
        assert_eq!(Twins::part(all(), |prompt| (Some(&soft[prompt % 2]), 0)).0.len(), 2);
        assert_eq!(Twins::part(all(), |_| (Some(&soft[0]), 0)).0.len(), 1);
        assert_eq!(Twins::part(all(), |prompt| (Some(&soft[0]), prompt)).0.len(), 3);
    }

    #[test]
    fn what_a_decoder_reads_from_another_place_is_another_input() {
        let from = |prompt, decoder_from| Sequence { decoder_from, ..sequence((prompt, 0, 0), &[1, 2, 0, 9], &[3]) };
        let (distinct, _) = Twins::part(vec![from(0, Some(2)), from(1, Some(1)), from(2, Some(2))], |_| (None, 0));
        assert_eq!(distinct.len(), 2);
    }
}
