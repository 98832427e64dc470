//! Which facts of a file are read.

use std::collections::HashSet;

use super::Rows;
use crate::task::facts::{FactRules, SUBJECT, is_trivial};

/// Facts that were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FactsLeftOut {
    /// Their subject says the object.
    pub trivial: usize,
    /// Their object is not listed.
    pub unlisted: usize,
}

impl FactsLeftOut {
    /// All of them.
    pub fn n(&self) -> usize {
        self.trivial + self.unlisted
    }

    /// What there is to say of them in `file`.
    pub fn notes(&self, file: &str, rules: Option<&FactRules>) -> Vec<String> {
        let why = rules.and_then(|rules| rules.why_unlisted.as_deref());
        let of = [
            (self.trivial, "the subject says the object; `leave_out: [trivial]`"),
            (self.unlisted, why.unwrap_or("the object is not among `objects`; `leave_out: [unlisted]`")),
        ];
        let told = of.into_iter().filter(|(n, _)| *n > 0);
        told.map(|(n, why)| format!("{file}: {n} facts are left out ({why})")).collect()
    }
}

impl Rows {
    /// Leaves out the facts that the rules leave out, which may be all; `listed` are the objects where they are listed.
    pub fn leave_out_facts(&mut self, rules: &FactRules, listed: Option<&HashSet<String>>) -> FactsLeftOut {
        let subject = self.columns.iter().position(|column| column == SUBJECT);
        let mut left_out = FactsLeftOut::default();
        let kept: Vec<bool> = (self.fields.iter().enumerate())
            .map(|(row, fields)| {
                let object = self.labels.as_ref().map_or("", |labels| labels[row].as_str());
                let subject = subject.map_or("", |at| fields[at].as_str());
                let unlisted = rules.leave_out_unlisted
                    && !object.is_empty()
                    && listed.is_some_and(|listed| !listed.contains(object));
                let trivial = !unlisted && rules.leave_out_trivial && is_trivial(subject, object);
                left_out.unlisted += usize::from(unlisted);
                left_out.trivial += usize::from(trivial);
                !unlisted && !trivial
            })
            .collect();
        self.keep(&kept);
        left_out
    }
}
