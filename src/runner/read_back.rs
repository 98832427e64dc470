//! What the chosen soft prompt is like in words: a diagnostic, outside the budget.

use crate::prompt::Prompt;
use crate::record::{Interpolated, Neighbour, Neighbours, ReadBack};
use crate::scoring::{NearToken, Outcome, ScoringError};
use crate::task::Example;

use super::trial::Trial;

/// Neighbours of a virtual token that are recorded.
const NEAREST: usize = 3;
/// Shares of the way from the vectors to their projection at which the prompt is scored.
const INTERPOLATED: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

impl Trial<'_> {
    /// The neighbours of each virtual token, and how the prompt does projected onto them and on the way there, on dev and on test. Called after the
    /// choice is recorded. `None` for a prompt without virtual tokens.
    ///
    /// # Errors
    /// [`ScoringError`] if the projected prompt cannot be scored.
    pub(super) fn read_back(&self, chosen: &Prompt) -> Result<Option<ReadBack>, ScoringError> {
        let Some(soft) = &chosen.soft else { return Ok(None) };
        let nearest = self.scorer.nearest_tokens(soft, NEAREST);
        let ids: Vec<u32> = nearest.iter().filter_map(|tokens| tokens.euclidean.first()).map(|t| t.token_id).collect();
        if ids.len() != soft.n_soft() {
            // A vocabulary of special tokens only has nothing to be projected onto.
            return Ok(None);
        }
        let projected = self.scorer.projected(chosen, &ids);
        let judge = self.judge();
        let metric = |prompt: &Prompt, examples: &[&Example], lambda: f64| -> Result<Option<f64>, ScoringError> {
            // To write texts takes its time: only what the tables show is judged, the end of the way.
            if examples.is_empty() || judge.is_some() && lambda < 1.0 {
                return Ok(None);
            }
            if let Some(judge) = judge {
                let values = judge.judge(self.scorer, prompt, &self.dataset.columns, examples)?.values;
                return Ok(Some(values.iter().sum::<f64>() / values.len() as f64));
            }
            let gold: Vec<usize> = examples.iter().filter_map(|example| example.label).collect();
            let prompt = std::slice::from_ref(prompt);
            let columns = &self.dataset.columns;
            let scores = self.calibrator.score(self.scorer, prompt, columns, examples)?.scores.remove(0);
            Ok(Some(Outcome::of(&scores, &gold, self.dataset.labels.len(), self.metric).metric))
        };
        let mut interpolation = Vec::with_capacity(INTERPOLATED.len());
        for lambda in INTERPOLATED {
            let between = self.scorer.interpolated(chosen, &projected, lambda);
            interpolation.push(Interpolated {
                lambda,
                dev: metric(&between, &self.data.dev, lambda)?,
                test: metric(&between, &self.data.test, lambda)?,
            });
        }
        let tokenizer = &self.scorer.loaded().tokenizer;
        let rows = self.scorer.soft_rows(&chosen.template);
        let of_rows: Vec<u32> = rows.iter().filter_map(|&row| ids.get(row).copied()).collect();
        let mut rest = of_rows.as_slice();
        let texts: Vec<String> = self
            .scorer
            .soft_lengths(&chosen.template)
            .into_iter()
            .map(|n| {
                let (slot, after) = rest.split_at(n.min(rest.len()));
                rest = after;
                tokenizer.decode(slot)
            })
            .collect();
        Ok(Some(ReadBack {
            nearest: nearest
                .into_iter()
                .map(|tokens| Neighbours { euclidean: neighbours(tokens.euclidean), cosine: neighbours(tokens.cosine) })
                .collect(),
            projected: chosen.template.describe_soft(&texts),
            projected_dev: interpolation.last().and_then(|end| end.dev),
            projected_test: interpolation.last().and_then(|end| end.test),
            interpolation,
        }))
    }
}

fn neighbours(tokens: Vec<NearToken>) -> Vec<Neighbour> {
    tokens
        .into_iter()
        .map(|NearToken { token_id, token, distance }| Neighbour { id: token_id, token, distance })
        .collect()
}
