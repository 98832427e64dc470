//! The trials of a plan shared out among shards.
//!
//! # Decisions
//!
//! - 2026-11: whoever plans the same experiment for the same number of shards finds the same division: it hangs on the plan alone,
//!   not on what is finished, the machine or the size of batches. So a shard that is begun again, on another machine too, goes on
//!   with its own trials.
//! - 2026-11: trials that start from another's winner stand in its shard. Ensembles and transfer need trials of all shards and are
//!   made when these are merged.
//! - 2026-11: the dearest go first, each to the shard that has least to do so far. An evaluation counts as much as its model has
//!   weights, or one shard would get all trials of the large model.

use std::cmp::Reverse;

use super::plan::{Plan, PlannedTrial};

impl Plan {
    /// The trials of each of `of` shards, as places in `trials`, in the order of the plan.
    pub fn divide(&self, of: usize) -> Vec<Vec<usize>> {
        let costs: Vec<u128> = self.trials.iter().map(|trial| self.cost(trial)).collect();
        let sources: Vec<Option<usize>> = self.trials.iter().map(|trial| self.source(trial)).collect();
        divide(&costs, &sources, of)
    }

    fn cost(&self, trial: &PlannedTrial) -> u128 {
        let n_parameters = self.scorers[trial.model].loaded().model.shape().n_parameters;
        let evaluations =
            trial.evaluations + trial.test_evaluations + trial.correlation_evaluations + trial.diagnostic_evaluations;
        // A shard in which nothing is scored has something to do, too.
        u128::from(evaluations.max(1)) * n_parameters.max(1) as u128
    }

    /// The place of the trial whose winner a trial starts from.
    fn source(&self, planned: &PlannedTrial) -> Option<usize> {
        let item = self.starts_from(planned.item)?;
        self.trials.iter().position(|trial| self.is_source(trial, item, planned))
    }
}

/// `costs[trial]`, `sources[trial]`: the trial that it reads, if it reads one.
fn divide(costs: &[u128], sources: &[Option<usize>], of: usize) -> Vec<Vec<usize>> {
    let root = |mut trial: usize| {
        // As many steps as there are trials end any chain.
        for _ in 0..sources.len() {
            match sources[trial] {
                Some(source) => trial = source,
                None => break,
            }
        }
        trial
    };
    let mut groups: Vec<(u128, Vec<usize>)> = vec![(0, Vec::new()); costs.len()];
    for (trial, cost) in costs.iter().enumerate() {
        let group = &mut groups[root(trial)];
        group.0 += cost;
        group.1.push(trial);
    }
    groups.retain(|(_, trials)| !trials.is_empty());
    groups.sort_by_key(|(cost, trials)| (Reverse(*cost), trials[0]));
    let mut shards: Vec<(u128, Vec<usize>)> = vec![(0, Vec::new()); of];
    for (cost, trials) in groups {
        if let Some(shard) = shards.iter_mut().min_by_key(|shard| shard.0) {
            shard.0 += cost;
            shard.1.extend(trials);
        }
    }
    let sorted = shards.into_iter().map(|(_, mut trials)| {
        trials.sort_unstable();
        trials
    });
    sorted.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_dearest_go_first_each_to_the_shard_with_least_to_do() {
        assert_eq!(divide(&[5, 9, 5, 1, 1], &[None; 5], 2), [vec![1, 3, 4], vec![0, 2]]);
        assert_eq!(divide(&[1, 1], &[None; 2], 3), [vec![0], vec![1], vec![]], "more shards than trials");
        assert_eq!(divide(&[], &[], 2), [vec![], Vec::<usize>::new()]);
    }

    #[test]
    fn what_starts_from_another_stands_beside_it() {
        // 3 starts from 0, 4 from 3.
        assert_eq!(
            divide(&[1, 4, 4, 1, 1], &[None, None, None, Some(0), Some(3)], 2),
            [vec![1, 0, 3, 4], vec![2]].map(|mut t| {
                t.sort_unstable();
                t
            })
        );
    }

    proptest! {
        #[test]
        fn every_trial_stands_in_one_shard_with_what_it_reads_and_no_shard_is_much_fuller_than_another(
            trials in prop::collection::vec((1u128..1000, any::<Option<u16>>()), 1..60),
            of in 1usize..9,
        ) {
            let costs: Vec<u128> = trials.iter().map(|trial| trial.0).collect();
            // A trial starts from an earlier one.
            let sources: Vec<Option<usize>> =
                trials.iter().enumerate().map(|(i, trial)| trial.1.filter(|_| i > 0).map(|s| usize::from(s) % i)).collect();
            let shards = divide(&costs, &sources, of);
            prop_assert_eq!(shards.len(), of);
            let mut all: Vec<usize> = shards.iter().flatten().copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..costs.len()).collect::<Vec<_>>());
            let at = |trial: usize| shards.iter().position(|shard| shard.contains(&trial));
            for (trial, source) in sources.iter().enumerate() {
                if let Some(source) = source {
                    prop_assert_eq!(at(trial), at(*source));
                }
            }
            let free = divide(&costs, &vec![None; costs.len()], of);
            let sums: Vec<u128> = free.iter().map(|shard| shard.iter().map(|&t| costs[t]).sum()).collect();
            let most = costs.iter().max().copied().unwrap_or(0);
            prop_assert!(sums.iter().max() <= Some(&(sums.iter().min().copied().unwrap_or(0) + most)));
        }
    }
}
