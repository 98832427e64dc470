//! What may still be spent while a service is asked.

use super::EndpointError;
use super::question::{Estimate, Question};
use crate::spec::Endpoint;

/// The most that was spent so far. An attempt whose answer did not come may have been counted by the service, so it is taken to
/// have cost its most; one that the service refused cost nothing.
#[derive(Debug)]
pub(super) struct Allowance<'e> {
    endpoint: &'e Endpoint,
    spent: Estimate,
}

impl<'e> Allowance<'e> {
    /// Nothing is spent yet.
    pub fn new(endpoint: &'e Endpoint) -> Self {
        Self { endpoint, spent: Estimate::default() }
    }

    /// Spends the most that an attempt at `question` costs.
    ///
    /// # Errors
    /// [`EndpointError::Cap`] if that is more than is allowed: attempts before it were lost.
    pub fn take(&mut self, question: &Question) -> Result<(), EndpointError> {
        let after = self.spent + Estimate::of([question]);
        if let (Some(cost), Some(price)) = (after.cost(self.endpoint), self.endpoint.price)
            && cost > price.most
        {
            return Err(EndpointError::Cap {
                what: format!(
                    "{}: with the attempts that were lost another one could cost up to {cost:.4} in all, and `max_cost` allows {}; \
                     the answers so far are kept",
                    self.endpoint.base_url, price.most
                ),
            });
        }
        self.spent = after;
        Ok(())
    }

    /// What an attempt at `question` took, in place of the most: nothing where it was refused, else the tokens that the
    /// service told.
    pub fn settle(&mut self, question: &Question, told: [Option<u64>; 2]) {
        let most = Estimate::of([question]);
        let [input, output] = told;
        self.spent.input = self.spent.input.saturating_sub(most.input) + input.unwrap_or(most.input);
        self.spent.output = self.spent.output.saturating_sub(most.output) + output.unwrap_or(most.output);
    }
}

#[cfg(test)]
mod tests {
    use super::super::question::Wanted;
    use super::*;
    use crate::spec::Price;

    #[test]
    fn lost_attempts_cost_their_most_and_refused_ones_nothing() {
        let mut endpoint = Endpoint::new("http://x", "m");
        let wanted = Wanted { max_tokens: 100, temperature: 0.0, first_tokens: 0 };
        let question = Question::new(&endpoint, "s".into(), &[("user", "a".into())], wanted);
        // Two answers of 100 tokens and no more.
        endpoint.price = Some(Price { input: 0.0, output: 1e6, most: 200.0 });
        let mut allowance = Allowance::new(&endpoint);
        for _ in 0..5 {
            allowance.take(&question).unwrap();
            allowance.settle(&question, [Some(0), Some(0)]);
        }
        allowance.take(&question).unwrap();
        allowance.settle(&question, [Some(9), Some(1)]);
        allowance.take(&question).unwrap();
        let message = allowance.take(&question).unwrap_err().to_string();
        assert!(message.contains("could cost up to 201.0000 in all, and `max_cost` allows 200"), "{message}");
    }
}
