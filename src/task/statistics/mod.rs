//! What may be said about prompts from the examples that they were scored on.
//!
//! Pure arithmetic over slices: no file, no model, no clock. Functions are total or return `None` where the data cannot
//! say; what is random is keyed (see [`crate::seed`]) and does not depend on the order of examples, candidates or labels.
//!
//! | question | procedure |
//! | --- | --- |
//! | how good is one prompt on one split | [`wilson`] for proportions, [`bca`] for F1 and Matthews only |
//! | do two prompts differ on the same examples | [`mcnemar_mid_p`] for accuracy, [`sign_flip`] for other means |
//! | do two methods differ over seeds | [`clustered_comparison`], F1 and Matthews through [`pseudo_values`] |
//! | several such questions at once | [`holm`] |
//! | which ranks may a candidate have | [`standings_in_order`] with [`PairTests`], for rows of methods [`standings`] |
//! | how many examples would tell two apart | [`examples_to_resolve`] |
//! | which of many prompts is best, where few examples leave ties | [`expected_accuracy`] |
//! | does the order survive another seed | [`rank_stability`] |
//! | do two scores order the same prompts alike | [`spearman`], [`kendall_tau_b`] |
//! | how much of the variance of scores goes with which factor | [`anova`] |

#[cfg(test)]
mod agreement;
mod anova;
mod bootstrap;
mod clustered;
mod discordance;
mod distribution;
mod expectation;
mod flags;
mod interval;
mod jackknife;
mod multiplicity;
mod order;
mod paired;
mod power;
mod rank;
mod resampling;
mod stability;

pub use anova::{Anova, Effect, anova};
pub use bootstrap::{BCA_RESAMPLES, bca, bca_interval};
pub use clustered::{ClusteredMean, Comparison, clustered_comparison, clustered_interval, clustered_mean};
pub use discordance::{CorrectBits, MidPTable};
pub use distribution::normal_cdf;
pub use expectation::{expected_accuracy, expected_accuracy_bounds};
pub use flags::{majority_class, optimism_gap};
pub use interval::{Interval, wilson};
pub use jackknife::{ConfusionCells, pseudo_values};
pub use multiplicity::holm;
pub use order::{OrderKey, order};
pub use paired::{EXACT_FLIPS, FLIP_DRAWS, PairedT, anytime_sign, mcnemar_mid_p, paired_t, sign_flip};
pub use power::{POWER, examples_to_resolve};
pub use rank::{
    OrderedRow, Outcomes, PairTests, RANKED_BEHAVIOURS, RankInterval, Standing, standings, standings_in_order,
    tested_rows, value_test,
};
pub use resampling::Resampler;
pub use stability::{RankStability, kendall_tau_b, rank_stability, spearman};
