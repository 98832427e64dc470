//! The ask/tell trait of every method, and the oracle that it asks.

use crate::prompt::{Candidate, Prompt};
use crate::scoring::{Cost, Gap, PromptGradient};

use super::{Progress, SearchError, Snapshot, WordOracle};

/// A method that mines prompts: a small state machine that is asked for candidates and told how they did.
///
/// The runner owns the loop, the budget and the record. A search never touches a file and never prints.
pub trait Search: Send {
    /// The next candidates to score for selection, or why there are none.
    ///
    /// # Errors
    /// [`SearchError`] if the model cannot score what the search needs.
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError>;

    /// The evaluations until its first look at dev beyond its start is over, where a search knows them beforehand.
    fn first_look(&self, oracle: &dyn Oracle) -> Option<u64> {
        let _ = oracle;
        None
    }

    /// The evaluations of the next proposal and the look at it, of a search that asked at its start only what it may spend: it does
    /// not ask again.
    fn next_cost(&self, oracle: &dyn Oracle) -> Option<u64> {
        let _ = oracle;
        None
    }

    /// How the candidates of the last proposal did, in its order.
    fn observe(&mut self, scored: &[Scored]);

    /// Where the search stands, for the record.
    fn state(&self) -> serde_json::Value;

    /// How many times dev influenced what the search did, beside the choice at the end (early stops, restarts, parents).
    fn dev_looks(&self) -> u64 {
        0
    }

    /// Whether weak candidates of a proposal may be dropped before all selection examples are scored: not where the search goes
    /// on from several of them by what selection says.
    fn races(&self) -> bool {
        true
    }

    /// What the last proposal found, for a search that was killed to go on from; `None` of one that has nothing to keep since it was
    /// last asked, or is begun anew as quickly.
    fn progress(&self) -> Option<Progress> {
        None
    }

    /// Takes up what [`Search::progress`] gave of each proposal, in order, and the last state: it proposes the same again without
    /// computing it, and goes on from there. False, and nothing changed, where it is of another search.
    fn resume(&mut self, proposals: Vec<Snapshot>, state: Snapshot) -> bool {
        let _ = (proposals, state);
        false
    }

    /// What is to be said of the search in the tables (`zero_gradient`).
    fn flags(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The answer to [`Search::propose`].
#[derive(Debug, Clone, PartialEq)]
pub enum Proposal {
    /// Candidates to score.
    Candidates {
        /// At least one.
        candidates: Vec<Candidate>,
        /// What was done to find them, for the record.
        trace: Option<serde_json::Value>,
    },
    /// A step was done that found nothing to score; ask again.
    Nothing {
        /// What was done.
        trace: serde_json::Value,
    },
    /// The search is at its end.
    Done,
    /// The next step costs more than is left; it was not begun.
    OutOfBudget,
}

/// A candidate that was scored for selection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Its number within the trial.
    pub candidate: u64,
    /// The task's metric on dev, or the label-free score at 0 shots.
    pub score: f64,
    /// The mean margin on dev in nats; 0 at 0 shots.
    pub margin: f64,
    /// Identifies the predicted labels: equal for prompts that predict the same everywhere.
    pub signature: u64,
}

impl Scored {
    /// Whether this one is to be preferred: by score, then by margin.
    pub fn beats(&self, other: &Self) -> bool {
        (self.score, self.margin) > (other.score, other.margin)
    }
}

/// What a search may ask about prompts: always on train, always within the budget.
pub trait Oracle {
    /// Labelled training examples, numbered from 0 in an order that depends on the seed.
    fn n_train(&self) -> usize;

    /// A training example's texts, as (column, text), and the index of its label; `None` where it has none, or the oracle does
    /// not tell.
    fn example(&self, _index: usize) -> Option<(Vec<(String, String)>, usize)> {
        None
    }

    /// Whether so many more evaluations are within the budget.
    fn affords(&self, evaluations: u64) -> bool;

    /// The evaluations that one example costs with this prompt: its passes.
    ///
    /// # Errors
    /// [`SearchError`] if the model cannot take the prompt.
    fn passes(&self, prompt: &Prompt) -> Result<u64, SearchError>;

    /// The examples on which a candidate is scored for selection, those of its calibration included.
    fn n_selection(&self) -> usize;

    /// Whether a candidate's scores are calibrated, so that they take a second call for its prior.
    fn calibrates(&self) -> bool {
        false
    }

    /// Mean cross-entropy of the gold labels among the labels, in nats, of each prompt on some training examples; all
    /// prompts in one round.
    ///
    /// # Errors
    /// [`SearchError`] if a score cannot be had.
    fn train_losses(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<f64>, SearchError>;

    /// The same losses, each only as far as it can still be below `bound`: `None` for a prompt whose loss on some of the
    /// examples alone is above what the bound allows on all. Cross-entropy is never negative, so nothing is lost: a prompt whose
    /// loss is below the bound always has it, and it is that of [`Oracle::train_losses`]. What is scored of a prompt is charged,
    /// and no more.
    ///
    /// It pays to ask [`Oracle::train_losses`] for the incumbent on the same examples first: those that cost it most are then
    /// scored first. To find the best of several, the incumbent's loss is the bound; to keep the best k, the k-th best's.
    ///
    /// # Errors
    /// [`SearchError`] if a score cannot be had.
    fn train_losses_below(
        &mut self,
        prompts: &[Prompt],
        examples: &[usize],
        bound: f64,
    ) -> Result<Vec<Option<f64>>, SearchError> {
        let _ = bound;
        Ok(self.train_losses(prompts, examples)?.into_iter().map(Some).collect())
    }

    /// The loss's gradient with respect to the trigger embeddings and the virtual tokens, whichever the prompt has, on some
    /// training examples.
    ///
    /// # Errors
    /// [`SearchError`] if it cannot be had.
    fn gradient(&mut self, prompt: &Prompt, examples: &[usize]) -> Result<PromptGradient, SearchError>;

    /// What has been charged so far.
    fn spent(&self) -> Cost {
        Cost::default()
    }

    /// Charges what was not asked of this oracle: what an earlier attempt at the same proposal cost, which is not computed again, or
    /// what a model of the search's own did.
    fn charge(&mut self, cost: Cost) {
        let _ = cost;
    }

    /// [`Oracle::gradient`] of several prompts on the same examples; all prompts in one round where the model can.
    ///
    /// # Errors
    /// As [`Oracle::gradient`].
    fn gradients(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<PromptGradient>, SearchError> {
        prompts.iter().map(|prompt| self.gradient(prompt, examples)).collect()
    }

    /// First-order gains of putting each token of the vocabulary in a trigger's place: `[n][vocab_size]`.
    fn gains(&self, rows: &[Vec<f32>]) -> Vec<Vec<f32>>;

    /// The ids that may stand in a trigger, ascending.
    fn vocabulary(&self) -> &[u32];

    /// A token as text, for the record.
    fn token_text(&self, id: u32) -> String;

    /// The texts that may be read without their labels: those of train, or the unlabelled ones at 0 shots.
    fn n_texts(&self) -> usize;

    /// A column of all texts of train, which are read without their labels; none of an oracle that does not tell.
    fn unlabelled_texts(&self, column: &str) -> Vec<&str> {
        let _ = column;
        Vec::new()
    }

    /// What the model would write at the open places of templates: log-probabilities over the whole vocabulary, each the
    /// mean over the first `n_texts` texts, `[gap][open place][token]`. An evaluation for each gap and text.
    ///
    /// # Errors
    /// [`SearchError`] if it cannot be had.
    fn fill(&mut self, gaps: &[Gap], n_texts: usize) -> Result<Vec<Vec<Vec<f32>>>, SearchError>;

    /// The tokens of a piece of text, after a space or not; `None` if the tokenizer cannot write it.
    fn encode(&self, text: &str, after_space: bool) -> Option<Vec<u32>>;

    /// A token that alone is a word, or a character of a script without spaces: its text. `None` for all others.
    fn word(&self, id: u32) -> Option<String>;

    /// The word embeddings of some tokens.
    ///
    /// # Shapes
    /// `[ids.len()][d_model]`
    fn embeddings(&self, ids: &[u32]) -> Vec<Vec<f32>> {
        let _ = ids;
        Vec::new()
    }

    /// Whether the trigger tokens of a prompt, written as text, would be other tokens.
    fn retokenises(&self, prompt: &Prompt) -> bool {
        let _ = prompt;
        false
    }

    /// The evaluations that [`Oracle::likelihoods`] of one prompt costs.
    ///
    /// # Errors
    /// [`SearchError`] if the model cannot take the prompt.
    fn likelihood_cost(&self, prompt: &Prompt, n_texts: usize) -> Result<u64, SearchError> {
        let _ = (prompt, n_texts);
        Err(SearchError::Unanswered { what: "how likely a prompt is" })
    }

    /// The mean (pseudo-)negative log-likelihood of each prompt's own tokens in the first `n_texts` texts, in nats.
    ///
    /// # Errors
    /// [`SearchError`] if it cannot be had.
    fn likelihoods(&mut self, prompts: &[Prompt], n_texts: usize) -> Result<Vec<f64>, SearchError> {
        let _ = (prompts, n_texts);
        Err(SearchError::Unanswered { what: "how likely a prompt is" })
    }

    /// The part of each place's own token in the prompt's mean log-likelihood, if it were each token of the vocabulary:
    /// `[places.len()][vocab_size]`, exact but for what the token does to its neighbours. At most an evaluation for each place
    /// and text.
    ///
    /// # Errors
    /// [`SearchError`] if it cannot be had.
    fn trigger_likelihoods(
        &mut self,
        prompt: &Prompt,
        places: &[usize],
        n_texts: usize,
    ) -> Result<Vec<Vec<f32>>, SearchError> {
        let _ = (prompt, places, n_texts);
        Err(SearchError::Unanswered { what: "how likely a prompt is" })
    }

    /// [`Oracle::train_losses`] by the second model, charged at [`Oracle::probe_cost`].
    ///
    /// # Errors
    /// [`SearchError`] if there is none, or it cannot score what is asked.
    fn probe_losses(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<f64>, SearchError> {
        let _ = (prompts, examples);
        Err(SearchError::Unanswered { what: "a second model" })
    }

    /// What so many evaluations by the second model count: in proportion to its weights, rounded up.
    fn probe_cost(&self, evaluations: u64) -> u64 {
        evaluations
    }

    /// What a search of label words may ask beside; `None` of an oracle that does not know answers.
    fn words(&mut self) -> Option<&mut dyn WordOracle> {
        None
    }
}
