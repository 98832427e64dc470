//! The oracle of a trial, and dev, for a search that is driven without a runner.

use promptmine::prompt::{Candidate, Prompt};
use promptmine::runner::{Hardness, Ledger, TrialOracle};
use promptmine::scoring::{Outcome, ScoreCache, Scorer, SetHash};
use promptmine::search::Scored;
use promptmine::task::{Example, Metric};

use super::Failure;

/// What a search and its dev set share.
pub struct Bench<'a> {
    pub scorer: &'a Scorer,
    pub columns: &'a [String],
    pub train: Vec<&'a Example>,
    pub dev: Vec<&'a Example>,
    pub vocabulary: Vec<u32>,
    pub cache: ScoreCache,
    pub ledger: Ledger,
    pub hardness: Hardness,
    pub n_candidates: u64,
}

impl<'a> Bench<'a> {
    pub fn new(scorer: &'a Scorer, columns: &'a [String], train: &'a [Example], dev: &'a [Example]) -> Self {
        Self {
            scorer,
            columns,
            train: train.iter().collect(),
            dev: dev.iter().collect(),
            vocabulary: Vec::new(),
            cache: ScoreCache::default(),
            ledger: Ledger::new(u64::MAX),
            hardness: Hardness::new(train.len()),
            n_candidates: 0,
        }
    }

    pub fn oracle(&mut self) -> TrialOracle<'_> {
        TrialOracle {
            scorer: self.scorer,
            cache: &mut self.cache,
            ledger: &mut self.ledger,
            columns: self.columns,
            train: &self.train,
            texts: &self.train,
            n_selection: self.dev.len(),
            vocabulary: &self.vocabulary,
            probe: None,
            hardness: &mut self.hardness,
        }
    }

    /// Scores candidates on dev.
    pub fn select(&mut self, candidates: &[Candidate]) -> Result<Vec<Scored>, Failure> {
        let prompts: Vec<Prompt> = candidates.iter().map(|candidate| candidate.prompt.clone()).collect();
        let gold: Vec<usize> = self.dev.iter().filter_map(|example| example.label).collect();
        let known = self.cache.score(self.scorer, &prompts, self.columns, &self.dev, SetHash([1; 32]))?;
        let n_labels = candidates.first().map_or(0, |c| c.prompt.verbalizer.labels.len());
        Ok(known
            .into_iter()
            .map(|known| {
                self.ledger.charge(known.cost);
                let outcome = Outcome::of(&known.scores, &gold, n_labels, Metric::Accuracy);
                self.n_candidates += 1;
                Scored {
                    candidate: self.n_candidates - 1,
                    score: outcome.metric,
                    margin: outcome.margin,
                    signature: self.n_candidates,
                }
            })
            .collect())
    }
}
