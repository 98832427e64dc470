//! How natural a prompt is to the model (contract, definition 13).

use crate::prompt::Prompt;
use crate::task::Example;

use super::{Scorer, ScoringError};

impl Scorer {
    /// The pseudo-perplexity of the prompt's own tokens on some texts, for a model that continues text the perplexity: exp of
    /// the mean negative log-likelihood ([`Scorer::likelihoods`]).
    ///
    /// `None` where the prompt has no token of its own, or there is no text.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn perplexity(
        &self,
        prompt: &Prompt,
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Option<f64>, ScoringError> {
        if prompt.classifies() {
            return Ok(None);
        }
        if let Some(tuned) = prompt.tuned.as_ref().filter(|_| !self.is_own(prompt)) {
            return self.of_weights(tuned)?.perplexity(prompt, columns, examples);
        }
        let mean = self.likelihoods(std::slice::from_ref(prompt), columns, examples)?.means.remove(0);
        let perplexity = mean.map(f64::exp);
        if perplexity.is_some_and(|perplexity| !perplexity.is_finite()) {
            return Err(ScoringError::NotFinite { prompt: prompt.template.to_string() });
        }
        Ok(perplexity)
    }
}
