//! The rules for label words of several tokens.

/// How a label word of several tokens is scored (contract, definition 10).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum MultiToken {
    /// Left to right, earlier masks filled in and later ones still masked.
    #[default]
    Joint,
    /// The product of all masks at once.
    Independent,
    /// Each token with all others filled in.
    PseudoLikelihood,
    /// Joint divided by the number of tokens.
    Mean,
}

impl MultiToken {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Joint, Self::Independent, Self::PseudoLikelihood, Self::Mean];

    /// The name in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Joint => "joint",
            Self::Independent => "independent",
            Self::PseudoLikelihood => "pseudo_likelihood",
            Self::Mean => "mean",
        }
    }
}
