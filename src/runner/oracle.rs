//! The oracle of a trial: train only, charged to the ledger, cached.

use crate::prompt::{Prompt, Template};
use crate::record::Spent;
use crate::scoring::{AnswerStates, Answers, Cost, Gap, PromptGradient, ScoreCache, Scorer, SetHash};
use crate::search::{Oracle, SearchError, WordOracle, WordScores};
use crate::task::Example;

use super::calibrated::{Calibrated, Corrected, Set};
use super::hardness::Hardness;
use super::ledger::Ledger;

/// In how many parts a comparison against a bound is done.
const BLOCKS: usize = 4;
/// Fewer examples than these are no part of their own.
const FEWEST: usize = 4;
/// What sums of the same losses in another order may differ by, relative and absolute.
const ROUNDING: f64 = 1e-9;

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
    /// A second, smaller model with the same tokenizer.
    pub probe: Option<&'a Scorer>,
    /// Which training examples cost most.
    pub hardness: &'a mut Hardness,
}

impl TrialOracle<'_> {
    fn examples(&self, indices: &[usize]) -> Vec<&Example> {
        indices.iter().map(|&i| self.train[i]).collect()
    }

    fn first_texts(&self, n_texts: usize) -> &[&Example] {
        &self.texts[..n_texts.min(self.texts.len())]
    }

    /// The cross-entropy of each prompt on each example, charged: `[prompt][example]`.
    fn losses(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<Vec<f64>>, SearchError> {
        let examples: Vec<&Example> = examples.iter().map(|&i| self.train[i]).collect();
        let set = Set { columns: self.columns, examples: &examples, hash: set_hash("train", &examples) };
        let found = self.calibrated.score(self.cache, self.scorer, prompts, set)?;
        Ok(found
            .into_iter()
            .map(|Corrected { scores, cost, prior }| {
                self.ledger.charge(cost);
                self.ledger.charge(prior);
                losses(&scores, &examples)
            })
            .collect())
    }

    /// Whether the budget covers a comparison on so many examples where scores are calibrated: what a step expects to cost does
    /// not hold the priors of its prompts.
    fn covers(&self, prompts: &[Prompt], n_examples: usize) -> Result<(), SearchError> {
        match self.calibrated.cost(self.scorer, prompts, n_examples)? {
            Some(cost) if !self.ledger.affords(cost) => Err(SearchError::OutOfBudget),
            _ => Ok(()),
        }
    }
}

/// The cross-entropy of the gold label of each example, from the labels' log-probabilities.
fn losses(scores: &[Vec<f64>], examples: &[&Example]) -> Vec<f64> {
    let gold = examples.iter().filter_map(|e| e.label);
    scores.iter().zip(gold).map(|(scores, gold)| -scores[gold]).collect()
}

/// Examples after which [`Oracle::train_losses_below`] looks who is still in.
fn block_size(n_examples: usize) -> usize {
    n_examples.div_ceil(BLOCKS).max(FEWEST)
}

fn mean(losses: &[f64]) -> f64 {
    losses.iter().sum::<f64>() / losses.len() as f64
}

impl Oracle for TrialOracle<'_> {
    fn n_train(&self) -> usize {
        self.train.len()
    }

    fn example(&self, index: usize) -> Option<(Vec<(String, String)>, usize)> {
        let example = self.train.get(index)?;
        let fields = self.columns.iter().cloned().zip(example.fields.iter().cloned()).collect();
        Some((fields, example.label?))
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

    fn calibrates(&self) -> bool {
        self.calibrated.n_texts() > 0
    }

    fn train_losses(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<f64>, SearchError> {
        self.covers(prompts, examples.len())?;
        let losses = self.losses(prompts, examples)?;
        if let Some(first) = losses.first() {
            self.hardness.note(examples, first);
        }
        Ok(losses.iter().map(|losses| mean(losses)).collect())
    }

    fn train_losses_below(
        &mut self,
        prompts: &[Prompt],
        examples: &[usize],
        bound: f64,
    ) -> Result<Vec<Option<f64>>, SearchError> {
        self.covers(prompts, examples.len())?;
        // Sums of a different order differ in their last bits: nobody is dropped by those.
        let most = bound * examples.len() as f64 * (1.0 + ROUNDING) + ROUNDING;
        let order = self.hardness.hardest_first(examples);
        let mut losses = vec![vec![0.0; examples.len()]; prompts.len()];
        let mut sums = vec![0.0; prompts.len()];
        let mut alive: Vec<usize> = (0..prompts.len()).collect();
        for block in order.chunks(block_size(examples.len())) {
            if alive.is_empty() {
                break;
            }
            let asked: Vec<Prompt> = alive.iter().map(|&p| prompts[p].clone()).collect();
            let of_block: Vec<usize> = block.iter().map(|&place| examples[place]).collect();
            for (&p, found) in alive.iter().zip(self.losses(&asked, &of_block)?) {
                for (&place, loss) in block.iter().zip(found) {
                    losses[p][place] = loss;
                    sums[p] += loss;
                }
            }
            alive.retain(|&p| sums[p] <= most);
        }
        let mut complete = vec![None; prompts.len()];
        alive.into_iter().for_each(|p| complete[p] = Some(mean(&losses[p])));
        Ok(complete)
    }

    fn gradient(&mut self, prompt: &Prompt, examples: &[usize]) -> Result<PromptGradient, SearchError> {
        let gradient = self.scorer.gradient(prompt, self.columns, &self.examples(examples))?;
        self.ledger.charge(gradient.cost);
        Ok(gradient)
    }

    fn spent(&self) -> Cost {
        let Spent { evaluations, forwards, backwards, tokens } = self.ledger.spent();
        Cost { evaluations, forwards, backwards, tokens }
    }

    fn charge(&mut self, cost: Cost) {
        self.ledger.charge(cost);
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
        let mut cost = Cost::default();
        known.iter().for_each(|known| cost += known.cost);
        self.ledger.charge(Cost { evaluations: self.probe_cost(cost.evaluations), ..cost });
        Ok(known.into_iter().map(|known| mean(&losses(&known.scores, &examples))).collect())
    }

    fn probe_cost(&self, evaluations: u64) -> u64 {
        let weights = |scorer: &Scorer| scorer.loaded().model.shape().n_parameters.max(1) as u64;
        let Some(probe) = self.probe else { return evaluations };
        evaluations.saturating_mul(weights(probe)).div_ceil(weights(self.scorer))
    }

    fn gradients(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<PromptGradient>, SearchError> {
        let gradients = self.scorer.gradients(prompts, self.columns, &self.examples(examples))?;
        gradients.iter().for_each(|gradient| self.ledger.charge(gradient.cost));
        Ok(gradients)
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

    fn unlabelled_texts(&self, column: &str) -> Vec<&str> {
        let Some(at) = self.columns.iter().position(|name| name == column) else { return Vec::new() };
        self.unlabelled.iter().map(|text| text.fields[at].as_str()).collect()
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

    use proptest::prelude::*;

    use super::*;
    use crate::model::{ResolvedDevice, load_builtin};
    use crate::prompt::{Template, TriggerTokens, Verbalizer};
    use crate::scoring::{Calibrator, Settings, argmax};
    use crate::search::discrete::{LabelWords, LabelWordsConfig, WordScore};
    use crate::search::{Proposal, Search};
    use crate::spec::{Calibration, MultiToken};

    /// Something, and the evaluations that it cost.
    type Spent<T> = (T, u64);

    /// The losses of prompts with these triggers, all and below the first one's, with what each cost.
    fn both(triggers: &[[u32; 2]], examples: &[usize], way: Calibration) -> (Spent<Vec<f64>>, Spent<Vec<Option<f64>>>) {
        let loaded = load_builtin("toy", &ResolvedDevice::cpu()).unwrap();
        let scorer = Scorer::new(loaded, Settings::default());
        let words = Arc::new(Verbalizer::parse("0=terrible,1=great").unwrap());
        let template = Template::parse("{text} {trigger:2} {mask}").unwrap();
        let prompts: Vec<Prompt> = triggers
            .iter()
            .map(|ids| Prompt::with_triggers(template.clone(), TriggerTokens(ids.to_vec()), words.clone()))
            .collect();
        let texts = ["great film", "awful !", "the plot was dull", "very good , not boring", "a waste", "I loved it"];
        let train: Vec<Example> = (0..24)
            .map(|row| Example { row, fields: vec![format!("{} {row}", texts[row % 6])], label: Some(row / 3 % 2) })
            .collect();
        let train: Vec<&Example> = train.iter().collect();
        let ask = |below: bool| {
            let (mut cache, mut ledger) = (ScoreCache::default(), Ledger::new(u64::MAX));
            let mut oracle = TrialOracle {
                scorer: &scorer,
                calibrated: &mut Calibrated::new(Calibrator::new(way, 1, &train, 5).unwrap()),
                cache: &mut cache,
                ledger: &mut ledger,
                columns: &["text".to_owned()],
                train: &train,
                texts: &train,
                unlabelled: &train,
                n_selection: 0,
                vocabulary: &[],
                probe: None,
                hardness: &mut Hardness::new(train.len()),
            };
            let losses = match below {
                false => oracle.train_losses(&prompts, examples).unwrap().into_iter().map(Some).collect(),
                true => {
                    let bound = oracle.train_losses(&prompts[..1], examples).unwrap()[0];
                    let mut losses = vec![Some(bound)];
                    losses.extend(oracle.train_losses_below(&prompts[1..], examples, bound).unwrap());
                    losses
                }
            };
            (losses, ledger.spent().evaluations)
        };
        let ((all, whole), below) = (ask(false), ask(true));
        ((all.into_iter().flatten().collect(), whole), below)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn a_loss_below_the_bound_is_never_given_up_and_is_the_same(
            triggers in prop::collection::vec([10u32..60, 10u32..60], 2..8),
            examples in prop::collection::vec(0usize..24, 1..24),
            way in 0..Calibration::ALL.len(),
        ) {
            let ((all, whole), (below, spent)) = both(&triggers, &examples, Calibration::ALL[way]);
            prop_assert!(spent <= whole);
            for (loss, found) in all.iter().zip(&below) {
                match found {
                    Some(found) => prop_assert_eq!(loss.to_bits(), found.to_bits()),
                    None => prop_assert!(*loss > all[0]),
                }
            }
        }
    }

    #[test]
    fn what_is_hopeless_is_not_scored_to_the_end_and_not_charged() {
        let triggers: Vec<[u32; 2]> = (10..40).map(|id| [id, 70 - id]).collect();
        let examples: Vec<usize> = (0..24).collect();
        let ((all, whole), _) = both(&triggers, &examples, Calibration::None);
        let best = (0..all.len()).min_by(|&a, &b| all[a].total_cmp(&all[b])).unwrap();
        let mut with_the_best_first = triggers.clone();
        with_the_best_first.swap(0, best);
        let (_, (below, spent)) = both(&with_the_best_first, &examples, Calibration::None);
        assert!(below.iter().any(Option::is_none), "{all:?}");
        assert!(spent < whole, "{spent} of {whole}");
    }

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
            hardness: &mut Hardness::new(examples.len()),
            probe: None,
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
            if way.way() == Calibration::None {
                assert_eq!(accuracy, most.0, "{}", found.verbalizer);
                assert!((likelihood - most.1).abs() < 1e-4, "{likelihood} {most:?}");
            } else {
                // The beam goes by plain scores and is compared by calibrated ones: it may miss one example of the best pair.
                let one = 1.0 / examples.len() as f64 + 1e-9;
                assert!(accuracy + one >= most.0, "{:?} {}: {accuracy} of {}", way.way(), found.verbalizer, most.0);
            }
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
            assert!((6 * (1 + 4 + 1)..=6 * (1 + 8 + 13)).contains(&spent), "{rule:?} {spent}");
        }
    }
}
