//! Parents that go by another language and come back.

use std::sync::Arc;

use super::edit::Edit;
use super::parent::Parent;
use super::rewrite::{Dropped, Rewrite};
use super::search::Paraphrase;
use super::site::text_of;
use crate::prompt::{Prompt, Verbalizer};
use crate::search::{Oracle, SearchError};

/// What holds templates that came back.
#[derive(Debug, Clone)]
pub struct Held {
    /// The words of their prompts.
    pub verbalizer: Arc<Verbalizer>,
    /// Unlabelled texts over which likelihood is taken.
    pub n_texts: usize,
    /// The most nats a token that may be lost.
    pub likelihood: f64,
    /// Templates at most.
    pub most: usize,
    /// Evaluations that have to be left.
    pub reserve: u64,
}

/// The templates that changes to one parent give, likeliest first, without those that the model finds too unlikely: as many as
/// `held` and the budget allow. `is_known` tells whether a text was there before.
///
/// # Errors
/// As [`Oracle::likelihoods`].
pub fn back_translated(
    edits: Vec<(Edit, f64)>,
    parent: &Parent,
    held: &Held,
    is_known: &dyn Fn(&str) -> bool,
    oracle: &mut dyn Oracle,
    dropped: &mut Dropped,
) -> Result<Vec<Rewrite>, SearchError> {
    let prompt = |template| Prompt::plain(template, held.verbalizer.clone());
    let own = prompt(parent.template.clone());
    let mut cost = oracle.likelihood_cost(&own, held.n_texts)?;
    let mut prompts = vec![own];
    let mut made: Vec<Rewrite> = Vec::new();
    for (edit, _) in edits {
        if made.len() == held.most {
            break;
        }
        let template = edit.apply(&parent.template).filter(|_| oracle.encode(&edit.text, false).is_some());
        let Some(template) = template else {
            dropped.broken += 1;
            continue;
        };
        if is_known(&template.to_string()) {
            dropped.repeated += 1;
            continue;
        }
        let prompt = prompt(template.clone());
        cost += oracle.likelihood_cost(&prompt, held.n_texts)?;
        if !oracle.affords(cost + held.reserve) {
            break;
        }
        let old = text_of(&parent.template, edit.piece).get(edit.start..edit.end);
        let origin = format!("`{}` -> `{}`", old.unwrap_or_default(), edit.text);
        prompts.push(prompt);
        made.push(Rewrite { template, parent: parent.number, origin, by: "back_translation", nats: 0.0 });
    }
    if made.is_empty() {
        return Ok(made);
    }
    let lost = oracle.likelihoods(&prompts, held.n_texts)?;
    for (rewrite, own) in made.iter_mut().zip(&lost[1..]) {
        rewrite.nats = lost[0] - own;
    }
    let n_made = made.len();
    made.retain(|rewrite| rewrite.nats >= -held.likelihood);
    dropped.unlikely += (n_made - made.len()) as u64;
    Ok(made)
}

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
        let held = Held {
            verbalizer: self.verbalizer.clone(),
            n_texts: self.config.n_texts.min(oracle.n_texts()),
            likelihood: self.config.likelihood,
            most,
            reserve,
        };
        let mut queues = Vec::new();
        for parent in parents {
            if !self.translated.insert(parent.number) {
                continue;
            }
            let edits = round_trip.edits(parent)?;
            let is_known = |text: &str| self.texts.contains(text);
            let made = back_translated(edits, parent, &held, &is_known, oracle, dropped)?;
            queues.push(made);
        }
        Ok(queues)
    }
}
