//! What happened in a trial, one JSON line each, in the order in which it happened.
//!
//! The event type is the contract between the runner and everything that listens: the record, the progress bar, the tables.

use serde::{Deserialize, Serialize};

use super::SavedTuning;
use super::diagnosis::{Diagnosis, RuleScores};
use super::read_back::ReadBack;
use super::trial_key::TrialKey;
use crate::prompt::Vectors;

/// The format of `events.jsonl` and `trial.json`; readers refuse others.
pub const FORMAT: u32 = 1;

/// What was spent, counted as if nothing had been cached (contract, definition 4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Evaluations: one prompt x one example scored; a forward with a backward counts 3.
    pub evaluations: u64,
    /// Sequences passed forward through the model.
    pub forwards: u64,
    /// Sequences passed backward.
    pub backwards: u64,
    /// Tokens passed forward, padding not counted.
    pub tokens: u64,
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.evaluations += other.evaluations;
        self.forwards += other.forwards;
        self.backwards += other.backwards;
        self.tokens += other.tokens;
    }
}

/// A candidate prompt as it is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateRecord {
    /// Its number within the trial, from 0, in the order of proposal.
    pub candidate: u64,
    /// The number of the candidate that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u64>,
    /// How it arose, in words.
    pub origin: String,
    /// The prompt for people: the template with trigger tokens decoded in their places.
    pub prompt: String,
    /// The template in its canonical notation, `{trigger:N}` unfilled.
    pub template: String,
    /// The ids of its trigger tokens, all slots in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trigger_ids: Vec<u32>,
    /// The verbalizer in its command-line notation.
    pub verbalizer: String,
    /// The tokens of the template itself: without the input, the answer and the special tokens at the ends.
    pub n_tokens: usize,
    /// Flags that the prompt alone decides (`retokenises`, `label_leak`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// The perplexity of its own tokens over up to 8 unlabelled texts, where its search weighs fluency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perplexity: Option<f64>,
    /// Its vectors, where it has virtual tokens or a prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft: Option<SoftRecord>,
    /// The weights of the model that were trained with it, where some were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned: Option<SavedTuning>,
}

/// What identifies a prompt's vectors; the vectors themselves are kept of the chosen prompt only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SoftRecord {
    /// Virtual tokens: vectors at the input, or positions of a prefix.
    pub n_soft: usize,
    /// Numbers in each: the width of an embedding, or the keys and values of all layers.
    pub d_model: usize,
    /// Vectors that stand for labels, of the width of an embedding.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_label_vectors: usize,
    /// BLAKE3 (hex) of the numbers, row by row, as little-endian f32.
    pub blake3: String,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl SoftRecord {
    /// Numbers in all.
    pub fn n_numbers(&self) -> usize {
        (self.n_soft + self.n_label_vectors) * self.d_model
    }

    /// The identity of these vectors; `None` where there are none.
    pub fn of(vectors: &Vectors) -> Option<Self> {
        let numbers = vectors.numbers();
        let n_soft = vectors.n_positions();
        let of_labels = vectors.labels.as_ref().map_or(0, |labels| labels.values().len());
        if n_soft == 0 {
            return None;
        }
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let blake3 = blake3::hash(&bytes).to_hex().to_string();
        let n_label_vectors = vectors.labels.as_ref().map_or(0, |labels| labels.n_labels());
        Some(Self { n_soft, d_model: (numbers.len() - of_labels) / n_soft, n_label_vectors, blake3 })
    }
}

/// How a prompt did on a labelled set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetScores {
    /// The task's metric.
    pub metric: f64,
    /// Mean of the gold label's log-probability minus the best other's, in nats; where there is no other, of its log-probability.
    pub margin: f64,
    /// Mean log-probability of the gold label among the labels, in nats.
    pub log_likelihood: f64,
    /// The predicted label of each example, as an index into the trial's labels.
    pub predicted: Vec<u16>,
    /// Each example's margin in nats, in the same order.
    pub margins: Vec<f32>,
    /// Each example's value of the metric, in the same order, where the metric is their mean and not one of counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<f64>,
}

/// One event of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The trial began.
    Started {
        /// [`FORMAT`].
        format: u32,
        /// Which trial.
        trial: TrialKey,
        /// The labels, in the order of their indices.
        labels: Vec<String>,
        /// The gold labels of the dev examples, as indices; empty where there is no dev set.
        dev_gold: Vec<u16>,
        /// The gold labels of the test examples; empty where there is no labelled test split.
        test_gold: Vec<u16>,
        /// Identifies the dev examples and their order; equal for trials that can be paired on dev.
        dev_set: String,
        /// The same of the test examples.
        test_set: String,
        /// The rows, in the file of the train split, of the texts that a label-free score is taken over; at 0 shots.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        texts: Vec<u32>,
        /// Training examples.
        n_train: usize,
        /// Rows of a batch, fixed for the run.
        batch_size: usize,
    },
    /// The device ran out of memory at an earlier attempt at this trial or another, so its batches are smaller than planned: the
    /// numbers of this trial need not be those of another run in their last bits (contract, definition 12).
    Halved {
        /// Rows of a batch now.
        batch_size: usize,
        /// Rows that were planned.
        planned: usize,
    },
    /// A step of a search, as the search describes it.
    Step {
        /// The step's number from 0.
        step: u64,
        /// What it did: positions, tokens, predicted and true changes of the loss.
        trace: serde_json::Value,
        /// The evaluations spent when it was done.
        evaluations: u64,
    },
    /// A candidate was scored for selection.
    Scored {
        /// The candidate.
        #[serde(flatten)]
        candidate: CandidateRecord,
        /// Its scores on dev; absent at 0 shots.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dev: Option<SetScores>,
        /// Its label-free score; at 0 shots.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label_free: Option<f64>,
        /// Each text's part in the label-free score, which is their mean, in the order of `texts`; at 0 shots.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        label_free_parts: Vec<f32>,
        /// The evaluations spent when it was done.
        evaluations: u64,
    },
    /// Dev made its choice.
    Chosen {
        /// The number of the chosen candidate.
        candidate: u64,
        /// How many times dev influenced a choice in this trial.
        dev_looks: u64,
        /// The pseudo-perplexity of its own tokens over up to 8 unlabelled texts; absent where it has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        perplexity: Option<f64>,
    },
    /// The chosen prompt was scored on test, once.
    Tested {
        /// Its scores.
        test: SetScores,
    },
    /// The rank of the right object of each test fact, under the chosen prompt; in tasks of facts.
    Ranked {
        /// From 1, in the order of the test facts ([`crate::task::answer_rank`]).
        ranks: Vec<u32>,
    },
    /// What the vectors of the chosen prompt are like: a diagnostic, outside the budget.
    ReadBack(ReadBack),
    /// How much the chosen prompt hangs on its surface: a diagnostic, outside the budget.
    Diagnosed(Diagnosis),
    /// What each rule for words of several tokens gives for the same prompts, where an experiment has several rules.
    Rules(RuleScores),
    /// The candidates' label-free scores were compared with how they do on test; at 0 shots, after the choice and its test,
    /// outside the budget.
    Correlated {
        /// The numbers of the candidates.
        candidates: Vec<u64>,
        /// The metric of each on these test examples.
        test_metrics: Vec<f64>,
        /// Test examples, all or a fixed part of them.
        n_test: usize,
        /// Spearman's rank correlation of the two; absent where either says that all are equal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spearman: Option<f64>,
        /// Kendall's tau-b of the two; absent where either says that all are equal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kendall: Option<f64>,
    },
    /// Racing dropped candidates before all dev examples were scored.
    Raced {
        /// The rule.
        racing: String,
        /// The candidates that it dropped.
        dropped: u64,
        /// The evaluations that they would have cost more.
        saved: u64,
    },
    /// The trial is complete.
    Finished {
        /// What it spent within its budget.
        spent: Spent,
        /// Flags of the trial (`budget_cut`, `zero_gradient`, ...).
        flags: Vec<String>,
        /// Wall-clock seconds; differs from run to run.
        seconds: f64,
    },
    /// The trial could not be completed.
    Failed {
        /// Why, in words.
        reason: String,
        /// Wall-clock seconds until then.
        seconds: f64,
    },
}

impl Event {
    /// Whether nothing follows this event.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Finished { .. } | Self::Failed { .. })
    }
}
