//! The candidates of one proposal, raced over the dev examples.
//!
//! # Decisions
//!
//! - 2026-11: dev stands in one order for all trials that share it, with the classes as even as their sizes allow in every
//!   beginning, so that a dropped candidate's scores are those of the first examples. At k shots it is the order drawn, which goes
//!   round the classes; else an order by content ([`even_order`]).
//! - 2026-11: what the trial's best complete candidate of the same search has is known already and is to be beaten: a search that
//!   proposes one candidate at a time races too. Where nothing is complete yet, `exact` scores the first candidate to the end.
//! - 2026-11: examples are scored in waves, so that there are sequences enough for a batch: at most [`WAVES`] of them. What a wave
//!   scores is paid for whether it was needed or not.
//! - 2026-11: what racing saves stays in the budget, and a search that lives by it proposes more. `exact` gives the pick of
//!   scoring everything among the same candidates.
//! - 2026-11: the racings with a fixed budget get half of what scoring everything costs; the best of those they end with is then
//!   scored to the end, because only complete candidates are chosen.

use std::collections::BTreeMap;

use crate::prompt::Prompt;
use crate::scoring::{Cost, Outcome, ScoreCache, Scorer, ScoringError};
use crate::spec::SelectBy;
use crate::task::racing::{self, Field, Racing};
use crate::task::{Basis, Example, Metric, statistics};

use super::calibrated::{Calibrated, Set};
use super::judge::Judge;
use super::oracle::set_hash;

/// Looks at most at the scores of a race.
const WAVES: usize = 8;
/// The share of scoring everything that racings with a fixed budget get.
const BUDGET_SHARE: f64 = 0.5;

/// What sums of the same values in another order may differ by, as means.
const ROUNDING: f64 = 1e-12;

/// The scores of a candidate on the first dev examples.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Log-probabilities among the labels: `[example][label]`.
    pub scores: Vec<Vec<f64>>,
    /// Each example's value, of a metric of what the model writes.
    pub values: Vec<f64>,
    /// What they cost.
    pub cost: Cost,
    /// What the prior that they are calibrated by costs beside.
    pub prior: Cost,
}

impl Run {
    /// The outcome on the examples that it was scored on.
    pub fn outcome(&self, gold: &[usize], n_labels: usize, metric: Metric) -> Outcome {
        self.outcome_of_first(self.scores.len(), gold, n_labels, metric)
    }

    /// The outcome on the first `seen` of them.
    fn outcome_of_first(&self, seen: usize, gold: &[usize], n_labels: usize, metric: Metric) -> Outcome {
        let (scores, gold) = (&self.scores[..seen], &gold[..seen]);
        match metric.basis() {
            Basis::Texts => Outcome::with_values(scores, gold, n_labels, (metric, self.values[..seen].to_vec())),
            Basis::Counts | Basis::Scores => Outcome::of(scores, gold, n_labels, metric),
        }
    }
}

/// Prompts and the examples that they are raced over.
pub struct Pool<'a> {
    scorer: &'a Scorer,
    calibrated: &'a mut Calibrated,
    cache: &'a mut ScoreCache,
    columns: &'a [String],
    examples: &'a [&'a Example],
    gold: Vec<usize>,
    n_labels: usize,
    metric: Metric,
    select_by: SelectBy,
    judge: Option<Judge<'a>>,
    prompts: &'a [Prompt],
    names: Vec<String>,
    block_ends: Vec<usize>,
    /// Those of the prompts, then the one that is to be beaten.
    runs: Vec<Run>,
}

/// What a pool is scored with.
pub struct PoolSettings<'a> {
    /// The model.
    pub scorer: &'a Scorer,
    /// The data set's columns.
    pub columns: &'a [String],
    /// The dev examples in their order.
    pub examples: &'a [&'a Example],
    /// Labels of the data set.
    pub n_labels: usize,
    /// What the leaderboard shows.
    pub metric: Metric,
    /// What dev chooses by.
    pub select_by: SelectBy,
    /// What judges texts, where the metric looks at them.
    pub judge: Option<Judge<'a>>,
}

impl<'a> Pool<'a> {
    /// A pool of `prompts`; `best` is what is known of a complete candidate that they have to beat.
    pub fn new(
        settings: PoolSettings<'a>,
        (calibrated, cache): (&'a mut Calibrated, &'a mut ScoreCache),
        prompts: &'a [Prompt],
        best: Option<&Run>,
    ) -> Self {
        let PoolSettings { scorer, columns, examples, n_labels, metric, select_by, judge } = settings;
        let gold: Vec<usize> = examples.iter().filter_map(|e| e.label).collect();
        let mut runs = vec![Run::default(); prompts.len()];
        runs.extend(best.map(|best| Run { cost: Cost::default(), prior: Cost::default(), ..best.clone() }));
        let mut names: Vec<String> =
            prompts.iter().map(|prompt| blake3::Hash::from(prompt.content_hash()).to_hex().to_string()).collect();
        names.resize(runs.len(), String::new());
        let block_ends = block_ends(&gold, n_labels);
        Self {
            scorer,
            calibrated,
            cache,
            columns,
            examples,
            gold,
            n_labels,
            metric,
            select_by,
            judge,
            prompts,
            names,
            block_ends,
            runs,
        }
    }

    /// Races the prompts and gives what each was scored on; at least one of them, or the one to be beaten, is complete.
    ///
    /// # Errors
    /// If a prompt cannot be scored.
    pub fn race(mut self, racing: Racing) -> Result<Vec<Run>, ScoringError> {
        let (k, n) = (self.prompts.len(), self.examples.len());
        let known = self.runs.len() > k;
        if racing == Racing::Exact && !known && self.can_drop() {
            self.score(&[0], n)?;
        }
        let alone = k == 1 && (racing.has_budget() || !known);
        let racing = if alone { Racing::None } else { racing };
        let budget = ((BUDGET_SHARE * (k * n) as f64) as usize).max(k);
        let race = racing::race(racing, &mut self, budget)?;
        if racing.has_budget()
            && let Some(&survivor) = race.survivors.first()
        {
            let seen = self.runs[survivor].scores.len();
            let scores = self.scores(&race.survivors, seen);
            let best = self.ranked(&race.survivors, &scores, seen)[0];
            self.score(&[best], n)?;
        }
        self.runs.truncate(k);
        Ok(self.runs)
    }

    /// Whether `exact` can bound what is to come.
    fn can_drop(&self) -> bool {
        match self.select_by {
            SelectBy::Metric(metric) => metric == Metric::Accuracy || metric.is_of_values(),
            SelectBy::ExpectedAccuracy | SelectBy::MeanLogLikelihood => true,
            SelectBy::Margin => false,
        }
    }

    fn gold_log_likelihood(&self, candidate: usize) -> f64 {
        self.runs[candidate].scores.iter().zip(&self.gold).map(|(scores, &gold)| scores[gold]).sum()
    }

    fn outcome(&self, candidate: usize, seen: usize) -> Outcome {
        self.runs[candidate].outcome_of_first(seen, &self.gold, self.n_labels, self.metric)
    }

    /// The values that are known of a candidate, of a metric that is their mean.
    fn values(&self, candidate: usize, metric: Metric) -> Vec<f64> {
        let run = &self.runs[candidate];
        match metric.basis() {
            Basis::Texts => run.values.clone(),
            Basis::Counts | Basis::Scores => {
                run.scores.iter().zip(&self.gold).filter_map(|(scores, &gold)| metric.value(scores, gold)).collect()
            }
        }
    }
}

impl Field for Pool<'_> {
    type Error = ScoringError;

    fn n_entrants(&self) -> usize {
        self.prompts.len()
    }

    fn n_candidates(&self) -> usize {
        self.runs.len()
    }

    fn n_examples(&self) -> usize {
        self.examples.len()
    }

    fn block_ends(&self) -> &[usize] {
        &self.block_ends
    }

    fn next_look(&self, seen: usize, n_active: usize) -> usize {
        let n = self.examples.len();
        if !self.can_drop() {
            return n;
        }
        let half_a_batch = (self.scorer.settings().batch_size / 2).div_ceil(n_active.max(1));
        let wave = half_a_batch.max(n.div_ceil(WAVES)).next_multiple_of(self.n_labels.max(1));
        (seen + wave).min(n)
    }

    fn score(&mut self, candidates: &[usize], seen: usize) -> Result<(), ScoringError> {
        let mut rounds: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &candidate in candidates.iter().filter(|&&candidate| self.runs[candidate].scores.len() < seen) {
            rounds.entry(self.runs[candidate].scores.len()).or_default().push(candidate);
        }
        for (from, candidates) in rounds {
            let examples = &self.examples[from..seen];
            let prompts: Vec<Prompt> = candidates.iter().map(|&candidate| self.prompts[candidate].clone()).collect();
            let set = Set { columns: self.columns, examples, hash: set_hash("dev", examples) };
            let found = self.calibrated.score(self.cache, self.scorer, &prompts, set)?;
            for (candidate, found) in candidates.into_iter().zip(found) {
                let run = &mut self.runs[candidate];
                run.scores.extend(found.scores);
                run.cost += found.cost;
                run.prior += found.prior;
                if let Some(judge) = self.judge {
                    let judged = judge.judge(self.scorer, &self.prompts[candidate], self.columns, examples)?;
                    run.values.extend(judged.values);
                    run.cost += judged.cost;
                }
            }
        }
        Ok(())
    }

    fn counts_right(&self) -> bool {
        matches!(self.select_by, SelectBy::Metric(metric) if metric.is_share())
    }

    fn is_share(&self) -> bool {
        match self.select_by {
            SelectBy::Metric(metric) => metric == Metric::Accuracy || metric.is_of_values() && metric.range().0 >= 0.0,
            SelectBy::ExpectedAccuracy => true,
            SelectBy::Margin | SelectBy::MeanLogLikelihood => false,
        }
    }

    fn right(&self, candidate: usize, from: usize, to: usize) -> usize {
        if let SelectBy::Metric(metric) = self.select_by
            && metric.is_of_values()
        {
            return self.values(candidate, metric)[from..to].iter().filter(|value| **value == 1.0).count();
        }
        let scores = &self.runs[candidate].scores[from..to];
        scores
            .iter()
            .zip(&self.gold[from..to])
            .filter(|(scores, gold)| crate::scoring::argmax(scores) == **gold)
            .count()
    }

    fn bounds(&self, candidate: usize) -> (f64, f64) {
        let (n, known) = (self.gold.len(), self.runs[candidate].scores.len());
        if known == n {
            let score = self.scores(&[candidate], n)[0];
            return (score, score);
        }
        match self.select_by {
            SelectBy::Metric(Metric::Accuracy) => {
                let right = self.right(candidate, 0, known);
                (right as f64 / n as f64, (right + n - known) as f64 / n as f64)
            }
            // A log-probability is never above 0.
            SelectBy::MeanLogLikelihood => (f64::NEG_INFINITY, self.gold_log_likelihood(candidate) / n as f64),
            SelectBy::ExpectedAccuracy => {
                let margins = match known {
                    0 => Vec::new(),
                    _ => self.outcome(candidate, known).margins,
                };
                let mut to_come = vec![0; self.n_labels];
                self.gold[known..].iter().for_each(|&gold| to_come[gold] += 1);
                let margins = margins.into_iter().map(f64::from).zip(self.gold.iter().copied());
                statistics::expected_accuracy_bounds(self.n_labels, margins, &to_come)
            }
            SelectBy::Metric(metric) if metric.is_of_values() => {
                let sum: f64 = self.values(candidate, metric).iter().sum();
                let (low, high) = metric.range();
                let at = |value: f64| (sum + value * (n - known) as f64) / n as f64;
                // A sum in another order may differ in its last bits: nobody is dropped by those.
                (at(low) - ROUNDING, at(high) + ROUNDING)
            }
            SelectBy::Metric(_) | SelectBy::Margin => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    fn scores(&self, candidates: &[usize], seen: usize) -> Vec<f64> {
        let score = |&candidate: &usize| {
            let (scores, gold) = (&self.runs[candidate].scores[..seen], &self.gold[..seen]);
            selection_score(&self.outcome(candidate, seen), scores, gold, self.n_labels, self.select_by)
        };
        candidates.iter().map(score).collect()
    }

    fn ranked(&self, candidates: &[usize], scores: &[f64], seen: usize) -> Vec<usize> {
        let margin = |candidate: usize| self.outcome(candidate, seen).margin;
        let mut keyed: Vec<(f64, f64, usize)> =
            candidates.iter().zip(scores).map(|(&candidate, &score)| (score, margin(candidate), candidate)).collect();
        keyed.sort_by(|a, b| {
            b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then_with(|| self.names[a.2].cmp(&self.names[b.2]))
        });
        keyed.into_iter().map(|(.., candidate)| candidate).collect()
    }

    fn name(&self, candidate: usize) -> &str {
        &self.names[candidate]
    }
}

/// What dev chooses by, of an outcome and the `scores[example][label]` behind it.
pub fn selection_score(
    outcome: &Outcome,
    scores: &[Vec<f64>],
    gold: &[usize],
    n_labels: usize,
    select_by: SelectBy,
) -> f64 {
    match select_by {
        SelectBy::Metric(metric) => match metric.basis() {
            Basis::Counts => metric.of(&outcome.confusion),
            Basis::Scores => {
                let values = scores.iter().zip(gold).filter_map(|(scores, &gold)| metric.value(scores, gold));
                values.sum::<f64>() / gold.len() as f64
            }
            // What the model writes is judged by one metric, the task's.
            Basis::Texts => outcome.metric,
        },
        SelectBy::Margin => outcome.margin,
        SelectBy::MeanLogLikelihood => outcome.log_likelihood,
        SelectBy::ExpectedAccuracy => {
            let margins = outcome.margins.iter().map(|&m| f64::from(m));
            statistics::expected_accuracy(n_labels, margins.zip(gold.iter().copied()))
        }
    }
}

/// Where each block of examples in an even order ends: one example of the rarest class a block, a few more blocks where that
/// would leave too few to race over.
fn block_ends(gold: &[usize], n_labels: usize) -> Vec<usize> {
    let n = gold.len();
    let count = |label: usize| gold.iter().filter(|&&gold| gold == label).count();
    let rarest = (0..n_labels).map(count).filter(|&count| count > 0).min().unwrap_or(0);
    let n_blocks = rarest.max(16.min(n)).max(1);
    (1..=n_blocks).map(|block| block * n / n_blocks).collect()
}

/// Examples in an order whose every beginning holds the classes as evenly as their sizes allow, and which depends on their
/// content only.
pub fn even_order<'e>(mut examples: Vec<&'e Example>) -> Vec<&'e Example> {
    examples.sort_by_cached_key(|example| (example.hash(), example.row));
    let mut sizes: BTreeMap<Option<usize>, usize> = BTreeMap::new();
    examples.iter().for_each(|example| *sizes.entry(example.label).or_default() += 1);
    let mut seen: BTreeMap<Option<usize>, usize> = BTreeMap::new();
    // The i-th of a class of s stands at (i + 1/2) / s of the way.
    let mut placed: Vec<(f64, usize, &'e Example)> = Vec::with_capacity(examples.len());
    for (number, example) in examples.into_iter().enumerate() {
        let before = seen.entry(example.label).or_default();
        placed.push(((*before as f64 + 0.5) / sizes[&example.label] as f64, number, example));
        *before += 1;
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    placed.into_iter().map(|(.., example)| example).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(row: usize, label: usize) -> Example {
        Example { row, fields: vec![format!("text {row}")], label: Some(label) }
    }

    #[test]
    fn every_beginning_of_an_even_order_holds_the_classes_in_proportion_whatever_the_rows() {
        let examples: Vec<Example> = (0..60).map(|row| example(row, usize::from(row % 4 == 0))).collect();
        let ordered = even_order(examples.iter().collect());
        assert_eq!(ordered, even_order(examples.iter().rev().collect()));
        for n in 1..=60 {
            let rare = ordered[..n].iter().filter(|e| e.label == Some(1)).count();
            assert!((rare as f64 - n as f64 / 4.0).abs() <= 1.0, "{rare} of {n}");
        }
    }

    #[test]
    fn blocks_hold_one_of_the_rarest_class_and_end_at_the_end() {
        let gold: Vec<usize> = (0..64).map(|i| i % 2).collect();
        assert_eq!(block_ends(&gold, 2).len(), 32);
        assert_eq!(block_ends(&gold, 2)[..2], [2, 4]);
        assert_eq!(block_ends(&gold[..6], 2), [1, 2, 3, 4, 5, 6]);
        assert_eq!(block_ends(&[], 2), [0]);
    }
}
