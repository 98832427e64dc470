//! The test examples that two trials of two folders have in common, and what each says of them.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use crate::record::{PredictionTable, SetScores};

use super::super::trial::Trial;
use super::error::CompareError;
use super::side::Side;

/// The file with the test predictions of a trial's chosen prompt.
const PREDICTIONS: &str = "predictions.parquet";

/// Places in two test sets, parallel, of the examples that both have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shared {
    pub(super) first: Vec<usize>,
    pub(super) other: Vec<usize>,
    /// The first's index of each label of the other.
    labels: Vec<u16>,
    /// The gold labels, as indices of the first.
    pub(super) gold: Vec<u16>,
}

impl Shared {
    /// What the test sets of two trials share.
    ///
    /// # Errors
    /// [`CompareError`] where labels differ, no example is common, or a common one has two gold labels.
    pub(super) fn of(first: (&Side, &Trial), other: (&Side, &Trial)) -> Result<Self, CompareError> {
        let ((first_side, a), (other_side, b)) = (first, other);
        let named = || (first_side.name(), other_side.name());
        let Some(labels) = same_labels(&a.labels, &b.labels) else {
            let ((first, other), words) = (named(), |labels: &[String]| labels.join(", "));
            return Err(CompareError::OtherLabels { first, labels: words(&a.labels), other, found: words(&b.labels) });
        };
        let (of_a, of_b) = places(first, other)?;
        if of_a.is_empty() {
            let ((first, other), n_first, n_other) = (named(), a.test_gold.len(), b.test_gold.len());
            return Err(CompareError::NothingCommon { first, n_first, other, n_other });
        }
        let gold: Vec<u16> = of_a.iter().map(|&place| a.test_gold[place]).collect();
        let of_other = of_b.iter().map(|&place| labels[usize::from(b.test_gold[place])]);
        let n = gold.iter().zip(of_other).filter(|(a, b)| **a != *b).count();
        if n > 0 {
            let ((first, other), common) = (named(), gold.len());
            return Err(CompareError::OtherGold { first, other, n, common });
        }
        Ok(Self { first: of_a, other: of_b, labels, gold })
    }

    /// What the first folder's prompt did on the shared examples.
    pub(super) fn of_first(&self, scores: &SetScores) -> SetScores {
        cut(scores, &self.first, |label| label)
    }

    /// What the other folder's prompt did on the shared examples, its labels by the first's indices.
    pub(super) fn of_other(&self, scores: &SetScores) -> SetScores {
        cut(scores, &self.other, |label| self.labels.get(usize::from(label)).copied().unwrap_or(label))
    }
}

/// The first's index of each of the other's labels; `None` where they are not the same labels.
fn same_labels(first: &[String], other: &[String]) -> Option<Vec<u16>> {
    let index = |label: &String| first.iter().position(|known| known == label).map(|index| index as u16);
    (first.len() == other.len()).then(|| other.iter().map(index).collect::<Option<Vec<u16>>>()).flatten()
}

/// Places, parallel, of the examples that both have.
fn places(first: (&Side, &Trial), other: (&Side, &Trial)) -> Result<(Vec<usize>, Vec<usize>), CompareError> {
    let ((first_side, a), (other_side, b)) = (first, other);
    if a.test_set == b.test_set && a.test_gold.len() == b.test_gold.len() {
        let all: Vec<usize> = (0..a.test_gold.len()).collect();
        return Ok((all.clone(), all));
    }
    let tables =
        (PredictionTable::load(&a.folder.join(PREDICTIONS))?, PredictionTable::load(&b.folder.join(PREDICTIONS))?);
    let hash = |side: &Side| side.provenance.data_blake3.get("test").cloned();
    if hash(first_side).is_some() && hash(first_side) == hash(other_side) {
        let rows = |table: &PredictionTable| -> Vec<u64> {
            table.numbers("example").unwrap_or_default().iter().map(|row| row.to_bits()).collect()
        };
        return Ok(matched(&rows(&tables.0), &rows(&tables.1)));
    }
    let contents = |table: &PredictionTable| table.texts("content").map(<[String]>::to_vec);
    match (contents(&tables.0), contents(&tables.1)) {
        (Some(of_a), Some(of_b)) => Ok(matched(&of_a, &of_b)),
        (of_a, _) => {
            let unnamed = if of_a.is_none() { first_side } else { other_side }.name();
            Err(CompareError::Unidentified { first: first_side.name(), other: other_side.name(), unnamed })
        }
    }
}

/// The places of equal values in both lists, the k-th of one with the k-th of the other, in the order of the first.
fn matched<T: Hash + Eq>(first: &[T], other: &[T]) -> (Vec<usize>, Vec<usize>) {
    let mut waiting: HashMap<&T, VecDeque<usize>> = HashMap::new();
    for (place, value) in other.iter().enumerate() {
        waiting.entry(value).or_default().push_back(place);
    }
    let pair = |(place, value)| Some((place, waiting.get_mut(value)?.pop_front()?));
    first.iter().enumerate().filter_map(pair).unzip()
}

fn cut(scores: &SetScores, places: &[usize], label: impl Fn(u16) -> u16) -> SetScores {
    let of = |values: &[f64]| places.iter().filter_map(|&place| values.get(place).copied()).collect();
    SetScores {
        predicted: places.iter().map(|&place| label(scores.predicted[place])).collect(),
        margins: places.iter().filter_map(|&place| scores.margins.get(place).copied()).collect(),
        values: of(&scores.values),
        ..scores.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_examples_meet_wherever_they_stand_and_each_once() {
        assert_eq!(matched(&["a", "b", "a", "c"], &["c", "a", "x"]), (vec![0, 3], vec![1, 0]));
        assert_eq!(matched(&["a", "a"], &["a", "a", "a"]), (vec![0, 1], vec![0, 1]));
        assert_eq!(matched(&["a"], &["b"]), (vec![], vec![]));
    }

    #[test]
    fn labels_are_the_same_in_any_order_and_not_when_one_is_another() {
        let labels = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(same_labels(&labels("a b c"), &labels("c a b")), Some(vec![2, 0, 1]));
        assert_eq!(same_labels(&labels("a b"), &labels("a c")), None);
        assert_eq!(same_labels(&labels("a b"), &labels("a b c")), None);
    }
}
