//! What may be said about prompts from the examples that they were scored on.

mod discordance;
mod distribution;
mod interval;
mod multiplicity;
mod order;
mod paired;
mod power;
mod rank;

pub use discordance::{CorrectBits, MidPTable};
pub use interval::{Interval, wilson};
pub use multiplicity::holm;
pub use order::{OrderKey, order};
pub use paired::{EXACT_FLIPS, FLIP_DRAWS, PairedT, mcnemar_mid_p, paired_t, sign_flip};
pub use power::{POWER, examples_to_resolve};
pub use rank::{
    Outcomes, RANKED_BEHAVIOURS, RankInterval, RankTable, RankedCandidate, Standing, rank_intervals, standings,
};
