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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{ResolvedDevice, load_builtin};
    use crate::prompt::{Template, Verbalizer};
    use crate::scoring::{Calibrator, Settings, argmax};
    use crate::search::discrete::{LabelWords, LabelWordsConfig, WordScore};
    use crate::search::{Proposal, Search};
    use crate::spec::{Calibration, MultiToken};

    fn scorer(rule: MultiToken) -> Scorer {
        let loaded = load_builtin("toy", &ResolvedDevice::cpu()).unwrap();
        Scorer::new(loaded, Settings { multi_token: rule, ..Settings::default() })
    }

    fn examples() -> Vec<Example> {
        let texts =
            ["a dull story", "great film", "terrible plot and awful acting", "truly wonderful", "boring", "I loved it"];
        texts
            .iter()
            .enumerate()
            .map(|(row, text)| Example { row, fields: vec![(*text).into()], label: Some(row % 2) })
            .collect()
    }

    /// Accuracy and mean log-likelihood of a prompt on all examples, asked of the scorer directly.
    fn worth(scorer: &Scorer, way: &Calibrator, prompts: &[Prompt], examples: &[&Example]) -> Vec<(f64, f64)> {
        let round = way.score(scorer, prompts, &["text".into()], examples).unwrap();
        let n = examples.len() as f64;
        let gold: Vec<usize> = examples.iter().filter_map(|e| e.label).collect();
        (round.scores.iter())
            .map(|scores| {
                let right = scores.iter().zip(&gold).filter(|(scores, gold)| argmax(scores) == **gold).count();
                (right as f64 / n, scores.iter().zip(&gold).map(|(scores, &gold)| scores[gold]).sum::<f64>() / n)
            })
            .collect()
    }

    fn with(prompt: &Prompt, words: [&str; 2]) -> Prompt {
        let labels = ["negative", "positive"].map(str::to_owned).into_iter();
        let words = labels.zip(words.map(|word| vec![word.to_owned()]));
        Prompt { verbalizer: Arc::new(Verbalizer::new(words).unwrap()), ..prompt.clone() }
    }

    /// The better on train of the ranking's own choice and what the search proposes right after it.
    fn best(scorer: &Scorer, way: &Calibrator, config: LabelWordsConfig, examples: &[&Example]) -> (Prompt, u64) {
        let prompt = with(
            &Prompt::plain(
                Template::parse("{text} it was {mask}.").unwrap(),
                Arc::new(Verbalizer { labels: Vec::new() }),
            ),
            ["bad", "good"],
        );
        let (mut ledger, mut cache) = (Ledger::new(1_000_000), ScoreCache::default());
        let mut calibrated = Calibrated::new(way.clone());
        let columns = ["text".to_owned()];
        let mut oracle = TrialOracle {
            scorer,
            calibrated: &mut calibrated,
            cache: &mut cache,
            ledger: &mut ledger,
            columns: &columns,
            train: examples,
            texts: examples,
            unlabelled: examples,
            n_selection: 1,
            vocabulary: &[],
        };
        let Proposal::Candidates { candidates, .. } = LabelWords::new(config, prompt).propose(&mut oracle).unwrap()
        else {
            panic!("no candidate")
        };
        let spent = ledger.spent().evaluations;
        let two: Vec<Prompt> = candidates.into_iter().take(2).map(|candidate| candidate.prompt).collect();
        let worths = worth(scorer, way, &two, examples);
        let better = usize::from(worths[1] > worths[0]);
        (two[better].clone(), spent)
    }

    fn config(n_tokens: usize, pool: usize) -> LabelWordsConfig {
        LabelWordsConfig {
            score: WordScore::Likelihood,
            per_label: 1,
            known_words: false,
            n_tokens: vec![n_tokens],
            pool,
            beam: 4,
            n_likely: 1000,
            batch_size: 6,
            n_candidates: 2,
        }
    }

    #[test]
    fn the_best_pair_of_the_whole_toy_vocabulary_is_found_calibrated_or_not() {
        let all = examples();
        let examples: Vec<&Example> = all.iter().collect();
        let scorer = scorer(MultiToken::Joint);
        let template = Template::parse("{text} it was {mask}.").unwrap();
        let words: Vec<String> = (0..scorer.loaded().tokenizer.vocab_size() as u32)
            .filter_map(|id| scorer.word_of(&template, &[id]))
            .collect();
        assert!(words.len() > 40, "{}", words.len());
        for way in [Calibration::None, Calibration::Contextual, Calibration::Batch] {
            let way = Calibrator::new(way, 1, &examples, 4).unwrap();
            let (found, _) = best(&scorer, &way, config(1, 10_000), &examples);
            let (accuracy, likelihood) = worth(&scorer, &way, std::slice::from_ref(&found), &examples)[0];
            // Every ordered pair, by numbers that are put together here.
            let labels = words.iter().map(|word| (word.clone(), vec![word.clone()]));
            let every = Prompt { verbalizer: Arc::new(Verbalizer::new(labels).unwrap()), ..found.clone() };
            let scores = |on: &[&Example]| -> Vec<Vec<f64>> {
                scorer.score(std::slice::from_ref(&every), &["text".into()], on).unwrap().scores.remove(0)
            };
            let (on_examples, on_texts) = (scores(&examples), scores(&way.texts()));
            let first = |a: f64, b: f64| 1.0 / (1.0 + (b - a).exp());
            let mut most = (0.0, f64::NEG_INFINITY);
            for a in 0..words.len() {
                for b in (0..words.len()).filter(|b| *b != a) {
                    let mean = |of: &Vec<Vec<f64>>| of.iter().map(|s| first(s[a], s[b])).sum::<f64>() / of.len() as f64;
                    let prior = if on_texts.is_empty() { 0.5 } else { mean(&on_texts) };
                    let (mut right, mut sum) = (0.0, 0.0);
                    for (scores, example) in on_examples.iter().zip(&examples) {
                        let p = first(scores[a], scores[b]);
                        let p = (p / prior) / (p / prior + (1.0 - p) / (1.0 - prior));
                        let own = if example.label == Some(0) { p } else { 1.0 - p };
                        right += if own > 0.5 { 1.0 } else { 0.0 };
                        sum += own.ln();
                    }
                    let found = (right / examples.len() as f64, sum / examples.len() as f64);
                    most = if found > most { found } else { most };
                }
            }
            assert_eq!(accuracy, most.0, "{:?} {}", way.way(), found.verbalizer);
            assert!((likelihood - most.1).abs() < 1e-4, "{:?} {likelihood} {most:?}", way.way());
        }
    }

    #[test]
    fn words_of_several_tokens_are_compared_by_the_items_own_rule_and_charged_by_its_passes() {
        let all = examples();
        let examples: Vec<&Example> = all.iter().collect();
        for rule in [MultiToken::Joint, MultiToken::Independent, MultiToken::PseudoLikelihood, MultiToken::Mean] {
            let scorer = scorer(rule);
            let (found, spent) = best(&scorer, &Calibrator::none(), config(2, 3), &examples);
            for label in &found.verbalizer.labels {
                assert_eq!(scorer.word_tokens(&found.template, &label.words[0]).unwrap().len(), 2, "{rule:?}");
            }
            // One pass for the first token, one for each of at most 8 beginnings, and the pool's own passes.
            assert!(spent >= 6 * (1 + 4 + 1) && spent <= 6 * (1 + 8 + 13), "{rule:?} {spent}");
        }
    }
}
