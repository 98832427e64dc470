//! What the model thinks of a text in a place: mean log-probabilities read off masked passes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::prompt::{Prompt, Template, Verbalizer};
use crate::scoring::Gap;
use crate::search::{Oracle, SearchError};

/// Log-probabilities over the vocabulary at one open place.
pub type Row = [f32];

/// The questions of a round, each asked once, and their answers.
pub struct Questions {
    verbalizer: Arc<Verbalizer>,
    n_texts: usize,
    gaps: Vec<Gap>,
    numbers: HashMap<Gap, usize>,
    answers: Vec<Vec<Vec<f32>>>,
}

impl Questions {
    /// No questions yet; each will be put over `n_texts` texts.
    pub fn new(verbalizer: Arc<Verbalizer>, n_texts: usize) -> Self {
        Self { verbalizer, n_texts, gaps: Vec::new(), numbers: HashMap::new(), answers: Vec::new() }
    }

    /// Notes a question: the open places of `filled` in a template whose trigger slots they are. Its number.
    pub fn note(&mut self, template: Template, filled: Vec<Option<u32>>) -> usize {
        let gap = Gap { prompt: Prompt::plain(template, self.verbalizer.clone()), filled };
        *self.numbers.entry(gap).or_insert_with_key(|gap| {
            self.gaps.push(gap.clone());
            self.gaps.len() - 1
        })
    }

    /// Questions without an answer.
    pub fn n_open(&self) -> usize {
        self.gaps.len() - self.answers.len()
    }

    /// Asks what has no answer yet, in one round.
    ///
    /// # Errors
    /// As [`Oracle::fill`].
    pub fn ask(&mut self, oracle: &mut dyn Oracle) -> Result<(), SearchError> {
        if self.n_open() > 0 {
            let answers = oracle.fill(&self.gaps[self.answers.len()..], self.n_texts)?;
            self.answers.extend(answers);
        }
        Ok(())
    }

    /// The rows of a question's open places.
    pub fn rows(&self, question: usize) -> &[Vec<f32>] {
        &self.answers[question]
    }

    /// The mean log-probability of tokens at a question's open places, in nats a token.
    pub fn mean(&self, question: usize, ids: &[u32]) -> f64 {
        mean(self.rows(question), ids)
    }
}

fn mean(rows: &[Vec<f32>], ids: &[u32]) -> f64 {
    let sum: f64 = rows.iter().zip(ids).map(|(row, &id)| f64::from(row[id as usize])).sum();
    sum / ids.len().max(1) as f64
}

/// The ids of a row, likeliest first, as far as `least`; at most `most`.
pub fn likeliest(row: &Row, least: f64, most: usize) -> Vec<u32> {
    let mut ids: Vec<u32> = (0..row.len() as u32).filter(|&id| f64::from(row[id as usize]) >= least).collect();
    ids.sort_by(|&a, &b| row[b as usize].total_cmp(&row[a as usize]).then(a.cmp(&b)));
    ids.truncate(most);
    ids
}

/// The highest log-probability of a row.
pub fn highest(row: &Row) -> f64 {
    f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max))
}
