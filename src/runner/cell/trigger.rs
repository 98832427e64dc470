//! From searches over trigger tokens to their state machines.

use std::sync::Arc;

use crate::prompt::Prompt;
use crate::runner::RunnerError;
use crate::scoring::{Scorer, trigger_vocabulary};
use crate::search::Search;
use crate::search::discrete::{
    Autoprompt, AutopromptConfig, Gcg, GcgConfig, Objective, Pez, PezConfig, ProbeConfig, Random,
};
use crate::seed::Stream;
use crate::spec::{Method, Probe, TriggerSlots, Walk};

use super::TaskPrompt;

/// Tokens that `top_k: auto` takes where there are so many, as in the published program.
const TOP_K: usize = 256;

/// What searches over trigger tokens are made of beside their parameters.
pub(super) struct Parts<'a> {
    pub prompt: Prompt,
    pub task: &'a TaskPrompt,
    pub scorer: &'a Scorer,
    pub stream: Stream,
    /// The item's key path.
    pub place: &'a str,
}

/// The search of a method, and the ids that it may use.
pub(super) fn search(method: &Method, parts: Parts<'_>) -> Result<(Box<dyn Search>, Vec<u32>), RunnerError> {
    let vocabulary = match method.trigger_slots() {
        Some(slots) => vocabulary(slots, &parts)?,
        None => Vec::new(),
    };
    let initial = initial(method.walk(), &parts)?;
    let Parts { prompt, stream, .. } = parts;
    let search: Box<dyn Search> = match method {
        Method::Autoprompt(method) => Box::new(Autoprompt::new(autoprompt(method), prompt, initial, stream)),
        Method::Gcg(method) => {
            let n_tokens = vocabulary.len();
            if let Some(top_k) = method.top_k.filter(|&top_k| top_k > n_tokens) {
                let (place, model) = (parts.place.into(), parts.scorer.loaded().name.clone());
                return Err(RunnerError::TopK { place, top_k, n_tokens, model });
            }
            Box::new(Gcg::new(gcg(method, n_tokens), prompt, initial, stream))
        }
        Method::Pez(method) => Box::new(Pez::new(pez(method), prompt, initial, stream)),
        _ => Box::new(Random::new(prompt, stream)),
    };
    Ok((search, vocabulary))
}

/// The second model of a method, ready to score.
pub(in crate::runner) fn probe(method: &Method, task: &TaskPrompt, scorer: &Scorer) -> Option<Arc<Scorer>> {
    let Method::Gcg(crate::spec::Gcg { probe: Some(Probe { model, .. }), .. }) = method else { return None };
    let loaded = task.second_models.get(&model.to_string())?;
    Some(Arc::new(Scorer::new(loaded.clone(), *scorer.settings())))
}

fn vocabulary(slots: &TriggerSlots, parts: &Parts<'_>) -> Result<Vec<u32>, RunnerError> {
    let loaded = parts.scorer.loaded();
    let vocabulary = trigger_vocabulary(&loaded.tokenizer, &parts.task.verbalizer, &slots.filter);
    if vocabulary.is_empty() {
        let filter = slots.filter.describe();
        return Err(RunnerError::NoToken { place: parts.place.into(), filter, model: loaded.name.clone() });
    }
    Ok(vocabulary)
}

/// The tokens of the text that a search begins with.
fn initial(walk: Option<&Walk>, parts: &Parts<'_>) -> Result<Vec<u32>, RunnerError> {
    let Some(text) = walk.and_then(|walk| walk.init.as_ref()) else { return Ok(Vec::new()) };
    let ids = parts.scorer.loaded().tokenizer.encode_text(text);
    let n_trigger = parts.prompt.template.n_trigger();
    if (1..=n_trigger).contains(&ids.len()) {
        return Ok(ids);
    }
    Err(RunnerError::Initial {
        place: parts.place.into(),
        text: text.clone(),
        found: ids.len(),
        n_trigger,
        model: parts.scorer.loaded().name.clone(),
    })
}

fn objective(walk: &Walk) -> Objective {
    Objective { fluency: walk.fluency, n_texts: walk.fluency_texts }
}

fn autoprompt(method: &crate::spec::Autoprompt) -> AutopromptConfig {
    AutopromptConfig {
        n_candidates: method.n_candidates,
        positions: method.positions,
        beam: method.beam,
        batch_size: method.walk.batch_size,
        patience: method.walk.patience,
        restarts: method.walk.restarts,
        objective: objective(&method.walk),
    }
}

fn gcg(method: &crate::spec::Gcg, n_tokens: usize) -> GcgConfig {
    GcgConfig {
        top_k: method.top_k.unwrap_or(TOP_K).min(n_tokens),
        search_width: method.search_width,
        n_replace: method.n_replace,
        buffer_size: method.buffer_size,
        stable: method.stable,
        probe: method
            .probe
            .as_ref()
            .map(|probe| ProbeConfig { sampling_factor: probe.sampling_factor, reduction: probe.reduction }),
        batch_size: method.walk.batch_size,
        patience: method.walk.patience,
        restarts: method.walk.restarts,
        objective: objective(&method.walk),
    }
}

fn pez(method: &crate::spec::Pez) -> PezConfig {
    PezConfig {
        learning_rate: method.learning_rate,
        weight_decay: method.weight_decay,
        nearness: method.nearness,
        eval_every: method.eval_every,
        batch_size: method.walk.batch_size,
        patience: method.walk.patience,
        restarts: method.walk.restarts,
        objective: objective(&method.walk),
    }
}

/// The evaluations of one step, at most: `examples` passes of a batch, `likelihood` what a prompt's likelihood costs; `None`
/// for a method that goes along no gradient of trigger tokens.
pub(in crate::runner) fn step_cost(
    method: &Method,
    examples: u64,
    n_trigger: usize,
    likelihood: u64,
    probe_cost: impl Fn(u64) -> u64,
) -> Option<u64> {
    match method {
        Method::Autoprompt(method) => Some(autoprompt(method).step_cost(examples, n_trigger, likelihood)),
        Method::Gcg(method) => Some(gcg(method, usize::MAX).step_cost(examples, n_trigger, likelihood, probe_cost)),
        Method::Pez(method) => Some(pez(method).step_cost(examples, likelihood)),
        _ => None,
    }
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &Method) -> String {
    let Some(TriggerSlots { n_trigger, filter, .. }) = method.trigger_slots() else { return method.name().into() };
    let filter = filter.describe();
    let own = match method {
        Method::Autoprompt(m) => {
            format!(", n_candidates {}, positions {}, beam {}", m.n_candidates, m.positions, m.beam)
        }
        Method::Gcg(m) => format!(
            ", top_k {}, search_width {}, n_replace {}, buffer_size {}",
            m.top_k.map_or_else(|| "auto".into(), |k| k.to_string()),
            m.search_width,
            m.n_replace,
            m.buffer_size
        ),
        Method::Pez(m) => format!(
            ", learning_rate {}, weight_decay {}, nearness {}, eval_every {}",
            m.learning_rate,
            m.weight_decay,
            m.nearness.name(),
            m.eval_every
        ),
        _ => String::new(),
    };
    let walk = method.walk().map(|walk| {
        let init = walk.init.as_ref().map(|init| format!(", init `{init}`")).unwrap_or_default();
        format!(", batch_size {}, patience {}, fluency {}{init}", walk.batch_size, walk.patience, walk.fluency)
    });
    let filter = if filter.is_empty() { String::new() } else { format!(", {filter}") };
    format!("n_trigger {n_trigger}{filter}{own}{}", walk.unwrap_or_default())
}
