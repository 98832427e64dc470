//! Gradient-guided search for trigger tokens: AutoPrompt (arXiv 2010.15980).
//!
//! A step takes the gradient of the loss with respect to the trigger embeddings on one training batch, ranks all tokens of
//! the vocabulary for one position by the first-order gain `(e_old - e_new) . gradient` (HotFlip, arXiv 1712.06751), scores
//! the best `n_candidates` of them and the current trigger on the next training batch, and moves if the best is better.
//!
//! # Where this differs from the published program
//!
//! - The candidates of a step are scored in one round, not one after the other; the trigger as it is and repeated candidates
//!   are not scored again. A candidate is dropped as soon as its loss on part of the batch is above what the current trigger
//!   has on all of it: the move is the same, and the evaluations saved buy more steps.
//! - Positions are taken in turn, in a new random order each time around; the original draws one with replacement, so that
//!   some stay untouched for long.
//! - `patience` works: after so many steps without a move the search begins anew from random tokens while budget is left. The
//!   original declares the option and never reads it.
//! - It starts from random tokens of the vocabulary, not from mask tokens: every prompt scored on dev is a real text, and the
//!   `random` control draws from the same distribution.
//! - Moves are decided by the loss, which does not tie; the original uses accuracy, which ties most of the time at 16 shots.

use std::collections::HashSet;

use serde_json::json;

use crate::prompt::{Candidate, Prompt, TriggerTokens};
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};
use crate::seed::Stream;

/// The parameters of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutopromptConfig {
    /// Tokens scored in a step.
    pub n_candidates: usize,
    /// Training examples in a batch.
    pub batch_size: usize,
    /// Steps without a move before the search begins anew.
    pub patience: usize,
    /// How often it may begin anew; `None` for as long as budget is left.
    pub restarts: Option<usize>,
}

/// AutoPrompt as a state machine.
pub struct Autoprompt {
    config: AutopromptConfig,
    template: Prompt,
    initial: Option<Vec<u32>>,
    stream: Stream,
    current: Option<Vec<u32>>,
    current_number: Option<u64>,
    proposed: HashSet<Vec<u32>>,
    order: Vec<usize>,
    batch_start: usize,
    step: u64,
    steps_without_move: usize,
    restarts: usize,
    zero_gradient: bool,
}

impl Autoprompt {
    /// A search over the triggers of `prompt`, beginning with `initial` where given and with random tokens otherwise.
    pub fn new(config: AutopromptConfig, prompt: Prompt, initial: Option<Vec<u32>>, stream: Stream) -> Self {
        Self {
            config,
            template: prompt,
            initial,
            stream,
            current: None,
            current_number: None,
            proposed: HashSet::new(),
            order: Vec::new(),
            batch_start: 0,
            step: 0,
            steps_without_move: 0,
            restarts: 0,
            zero_gradient: false,
        }
    }

    fn with(&self, tokens: &[u32]) -> Prompt {
        Prompt { triggers: TriggerTokens(tokens.to_vec()), ..self.template.clone() }
    }

    fn next_batch(&mut self, n_train: usize) -> Vec<usize> {
        let size = self.config.batch_size.min(n_train);
        let batch = (0..size).map(|i| (self.batch_start + i) % n_train).collect();
        self.batch_start = (self.batch_start + size) % n_train;
        batch
    }

    fn next_position(&mut self, n_trigger: usize) -> usize {
        if self.order.is_empty() {
            self.order = (0..n_trigger).collect();
            self.stream.shuffle(&mut self.order);
        }
        self.order.pop().unwrap_or(0)
    }

    /// A start: the initial tokens the first time, random ones later.
    fn start(&mut self, vocabulary: &[u32]) -> Vec<u32> {
        let n_trigger = self.template.template.n_trigger();
        let drawn: Vec<u32> = (0..n_trigger).map(|_| *self.stream.choose(vocabulary)).collect();
        self.initial.take().unwrap_or(drawn)
    }

    fn begin(&mut self, oracle: &mut dyn Oracle, cost: u64) -> Proposal {
        if !oracle.affords(cost) {
            return Proposal::OutOfBudget;
        }
        let tokens = self.start(oracle.vocabulary());
        let words: Vec<String> = tokens.iter().map(|&id| oracle.token_text(id)).collect();
        self.current = Some(tokens.clone());
        self.current_number = None;
        self.steps_without_move = 0;
        let origin = if self.restarts == 0 { "start".to_string() } else { format!("restart {}", self.restarts) };
        let trace = json!({ "start": words, "restart": self.restarts });
        self.proposal(tokens, origin, trace)
    }

    fn proposal(&mut self, tokens: Vec<u32>, origin: String, trace: serde_json::Value) -> Proposal {
        self.proposed.insert(tokens.clone());
        let candidate = Candidate { prompt: self.with(&tokens), parent: self.current_number, origin };
        Proposal::Candidates { candidates: vec![candidate], trace: Some(trace) }
    }
}

impl Search for Autoprompt {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        let n_train = oracle.n_train();
        if n_train == 0 {
            return Err(SearchError::NoTraining { method: "autoprompt" });
        }
        if oracle.vocabulary().is_empty() {
            return Err(SearchError::EmptyVocabulary { words_only: "" });
        }
        let passes = oracle.passes(&self.template)?;
        let selection = passes * oracle.n_selection() as u64;
        let Some(current) = self.current.clone() else {
            return Ok(self.begin(oracle, selection));
        };
        if self.steps_without_move >= self.config.patience {
            if self.config.restarts.is_some_and(|most| self.restarts >= most) {
                return Ok(Proposal::Done);
            }
            self.restarts += 1;
            return Ok(self.begin(oracle, selection));
        }
        let batch_size = self.config.batch_size.min(n_train) as u64;
        let n_candidates = self.config.n_candidates.min(oracle.vocabulary().len()) as u64;
        // With the move's own scoring on dev: a step that is begun can be ended.
        if !oracle.affords(passes * batch_size * (3 + n_candidates + 1) + selection) {
            return Ok(Proposal::OutOfBudget);
        }

        let for_gradient = self.next_batch(n_train);
        let for_candidates = self.next_batch(n_train);
        let position = self.next_position(current.len());
        let gradient = oracle.gradient(&self.with(&current), &for_gradient)?;
        let row = &gradient.triggers[position];
        self.zero_gradient |= row.iter().all(|&x| x == 0.0);
        let gains = oracle.gains(std::slice::from_ref(row)).remove(0);
        let gain_of = |id: u32| f64::from(gains[id as usize]) - f64::from(gains[current[position] as usize]);
        let mut tokens: Vec<u32> = oracle.vocabulary().iter().copied().filter(|&id| id != current[position]).collect();
        tokens.sort_by(|&a, &b| gains[b as usize].total_cmp(&gains[a as usize]).then(a.cmp(&b)));
        tokens.truncate(self.config.n_candidates);

        let changed = |id: u32| {
            let mut changed = current.clone();
            changed[position] = id;
            self.with(&changed)
        };
        let mut prompts: Vec<Prompt> = tokens.iter().map(|&id| changed(id)).collect();
        let before = oracle.train_losses(&[self.with(&current)], &for_candidates)?[0];
        let after = oracle.train_losses_below(&prompts, &for_candidates, before)?;
        // Of those that were scored to the end: none of the others is better than the trigger as it is.
        let best = (after.iter().enumerate())
            .filter_map(|(index, loss)| Some((index, (*loss)?)))
            .min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        let moved = best.filter(|(_, loss)| *loss < before);
        let mut trace = json!({
            "restart": self.restarts,
            "position": position,
            "old": oracle.token_text(current[position]),
            "loss_gradient_batch": gradient.loss,
            "loss_before": before,
            "moved": moved.is_some(),
        });
        if let Some((best, loss)) = best {
            trace["new"] = json!(oracle.token_text(tokens[best]));
            trace["loss_after"] = json!(loss);
            trace["predicted_gain"] = json!(gain_of(tokens[best]));
        }
        self.step += 1;
        let Some((best, _)) = moved else {
            self.steps_without_move += 1;
            return Ok(Proposal::Nothing { trace });
        };
        self.steps_without_move = 0;
        let changed = prompts.swap_remove(best).triggers.0;
        let origin = format!(
            "position {position}: {} -> {}",
            oracle.token_text(current[position]),
            oracle.token_text(changed[position])
        );
        self.current = Some(changed.clone());
        if self.proposed.contains(&changed) {
            // It was scored on dev before; coming back to it costs nothing more.
            self.current_number = None;
            return Ok(Proposal::Nothing { trace });
        }
        Ok(self.proposal(changed, origin, trace))
    }

    fn observe(&mut self, scored: &[Scored]) {
        self.current_number = scored.last().map(|s| s.candidate);
    }

    fn state(&self) -> serde_json::Value {
        json!({
            "step": self.step,
            "restarts": self.restarts,
            "current": self.current,
            "steps_without_move": self.steps_without_move,
        })
    }

    fn flags(&self) -> Vec<String> {
        if self.zero_gradient { vec!["zero_gradient".into()] } else { Vec::new() }
    }
}
