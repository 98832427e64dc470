//! Which training examples cost a prompt most, as far as the search has seen.

/// The loss of each training example under the prompt that it was last compared by, in nats.
///
/// A loss of many examples is never below that of some of them. Where the ones that cost most come first, a hopeless candidate
/// is found out after few.
#[derive(Debug, Clone)]
pub struct Hardness(Vec<f64>);

impl Hardness {
    /// Nothing seen yet of `n_train` examples.
    pub fn new(n_train: usize) -> Self {
        Self(vec![f64::INFINITY; n_train])
    }

    /// Remembers the losses of a prompt on examples.
    pub(super) fn note(&mut self, examples: &[usize], losses: &[f64]) {
        for (&example, &loss) in examples.iter().zip(losses) {
            self.0[example] = loss;
        }
    }

    /// The places in `examples`, those with the highest loss first, and those of which nothing is known before them.
    pub(super) fn hardest_first(&self, examples: &[usize]) -> Vec<usize> {
        let mut places: Vec<usize> = (0..examples.len()).collect();
        places.sort_by(|&a, &b| self.0[examples[b]].total_cmp(&self.0[examples[a]]).then(a.cmp(&b)));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cost_most_comes_first_and_the_unknown_before_it() {
        let mut hardness = Hardness::new(5);
        hardness.note(&[0, 1, 3], &[0.5, 2.0, 0.5]);
        assert_eq!(hardness.hardest_first(&[0, 1, 2, 3]), [2, 1, 0, 3]);
    }
}
