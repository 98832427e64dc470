//! How the cells of a sweep share the budget of their item.

/// How the cells of a sweep share the budget of their item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sweep {
    /// Every cell gets an equal share of what is left to it and those after it.
    #[default]
    Even,
    /// Successive halving (arXiv 1502.07943): all cells go on together, and after each part of the budget the worse half of them on
    /// dev is given up.
    Halving,
}

impl Sweep {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 2] = [Self::Even, Self::Halving];

    /// The name in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Even => "even",
            Self::Halving => "halving",
        }
    }
}
