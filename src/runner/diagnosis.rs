//! Diagnostics of a trial: how much the chosen prompt hangs on its surface, and what each rule for words of several tokens
//! makes of the same prompts. Taken after the choice and its test, so that nothing can be chosen by them, and outside the budget.
//!
//! # Decisions
//!
//! - 2026-11: they are taken on test where it is labelled, so that the prompts of different seeds are looked at on the same examples, and
//!   on a fixed part of it that goes round the classes ([`EXAMPLES`] unless `limits.diagnostics` says otherwise): a look at every
//!   surface of every chosen prompt on all of test would cost several times the budget.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::prompt::{Prompt, surfaces};
use crate::record::{Diagnosis, Event, RuleScore, RuleScores, SurfaceScore};
use crate::scoring::{Ask, Outcome, ScoringError};
use crate::spec::{Calibration, MultiToken};
use crate::task::Example;

use super::plan::Plan;
use super::rank_correlation::round_the_classes;
use super::trial::{Stopped, Trial};

/// Examples of each split where nothing is said.
pub const EXAMPLES: usize = 64;

/// Surfaces of a prompt, at most, the prompt's own included.
pub const SURFACES: u64 = 8;

/// Prompts of a trial whose rules are compared, at most.
const COMPARED: usize = 12;

impl Trial<'_> {
    /// The events that diagnose the chosen prompt, and the candidates that rules are compared on: number and prompt, the chosen
    /// one first.
    ///
    /// # Errors
    /// [`Stopped`] if a prompt cannot be scored, or the user wants to stop.
    pub(super) fn diagnose(&self, candidates: &[(u64, &Prompt)], stop: &AtomicBool) -> Result<Vec<Event>, Stopped> {
        let failed = |e: ScoringError| Stopped::Failed(e.to_string());
        if self.diagnostics == 0 {
            return Ok(Vec::new());
        }
        // Without them the trial would be complete with another record.
        if stop.load(Ordering::Relaxed) {
            return Err(Stopped::Interrupted);
        }
        let mut events = Vec::new();
        if let Some((_, chosen)) = candidates.first() {
            events.extend(self.surface(chosen).map_err(failed)?.map(Event::Diagnosed));
        }
        if stop.load(Ordering::Relaxed) {
            return Err(Stopped::Interrupted);
        }
        events.extend(self.rules(candidates).map_err(failed)?.map(Event::Rules));
        Ok(events)
    }

    fn surface(&self, chosen: &Prompt) -> Result<Option<Diagnosis>, ScoringError> {
        let (split, examples) = match self.data.test.is_empty() {
            true => ("dev", round_the_classes(&self.data.dev, self.diagnostics)),
            false => ("test", round_the_classes(&self.data.test, self.diagnostics)),
        };
        let columns = &self.dataset.columns;
        // A surface may be longer than the model's positions, or part a label word from what it was written after.
        let others: Vec<(&str, Prompt)> = surfaces(&chosen.template)
            .into_iter()
            .map(|(surface, template)| (surface.name(), Prompt { template, ..chosen.clone() }))
            .filter(|(_, prompt)| self.scorer.check(prompt, columns).is_ok())
            .collect();
        // Texts of every surface would take as long as a search.
        if examples.is_empty() || others.is_empty() || self.judge().is_some() {
            return Ok(None);
        }
        let mut prompts = vec![chosen.clone()];
        prompts.extend(others.iter().map(|(_, prompt)| prompt.clone()));
        let scores = self.calibrator.score(self.scorer, &prompts, columns, &examples)?.scores;
        let metrics: Vec<f64> = scores.iter().map(|scores| self.outcome(scores, &examples).metric).collect();
        let surfaces = (others.iter().zip(&metrics[1..])).map(|((kind, prompt), &metric)| SurfaceScore {
            kind: (*kind).into(),
            template: prompt.template.to_string(),
            metric,
        });
        Ok(Some(Diagnosis { split: split.into(), n: examples.len(), metric: metrics[0], surfaces: surfaces.collect() }))
    }

    fn rules(&self, candidates: &[(u64, &Prompt)]) -> Result<Option<RuleScores>, ScoringError> {
        if self.rules.len() < 2 || self.calibrator.way() != Calibration::None {
            return Ok(None);
        }
        let dev = round_the_classes(&self.data.dev, self.diagnostics);
        let test = round_the_classes(&self.data.test, self.diagnostics);
        let mut scores = Vec::new();
        let mut compared = 0;
        for (number, prompt) in candidates {
            if prompt.classifies() || prompt.verbalizer.reference_column().is_some() {
                continue;
            }
            let several = self.scorer.passes(prompt)?.words.iter().any(|word| word.ids.len() > 1);
            if !several || compared == COMPARED {
                continue;
            }
            compared += 1;
            let truncate = self.scorer.settings().truncate;
            let asks: Vec<Ask<'_>> =
                self.rules.iter().map(|&multi_token| Ask { prompt, multi_token, truncate }).collect();
            let on = |examples: &[&Example]| -> Result<Option<Vec<Outcome>>, ScoringError> {
                if examples.is_empty() {
                    return Ok(None);
                }
                let round = self.scorer.score_mixed(&asks, &self.dataset.columns, examples)?;
                Ok(Some(round.scores.iter().map(|scores| self.outcome(scores, examples)).collect()))
            };
            let (on_dev, on_test) = (on(&dev)?, on(&test)?);
            for (index, rule) in self.rules.iter().enumerate() {
                let of = |outcomes: &Option<Vec<Outcome>>| outcomes.as_ref().map(|all| all[index].clone());
                let (dev, test) = (of(&on_dev), of(&on_test));
                scores.push(RuleScore {
                    candidate: *number,
                    rule: rule.name().into(),
                    passes: self.scorer.passes_under(prompt, *rule)?,
                    margin: test.as_ref().or(dev.as_ref()).map_or(0.0, |outcome| outcome.margin),
                    dev: dev.map(|outcome| outcome.metric),
                    test: test.map(|outcome| outcome.metric),
                });
            }
        }
        Ok((!scores.is_empty()).then_some(RuleScores { n_dev: dev.len(), n_test: test.len(), scores }))
    }

    fn outcome(&self, scores: &[Vec<f64>], examples: &[&Example]) -> Outcome {
        let gold: Vec<usize> = examples.iter().filter_map(|example| example.label).collect();
        Outcome::of(scores, &gold, self.dataset.labels.len(), self.metric)
    }
}

impl Plan {
    /// Examples of each split that diagnostics are taken on.
    pub fn n_diagnosed(&self) -> usize {
        self.experiment.limits.diagnostics.unwrap_or(EXAMPLES)
    }

    /// The rules for words of several tokens that the trials of an item compare: those of the experiment, in the first of the items
    /// that differ in nothing else.
    pub fn rules_compared(&self, item: usize) -> Vec<MultiToken> {
        let search = &self.experiment.search;
        if search[..item].iter().any(|before| before.cells == search[item].cells) {
            return Vec::new();
        }
        distinct(search.iter().map(|item| item.multi_token.unwrap_or(self.experiment.task.multi_token)))
    }
}

/// The rules that an experiment's items score words of several tokens by, each once.
pub fn distinct(rules: impl Iterator<Item = MultiToken>) -> Vec<MultiToken> {
    let mut distinct = Vec::new();
    for rule in rules {
        if !distinct.contains(&rule) {
            distinct.push(rule);
        }
    }
    distinct
}
