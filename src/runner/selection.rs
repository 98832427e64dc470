//! How candidates do on the selection examples.

use crate::prompt::Prompt;
use crate::record::SetScores;
use crate::scoring::{Outcome, ScoreCache, ScoringError, SetHash, argmax, mutual_information};
use crate::search::Scored;
use crate::task::Example;
use crate::task::racing::Racing;

use super::calibrated::{Calibrated, Corrected, Set};
use super::pool::{Pool, PoolSettings, Run, selection_score};
use super::trial::Trial;

/// Scores prompts on the selection examples, or on as many of them as a race needs; `best` is the scores of the candidate that they
/// have to beat.
///
/// # Errors
/// If one cannot be scored.
pub(super) fn runs(
    trial: &Trial<'_>,
    (calibrated, cache): (&mut Calibrated, &mut ScoreCache),
    selection: SetHash,
    prompts: &[Prompt],
    may_race: bool,
    best: Option<&Run>,
) -> Result<Vec<Run>, ScoringError> {
    let examples = trial.data.selection();
    let columns = &trial.dataset.columns;
    if trial.data.dev.is_empty() || !may_race || trial.racing == Racing::None {
        let set = Set { columns, examples, hash: selection };
        let found = calibrated.score(cache, trial.scorer, prompts, set)?;
        let mut runs: Vec<Run> = Vec::with_capacity(found.len());
        for (prompt, Corrected { scores, mut cost, prior }) in prompts.iter().zip(found) {
            let mut values = Vec::new();
            if let Some(judge) = trial.judge().filter(|_| !trial.data.dev.is_empty()) {
                let judged = judge.judge(trial.scorer, prompt, columns, examples)?;
                values = judged.values;
                cost += judged.cost;
            }
            runs.push(Run { scores, values, cost, prior });
        }
        return Ok(runs);
    }
    let settings = PoolSettings {
        scorer: trial.scorer,
        columns,
        examples,
        n_labels: trial.dataset.labels.len(),
        metric: trial.metric,
        select_by: trial.select_by,
        judge: trial.judge(),
    };
    Pool::new(settings, (calibrated, cache), prompts, best).race(trial.racing)
}

/// The figures of a candidate that was scored on the first selection examples, or on all of them.
pub(super) fn figures(trial: &Trial<'_>, number: u64, run: &Run) -> (Scored, Option<SetScores>, Option<f64>) {
    let scores = run.scores.as_slice();
    if trial.data.dev.is_empty() {
        let score = mutual_information(scores);
        return (
            Scored { candidate: number, score, margin: 0.0, signature: signature(scores, &[]) },
            None,
            Some(score),
        );
    }
    let gold = &gold(&trial.data.dev)[..scores.len()];
    let n_labels = trial.dataset.labels.len();
    let outcome = run.outcome(gold, n_labels, trial.metric);
    let score = selection_score(&outcome, scores, gold, n_labels, trial.select_by);
    (
        Scored { candidate: number, score, margin: outcome.margin, signature: signature(scores, &outcome.values) },
        Some(set_scores(outcome)),
        None,
    )
}

/// What a search hears: a dropped candidate is never ahead of a complete one, whatever its first examples say.
pub(super) fn below_complete(scored: Vec<(Scored, bool)>, best: Option<Scored>) -> Vec<Scored> {
    let complete = scored.iter().filter(|(_, dropped)| !dropped).map(|(scored, _)| scored);
    let lowest = complete.chain(&best).map(|scored| scored.score).fold(f64::INFINITY, f64::min);
    let told = |(scored, dropped): (Scored, bool)| match dropped {
        true => Scored { score: scored.score.min(lowest), margin: f64::MIN, ..scored },
        false => scored,
    };
    scored.into_iter().map(told).collect()
}

/// Identifies the labels that are predicted, and the values of a metric that is their mean.
fn signature(scores: &[Vec<f64>], values: &[f64]) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 predictions");
    for scores in scores {
        hasher.update(&(argmax(scores) as u16).to_le_bytes());
    }
    values.iter().for_each(|value| {
        hasher.update(&value.to_le_bytes());
    });
    let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The gold labels.
pub(super) fn gold(examples: &[&Example]) -> Vec<usize> {
    examples.iter().filter_map(|e| e.label).collect()
}

/// The figures for the record.
pub(super) fn set_scores(outcome: Outcome) -> SetScores {
    SetScores {
        metric: outcome.metric,
        margin: outcome.margin,
        log_likelihood: outcome.log_likelihood,
        predicted: outcome.predicted,
        margins: outcome.margins,
        values: outcome.values,
    }
}
