//! The names of the rules.

use std::fmt;

/// Which candidates are scored to the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Racing {
    /// All.
    None,
    /// Those that can still reach the leader: the pick is that of scoring everything.
    #[default]
    Exact,
    /// Those that are not shown to be worse, at 5 %.
    Confidence,
    /// The better half after each of log2 K equally dear rounds.
    SuccessiveHalving,
    /// All but the worst, rejected one by one as the gap allows.
    ContinuouslyReject,
}

impl Racing {
    /// Every kind of racing.
    pub const ALL: [Self; 5] =
        [Self::None, Self::Exact, Self::Confidence, Self::SuccessiveHalving, Self::ContinuouslyReject];

    /// The name in YAML, on the command line and in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Exact => "exact",
            Self::Confidence => "confidence",
            Self::SuccessiveHalving => "successive_halving",
            Self::ContinuouslyReject => "continuously_reject",
        }
    }

    /// Whether it spends a fixed budget, and so may end before anybody is scored to the end.
    pub fn has_budget(self) -> bool {
        matches!(self, Self::SuccessiveHalving | Self::ContinuouslyReject)
    }
}

impl fmt::Display for Racing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
