//! From `template_generation` to its state machine.

use std::sync::Arc;

use crate::model::ModelKind;
use crate::prompt::{PromptError, Skeleton, Template};
use crate::runner::RunnerError;
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::discrete::{ScorerFiller, TemplateGeneration as Generation, TemplateGenerationConfig, has_han};
use crate::spec::{SpanFill, TemplateGeneration};

use super::TaskPrompt;

/// The skeletons for a model that `continues` text or not: those of the method, or the usual ones for the columns of the task.
fn skeletons(method: &TemplateGeneration, task: &TaskPrompt, continues: bool) -> Result<Vec<Skeleton>, PromptError> {
    match method.skeletons.is_empty() {
        true => Skeleton::usual(&task.template.columns(), !has_han(&task.template), continues),
        false => Ok(method.skeletons.clone()),
    }
}

/// The skeletons without anything in their gaps. The usual ones are the same for every model with all that stands behind the answer
/// left out.
pub(super) fn templates(method: &TemplateGeneration, task: &TaskPrompt) -> Vec<Template> {
    // The task's columns can be written: they were read.
    let skeletons = skeletons(method, task, true).unwrap_or_default();
    skeletons.iter().map(Skeleton::bare).collect()
}

/// The search for the model of `scorer`. `place` is the item's key path.
pub(super) fn search(
    method: &TemplateGeneration,
    task: &TaskPrompt,
    scorer: &Scorer,
    place: &str,
) -> Result<Box<dyn Search>, RunnerError> {
    let loaded = match &method.generator {
        Some(source) => task.second_model(source, place, "generator")?,
        None => scorer.loaded(),
    };
    let fault = |what: String| RunnerError::Generator { place: place.into(), model: loaded.name.clone(), what };
    let kind = loaded.model.shape().kind;
    let allowed = match method.fill {
        SpanFill::Seq2Seq => kind == ModelKind::Seq2Seq,
        SpanFill::MaskedLm => kind == ModelKind::Masked,
        SpanFill::Auto => kind != ModelKind::Causal,
    };
    if !allowed {
        let what = match method.fill {
            SpanFill::Seq2Seq => "`fill: seq2seq` needs a model with an encoder and a decoder (T5, mT5, BART, mBART)",
            SpanFill::MaskedLm => "`fill: masked_lm` needs a model that fills masks (BERT, RoBERTa, ...)",
            SpanFill::Auto => {
                "gaps are filled by a model with an encoder and a decoder (T5, mT5, BART, mBART) or one that fills masks (BERT, \
                 RoBERTa, ...); name one as `generator`"
            }
        };
        return Err(fault(format!("it {}, and {what}", reads(kind))));
    }
    let continues = scorer.loaded().model.shape().kind == ModelKind::Causal;
    let skeletons = skeletons(method, task, continues).map_err(|error| fault(error.to_string()))?;
    let filler = ScorerFiller::new(Scorer::new(loaded.clone(), *scorer.settings()), scorer, &task.verbalizer);
    for skeleton in &skeletons {
        filler.check(skeleton, &task.verbalizer, method.max_length).map_err(|error| fault(error.to_string()))?;
    }
    let (config, verbalizer) = (config(method), task.verbalizer.clone());
    Ok(Box::new(Generation::new(config, skeletons, verbalizer, Arc::new(filler))))
}

fn reads(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Masked => "fills masks",
        ModelKind::Causal => "continues text",
        ModelKind::Seq2Seq => "reads one text and writes another",
    }
}

fn config(method: &TemplateGeneration) -> TemplateGenerationConfig {
    TemplateGenerationConfig {
        beam: method.beam,
        max_length: method.max_length,
        masks: method.masks.clone(),
        n_examples: method.n_examples,
        n_candidates: method.n_candidates,
    }
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &TemplateGeneration) -> String {
    let generator = method.generator.as_ref().map(|source| format!("generator {source}, ")).unwrap_or_default();
    let n_examples = method.n_examples.map_or_else(|| "all".to_owned(), |n| n.to_string());
    format!(
        "{generator}fill {}, beam {}, max_length {}, n_examples {n_examples}, n_candidates {}",
        method.fill.name(),
        method.beam,
        method.max_length,
        method.n_candidates
    )
}
