//! From `bbt` to its state machine.

use crate::prompt::{Prompt, SoftSlot, Template};
use crate::runner::RunnerError;
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::continuous::{Bbt, BbtConfig, Trained, embedding_spread, usual_population};
use crate::seed::Stream;
use crate::spec::BbtParameters;

use super::TaskPrompt;
use super::soft_prompt::{Begun, begun, init_words};

/// The template that it searches in.
pub(super) fn templates(method: &BbtParameters, task: &TaskPrompt) -> Vec<Template> {
    vec![method.template.as_ref().unwrap_or(&task.template).with_soft(SoftSlot::Count(method.n_soft))]
}

/// The search. `place` is the item's key path.
pub(super) fn search(
    method: &BbtParameters,
    prompt: Prompt,
    scorer: &Scorer,
    mut stream: Stream,
    place: &str,
) -> Result<Box<dyn Search>, RunnerError> {
    let Begun { prompt, values, origin } = begun(&method.init, prompt, scorer, &mut stream, place)?;
    let model = &*scorer.loaded().model;
    let trained = Trained::soft(values, model.shape().d_model);
    let config = BbtConfig {
        population: method.population.unwrap_or_else(|| usual_population(method.intrinsic_dim)),
        sigma: method.sigma,
        batch_size: method.batch_size,
        eval_every: method.eval_every,
        patience: method.patience,
        generations: method.generations,
    };
    let subspace = (method.intrinsic_dim, embedding_spread(model));
    Ok(Box::new(Bbt::new(config, prompt, trained, subspace, origin, stream)))
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &BbtParameters) -> String {
    let population = method.population.map(|n| format!(", population {n}")).unwrap_or_default();
    let generations = method.generations.map(|n| format!(", generations {n}")).unwrap_or_default();
    let template = method.template.as_ref().map(|template| format!(", template {template}")).unwrap_or_default();
    format!(
        "n_soft {}, init {}, intrinsic_dim {}{population}, sigma {}, batch_size {}, eval_every {}, patience {}{generations}\
         {template}",
        method.n_soft,
        init_words(&method.init),
        method.intrinsic_dim,
        method.sigma,
        method.batch_size,
        method.eval_every,
        method.patience
    )
}
