//! From `mining` to its state machine.

use crate::model::ModelKind;
use crate::runner::RunnerError;
use crate::runner::corpora::sentences;
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::discrete::{Ground, Mining as Miner, MiningConfig, Setting};
use crate::spec::{MinedPlace, Mining};

use super::TaskPrompt;

/// The search for the model of `scorer`. `place` is the item's key path.
pub(super) fn search(
    method: &Mining,
    task: &TaskPrompt,
    scorer: &Scorer,
    place: &str,
) -> Result<Box<dyn Search>, RunnerError> {
    let fault = |what: String| RunnerError::Mining { place: place.into(), what };
    let loaded = scorer.loaded();
    let continues = loaded.model.shape().kind == ModelKind::Causal;
    let Some(setting) = Setting::of(&task.template, continues) else {
        let columns = task.template.columns().join(", ");
        return Err(fault(format!(
            "the task's template shows {columns}, and what is mined goes with one text (a template with one column, or another method)"
        )));
    };
    let ground = match method.of_facts {
        true => Ground::Facts,
        false => Ground::Labels(method.place.clone()),
    };
    if continues && ground == Ground::Labels(vec![MinedPlace::Before]) {
        return Err(fault(format!(
            "{} continues text, so that its answer stands last, and `place: before` puts the text behind it (allowed: after)",
            loaded.source
        )));
    }
    let config = MiningConfig {
        ground,
        n_templates: method.n_templates,
        min_support: method.min_support,
        max_words: method.max_words,
        window: method.window,
    };
    let corpus = sentences(&task.corpora, method);
    Ok(Box::new(Miner::new(config, setting, task.verbalizer.clone(), corpus)))
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &Mining) -> String {
    format!(
        "n_templates {}, min_support {}, max_words {}, window {}",
        method.n_templates, method.min_support, method.max_words, method.window
    )
}
