//! A chosen prompt as another model is asked it, or on another task; or why it cannot be.

use std::sync::Arc;

use crate::model::ModelKind;
use crate::prompt::{Piece, Prompt, Template, TriggerTokens, Vectors, Verbalizer};
use crate::record::SavedPrompt;
use crate::scoring::Scorer;

use super::task::TransferTask;

/// A chosen prompt with the model that it was found with.
pub(super) struct Source<'s> {
    /// The prompt as it was saved.
    pub saved: SavedPrompt,
    /// Its vectors.
    pub vectors: Vectors,
    /// The model.
    pub scorer: &'s Scorer,
}

impl Source<'_> {
    /// The prompt for `target`, on `task` or on its own. Trigger tokens stay as they are where the tokenizer is the same, and are the
    /// text that they stand for where it is another (RLPrompt, arXiv 2205.12548); vectors stay as they are.
    ///
    /// # Errors
    /// Why it has no meaning there, as a sentence.
    pub fn moved(&self, target: &Scorer, task: Option<&TransferTask>) -> Result<Prompt, String> {
        let Self { saved, vectors, scorer } = self;
        let (from, to) = (scorer.loaded(), target.loaded());
        if saved.tuned.is_some() {
            return Err(format!("weights of {} were trained with it", from.name));
        }
        if from.weights_hash != to.weights_hash && !vectors.is_empty() {
            let (from, to) = (from.model.shape(), to.model.shape());
            if from.kind != to.kind {
                return Err(format!(
                    "its vectors are of a model that {}, and this one {}",
                    does(from.kind),
                    does(to.kind)
                ));
            }
            if vectors.prefix.is_none() && from.d_model != to.d_model {
                let (from, to) = (from.d_model, to.d_model);
                return Err(format!("its vectors have {from} numbers, and those of this model {to}"));
            }
        }
        let text = match saved.tokenizer_blake3 == to.tokenizer_hash {
            true => &saved.template,
            false => &saved.prompt,
        };
        let template = Template::parse(text).map_err(|e| e.to_string())?;
        let triggers = TriggerTokens(if template.n_trigger() > 0 { saved.trigger_ids.clone() } else { Vec::new() });
        let verbalizer = match task {
            None => Arc::new(
                Verbalizer::new(saved.verbalizer.iter().map(|l| (l.label.clone(), l.words.clone())))
                    .map_err(|e| e.to_string())?,
            ),
            Some(task) => {
                if template.nearest().is_some() || template.pieces().iter().any(|p| matches!(p, Piece::Demo(_))) {
                    return Err("its demonstrations are examples of its own task".into());
                }
                if vectors.labels.is_some() {
                    return Err("its vectors stand for the labels of its own task".into());
                }
                task.verbalizer.clone()
            }
        };
        let prompt = Prompt {
            pool: saved.pool.clone().map(Arc::new),
            ..vectors.put_into(&Prompt::with_triggers(template, triggers, verbalizer))
        };
        Ok(prompt)
    }
}

fn does(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Masked => "fills masks",
        ModelKind::Causal => "continues text",
        ModelKind::Seq2Seq => "reads one text and writes another",
    }
}
