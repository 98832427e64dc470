//! `bbt`: virtual tokens moved in a random subspace by evolution, forward passes only.

use super::super::error::SpecError;
use super::super::reader::{At, Reader};
use super::Method;
use super::soft_prompt::{SoftInit, inits};
use super::soft_templates::soft_templates;
use super::sweep::{each, sweep, within};
use crate::prompt::{MAX_SOFT, Template};

/// Parameters of `bbt` (Sun et al. 2022, arXiv 2201.03514).
#[derive(Debug, Clone, PartialEq)]
pub struct BbtParameters {
    /// Virtual tokens, 1 to 500; default 5 (published: 50). A template with `{soft:N}` or `{soft:"text"}` of its own says how many.
    pub n_soft: usize,
    /// What they start from; default [`SoftInit::Vocab`].
    pub init: SoftInit,
    /// Axes of the subspace, 1 to 1000; default 50 (published: 500, for a budget of 8,000 x 32 evaluations).
    pub intrinsic_dim: usize,
    /// Samples of a generation, 4 to 10,000; default `4 + 3 ln intrinsic_dim` (published: 20).
    pub population: Option<usize>,
    /// The first step, in deviations of the model's embeddings; default 0.5.
    pub sigma: f64,
    /// Train examples on which a generation is compared; default 16.
    pub batch_size: usize,
    /// Generations between two looks at dev; default 2.
    pub eval_every: usize,
    /// Looks at dev without a better one before the search ends; default 8.
    pub patience: usize,
    /// The most generations; by default as many as the budget allows.
    pub generations: Option<usize>,
    /// The template; default the task's with the virtual tokens in front.
    pub template: Option<Template>,
}

/// Its keys.
const KEYS: [&str; 13] = [
    "method",
    "n_soft",
    "init",
    "init_text",
    "intrinsic_dim",
    "population",
    "sigma",
    "batch_size",
    "eval_every",
    "patience",
    "generations",
    "template",
    "multi_token",
];

/// Its cells; `None` where they are too many.
pub(super) fn read(reader: &mut Reader, at: At) -> Result<Option<Vec<Method>>, SpecError> {
    let fields = reader.fields(at.clone(), &KEYS)?;
    let n_soft =
        sweep(reader, &fields, "n_soft", vec![5], |reader, at| Ok(reader.whole(at, 1..=MAX_SOFT as u64)? as usize))?;
    let inits = inits(reader, &fields)?;
    if let Some(at) = fields.get("init").filter(|_| inits.iter().any(|init| matches!(init, SoftInit::Winner(_)))) {
        reader.value(&at, "`from` is read by soft_prompt only (allowed here: vocab, random, labels, text)");
    }
    let mut whole = |key: &str, default: usize, most: u64| {
        sweep(reader, &fields, key, vec![default], |reader, at| Ok(reader.whole(at, 1..=most)? as usize))
    };
    let intrinsic_dim = whole("intrinsic_dim", 50, 1_000)?;
    let batch_size = whole("batch_size", 16, 100_000)?;
    let eval_every = whole("eval_every", 2, 1_000_000)?;
    let patience = whole("patience", 8, 1_000_000)?;
    let mut optional = |key: &str, least: u64, most: u64| {
        sweep(reader, &fields, key, vec![None], |reader, at| Ok(Some(reader.whole(at, least..=most)? as usize)))
    };
    let population = optional("population", 4, 10_000)?;
    let generations = optional("generations", 1, 100_000_000)?;
    let sigma = sweep(reader, &fields, "sigma", vec![0.5], |reader, at| reader.number(at, f64::MIN_POSITIVE..=1e3))?;
    let templates = soft_templates(reader, &fields)?;
    let lengths = [
        n_soft.len(),
        inits.len(),
        intrinsic_dim.len(),
        population.len(),
        sigma.len(),
        batch_size.len(),
        eval_every.len(),
        patience.len(),
        generations.len(),
        templates.len(),
    ];
    if !within(reader, &at, &lengths) {
        return Ok(None);
    }
    let mut cells = vec![BbtParameters {
        n_soft: 0,
        init: SoftInit::Vocab,
        intrinsic_dim: 0,
        population: None,
        sigma: 0.0,
        batch_size: 0,
        eval_every: 0,
        patience: 0,
        generations: None,
        template: None,
    }];
    cells = each(cells, &n_soft, |cell, &value| cell.n_soft = value);
    cells = each(cells, &inits, |cell, value| cell.init.clone_from(value));
    cells = each(cells, &intrinsic_dim, |cell, &value| cell.intrinsic_dim = value);
    cells = each(cells, &population, |cell, &value| cell.population = value);
    cells = each(cells, &sigma, |cell, &value| cell.sigma = value);
    cells = each(cells, &batch_size, |cell, &value| cell.batch_size = value);
    cells = each(cells, &eval_every, |cell, &value| cell.eval_every = value);
    cells = each(cells, &patience, |cell, &value| cell.patience = value);
    cells = each(cells, &generations, |cell, &value| cell.generations = value);
    cells = each(cells, &templates, |cell, value| cell.template.clone_from(value));
    Ok(Some(cells.into_iter().map(Method::Bbt).collect()))
}
