//! The way of a search over trigger tokens: where it starts, which batches it takes, what it proposed.

use std::collections::HashMap;

use serde_json::Value;

use crate::prompt::{Candidate, Prompt, TriggerTokens};
use crate::search::{Oracle, Proposal, Scored, SearchError};
use crate::seed::Stream;

/// Draws of a start that survives being written as text, before one that does not is taken.
const START_DRAWS: usize = 1_000;

/// What every search over trigger tokens keeps of its way.
pub struct Trail {
    template: Prompt,
    /// The tokens that the first start begins with.
    initial: Vec<u32>,
    batch_size: usize,
    /// The place in train at which the next batch begins.
    batch_start: usize,
    /// The numbers of the triggers that were proposed, once they are known.
    numbers: HashMap<Vec<u32>, Option<u64>>,
    /// The trigger that was proposed last.
    last: Vec<u32>,
    restarts: usize,
    /// Its random numbers.
    pub stream: Stream,
}

/// What a search stands on before a step.
#[derive(Debug, Clone, Copy)]
pub struct Footing {
    /// Training examples.
    pub n_train: usize,
    /// Evaluations that a prompt costs on an example.
    pub passes: u64,
    /// What scoring a candidate for selection costs.
    pub selection: u64,
}

impl Trail {
    /// A way over the triggers of `prompt` that begins with `initial` and random tokens after it, in batches of so many
    /// training examples.
    pub fn new(prompt: Prompt, initial: Vec<u32>, batch_size: usize, stream: Stream) -> Self {
        Self {
            template: prompt,
            initial,
            batch_size,
            batch_start: 0,
            numbers: HashMap::new(),
            last: Vec::new(),
            restarts: 0,
            stream,
        }
    }

    /// The prompt whose triggers are searched.
    pub fn template(&self) -> &Prompt {
        &self.template
    }

    /// The prompt with these trigger tokens.
    pub fn with(&self, tokens: &[u32]) -> Prompt {
        Prompt { triggers: TriggerTokens(tokens.to_vec()), ..self.template.clone() }
    }

    /// Trigger tokens.
    pub fn n_trigger(&self) -> usize {
        self.template.template.n_trigger()
    }

    /// How often the search began anew.
    pub fn restarts(&self) -> usize {
        self.restarts
    }

    /// What every step begins with: whether there is anything to go along, and what its prompts cost.
    ///
    /// # Errors
    /// [`SearchError`] if there is no training example or no token to choose, or the model cannot take the template.
    pub fn footing(&self, oracle: &dyn Oracle, method: &'static str) -> Result<Footing, SearchError> {
        let n_train = oracle.n_train();
        if n_train == 0 {
            return Err(SearchError::NoTraining { method });
        }
        if oracle.vocabulary().is_empty() {
            return Err(SearchError::EmptyVocabulary);
        }
        let passes = oracle.passes(self.template())?;
        Ok(Footing { n_train, passes, selection: passes * oracle.n_selection() as u64 })
    }

    /// Whether the search may begin anew, and is to: where it may not, it is over.
    pub fn begins_anew(&mut self, most: Option<usize>) -> bool {
        if most.is_some_and(|most| self.restarts() >= most) {
            return false;
        }
        self.restart();
        true
    }

    /// Begins anew.
    pub fn restart(&mut self) {
        self.restarts += 1;
    }

    /// Examples of a batch.
    pub fn batch_size(&self, n_train: usize) -> usize {
        self.batch_size.min(n_train)
    }

    /// The next batch, round and round the training examples in their order.
    pub fn next_batch(&mut self, n_train: usize) -> Vec<usize> {
        let size = self.batch_size(n_train);
        let batch = (0..size).map(|i| (self.batch_start + i) % n_train).collect();
        self.batch_start = (self.batch_start + size) % n_train;
        batch
    }

    /// A start: the initial tokens the first time, random ones after them and later. Where it is to be `stable`, its text gives
    /// the same tokens, unless no draw does.
    pub fn start(&mut self, oracle: &dyn Oracle, stable: bool) -> Vec<u32> {
        let initial = std::mem::take(&mut self.initial);
        let mut draw = || -> Vec<u32> {
            let mut tokens: Vec<u32> =
                (0..self.template.template.n_trigger()).map(|_| *self.stream.choose(oracle.vocabulary())).collect();
            for (token, &first) in tokens.iter_mut().zip(&initial) {
                *token = first;
            }
            tokens
        };
        let mut tokens = draw();
        for _ in 0..START_DRAWS {
            let prompt = Prompt { triggers: TriggerTokens(tokens.clone()), ..self.template.clone() };
            if !stable || !oracle.retokenises(&prompt) {
                break;
            }
            tokens = draw();
        }
        tokens
    }

    /// `start` or `restart 2`.
    pub fn start_words(&self) -> String {
        if self.restarts == 0 { "start".to_string() } else { format!("restart {}", self.restarts) }
    }

    /// Whether these tokens were proposed before.
    pub fn is_proposed(&self, tokens: &[u32]) -> bool {
        self.numbers.contains_key(tokens)
    }

    /// Proposes a trigger, made from `parent`.
    pub fn propose(&mut self, tokens: &[u32], parent: Option<&[u32]>, origin: String, trace: Value) -> Proposal {
        let parent = parent.and_then(|parent| self.numbers.get(parent).copied().flatten());
        self.numbers.insert(tokens.to_vec(), None);
        self.last = tokens.to_vec();
        let candidate = Candidate { prompt: self.with(tokens), parent, origin };
        Proposal::Candidates { candidates: vec![candidate], trace: Some(trace) }
    }

    /// Keeps the number that the last proposal got.
    pub fn observe(&mut self, scored: &[Scored]) {
        if let Some(scored) = scored.last() {
            self.numbers.insert(self.last.clone(), Some(scored.candidate));
        }
    }
}

/// The tokens as the vocabulary writes them.
pub fn texts(oracle: &dyn Oracle, tokens: &[u32]) -> Vec<String> {
    tokens.iter().map(|&id| oracle.token_text(id)).collect()
}

/// What tells one trigger from another: `position 1: the -> a, position 2: ...`.
pub fn swaps(oracle: &dyn Oracle, old: &[u32], new: &[u32]) -> String {
    let changed = old.iter().zip(new).enumerate().filter(|(_, (old, new))| old != new);
    let words = changed.map(|(place, (&old, &new))| {
        format!("position {place}: {} -> {}", oracle.token_text(old), oracle.token_text(new))
    });
    words.collect::<Vec<_>>().join(", ")
}
