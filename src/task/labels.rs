//! The label set of a data set: which labels there are, and in which order.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use crate::task::TaskError;

/// The distinct labels, sorted: as numbers if all of them are, else by code point.
pub(crate) fn sorted_labels(labels: &[String]) -> Vec<String> {
    let distinct: BTreeSet<&String> = labels.iter().collect();
    let mut sorted: Vec<String> = distinct.into_iter().cloned().collect();
    let numbers: Option<Vec<f64>> =
        sorted.iter().map(|label| label.parse::<f64>().ok().filter(|number| number.is_finite())).collect();
    if numbers.is_some() {
        let number = |label: &String| label.parse::<f64>().unwrap_or(f64::NAN);
        sorted.sort_by(|a, b| number(a).partial_cmp(&number(b)).unwrap_or(Ordering::Equal));
    }
    sorted
}

/// Refuses a label set that lists a label twice.
pub(crate) fn check_labels(labels: &[String]) -> Result<(), TaskError> {
    match (1..labels.len()).find(|&i| labels[..i].contains(&labels[i])) {
        None => Ok(()),
        Some(i) => Err(TaskError::RepeatedLabel { label: labels[i].clone() }),
    }
}

/// Each label's place in the label set.
pub(crate) fn index_of(labels: &[String]) -> HashMap<&str, usize> {
    labels.iter().enumerate().map(|(i, label)| (label.as_str(), i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(labels: &[&str]) -> Vec<String> {
        sorted_labels(&labels.iter().map(|&label| label.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn numeric_labels_sort_as_numbers_and_others_as_text() {
        assert_eq!(sorted(&["10", "9", "-1", "9"]), ["-1", "9", "10"]);
        assert_eq!(sorted(&["10", "9", "b", "a"]), ["10", "9", "a", "b"]);
        assert_eq!(sorted(&["nan", "2", "10"]), ["10", "2", "nan"]);
        assert_eq!(sorted(&["01", "1"]), ["01", "1"]);
    }

    #[test]
    fn a_label_listed_twice_is_refused() {
        let labels = ["a", "b", "a"].map(String::from);
        assert_eq!(check_labels(&labels).unwrap_err().to_string(), "`labels:` lists `a` twice");
        assert!(check_labels(&labels[..2]).is_ok());
    }
}
