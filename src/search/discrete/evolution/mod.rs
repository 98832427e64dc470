//! Templates bred from templates: a population whose phrases are recombined and whose words are mutated.
//!
//! The first population is what somebody wrote and, up to `population`, paraphrases of it. A generation makes as many children:
//!
//! - `ga`: two parents by roulette wheel, their phrases crossed, and with the chance `mutation` a word of the child replaced, put in
//!   or left out by the generators of [`super::paraphrase`]. The best of parents and children together survive.
//! - `de`: for each member x and two others a and b, what b says otherwise than a is put into the best, each difference with the
//!   chance 1/2; a word of what was put in is mutated; the outcome is crossed with x, and replaces x if it is better.
//!
//! # Source
//!
//! EvoPrompt (arXiv 2309.08532), and its defaults: a population of 10, as many children, roulette wheel, the top N of 2N (GA) and one
//! to one (DE). There a large model does both operators by instruction; here phrases are aligned and words come from the frozen model
//! and from thesauri, so that nothing but the model under study is needed.
//!
//! # Decisions
//!
//! - 2026-11: the loss on a fixed batch of train decides who survives, as in `edits` and `paraphrase`; survivors that are new go to
//!   selection, so that every parent has a number. At 0 shots all children do, and the label-free score decides.
//! - 2026-11: the wheel's share of a parent is exp(-loss), the geometric mean of the probabilities of the right answers (at 0 shots the
//!   label-free score, which is none below 0). Refused: accuracy on the batch, which is the same for most of a population.
//! - 2026-11: a child takes the slots, their order and what stands at the ends of each gap between them from one parent; gaps of the
//!   other are found by the slot to their right. So parents whose slots stand in another order can be crossed, and no slot is lost or
//!   doubled. Phrases of a gap are aligned by the words that they share.
//! - 2026-11: of members whose predictions agree on all selection examples the best stays and the others leave the population, which
//!   counts as a look at selection.
//! - 2026-11: every child of the published methods is mutated. A mutation here costs evaluations and, of a child that is new by
//!   crossing alone, hides what crossing did: `mutation: 0.5`. A child that is not new is mutated always.
//! - 2026-11: with `generators: [endpoint]` a service words what it can word before the run begins: rewordings of the templates to start
//!   from, which fill the first population and mutate those templates, and children of every pair of them, which come before phrases
//!   are crossed. Later generations are bred here. Refused: asking in each generation, as EvoPrompt does: what that costs nobody can
//!   tell beforehand, trials would wait for a service, and shards would not read the same answers.
//! - 2026-11-25, `experiments/evolution.yaml` and `evolution-zh.yaml`: 16 shots, 3,000 evaluations, five seeds, mean test accuracy with
//!   its 95 % interval. English: `ga` 0.604 [0.549, 0.656], `de` 0.608 [0.550, 0.664], `random` 0.630, `manual` 0.625. Chinese: `ga`
//!   0.581 [0.511, 0.648], `de` 0.589 [0.512, 0.662], `random` 0.612, `manual` 0.545. Dev rose (Chinese 0.644 to 0.725) and test did
//!   not follow: no difference is resolved, and neither beats random words on models this small.

mod align;
mod config;
mod crossing;
mod genome;
mod offspring;
mod search;
#[cfg(test)]
mod tests;

pub use config::{Algorithm, Crossover, EvolutionConfig};
pub use search::Evolution;
