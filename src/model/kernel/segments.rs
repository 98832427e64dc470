//! Sequences that stand one after the other, without padding, and may go on from one another.

use std::ops::Range;

/// Where each sequence's rows are, and what stands before it.
///
/// A sequence may go on from an earlier one of the same batch: it sees that one's rows, and what that one sees, before its own.
/// What many candidates share is so computed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments {
    starts: Vec<usize>,
    lengths: Vec<usize>,
    parents: Vec<Option<usize>>,
    /// Positions before each sequence's first: those of the sequences that it goes on from.
    before: Vec<usize>,
    n_rows: usize,
}

impl Segments {
    /// Sequences of these lengths; `parents` names the earlier sequence that each goes on from.
    ///
    /// # Panics
    ///
    /// Panics if a parent does not come before its child.
    pub fn new(lengths: &[usize], parents: Option<&[Option<usize>]>) -> Self {
        let parents = parents.map_or_else(|| vec![None; lengths.len()], <[_]>::to_vec);
        let mut before: Vec<usize> = Vec::with_capacity(lengths.len());
        let mut starts = Vec::with_capacity(lengths.len());
        let mut n_rows = 0;
        for (number, (&length, parent)) in lengths.iter().zip(&parents).enumerate() {
            assert!(parent.is_none_or(|parent| parent < number), "sequence {number} goes on from a later one");
            before.push(parent.map_or(0, |parent| before[parent] + lengths[parent]));
            starts.push(n_rows);
            n_rows += length;
        }
        Self { starts, lengths: lengths.to_vec(), parents, before, n_rows }
    }

    /// Sequences.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Rows of all sequences together.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// A sequence's own rows.
    pub fn rows(&self, sequence: usize) -> Range<usize> {
        self.starts[sequence]..self.starts[sequence] + self.lengths[sequence]
    }

    /// Positions before a sequence's first.
    pub fn before(&self, sequence: usize) -> usize {
        self.before[sequence]
    }

    /// The rows that a sequence sees, earliest position first, its own last.
    pub fn seen(&self, sequence: usize) -> Vec<Range<usize>> {
        let mut ranges = vec![self.rows(sequence)];
        let mut parent = self.parents[sequence];
        while let Some(earlier) = parent {
            ranges.push(self.rows(earlier));
            parent = self.parents[earlier];
        }
        ranges.reverse();
        ranges
    }

    /// The position of each row, counted on from what its sequence goes on from.
    pub fn positions(&self) -> Vec<usize> {
        (0..self.len())
            .flat_map(|sequence| (0..self.lengths[sequence]).map(move |place| self.before[sequence] + place))
            .collect()
    }

    /// Groups of sequences that share no rows: each with all that goes on from it.
    pub fn families(&self) -> Vec<Vec<usize>> {
        let mut root = vec![0; self.len()];
        let mut families: Vec<Vec<usize>> = Vec::new();
        for sequence in 0..self.len() {
            root[sequence] = match self.parents[sequence] {
                Some(parent) => root[parent],
                None => {
                    families.push(Vec::new());
                    families.len() - 1
                }
            };
            families[root[sequence]].push(sequence);
        }
        families
    }
}

/// What a position sees of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Window {
    /// Everything, to its right as well.
    #[default]
    Whole,
    /// Itself and all to its left.
    Left,
    /// Itself and those to its left, so many together.
    Near(usize),
}

impl Window {
    /// The positions that `position` sees of `n_seen`.
    pub fn range(self, position: usize, n_seen: usize) -> Range<usize> {
        match self {
            Self::Whole => 0..n_seen,
            Self::Left => 0..(position + 1).min(n_seen),
            Self::Near(n) => (position + 1).saturating_sub(n)..(position + 1).min(n_seen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_counts_on_from_those_it_continues_and_sees_them() {
        let segments = Segments::new(&[3, 2, 1, 4], Some(&[None, Some(0), Some(1), None]));
        assert_eq!(segments.positions(), [0, 1, 2, 3, 4, 5, 0, 1, 2, 3]);
        assert_eq!(segments.seen(2), [0..3, 3..5, 5..6]);
        assert_eq!(segments.seen(3), std::slice::from_ref(&(6..10)));
        assert_eq!(segments.families(), [vec![0, 1, 2], vec![3]]);
        assert_eq!((segments.n_rows(), segments.before(2)), (10, 5));
    }

    #[test]
    fn windows_say_what_is_seen() {
        assert_eq!(Window::Whole.range(1, 5), 0..5);
        assert_eq!(Window::Left.range(1, 5), 0..2);
        assert_eq!((Window::Near(2).range(3, 5), Window::Near(9).range(3, 5)), (2..4, 0..4));
    }
}
