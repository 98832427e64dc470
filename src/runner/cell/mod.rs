//! From an item of `search:` to state machines.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::prompt::{Candidate, Prompt, Template, TriggerTokens, Verbalizer};
use crate::scoring::{Scorer, VocabularyFilter, trigger_vocabulary};
use crate::search::Search;
use crate::search::discrete::{Autoprompt, AutopromptConfig, Manual, Random, Synonyms};
use crate::seed::Stream;
use crate::spec::{Method, SearchItem};

use super::RunnerError;

pub(super) mod demonstrations;
pub(super) mod paraphrase;
mod soft_prompt;

/// One cell of an item's sweep, ready to run.
pub struct Cell {
    /// What tells it from the item's other cells; `None` where there is one.
    pub name: Option<String>,
    /// The search.
    pub search: Box<dyn Search>,
    /// The ids that it may put into a trigger.
    pub vocabulary: Vec<u32>,
}

/// The prompt that a task starts from.
#[derive(Debug, Clone)]
pub struct TaskPrompt {
    /// The plain template.
    pub template: Template,
    /// The label words, in the order of the data's labels.
    pub verbalizer: Arc<Verbalizer>,
    /// The lists of synonyms that items name, by their paths as written.
    pub synonyms: BTreeMap<PathBuf, Arc<Synonyms>>,
}

/// Every prompt of an item whose trigger tokens and vectors do not matter, to be checked against a model before anything runs.
pub fn prompts(item: &SearchItem, task: &TaskPrompt) -> Vec<Prompt> {
    item.cells.iter().flat_map(|method| bare(method, task)).collect()
}

fn bare(method: &Method, task: &TaskPrompt) -> Vec<Prompt> {
    let templates = match method {
        Method::Manual(manual) if manual.templates.is_empty() => vec![task.template.clone()],
        Method::Manual(manual) => manual.templates.clone(),
        Method::Paraphrase(paraphrase) => paraphrase::templates(paraphrase, task),
        Method::SoftPrompt(soft_prompt) => soft_prompt::templates(soft_prompt, task),
        Method::Demonstrations(demonstrations) => demonstrations::templates(demonstrations, task),
        Method::Random(_) | Method::Autoprompt(_) => method.trigger_template(&task.template).into_iter().collect(),
    };
    templates
        .into_iter()
        .map(|template| {
            let triggers = TriggerTokens(vec![0; template.n_trigger()]);
            Prompt::with_triggers(template, triggers, task.verbalizer.clone())
        })
        .collect()
}

/// The searches of an item for one model and seed. `place` is the item's key path, `purpose` what its random streams are
/// keyed by.
///
/// # Errors
/// [`RunnerError::Initial`].
pub fn cells(
    item: &SearchItem,
    task: &TaskPrompt,
    scorer: &Scorer,
    seed: u64,
    purpose: &str,
    place: &str,
) -> Result<Vec<Cell>, RunnerError> {
    let tokenizer = &scorer.loaded().tokenizer;
    let several = item.cells.len() > 1;
    item.cells
        .iter()
        .enumerate()
        .map(|(index, method)| {
            let vocabulary =
                |words_only| trigger_vocabulary(tokenizer, &task.verbalizer, VocabularyFilter { words_only });
            let stream = || Stream::new(seed, purpose, format!("{index}").as_bytes());
            let mut prompts = bare(method, task);
            let (search, vocabulary): (Box<dyn Search>, _) = match method {
                Method::Manual(_) => (Box::new(Manual::new(prompts.into_iter().map(written).collect())), Vec::new()),
                Method::Random(random) => {
                    (Box::new(Random::new(prompts.remove(0), stream())), vocabulary(random.words_only))
                }
                Method::Autoprompt(autoprompt) => {
                    let prompt = prompts.remove(0);
                    let initial = match &autoprompt.initial {
                        None => None,
                        Some(text) => Some(initial_tokens(text, &prompt, scorer, place)?),
                    };
                    let config = AutopromptConfig {
                        n_candidates: autoprompt.n_candidates,
                        batch_size: autoprompt.batch_size,
                        patience: autoprompt.patience,
                        restarts: None,
                    };
                    let search = Autoprompt::new(config, prompt, initial, stream());
                    (Box::new(search), vocabulary(autoprompt.words_only))
                }
                Method::Paraphrase(paraphrase) => {
                    (paraphrase::search(paraphrase, &prompts, task, stream(), place)?, Vec::new())
                }
                Method::SoftPrompt(soft_prompt) => {
                    (soft_prompt::search(soft_prompt, prompts.remove(0), scorer, stream(), place)?, Vec::new())
                }
                Method::Demonstrations(method) => (demonstrations::search(method, task, stream()), Vec::new()),
            };
            Ok(Cell { name: several.then(|| format!("cell {index}: {}", describe(method))), search, vocabulary })
        })
        .collect()
}

/// A prompt as somebody wrote it.
fn written(prompt: Prompt) -> Candidate {
    Candidate { prompt, parent: None, origin: "written".into() }
}

fn initial_tokens(text: &str, prompt: &Prompt, scorer: &Scorer, place: &str) -> Result<Vec<u32>, RunnerError> {
    let ids = scorer.loaded().tokenizer.encode_text(text);
    let n_trigger = prompt.template.n_trigger();
    if ids.len() == n_trigger {
        return Ok(ids);
    }
    Err(RunnerError::Initial {
        place: place.into(),
        text: text.into(),
        found: ids.len(),
        n_trigger,
        model: scorer.loaded().name.clone(),
    })
}

fn describe(method: &Method) -> String {
    match method {
        Method::Manual(_) => "manual".into(),
        Method::Random(m) => format!("n_trigger {}", m.n_trigger),
        Method::Autoprompt(m) => format!(
            "n_trigger {}, n_candidates {}, batch_size {}, patience {}",
            m.n_trigger, m.n_candidates, m.batch_size, m.patience
        ),
        Method::Paraphrase(m) => paraphrase::describe(m),
        Method::SoftPrompt(m) => soft_prompt::describe(m),
        Method::Demonstrations(m) => demonstrations::describe(m),
    }
}
