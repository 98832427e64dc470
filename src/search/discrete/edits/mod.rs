//! Phrases of the templates deleted, exchanged, said in other words and put back: the best of a few edits is gone on from.
//!
//! An iteration makes `n_candidates` templates from each of the best so far, by `n_compose` edits each. An edit is one of four, each
//! as likely as another where it can be done: `delete` a phrase, `swap` two, `paraphrase` one by the generators of
//! [`super::paraphrase`], `add` one that was deleted on the way here. Phrases are those of [`super::phrase`].
//!
//! # Source
//!
//! GrIPS (arXiv 2203.07281), and its defaults: 5 candidates of one edit each, phrases, patience 2, no annealing.
//!
//! # Decisions
//!
//! - 2026-11: a move is accepted by the loss on a fixed batch of train, not by balanced accuracy and the entropy of the predictions:
//!   with 16 examples accuracy has few values and most edits tie. The entropy keeps GrIPS from prompts that predict one class only,
//!   which cross-entropy punishes by itself. Dev chooses among the accepted templates by what `select.by` says, as for every method; at
//!   0 shots everything is proposed and the label-free score, in which entropy counts, accepts.
//! - 2026-11: whoever is not better than the beam is given up before the whole batch is scored
//!   ([`Oracle::train_losses_below`](crate::search::Oracle::train_losses_below)), except under annealing, which needs its loss.
//! - 2026-11: GrIPS is over when nothing was better for `patience` iterations. Here the search begins anew, from the next best of
//!   the templates to start from and from the first after the last, as long as the budget lasts: methods are compared at equal budgets.
//!   `restarts: 0` is the published way.
//! - 2026-11: annealing accepts a best candidate that is worse by d nats with the probability exp(-d / T), T = `temperature` *
//!   exp(-iterations since the start / 5), as the paper's T falls; its T is in points of its own score.
//! - 2026-11: an edit never leaves a place between slots without text that had some, so a template of one phrase between its slots can
//!   only be paraphrased, or edited by words.
//! - 2026-11-25, `experiments/evolution.yaml` and `evolution-zh.yaml`: 16 shots, 3,000 evaluations, seeds 13, 21, 42, 87 and 100, mean
//!   test accuracy with its 95 % interval. film-reviews with builtin:reviews-en: `edits` 0.631 [0.575, 0.685], by words with a beam of 3
//!   0.627 [0.571, 0.680], `manual` 0.625, `random` 0.630, `paraphrase` 0.615. hotel-reviews-zh with builtin:reviews-zh: 0.581
//!   [0.510, 0.649], 0.575 [0.504, 0.643], `manual` 0.545, `random` 0.612, `paraphrase` 0.603. No difference is resolved: on models
//!   this small edits beat neither random words nor what was written. The published defaults stay.

mod config;
mod draft;
mod search;
#[cfg(test)]
mod tests;

pub use config::EditsConfig;
pub use search::Edits;
