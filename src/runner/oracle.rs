//! The oracle of a trial: train only, charged to the ledger, cached.

use crate::prompt::Prompt;
use crate::scoring::{Cost, Gap, PromptGradient, ScoreCache, Scorer, SetHash};
use crate::search::{Oracle, SearchError};
use crate::task::Example;

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
        let set = set_hash("train", &examples);
        let known = self.cache.score(self.scorer, prompts, self.columns, &examples, set)?;
        Ok(known
            .into_iter()
            .map(|known| {
                self.ledger.charge(known.cost);
                losses(&known.scores, &examples)
            })
            .collect())
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
        self.n_selection
    }

    fn train_losses(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<f64>, SearchError> {
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
    use crate::scoring::Settings;

    /// The losses of prompts with these triggers, all and below the first one's, with what each cost.
    fn both(triggers: &[[u32; 2]], examples: &[usize]) -> ((Vec<f64>, u64), (Vec<Option<f64>>, u64)) {
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
                cache: &mut cache,
                ledger: &mut ledger,
                columns: &["text".to_owned()],
                train: &train,
                texts: &train,
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
        ) {
            let ((all, whole), (below, spent)) = both(&triggers, &examples);
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
        let ((all, whole), _) = both(&triggers, &examples);
        let best = (0..all.len()).min_by(|&a, &b| all[a].total_cmp(&all[b])).unwrap();
        let mut with_the_best_first = triggers.clone();
        with_the_best_first.swap(0, best);
        let (_, (below, spent)) = both(&with_the_best_first, &examples);
        assert!(below.iter().any(Option::is_none), "{all:?}");
        assert!(spent < whole, "{spent} of {whole}");
    }
}
