//! Which trials run beside each other.
//!
//! # Decisions
//!
//! - 2026-11: of a small model, under [`SMALL_MODEL`] weights, a trial runs on each core with one thread: its matrix products are
//!   too small to be worth sharing among threads. Of a larger one a trial runs at a time, with all threads. The size decides, never
//!   a stopwatch; all trials of a model share its weights, and no number depends on it (contract, definition 12).
//! - 2026-11: where an experiment has models of both kinds, the small ones come first. Refused: one at a time for all of them,
//!   which leaves a core idle for as long as the small ones take.
//! - 2026-11: trials that run beside each other begin with the one that may cost most, so that none is left over alone at the
//!   end. One at a time they come in the order of the plan.

use crate::model::DeviceChoice;

use super::plan::{Plan, PlannedTrial};

/// Weights up to which a model's trials run beside each other, a thread each.
const SMALL_MODEL: usize = 30_000_000;

/// Trials that so many workers share.
pub(super) struct Phase<'p> {
    /// Trials at a time.
    pub(super) jobs: usize,
    /// In the order in which they begin.
    pub(super) trials: Vec<&'p PlannedTrial>,
}

/// The phases of a run, one after the other. `asked` is the number of trials at a time that the user wants, of any model.
pub(super) fn phases<'p>(plan: &Plan, waiting: Vec<&'p PlannedTrial>, asked: Option<usize>) -> Vec<Phase<'p>> {
    let cores = at_once(plan.device.kind, 0);
    let sizes: Vec<usize> = plan.scorers.iter().map(|scorer| scorer.loaded().model.shape().n_parameters).collect();
    // What starts from another trial's winner comes when those are over.
    let (first, then): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|trial| plan.starts_from(trial.item).is_none());
    let phases = |waiting| {
        divide(
            waiting,
            asked,
            cores,
            |trial| sizes[trial.model],
            |trial| {
                trial.evaluations
                    + trial.test_evaluations
                    + trial.correlation_evaluations
                    + trial.diagnostic_evaluations
            },
        )
    };
    [phases(first), phases(then)].into_iter().flatten().collect()
}

/// Trials of a model with so many weights that run at a time, where nobody asks for another number.
pub(super) fn at_once(device: DeviceChoice, n_parameters: usize) -> usize {
    match device {
        DeviceChoice::Cpu if n_parameters <= SMALL_MODEL => rayon::current_num_threads(),
        _ => 1,
    }
}

fn divide<'p>(
    waiting: Vec<&'p PlannedTrial>,
    asked: Option<usize>,
    cores: usize,
    size: impl Fn(&PlannedTrial) -> usize,
    cost: impl Fn(&PlannedTrial) -> u64,
) -> Vec<Phase<'p>> {
    let (small, large): (Vec<_>, Vec<_>) = match asked {
        Some(_) => (waiting, Vec::new()),
        None => waiting.into_iter().partition(|trial| size(trial) <= SMALL_MODEL),
    };
    [(asked.unwrap_or(cores), small), (1, large)]
        .into_iter()
        .filter(|(_, trials)| !trials.is_empty())
        .map(|(jobs, mut trials)| {
            let jobs = jobs.clamp(1, trials.len());
            if jobs > 1 {
                trials.sort_by_key(|trial| std::cmp::Reverse(cost(trial)));
            }
            Phase { jobs, trials }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TrialKey;
    use crate::spec::Calibration;
    use crate::task::Draw;

    fn trial(model: usize, evaluations: u64) -> PlannedTrial {
        PlannedTrial {
            key: TrialKey {
                item: 0,
                method: "manual".into(),
                label: "manual".into(),
                model: format!("{model}"),
                shots: "16".into(),
                calibration: "none".into(),
                seeds: vec![13],
                control: None,
                fingerprint: format!("{evaluations:016x}"),
            },
            item: 0,
            control: None,
            model,
            draw: Draw::default(),
            evaluations,
            candidate_evaluations: 1,
            calibration: Calibration::None,
            passes: 1,
            evaluations_a_pass: 1,
            test_evaluations: 0,
            backward: false,
            correlation_evaluations: 0,
            diagnostic_evaluations: 0,
        }
    }

    /// (jobs, evaluations of the trials) of each phase, with a small model 0 and a large model 1.
    fn phases(trials: &[PlannedTrial], asked: Option<usize>) -> Vec<(usize, Vec<u64>)> {
        let size = |trial: &PlannedTrial| [SMALL_MODEL, SMALL_MODEL + 1][trial.model];
        divide(trials.iter().collect(), asked, 2, size, |trial| trial.evaluations)
            .into_iter()
            .map(|phase| (phase.jobs, phase.trials.iter().map(|trial| trial.evaluations).collect()))
            .collect()
    }

    #[test]
    fn small_models_get_a_trial_a_core_dearest_first_and_large_ones_come_one_at_a_time() {
        let trials = [trial(0, 5), trial(1, 1), trial(0, 9), trial(1, 2), trial(0, 7)];
        assert_eq!(phases(&trials, None), [(2, vec![9, 7, 5]), (1, vec![1, 2])]);
        assert_eq!(phases(&trials[1..2], None), [(1, vec![1])]);
    }

    #[test]
    fn whoever_asks_for_so_many_at_a_time_gets_them_of_any_model() {
        let trials = [trial(1, 1), trial(0, 2), trial(1, 3)];
        assert_eq!(phases(&trials, Some(2)), [(2, vec![3, 2, 1])]);
        assert_eq!(phases(&trials, Some(1)), [(1, vec![1, 2, 3])]);
        assert_eq!(phases(&trials, Some(9))[0].0, 3);
    }
}
