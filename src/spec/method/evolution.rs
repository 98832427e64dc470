//! `evolution`: templates bred from templates.

use super::super::error::SpecError;
use super::super::reader::{At, Reader};
use super::Method;
use super::manual::Manual;
use super::paraphrase::{self, Paraphrase};
use super::sweep::{each, sweep, within};

/// How a generation follows another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EvolutionAlgorithm {
    /// A genetic algorithm.
    #[default]
    Ga,
    /// Differential evolution.
    De,
}

impl EvolutionAlgorithm {
    const ALL: [(&'static str, Self); 2] = [("ga", Self::Ga), ("de", Self::De)];

    /// The name in YAML and tables.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// Where a child changes from one parent to the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CrossoverKind {
    /// At every phrase with the chance 1/2.
    #[default]
    Uniform,
    /// At one place.
    SinglePoint,
}

impl CrossoverKind {
    const ALL: [(&'static str, Self); 2] = [("uniform", Self::Uniform), ("single_point", Self::SinglePoint)];

    /// The name in YAML.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// Parameters of `evolution`.
#[derive(Debug, Clone, PartialEq)]
pub struct Evolution {
    /// The templates to start from; default those of the first `manual` item, else the task's.
    pub starts: Manual,
    /// Where words come from, and the train examples on which templates are compared; its own templates, candidates, beam and rounds
    /// say nothing.
    pub rewriting: Paraphrase,
    /// How a generation follows another; default `ga`.
    pub algorithm: EvolutionAlgorithm,
    /// Templates of a generation; default 10.
    pub population: usize,
    /// Where a child changes from one parent to the other; default `uniform`.
    pub crossover: CrossoverKind,
    /// The chance that a child that is new by crossing is mutated too; default 0.5.
    pub mutation: f64,
    /// The generations; by default as many as the budget allows.
    pub generations: Option<usize>,
}

/// Its keys.
const KEYS: [&str; 15] = [
    "method",
    "templates",
    "templates_from",
    "cut_behind_mask",
    "generators",
    "algorithm",
    "population",
    "crossover",
    "mutation",
    "generations",
    "batch_size",
    "n_texts",
    "likelihood",
    "synonyms",
    "endpoint",
];

/// Its cells; `None` where they are too many. `written` is what a person wrote.
pub(super) fn read(reader: &mut Reader, at: At, written: &Manual) -> Result<Option<Vec<Method>>, SpecError> {
    let known: Vec<&str> = KEYS.iter().copied().chain(["back_translation", "multi_token"]).collect();
    let fields = reader.fields(at.clone(), &known)?;
    let Some(rewritings) = paraphrase::parameters(reader, &fields, &at, Vec::new(), (1, 1))? else { return Ok(None) };
    let starts = paraphrase::starts(reader, &fields, &rewritings, written)?;
    let algorithm = sweep(reader, &fields, "algorithm", vec![EvolutionAlgorithm::default()], |reader, at| {
        reader.choice(at, "algorithm", &EvolutionAlgorithm::ALL, &[])
    })?;
    let population =
        sweep(reader, &fields, "population", vec![10], |reader, at| Ok(reader.whole(at, 2..=10_000)? as usize))?;
    let crossover = sweep(reader, &fields, "crossover", vec![CrossoverKind::default()], |reader, at| {
        reader.choice(at, "crossover", &CrossoverKind::ALL, &[])
    })?;
    let mutation = sweep(reader, &fields, "mutation", vec![0.5], |reader, at| reader.number(at, 0.0..=1.0))?;
    let generations = sweep(reader, &fields, "generations", vec![None], |reader, at| {
        Ok(Some(reader.whole(at, 1..=1_000_000)? as usize))
    })?;
    let lengths =
        [rewritings.len(), algorithm.len(), population.len(), crossover.len(), mutation.len(), generations.len()];
    if !within(reader, &at, &lengths) {
        return Ok(None);
    }
    let cells = rewritings.into_iter().map(|rewriting| Evolution {
        starts: starts.clone(),
        rewriting: Paraphrase { templates: Vec::new(), ..rewriting },
        algorithm: EvolutionAlgorithm::default(),
        population: 0,
        crossover: CrossoverKind::default(),
        mutation: 0.0,
        generations: None,
    });
    let cells = each(cells.collect(), &algorithm, |cell, &value| cell.algorithm = value);
    let cells = each(cells, &population, |cell, &value| cell.population = value);
    let cells = each(cells, &crossover, |cell, &value| cell.crossover = value);
    let cells = each(cells, &mutation, |cell, &value| cell.mutation = value);
    let cells = each(cells, &generations, |cell, &value| cell.generations = value);
    Ok(Some(cells.into_iter().map(|cell| Method::Evolution(Box::new(cell))).collect()))
}
