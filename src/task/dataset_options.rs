//! What is asked of a data set beside where it is.

use std::sync::Arc;

use super::facts::{FactRules, SUBJECT, with_label};
use super::source::Columns;
use super::table::TableOptions;

/// What is asked of a data set beside where it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatasetOptions {
    /// Columns that it must have, such as those of a template; their names also tell a header.
    pub needed: Vec<String>,
    /// How its facts are read; none for a data set of texts with labels.
    pub facts: Option<FactRules>,
    /// The column whose texts are the answers, where these are references and no labels.
    pub target: Option<String>,
}

impl DatasetOptions {
    /// Of a data set whose answers are the texts of a column.
    pub fn of_references(target: &str) -> Self {
        Self { needed: vec![target.to_owned()], facts: None, target: Some(target.to_owned()) }
    }

    /// How its files are read, whose columns are called `columns`.
    pub(super) fn of_table(&self, columns: Option<Columns>) -> TableOptions {
        let Some(rules) = &self.facts else {
            return TableOptions { columns, needed: self.needed.clone(), ..TableOptions::default() };
        };
        let mut needed = self.needed.clone();
        if !needed.iter().any(|name| name == SUBJECT) {
            needed.push(SUBJECT.to_owned());
        }
        TableOptions {
            columns: columns.as_ref().map(with_label),
            needed,
            facts: Some(Arc::new(rules.clone())),
            ..TableOptions::default()
        }
    }
}
