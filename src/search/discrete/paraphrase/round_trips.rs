//! Parents that go by another language and come back.

use super::parent::Parent;
use super::rewrite::{Dropped, Rewrite};
use super::search::Paraphrase;
use super::site::text_of;
use crate::search::{Oracle, SearchError};

impl Paraphrase {
    /// What comes back of the parents that did not go by another language yet, a queue a parent: at most `most` templates each, as
    /// far as the budget covers their likelihood beside `reserve` evaluations.
    pub(super) fn translate(
        &mut self,
        parents: &[Parent],
        (most, reserve): (usize, u64),
        oracle: &mut dyn Oracle,
        dropped: &mut Dropped,
    ) -> Result<Vec<Vec<Rewrite>>, SearchError> {
        let Some(round_trip) = self.round_trip.clone() else { return Ok(Vec::new()) };
        let n_texts = self.config.n_texts.min(oracle.n_texts());
        let mut queues = Vec::new();
        for parent in parents {
            if !self.translated.insert(parent.number) {
                continue;
            }
            let own = self.prompt(&parent.template);
            let mut cost = oracle.likelihood_cost(&own, n_texts)?;
            let mut prompts = vec![own];
            let mut made: Vec<Rewrite> = Vec::new();
            for (edit, _) in round_trip.edits(parent)? {
                if made.len() == most {
                    break;
                }
                let template = edit.apply(&parent.template).filter(|_| oracle.encode(&edit.text, false).is_some());
                let Some(template) = template else {
                    dropped.broken += 1;
                    continue;
                };
                if self.texts.contains(&template.to_string()) {
                    dropped.repeated += 1;
                    continue;
                }
                let prompt = self.prompt(&template);
                cost += oracle.likelihood_cost(&prompt, n_texts)?;
                if !oracle.affords(cost + reserve) {
                    break;
                }
                let old = text_of(&parent.template, edit.piece).get(edit.start..edit.end);
                let origin = format!("`{}` -> `{}`", old.unwrap_or_default(), edit.text);
                prompts.push(prompt);
                made.push(Rewrite { template, parent: parent.number, origin, by: "back_translation", nats: 0.0 });
            }
            if made.is_empty() {
                continue;
            }
            let lost = oracle.likelihoods(&prompts, n_texts)?;
            for (rewrite, own) in made.iter_mut().zip(&lost[1..]) {
                rewrite.nats = lost[0] - own;
            }
            let n_made = made.len();
            made.retain(|rewrite| rewrite.nats >= -self.config.likelihood);
            dropped.unlikely += (n_made - made.len()) as u64;
            queues.push(made);
        }
        Ok(queues)
    }
}
