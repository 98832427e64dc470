//! The rows that a task is asked of.

use crate::task::{Example, Split};

/// Labelled rows.
#[derive(Debug, Clone)]
pub struct Data {
    /// What [`Example::fields`] are called.
    pub columns: Vec<String>,
    /// The rows of each split; labels are in the order of the prompt's.
    pub splits: Vec<(Split, Vec<Example>)>,
    /// The first split's own ids, where it has some.
    pub ids: Option<Vec<String>>,
    /// Where they come from, in words.
    pub origin: String,
}

/// The harness's name of a split.
pub(super) fn name(split: Split) -> &'static str {
    match split {
        Split::Train => "train",
        Split::Dev => "validation",
        Split::Test => "test",
    }
}
