//! What stands around the slots of a template, as it is counted.

use super::words::n_words;

/// The slots in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Order {
    /// The subject, then the object.
    SubjectFirst,
    /// The object, then the subject.
    ObjectFirst,
    /// The answer alone.
    Answer,
}

/// The texts around slots.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Frame {
    /// Which slots.
    pub order: Order,
    /// Before the first one.
    pub before: String,
    /// Between two; empty where there is one.
    pub between: String,
    /// Behind the last one.
    pub behind: String,
}

impl Frame {
    /// The texts, in order.
    pub fn texts(&self) -> [&str; 3] {
        [&self.before, &self.between, &self.behind]
    }

    /// Its own words, and Chinese characters.
    pub fn n_words(&self) -> usize {
        self.texts().into_iter().map(n_words).sum()
    }

    /// Whether it takes more than the words between two names.
    pub fn is_window(&self) -> bool {
        self.order != Order::Answer && !(self.before.is_empty() && self.behind.is_empty())
    }
}
