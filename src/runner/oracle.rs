//! The oracle of a trial: train only, charged to the ledger, cached.

use crate::prompt::{Prompt, Template};
use crate::scoring::{AnswerStates, Answers, Gap, PromptGradient, ScoreCache, Scorer, SetHash};
use crate::search::{Oracle, SearchError, WordOracle, WordScores};
use crate::task::Example;

use super::calibrated::{Calibrated, Set};
use super::ledger::Ledger;

/// What a search of one trial may ask.
pub struct TrialOracle<'a> {
    /// The model.
    pub scorer: &'a Scorer,
    /// What corrects its scores.
    pub calibrated: &'a mut Calibrated,
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
    /// All texts of train without their labels.
    pub unlabelled: &'a [&'a Example],
    /// The examples on which a candidate is scored for selection.
    pub n_selection: usize,
    /// The ids that may stand in a trigger.
    pub vocabulary: &'a [u32],
}

impl TrialOracle<'_> {
    fn examples(&self, indices: &[usize]) -> Vec<&Example> {
        indices.iter().map(|&i| self.train[i]).collect()
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
        self.n_selection + self.calibrated.n_texts()
    }

    fn train_losses(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<f64>, SearchError> {
        let examples: Vec<&Example> = examples.iter().map(|&i| self.train[i]).collect();
        if let Some(cost) = self.calibrated.cost(self.scorer, prompts, examples.len())?
            && !self.ledger.affords(cost)
        {
            return Err(SearchError::OutOfBudget);
        }
        let set = Set { columns: self.columns, examples: &examples, hash: set_hash("train", &examples) };
        let known = self.calibrated.score(self.cache, self.scorer, prompts, set)?;
        Ok(known
            .into_iter()
            .map(|known| {
                self.ledger.charge(known.cost);
                let gold = examples.iter().filter_map(|e| e.label);
                -known.scores.iter().zip(gold).map(|(scores, gold)| scores[gold]).sum::<f64>() / examples.len() as f64
            })
            .collect())
    }

    fn gradient(&mut self, prompt: &Prompt, examples: &[usize]) -> Result<PromptGradient, SearchError> {
        let gradient = self.scorer.gradient(prompt, self.columns, &self.examples(examples))?;
        self.ledger.charge(gradient.cost);
        Ok(gradient)
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

    fn words(&mut self) -> Option<&mut dyn WordOracle> {
        Some(self)
    }
}

impl WordOracle for TrialOracle<'_> {
    fn gold(&self, example: usize) -> usize {
        self.train[example].label.unwrap_or_default()
    }

    fn answers(&mut self, prompt: &Prompt, filled: &[Option<u32>], examples: &[usize]) -> Result<Answers, SearchError> {
        let answers = self.scorer.answers(prompt, self.columns, &self.examples(examples), filled)?;
        self.ledger.charge(answers.cost);
        Ok(answers)
    }

    fn answer_states(
        &mut self,
        prompt: &Prompt,
        n_tokens: usize,
        place: usize,
        examples: &[usize],
    ) -> Result<Vec<Vec<f32>>, SearchError> {
        let examples = self.examples(examples);
        let AnswerStates { states, cost } =
            self.scorer.answer_states(prompt, self.columns, &examples, (n_tokens, place))?;
        self.ledger.charge(cost);
        Ok(states)
    }

    fn token_products(&self, rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
        self.scorer.token_products(rows)
    }

    fn word_scores(&mut self, prompt: &Prompt, examples: &[usize]) -> Result<WordScores, SearchError> {
        let examples: Vec<&Example> = examples.iter().map(|&i| self.train[i]).collect();
        let calibrator = self.calibrated.calibrator();
        let prompt = std::slice::from_ref(prompt);
        let texts = match calibrator.texts() {
            texts if texts.is_empty() => Vec::new(),
            texts => {
                let mut round = self.scorer.score(prompt, self.columns, &texts)?;
                self.ledger.charge(round.costs.remove(0));
                round.scores.remove(0)
            }
        };
        let mut round = self.scorer.score(prompt, self.columns, &examples)?;
        self.ledger.charge(round.costs.remove(0));
        Ok(WordScores { examples: round.scores.remove(0), texts, calibration: calibrator.way() })
    }

    fn n_calibration(&self) -> usize {
        self.calibrated.n_texts()
    }

    fn begins_word(&self, ids: &[u32]) -> Option<String> {
        self.scorer.begins_word(ids)
    }

    fn unlabelled(&self) -> Vec<String> {
        self.unlabelled.iter().chain(self.train).flat_map(|text| text.fields.iter().cloned()).collect()
    }

    fn word_of(&self, template: &Template, ids: &[u32]) -> Option<String> {
        self.scorer.word_of(template, ids)
    }
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
