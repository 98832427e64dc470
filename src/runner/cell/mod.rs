//! From an item of `search:` to state machines.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::LoadedModel;
use crate::prompt::{Candidate, Prompt, Template, TriggerTokens, Verbalizer};
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::discrete::{Manual, Rephrase, Synonyms};
use crate::seed::Stream;
use crate::spec::{Endpoint, Method, ModelSource, SearchItem, SoftInit};

use super::RunnerError;
use super::corpora::Corpora;
use super::template_lists::{TemplateLists, written_templates};
use soft_prompt::Start;

mod back_translation;
mod bbt;
pub(super) mod demonstrations;
mod fine_tune;
pub(super) mod label_words;
mod mining;
mod optiprompt;
mod p_tuning;
pub(super) mod paraphrase;
mod prefix;
mod soft_prompt;
pub(super) mod template_generation;
mod training;
pub(super) mod trigger;
pub(super) mod wording;

/// One cell of an item's sweep, ready to run.
pub struct Cell {
    /// What tells it from the item's other cells; `None` where there is one.
    pub name: Option<String>,
    /// The search.
    pub search: Box<dyn Search>,
    /// The ids that it may put into a trigger.
    pub vocabulary: Vec<u32>,
    /// A second, smaller model that it asks first.
    pub probe: Option<Arc<Scorer>>,
    /// Whether it weighs how fluent its prompts are, so that the tables show it of each.
    pub fluent: bool,
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
    /// The services that items ask for rewordings, with what they gave.
    pub rephrase: Vec<(Endpoint, Arc<dyn Rephrase>)>,
    /// The lists of templates that items name.
    pub lists: TemplateLists,
    /// The corpora that items name, opened.
    pub corpora: Corpora,
    /// The template of the winners that items start from, by the label of the item that finds them.
    pub starts: BTreeMap<String, Template>,
    /// The winner that the trial at hand starts from.
    pub winner: Option<Prompt>,
    /// The second models that items name, by their sources as written.
    pub second_models: BTreeMap<String, LoadedModel>,
}

impl TaskPrompt {
    /// A second model that was opened before. `place` is the key path of the item, `key` the one under which it names the model.
    ///
    /// # Errors
    /// [`RunnerError::Generator`] if it was not.
    fn second_model(&self, source: &ModelSource, place: &str, key: &str) -> Result<&LoadedModel, RunnerError> {
        let source = source.to_string();
        self.second_models.get(&source).ok_or_else(|| RunnerError::Generator {
            place: format!("{place}.{key}"),
            model: source.clone(),
            what: "it was not opened".into(),
        })
    }
}

/// Every prompt of an item whose trigger tokens and vectors do not matter, to be checked against a model before anything runs.
pub fn prompts(item: &SearchItem, task: &TaskPrompt) -> Vec<Prompt> {
    item.cells.iter().flat_map(|method| bare(method, task)).collect()
}

fn bare(method: &Method, task: &TaskPrompt) -> Vec<Prompt> {
    let templates = match method {
        Method::Manual(manual) => match written_templates(manual, &task.lists) {
            none if none.is_empty() => vec![task.template.clone()],
            written => written,
        },
        Method::Paraphrase(paraphrase) => paraphrase::templates(paraphrase, task),
        Method::SoftPrompt(soft_prompt) | Method::Warp(soft_prompt) => soft_prompt::templates(soft_prompt, task),
        Method::Prefix(prefix) => prefix::templates(prefix, task),
        Method::PTuning(method) => p_tuning::templates(method, task),
        Method::Optiprompt(method) => optiprompt::templates(method, task),
        Method::Bbt(method) => bbt::templates(method, task),
        Method::FineTune(method) => fine_tune::templates(method, task),
        Method::Demonstrations(demonstrations) => demonstrations::templates(demonstrations, task),
        Method::LabelWords(method) => label_words::template(method.template.as_ref(), task),
        Method::TemplateAndWords(method) => label_words::template(method.template.as_ref(), task),
        Method::TemplateGeneration(method) => template_generation::templates(method, task),
        Method::Edits(method) => wording::templates(&method.starts, task),
        Method::Evolution(method) => wording::templates(&method.starts, task),
        // What is mined asks the model as much as the task's own template does.
        Method::Mining(_) => vec![task.template.clone()],
        Method::Random(_) | Method::Autoprompt(_) | Method::Gcg(_) | Method::Pez(_) => {
            method.trigger_template(&task.template).into_iter().collect()
        }
    };
    templates
        .into_iter()
        .map(|template| {
            let triggers = TriggerTokens(vec![0; template.n_trigger()]);
            let prompt = Prompt::with_triggers(template, triggers, task.verbalizer.clone());
            match method {
                Method::FineTune(method) => fine_tune::untrained(method, prompt),
                _ => prompt,
            }
        })
        .collect()
}

/// The searches of an item for one model and seed. `place` is the item's key path, `purpose` what its random streams are
/// keyed by.
///
/// # Errors
/// [`RunnerError`], where what an item asks does not fit the model.
pub fn cells(
    item: &SearchItem,
    task: &TaskPrompt,
    scorer: &Scorer,
    seed: u64,
    purpose: &str,
    place: &str,
) -> Result<Vec<Cell>, RunnerError> {
    let several = item.cells.len() > 1;
    item.cells
        .iter()
        .enumerate()
        .map(|(index, method)| {
            let stream = || Stream::new(seed, purpose, format!("{index}").as_bytes());
            let mut prompts = bare(method, task);
            let (search, vocabulary): (Box<dyn Search>, _) = match method {
                Method::Manual(_) => (Box::new(Manual::new(prompts.into_iter().map(written).collect())), Vec::new()),
                Method::Paraphrase(paraphrase) => {
                    (paraphrase::search(paraphrase, &prompts, task, scorer, stream(), place)?, Vec::new())
                }
                Method::Edits(method) => (wording::edits(method, &prompts, task, scorer, stream(), place)?, Vec::new()),
                Method::Evolution(method) => {
                    (wording::evolution(method, &prompts, task, scorer, stream(), place)?, Vec::new())
                }
                Method::LabelWords(method) => (label_words::search(method, prompts.remove(0)), Vec::new()),
                Method::TemplateAndWords(method) => {
                    let purpose = purpose.to_owned();
                    let stream = move |turn| Stream::new(seed, &purpose, format!("{index} turn {turn}").as_bytes());
                    (label_words::search_both(method, prompts.remove(0), task, scorer, stream, place)?, Vec::new())
                }
                Method::SoftPrompt(soft_prompt) | Method::Warp(soft_prompt) => (
                    soft_prompt::search(method.name(), soft_prompt, prompts.remove(0), task, scorer, stream(), place)?,
                    Vec::new(),
                ),
                Method::Prefix(prefix) => {
                    (prefix::search(prefix, prompts.remove(0), scorer, stream(), place)?, Vec::new())
                }
                Method::FineTune(method) => {
                    (fine_tune::search(method, prompts.remove(0), scorer, stream(), place)?, Vec::new())
                }
                Method::Bbt(method) => (bbt::search(method, prompts.remove(0), scorer, stream(), place)?, Vec::new()),
                Method::Optiprompt(method) => {
                    let start = Start {
                        method: "optiprompt",
                        init: &SoftInit::Vocab,
                        soft_verbalizer: false,
                        training: &method.training,
                    };
                    (soft_prompt::train(&start, prompts.remove(0), scorer, stream(), place)?, Vec::new())
                }
                Method::PTuning(method) => (p_tuning::search(method, prompts.remove(0), scorer, stream()), Vec::new()),
                Method::TemplateGeneration(method) => {
                    (template_generation::search(method, task, scorer, place)?, Vec::new())
                }
                Method::Mining(method) => (mining::search(method, task, scorer, place)?, Vec::new()),
                Method::Demonstrations(method) => (demonstrations::search(method, task, stream()), Vec::new()),
                Method::Random(_) | Method::Autoprompt(_) | Method::Gcg(_) | Method::Pez(_) => {
                    let prompt = prompts.remove(0);
                    trigger::search(method, trigger::Parts { prompt, task, scorer, stream: stream(), place })?
                }
            };
            Ok(Cell {
                name: several.then(|| format!("cell {index}: {}", describe(method))),
                search,
                vocabulary,
                probe: trigger::probe(method, task, scorer),
                fluent: method.walk().is_some_and(|walk| walk.fluency > 0.0),
            })
        })
        .collect()
}

/// A prompt as somebody wrote it.
fn written(prompt: Prompt) -> Candidate {
    Candidate { prompt, parent: None, origin: "written".into() }
}

fn describe(method: &Method) -> String {
    match method {
        Method::Manual(_) => "manual".into(),
        Method::Paraphrase(m) => paraphrase::describe(m),
        Method::SoftPrompt(m) | Method::Warp(m) => soft_prompt::describe(m),
        Method::Prefix(m) => prefix::describe(m),
        Method::PTuning(m) => p_tuning::describe(m),
        Method::Optiprompt(m) => optiprompt::describe(m),
        Method::Bbt(m) => bbt::describe(m),
        Method::FineTune(m) => fine_tune::describe(m),
        Method::Demonstrations(m) => demonstrations::describe(m),
        Method::LabelWords(m) => label_words::describe(&m.words, m.template.as_ref()),
        Method::TemplateAndWords(m) => label_words::describe(&m.words, m.template.as_ref()),
        Method::TemplateGeneration(m) => template_generation::describe(m),
        Method::Edits(m) => wording::describe_edits(m),
        Method::Evolution(m) => wording::describe_evolution(m),
        Method::Mining(m) => mining::describe(m),
        Method::Random(_) | Method::Autoprompt(_) | Method::Gcg(_) | Method::Pez(_) => trigger::describe(method),
    }
}
