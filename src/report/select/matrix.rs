//! A complete matrix of scores in memory: every candidate on every example.

use std::collections::HashMap;

use super::error::{BadCell, SelectError};

/// Which optional columns to keep; what no rule needs is not stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// The predicted labels.
    pub predicted: bool,
    /// The margins.
    pub margin: bool,
    /// The log-probability of every label.
    pub logprobs: bool,
}

/// One row of the long format, as its reader found it.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The candidate's name or text.
    pub candidate: &'a str,
    /// The example's name.
    pub example: &'a str,
    /// dev or test.
    pub split: &'a str,
    /// The gold label.
    pub label: &'a str,
    /// Whether the candidate is right.
    pub correct: bool,
    /// The predicted label, where the column exists.
    pub predicted: Option<&'a str>,
    /// The margin, where it is kept.
    pub margin: Option<f32>,
    /// The log-probabilities, in the order of [`MatrixBuilder::new`]'s labels; empty where they are not kept.
    pub logprobs: &'a [f32],
}

/// A split's examples, in the order in which they came.
#[derive(Debug, Default)]
pub struct Examples {
    /// Their names.
    pub names: Vec<String>,
    /// Their gold labels, as indices into [`Matrix::labels`].
    pub gold: Vec<u32>,
    index: HashMap<String, u32>,
    next: usize,
}

impl Examples {
    /// The number of examples.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// One candidate's cells on one split.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Cells {
    seen: Vec<u64>,
    n_seen: usize,
    correct: Vec<u64>,
    predicted: Vec<u32>,
    margin: Vec<f32>,
    logprobs: Vec<f32>,
}

/// Every candidate's scores on every dev and test example.
#[derive(Debug)]
pub struct Matrix {
    /// The candidates, in the order of the file.
    pub candidates: Vec<String>,
    /// The label names: those of the log-probability columns first.
    pub labels: Vec<String>,
    /// The examples to choose on.
    pub dev: Examples,
    /// The examples to measure the choice on; may be empty.
    pub test: Examples,
    /// What was kept.
    pub kept: Needs,
    /// For each candidate, the first one that has the same cells everywhere.
    pub first_twin: Vec<usize>,
    n_logprobs: usize,
    cells: [Vec<Cells>; 2],
}

/// Index of a split's cells.
const DEV: usize = 0;
const TEST: usize = 1;
const SPLITS: [&str; 2] = ["dev", "test"];

impl Matrix {
    /// Whether `candidate` is right on the dev `example`.
    pub fn correct(&self, candidate: usize, example: usize) -> bool {
        bit(&self.cells[DEV][candidate].correct, example)
    }

    /// The gold label's log-probability minus the best other's, where kept.
    pub fn margin(&self, candidate: usize, example: usize) -> f64 {
        self.cells[DEV][candidate].margin.get(example).map_or(0.0, |&m| f64::from(m))
    }

    /// The label that `candidate` predicts on the dev `example`, where kept.
    pub fn predicted(&self, candidate: usize, example: usize) -> usize {
        self.cells[DEV][candidate].predicted[example] as usize
    }

    /// The log-probabilities of the labels on the dev `example`, where kept; `[n_labels]`.
    pub fn logprobs(&self, candidate: usize, example: usize) -> &[f32] {
        let start = example * self.n_logprobs;
        &self.cells[DEV][candidate].logprobs[start..start + self.n_logprobs]
    }

    /// The number of examples that `candidate` has right: dev, test.
    pub fn totals(&self, candidate: usize) -> [usize; 2] {
        [DEV, TEST].map(|split| {
            let words = &self.cells[split][candidate].correct;
            words.iter().map(|word| word.count_ones() as usize).sum()
        })
    }
}

fn bit(words: &[u64], place: usize) -> bool {
    words[place / 64] >> (place % 64) & 1 == 1
}

/// Takes rows in any order and makes a matrix of them.
#[derive(Debug)]
pub struct MatrixBuilder {
    needs: Needs,
    n_logprobs: usize,
    labels: Vec<String>,
    label_index: HashMap<String, u32>,
    candidates: Vec<String>,
    candidate_index: HashMap<String, usize>,
    last_candidate: usize,
    examples: [Examples; 2],
    cells: [Vec<Cells>; 2],
    n_rows: usize,
}

impl MatrixBuilder {
    /// A builder that keeps what `needs` says; `logprob_labels` are the labels that have a log-probability column.
    pub fn new(needs: Needs, logprob_labels: Vec<String>) -> Self {
        Self {
            needs,
            n_logprobs: if needs.logprobs { logprob_labels.len() } else { 0 },
            label_index: logprob_labels.iter().cloned().zip(0..).collect(),
            labels: logprob_labels,
            candidates: Vec::new(),
            candidate_index: HashMap::new(),
            last_candidate: 0,
            examples: Default::default(),
            cells: Default::default(),
            n_rows: 0,
        }
    }

    /// Adds the next row.
    ///
    /// # Errors
    /// For an unknown split, a second row of one cell, a gold label that differs from an earlier row's, a number that is
    /// not finite, or a prediction that contradicts `correct`.
    pub fn push(&mut self, row: &Row<'_>) -> Result<(), SelectError> {
        self.n_rows += 1;
        let n_rows = self.n_rows;
        let bad = |column: &str, found: &str, expected: &str| {
            SelectError::from(Box::new(BadCell {
                row: n_rows,
                candidate: row.candidate.to_owned(),
                example: row.example.to_owned(),
                column: column.to_owned(),
                found: found.to_owned(),
                expected: expected.to_owned(),
            }))
        };
        let Some(split) = SPLITS.iter().position(|name| *name == row.split) else {
            return Err(bad("split", row.split, "dev or test"));
        };
        if let Some(margin) = row.margin.filter(|margin| !margin.is_finite()) {
            return Err(bad("margin", &margin.to_string(), "a finite number"));
        }
        if let Some(place) = row.logprobs.iter().position(|logprob| !logprob.is_finite()) {
            let column = format!("logprob_{}", self.labels[place]);
            return Err(bad(&column, &row.logprobs[place].to_string(), "a finite number"));
        }
        if let Some(predicted) = row.predicted.filter(|predicted| (*predicted == row.label) != row.correct) {
            let expected = if row.correct { "the label, because correct is true" } else { "another label" };
            return Err(bad("predicted", predicted, expected));
        }
        let example = match self.examples[split].find(row.example) {
            Some(example) => {
                let gold = &self.labels[self.examples[split].gold[example] as usize];
                if gold != row.label {
                    return Err(bad("label", row.label, &format!("`{gold}` as in an earlier row")));
                }
                example
            }
            None => {
                let label = self.label(row.label);
                if self.n_logprobs > 0 && label as usize >= self.n_logprobs {
                    return Err(bad("label", row.label, "a label that has a logprob column"));
                }
                self.examples[split].add(row.example, label)
            }
        };
        let candidate = self.candidate(row.candidate);
        let predicted = match row.predicted {
            Some(predicted) if self.needs.predicted => self.label(predicted),
            _ => 0,
        };
        if !self.cells[split][candidate].put(example, row, predicted, self.needs, self.n_logprobs) {
            return Err(SelectError::Duplicate {
                row: self.n_rows,
                candidate: row.candidate.to_owned(),
                split: SPLITS[split],
                example: row.example.to_owned(),
            });
        }
        Ok(())
    }

    /// The number of rows so far.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    fn label(&mut self, name: &str) -> u32 {
        if let Some(&known) = self.label_index.get(name) {
            return known;
        }
        let label = self.labels.len() as u32;
        self.label_index.insert(name.to_owned(), label);
        self.labels.push(name.to_owned());
        label
    }

    fn candidate(&mut self, name: &str) -> usize {
        // Files are sorted by candidate or by example: mostly it is the last one again, or the one after it.
        for guess in [self.last_candidate, self.last_candidate + 1] {
            if self.candidates.get(guess).is_some_and(|known| known == name) {
                self.last_candidate = guess;
                return guess;
            }
        }
        self.last_candidate = match self.candidate_index.get(name) {
            Some(&known) => known,
            None => {
                self.candidate_index.insert(name.to_owned(), self.candidates.len());
                self.candidates.push(name.to_owned());
                self.cells.iter_mut().for_each(|cells| cells.push(Cells::default()));
                self.candidates.len() - 1
            }
        };
        self.last_candidate
    }

    /// The matrix of all rows.
    ///
    /// # Errors
    /// Without dev rows, with one label only among them, or with missing cells.
    pub fn finish(self) -> Result<Matrix, SelectError> {
        let [dev, test] = self.examples;
        if dev.is_empty() {
            return Err(SelectError::NoDev);
        }
        let mut missing = 0;
        let mut first = None;
        for (split, examples) in [&dev, &test].into_iter().enumerate() {
            for (candidate, cells) in self.cells[split].iter().enumerate() {
                if cells.n_seen < examples.len() {
                    missing += examples.len() - cells.n_seen;
                    let gap = |&example: &usize| cells.seen.len() * 64 <= example || !bit(&cells.seen, example);
                    first = first.or_else(|| Some((candidate, split, (0..examples.len()).find(gap)?)));
                }
            }
        }
        if let Some((candidate, split, example)) = first {
            return Err(SelectError::Missing {
                candidate: self.candidates[candidate].clone(),
                split: SPLITS[split],
                example: [&dev, &test][split].names[example].clone(),
                missing,
            });
        }
        if dev.gold.iter().all(|gold| *gold == dev.gold[0]) {
            return Err(SelectError::OneLabel { label: self.labels[dev.gold[0] as usize].clone(), n: dev.len() });
        }
        let mut first_with: HashMap<(&[u64], &[u64]), Vec<usize>> = HashMap::new();
        let first_twin = (0..self.candidates.len())
            .map(|candidate| {
                let [on_dev, on_test] = [DEV, TEST].map(|split| &self.cells[split][candidate]);
                let alike = first_with.entry((&on_dev.correct, &on_test.correct)).or_default();
                let same = |&other: &usize| self.cells[DEV][other] == *on_dev && self.cells[TEST][other] == *on_test;
                match alike.iter().copied().find(same) {
                    Some(twin) => twin,
                    None => {
                        alike.push(candidate);
                        candidate
                    }
                }
            })
            .collect();
        Ok(Matrix {
            first_twin,
            candidates: self.candidates,
            labels: self.labels,
            dev,
            test,
            kept: self.needs,
            n_logprobs: self.n_logprobs,
            cells: self.cells,
        })
    }
}

impl Examples {
    fn find(&mut self, name: &str) -> Option<usize> {
        // Mostly the one after the last, or the last one again.
        for guess in [self.next, self.next.wrapping_sub(1)] {
            if self.names.get(guess).is_some_and(|known| known == name) {
                self.next = guess + 1;
                return Some(guess);
            }
        }
        let known = self.index.get(name).map(|&known| known as usize)?;
        self.next = known + 1;
        Some(known)
    }

    fn add(&mut self, name: &str, gold: u32) -> usize {
        self.index.insert(name.to_owned(), self.names.len() as u32);
        self.names.push(name.to_owned());
        self.gold.push(gold);
        self.next = self.names.len();
        self.names.len() - 1
    }
}

impl Cells {
    /// Stores a row; false where the cell has one.
    fn put(&mut self, example: usize, row: &Row<'_>, predicted: u32, needs: Needs, n_logprobs: usize) -> bool {
        let (word, mask) = (example / 64, 1_u64 << (example % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
            self.correct.resize(word + 1, 0);
        }
        if self.seen[word] & mask != 0 {
            return false;
        }
        self.seen[word] |= mask;
        self.n_seen += 1;
        if row.correct {
            self.correct[word] |= mask;
        }
        if needs.predicted {
            set(&mut self.predicted, example, predicted);
        }
        if let Some(margin) = row.margin.filter(|_| needs.margin) {
            set(&mut self.margin, example, margin);
        }
        for (place, logprob) in row.logprobs.iter().enumerate() {
            set(&mut self.logprobs, example * n_logprobs + place, *logprob);
        }
        true
    }
}

fn set<T: Copy + Default>(values: &mut Vec<T>, place: usize, value: T) {
    if values.len() <= place {
        values.resize(place + 1, T::default());
    }
    values[place] = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<'a>(candidate: &'a str, example: &'a str, split: &'a str, label: &'a str, correct: bool) -> Row<'a> {
        Row { candidate, example, split, label, correct, predicted: None, margin: None, logprobs: &[] }
    }

    fn build(rows: &[Row<'_>]) -> Result<Matrix, SelectError> {
        let mut builder = MatrixBuilder::new(Needs::default(), Vec::new());
        rows.iter().try_for_each(|row| builder.push(row))?;
        builder.finish()
    }

    #[test]
    fn rows_in_any_order_make_the_same_matrix() {
        let mut rows = Vec::new();
        for candidate in ["a", "b", "c"] {
            for (example, label) in [("1", "x"), ("2", "y"), ("3", "x")] {
                rows.push(row(candidate, example, "dev", label, candidate != "b" || example == "2"));
                rows.push(row(candidate, example, "test", label, candidate == "b"));
            }
        }
        let matrix = build(&rows).expect("complete");
        assert_eq!(matrix.totals(1), [1, 3]);
        assert_eq!(matrix.first_twin, [0, 1, 0]);
        rows.reverse();
        let again = build(&rows).expect("complete");
        let place = again.candidates.iter().position(|c| c == "b").expect("there");
        assert_eq!(again.totals(place), [1, 3]);
        assert_eq!((again.dev.len(), again.test.len()), (3, 3));
    }

    #[test]
    fn bad_matrices_are_refused_by_name() {
        let good = [row("a", "1", "dev", "x", true), row("a", "2", "dev", "y", true), row("b", "1", "dev", "x", false)];
        let message = |rows: &[Row<'_>]| build(rows).expect_err("bad").to_string();
        let missing = message(&good);
        assert!(
            missing.contains("`b`") && missing.contains("dev example `2`") && missing.contains("1 such"),
            "{missing}"
        );
        let twice = message(&[good[0], good[0]]);
        assert!(twice.contains("row 2") && twice.contains("second row") && twice.contains("`1`"), "{twice}");
        let split = message(&[row("a", "1", "train", "x", true)]);
        assert!(split.contains("row 1") && split.contains("dev or test"), "{split}");
        let label = message(&[good[0], row("b", "1", "dev", "y", true)]);
        assert!(label.contains("earlier row"), "{label}");
        let nan = message(&[Row { margin: Some(f32::NAN), ..good[0] }]);
        assert!(nan.contains("margin is `NaN`"), "{nan}");
        let contradiction = message(&[Row { predicted: Some("y"), ..good[0] }]);
        assert!(contradiction.contains("predicted is `y`"), "{contradiction}");
        let one_label = message(&[good[0], row("a", "3", "dev", "x", true)]);
        assert!(one_label.contains("label `x`"), "{one_label}");
        assert!(message(&[row("a", "1", "test", "x", true)]).contains("`dev`"));
    }
}
