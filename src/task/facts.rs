//! Facts of one relation: a subject in place of the text and an object in place of the label.
//!
//! # Decisions
//!
//! - 2026-11: the labels of facts are objects, all that occur in some split or those that are listed: answers are ranked among
//!   them (LAMA's vocabulary subset, arXiv 1909.01066). An object of dev or test that train lacks is a label like any other, since a
//!   fact is not learned from others of its object.
//! - 2026-11: a subject with two objects is two facts and no contradiction. Each is an example of its own, and the other object
//!   counts as a wrong answer to it, as in LAMA's published program.
//! - 2026-11: facts whose subject says the object are kept unless they are left out by name: what is left out changes the figures.
//!   The test is that of the published filter (arXiv 1911.03681): the object is a part of the subject, in any case.
//! - 2026-11: `sub_label` and `obj_label`, as the files of LAMA, LPAQA and ParaRel have them, are read as subject and object.

use std::collections::BTreeMap;

use crate::task::TaskError;
use crate::task::labels::{check_labels, sorted_labels};
use crate::task::source::{Columns, LABEL};
use crate::task::split::Split;
use crate::task::table::Indexed;

/// The column of the subject.
pub const SUBJECT: &str = "subject";
/// The column of the object, which is the label.
pub const OBJECT: &str = "object";

/// Names that published files have for our columns.
pub(crate) const PUBLISHED: [(&str, &str); 2] = [("sub_label", SUBJECT), ("obj_label", OBJECT)];

/// How facts are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FactRules {
    /// The objects among which answers are ranked; without it all that occur in some split, sorted.
    pub objects: Option<Vec<String>>,
    /// Whether facts with another object are left out, where they would be refused.
    pub leave_out_unlisted: bool,
    /// Why those are left out, where it is otherwise than that the experiment lists them.
    pub why_unlisted: Option<String>,
    /// Whether facts whose subject says the object are left out.
    pub leave_out_trivial: bool,
}

impl FactRules {
    /// The objects as labels.
    ///
    /// # Errors
    /// If one is listed twice, or there are fewer than two.
    pub(crate) fn labels(&self, rows: &BTreeMap<Split, Indexed>) -> Result<Vec<String>, TaskError> {
        let labels = match &self.objects {
            Some(objects) => {
                check_labels(objects)?;
                objects.clone()
            }
            None => {
                let mut all = Vec::new();
                for rows in rows.values() {
                    all.extend(rows.distinct_labels()?);
                }
                sorted_labels(&all)
            }
        };
        if let [] | [_] = &labels[..] {
            let file = rows.values().next().map(|rows| rows.file.clone()).unwrap_or_default();
            return Err(TaskError::FewObjects { file, found: labels });
        }
        Ok(labels)
    }
}

/// `columns:` with the object as the label.
pub(crate) fn with_label(columns: &Columns) -> Columns {
    let renamed = |name: &String| {
        let published = PUBLISHED.into_iter().find(|(theirs, _)| theirs == name);
        match published.map_or(name.as_str(), |(_, ours)| ours) {
            OBJECT => LABEL.to_owned(),
            name => name.to_owned(),
        }
    };
    match columns {
        Columns::Order(names) => Columns::Order(names.iter().map(renamed).collect()),
        Columns::Names(names) => {
            Columns::Names(names.iter().map(|(ours, theirs)| (renamed(ours), theirs.clone())).collect())
        }
    }
}

/// Whether the subject of a fact says its object.
pub(crate) fn is_trivial(subject: &str, object: &str) -> bool {
    let object = object.trim().to_lowercase();
    !object.is_empty() && subject.to_lowercase().contains(&object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_that_says_the_object_is_trivial_in_any_case() {
        assert!(is_trivial("Apple Watch", "apple") && is_trivial("苹果手表", "苹果"));
        assert!(!is_trivial("macOS", "Apple") && !is_trivial("macOS", " "));
    }

    #[test]
    fn the_object_of_columns_is_the_label() {
        let names =
            Columns::Names([("subject".to_owned(), "a".to_owned()), ("object".to_owned(), "b".to_owned())].into());
        assert_eq!(
            with_label(&names),
            Columns::Names([("label".to_owned(), "b".to_owned()), ("subject".to_owned(), "a".to_owned())].into())
        );
        let order = Columns::Order(vec!["obj_label".to_owned(), "subject".to_owned()]);
        assert_eq!(with_label(&order), Columns::Order(vec!["label".to_owned(), "subject".to_owned()]));
    }
}
