//! How often each frame was found, and for whom.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::frame::Frame;

/// Frames that are counted together; beyond them the rarest are forgotten.
pub const MOST: usize = 1 << 20;

/// Who supports a frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Support {
    /// Facts, or labels, by number, with the sentences in which it stands with each.
    pub groups: BTreeMap<u32, u64>,
    /// The first place, as file and line.
    pub first: (u32, u64),
}

impl Support {
    /// The sentences, counted once for each group.
    pub fn n(&self) -> u64 {
        self.groups.values().sum()
    }
}

/// What was found in some sentences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Each frame with its support.
    pub frames: HashMap<Frame, Support>,
    /// Of each group, how often its words were found at all.
    pub totals: BTreeMap<u32, u64>,
    /// Sentences that were read.
    pub n_sentences: u64,
    /// Of these, sentences in which something was found.
    pub n_matched: u64,
    /// Frames that were forgotten.
    pub n_forgotten: u64,
}

impl Tally {
    /// Counts a frame for a group, once for a sentence.
    pub fn add(&mut self, frame: Frame, group: u32, place: (u32, u64)) {
        let support = self.frames.entry(frame).or_insert_with(|| Support { groups: BTreeMap::new(), first: place });
        support.first = support.first.min(place);
        *support.groups.entry(group).or_default() += 1;
    }

    /// Adds what was found in sentences behind these.
    pub fn append(&mut self, other: Self, most: usize) {
        for (frame, support) in other.frames {
            match self.frames.entry(frame) {
                Entry::Vacant(vacant) => {
                    vacant.insert(support);
                }
                Entry::Occupied(mut known) => {
                    let known = known.get_mut();
                    known.first = known.first.min(support.first);
                    support.groups.into_iter().for_each(|(group, n)| *known.groups.entry(group).or_default() += n);
                }
            }
        }
        other.totals.into_iter().for_each(|(group, n)| *self.totals.entry(group).or_default() += n);
        self.n_sentences += other.n_sentences;
        self.n_matched += other.n_matched;
        self.n_forgotten += other.n_forgotten;
        // Whole steps of counts go, so that what is left depends on the parts and their order alone.
        let mut least = 1;
        while self.frames.len() > most {
            let before = self.frames.len();
            self.frames.retain(|_, support| support.n() > least);
            self.n_forgotten += (before - self.frames.len()) as u64;
            least += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Order;
    use super::*;

    fn frame(text: &str) -> Frame {
        Frame { order: Order::Answer, before: text.into(), between: String::new(), behind: String::new() }
    }

    #[test]
    fn what_is_added_in_parts_is_what_is_added_at_once() {
        let items = [("a", 0, 5), ("b", 1, 3), ("a", 1, 2), ("a", 0, 9), ("b", 1, 1)];
        let of = |items: &[(&str, u32, u64)]| {
            let mut tally = Tally { n_sentences: items.len() as u64, ..Tally::default() };
            items.iter().for_each(|(text, group, line)| tally.add(frame(text), *group, (0, *line)));
            tally
        };
        let whole = of(&items);
        for cut in 0..=items.len() {
            let mut parts = of(&items[..cut]);
            parts.append(of(&items[cut..]), MOST);
            assert_eq!(parts, whole);
        }
        let a = &whole.frames[&frame("a")];
        assert_eq!((a.n(), a.groups.len(), a.first), (3, 2, (0, 2)));
    }

    #[test]
    fn of_too_many_frames_the_rarest_are_forgotten() {
        let mut tally = Tally::default();
        for _ in 0..3 {
            let mut part = Tally::default();
            part.add(frame("often"), 0, (0, 1));
            tally.append(part, 2);
        }
        let mut part = Tally::default();
        ["x", "y"].iter().for_each(|text| part.add(frame(text), 0, (0, 1)));
        tally.append(part, 2);
        assert_eq!(tally.frames.keys().collect::<Vec<_>>(), [&frame("often")]);
        assert_eq!(tally.n_forgotten, 2);
    }
}
