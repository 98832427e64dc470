//! What scoring costs.

/// What a call cost (contract, definition 4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Evaluations.
    pub evaluations: u64,
    /// Sequences passed forward.
    pub forwards: u64,
    /// Sequences passed backward.
    pub backwards: u64,
    /// Tokens passed forward, padding not counted.
    pub tokens: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.evaluations += other.evaluations;
        self.forwards += other.forwards;
        self.backwards += other.backwards;
        self.tokens += other.tokens;
    }
}

impl std::ops::Sub for Cost {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            evaluations: self.evaluations - other.evaluations,
            forwards: self.forwards - other.forwards,
            backwards: self.backwards - other.backwards,
            tokens: self.tokens - other.tokens,
        }
    }
}
