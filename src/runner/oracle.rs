//! The oracle of a trial: train only, charged to the ledger, cached.

use crate::prompt::Prompt;
use crate::scoring::{Cost, Gap, PromptGradient, ScoreCache, Scorer, SetHash};
use crate::search::{Oracle, SearchError};
use crate::task::Example;

use super::ledger::Ledger;

/// What a search of one trial may ask.
pub struct TrialOracle<'a> {
    /// The model.
    pub scorer: &'a Scorer,
    /// The trial's cache.
    pub cache: &'a mut ScoreCache,
    /// The trial's budget.
    pub ledger: &'a mut Ledger,
    /// The data set's columns.
    pub columns: &'a [String],
    /// The training examples in seed order.
    pub train: &'a [&'a Example],
    /// The texts that may be read without labels: those of train, or the unlabelled ones at 0 shots.
    pub texts: &'a [&'a Example],
    /// The examples on which a candidate is scored for selection.
    pub n_selection: usize,
    /// The ids that may stand in a trigger.
    pub vocabulary: &'a [u32],
    /// A second, smaller model with the same tokenizer.
    pub probe: Option<&'a Scorer>,
}

impl TrialOracle<'_> {
    fn examples(&self, indices: &[usize]) -> Vec<&Example> {
        indices.iter().map(|&i| self.train[i]).collect()
    }

    fn first_texts(&self, n_texts: usize) -> &[&Example] {
        &self.texts[..n_texts.min(self.texts.len())]
    }
}

impl Oracle for TrialOracle<'_> {
    fn n_train(&self) -> usize {
        self.train.len()
    }

    fn affords(&self, evaluations: u64) -> bool {
        self.ledger.affords(evaluations)
    }

    fn passes(&self, prompt: &Prompt) -> Result<u64, SearchError> {
        Ok(self.scorer.evaluations_per_example(prompt)?)
    }

    fn n_selection(&self) -> usize {
        self.n_selection
    }

    fn train_losses(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<f64>, SearchError> {
        let examples: Vec<&Example> = examples.iter().map(|&i| self.train[i]).collect();
        let set = set_hash("train", &examples);
        let known = self.cache.score(self.scorer, prompts, self.columns, &examples, set)?;
        Ok(known
            .into_iter()
            .map(|known| {
                self.ledger.charge(known.cost);
                loss(&known.scores, &examples)
            })
            .collect())
    }

    fn gradient(&mut self, prompt: &Prompt, examples: &[usize]) -> Result<PromptGradient, SearchError> {
        let gradient = self.scorer.gradient(prompt, self.columns, &self.examples(examples))?;
        self.ledger.charge(gradient.cost);
        Ok(gradient)
    }

    fn embeddings(&self, ids: &[u32]) -> Vec<Vec<f32>> {
        self.scorer.embeddings(ids)
    }

    fn retokenises(&self, prompt: &Prompt) -> bool {
        self.scorer.retokenises(prompt)
    }

    fn likelihood_cost(&self, prompt: &Prompt, n_texts: usize) -> Result<u64, SearchError> {
        Ok(self.scorer.likelihood_evaluations(prompt, self.columns, self.first_texts(n_texts))?)
    }

    fn likelihoods(&mut self, prompts: &[Prompt], n_texts: usize) -> Result<Vec<f64>, SearchError> {
        let found = self.scorer.likelihoods(prompts, self.columns, self.first_texts(n_texts))?;
        found.costs.into_iter().for_each(|cost| self.ledger.charge(cost));
        // A prompt without a token of its own is as fluent as can be.
        Ok(found.means.into_iter().map(Option::unwrap_or_default).collect())
    }

    fn trigger_likelihoods(
        &mut self,
        prompt: &Prompt,
        places: &[usize],
        n_texts: usize,
    ) -> Result<Vec<Vec<f32>>, SearchError> {
        let found = self.scorer.trigger_likelihoods(prompt, places, self.columns, self.first_texts(n_texts))?;
        self.ledger.charge(found.cost);
        Ok(found.parts)
    }

    fn probe_losses(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<f64>, SearchError> {
        let Some(probe) = self.probe else { return Err(SearchError::Unanswered { what: "a second model" }) };
        let examples: Vec<&Example> = examples.iter().map(|&i| self.train[i]).collect();
        let set = set_hash("train", &examples);
        let known = self.cache.score(probe, prompts, self.columns, &examples, set)?;
        let cost = known.iter().fold(Cost::default(), |sum, known| Cost {
            evaluations: sum.evaluations + known.cost.evaluations,
            forwards: sum.forwards + known.cost.forwards,
            backwards: sum.backwards + known.cost.backwards,
            tokens: sum.tokens + known.cost.tokens,
        });
        self.ledger.charge(Cost { evaluations: self.probe_cost(cost.evaluations), ..cost });
        Ok(known.into_iter().map(|known| loss(&known.scores, &examples)).collect())
    }

    fn probe_cost(&self, evaluations: u64) -> u64 {
        let weights = |scorer: &Scorer| scorer.loaded().model.shape().n_parameters.max(1) as u64;
        let Some(probe) = self.probe else { return evaluations };
        evaluations.saturating_mul(weights(probe)).div_ceil(weights(self.scorer))
    }

    fn gains(&self, rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
        self.scorer.gains(rows)
    }

    fn vocabulary(&self) -> &[u32] {
        self.vocabulary
    }

    fn token_text(&self, id: u32) -> String {
        self.scorer.loaded().tokenizer.token(id).unwrap_or_default()
    }

    fn n_texts(&self) -> usize {
        self.texts.len()
    }

    fn fill(&mut self, gaps: &[Gap], n_texts: usize) -> Result<Vec<Vec<Vec<f32>>>, SearchError> {
        let texts = &self.texts[..n_texts.min(self.texts.len())];
        let answers = self.scorer.gaps(gaps, self.columns, texts)?;
        self.ledger.charge(answers.cost);
        Ok(answers.logprobs)
    }

    fn encode(&self, text: &str, after_space: bool) -> Option<Vec<u32>> {
        self.scorer.loaded().tokenizer.encode_word(text, after_space).ok()
    }

    fn word(&self, id: u32) -> Option<String> {
        let tokenizer = &self.scorer.loaded().tokenizer;
        let (text, continuing) = tokenizer.token_text(id).filter(|_| !tokenizer.special_ids().contains(&id))?;
        let whole = !continuing && !text.is_empty() && text.chars().all(char::is_alphabetic);
        (whole && [false, true].iter().any(|&space| self.encode(&text, space).is_some_and(|ids| ids == [id])))
            .then_some(text)
    }
}

/// Mean cross-entropy of the gold labels, from the labels' log-probabilities.
fn loss(scores: &[Vec<f64>], examples: &[&Example]) -> f64 {
    let gold = examples.iter().filter_map(|e| e.label);
    -scores.iter().zip(gold).map(|(scores, gold)| scores[gold]).sum::<f64>() / examples.len() as f64
}

/// Identifies examples of a split, in their order.
pub fn set_hash(split: &str, examples: &[&Example]) -> SetHash {
    let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 example set");
    hasher.update(split.as_bytes()).update(&[0]);
    for example in examples {
        hasher.update(&example.hash());
    }
    SetHash(*hasher.finalize().as_bytes())
}
