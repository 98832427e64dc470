//! What sequences of a batch begin with alike, computed once.
//!
//! A model that reads from left to right has the same states for the same beginning, whatever follows. The sequences of a batch
//! become a tree (a radix tree over their tokens): what several begin with is a row of its own, from which they go on.

use super::batch::Sequence;

/// Tokens that sequences must have in common for a row of their own: fewer are as quickly computed again.
const SHORTEST: usize = 4;

/// A row of a batch.
pub(super) struct Branch {
    /// The tokens of this row alone, with places counted from its first.
    pub(super) sequence: Sequence,
    /// The earlier row that it goes on from.
    pub(super) parent: Option<usize>,
    /// The sequence that ends with it; none where it is a beginning of several.
    pub(super) leaf: Option<usize>,
}

/// The key by which sequences with the same beginning stand beside one another: their tokens, a virtual one told by its prompt.
pub(super) fn key(sequence: &Sequence) -> Vec<u64> {
    const VIRTUAL: u64 = 1 << 63;
    let mut key: Vec<u64> = sequence.ids.iter().map(|&id| u64::from(id)).collect();
    for (index, &place) in sequence.soft_at.iter().enumerate() {
        key[place] = VIRTUAL | ((sequence.prompt as u64) << 32) | (sequence.soft_before + index) as u64;
    }
    key
}

/// How much of two sequences is the same, as far as neither is read.
pub(super) fn in_common(a: (&[u64], &Sequence), b: (&[u64], &Sequence)) -> usize {
    let unread = |sequence: &Sequence| sequence.positions.iter().copied().min().unwrap_or(0);
    let most = unread(a.1).min(unread(b.1));
    a.0.iter().zip(b.0).take(most).take_while(|(a, b)| a == b).count()
}

/// The tree of `sequences`, which are in the order of their keys; a parent comes before its children.
pub(super) fn branches(sequences: &[Sequence]) -> Vec<Branch> {
    let keys: Vec<Vec<u64>> = sequences.iter().map(key).collect();
    let common: Vec<usize> = (1..sequences.len())
        .map(|next| in_common((&keys[next - 1], &sequences[next - 1]), (&keys[next], &sequences[next])))
        .collect();
    let mut tree = Tree { sequences, common: &common, branches: Vec::new() };
    tree.grow(0, sequences.len(), 0, None);
    tree.branches
}

/// How much of what an encoder reads is the same in two sequences: all of it or nothing, because it reads both sides.
pub(super) fn same_encoder(a: (&[u64], &Sequence), b: (&[u64], &Sequence)) -> usize {
    let end = |sequence: &Sequence| sequence.decoder_from.unwrap_or(0);
    let (first, second) = (end(a.1), end(b.1));
    if first == second && a.0[..first] == b.0[..second] { first } else { 0 }
}

/// The rows of `sequences`, which are in the order of their keys: those with the same text for the encoder have it in the first of
/// them only.
pub(super) fn encoders(sequences: &[Sequence]) -> Vec<Branch> {
    let keys: Vec<Vec<u64>> = sequences.iter().map(key).collect();
    let mut first = 0;
    (0..sequences.len())
        .map(|number| {
            let (own, last) = (&sequences[number], number.saturating_sub(1));
            let known =
                if number == 0 { 0 } else { same_encoder((&keys[last], &sequences[last]), (&keys[number], own)) };
            if known == 0 {
                first = number;
            }
            let sequence = part(own, known, own.ids.len());
            Branch { sequence, parent: (known > 0).then_some(first), leaf: Some(number) }
        })
        .collect()
}

struct Tree<'a> {
    sequences: &'a [Sequence],
    /// What each sequence has in common with the next.
    common: &'a [usize],
    branches: Vec<Branch>,
}

impl Tree<'_> {
    /// The branches of sequences `first..end`, whose tokens before `depth` are in `parent` and what that goes on from.
    fn grow(&mut self, first: usize, end: usize, depth: usize, parent: Option<usize>) {
        if end - first == 1 {
            let sequence = part(&self.sequences[first], depth, self.sequences[first].ids.len());
            self.branches.push(Branch { sequence, parent, leaf: Some(first) });
            return;
        }
        let shared = self.common[first..end - 1].iter().copied().min().unwrap_or(0);
        if shared >= depth + SHORTEST {
            let mut sequence = part(&self.sequences[first], depth, shared);
            // Nothing is read off it, but every row of a batch is read at as many places.
            sequence.positions = vec![0; self.sequences[first].positions.len()];
            self.branches.push(Branch { sequence, parent, leaf: None });
            let own = self.branches.len() - 1;
            return self.grow(first, end, shared, Some(own));
        }
        // Sequences that have more in common than all of them stay together.
        let mut start = first;
        for next in first + 1..=end {
            if next == end || self.common[next - 1] < depth + SHORTEST {
                if next - start < end - first {
                    self.grow(start, next, depth, parent);
                } else {
                    (start..next).for_each(|alone| self.grow(alone, alone + 1, depth, parent));
                }
                start = next;
            }
        }
    }
}

/// The tokens `from..to` of a sequence.
fn part(whole: &Sequence, from: usize, to: usize) -> Sequence {
    Sequence {
        prompt: whole.prompt,
        example: whole.example,
        pass: whole.pass,
        ids: whole.ids[from..to].to_vec(),
        positions: whole.positions.iter().map(|position| position.saturating_sub(from)).collect(),
        soft_at: whole.soft_at.iter().filter(|place| (from..to).contains(place)).map(|place| place - from).collect(),
        decoder_from: whole.decoder_from.map(|place| place.saturating_sub(from)),
        soft_before: whole.soft_before + whole.soft_at.iter().filter(|&&place| place < from).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(prompt: usize, ids: &[u32], soft_at: &[usize]) -> Sequence {
        Sequence { prompt, soft_at: soft_at.into(), ..Sequence::of_tokens(ids, &[ids.len() - 1]) }
    }

    fn sorted(mut sequences: Vec<Sequence>) -> Vec<Sequence> {
        sequences.sort_by_key(key);
        sequences
    }

    /// The tokens that stand before and in each leaf, which must be the sequences again.
    fn whole(branches: &[Branch]) -> Vec<Vec<u32>> {
        let mut whole: Vec<(usize, Vec<u32>)> = Vec::new();
        for branch in branches {
            let Some(leaf) = branch.leaf else { continue };
            let mut ids = branch.sequence.ids.clone();
            let mut parent = branch.parent;
            while let Some(row) = parent {
                ids.splice(0..0, branches[row].sequence.ids.iter().copied());
                parent = branches[row].parent;
            }
            whole.push((leaf, ids));
        }
        whole.sort();
        whole.into_iter().map(|(_, ids)| ids).collect()
    }

    #[test]
    fn a_tree_holds_every_sequence_and_what_they_share_once() {
        let ids: [&[u32]; 6] = [
            &[1, 2, 3, 4, 5, 6, 7],
            &[1, 2, 3, 4, 5, 6, 8],
            &[1, 2, 3, 4, 5, 9, 9, 9, 9, 1],
            &[1, 2, 3, 4, 5, 9, 9, 9, 9, 2],
            &[7, 7],
            &[1, 2, 3, 4, 5, 6, 7],
        ];
        let sequences = sorted(ids.iter().map(|ids| sequence(0, ids, &[])).collect());
        let branches = branches(&sequences);
        assert_eq!(whole(&branches), sequences.iter().map(|s| s.ids.clone()).collect::<Vec<_>>());
        let n_tokens: usize = branches.iter().map(|branch| branch.sequence.ids.len()).sum();
        assert_eq!(n_tokens, 5 + 3 * 2 + 4 + 2 + 2, "the common beginning and the second one stand once");
        for branch in &branches {
            assert!(branch.parent.is_none_or(|parent| branches[parent].leaf.is_none()));
            assert!(branch.sequence.positions.iter().all(|&place| place < branch.sequence.ids.len()));
        }
    }

    #[test]
    fn virtual_tokens_are_shared_within_a_prompt_only() {
        let ids = [0, 0, 0, 0, 5, 6];
        let other = [0, 0, 0, 0, 5, 7];
        let places = [0, 1, 2, 3];
        let sequences =
            sorted(vec![sequence(0, &ids, &places), sequence(0, &other, &places), sequence(1, &ids, &places)]);
        let branches = branches(&sequences);
        assert_eq!(whole(&branches).len(), 3);
        assert_eq!(branches.iter().filter(|branch| branch.leaf.is_none()).count(), 1);
        assert!(branches.iter().all(|branch| branch.sequence.soft_at.len() <= 4));
    }

    #[test]
    fn what_an_encoder_reads_is_shared_whole_or_not_at_all() {
        let pair = |ids: &[u32], from: usize| Sequence { decoder_from: Some(from), ..sequence(0, ids, &[]) };
        let sequences = sorted(vec![
            pair(&[1, 2, 3, 0, 9], 3),
            pair(&[1, 2, 3, 0, 9, 5], 3),
            pair(&[1, 2, 4, 0, 9], 3),
            pair(&[1, 2, 3, 0, 9, 6], 3),
        ]);
        let rows = encoders(&sequences);
        let parents: Vec<Option<usize>> = rows.iter().map(|row| row.parent).collect();
        assert_eq!(parents, [None, Some(0), Some(0), None]);
        assert_eq!(whole(&rows[..1]), [[1, 2, 3, 0, 9]]);
        assert_eq!((rows[1].sequence.ids.as_slice(), rows[1].sequence.decoder_from), (&[0, 9, 5][..], Some(0)));
        assert_eq!((rows[1].sequence.positions[0], rows[3].sequence.decoder_from), (2, Some(3)));
    }

    #[test]
    fn nothing_that_is_read_is_shared() {
        let read = |ids: &[u32]| Sequence { positions: vec![2, 5], ..sequence(0, ids, &[]) };
        let branches = branches(&[read(&[1, 2, 3, 4, 5, 6]), read(&[1, 2, 3, 4, 5, 6])]);
        assert!(branches.iter().all(|branch| branch.parent.is_none()));
    }
}
