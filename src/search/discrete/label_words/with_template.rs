//! Template and label words together: in turn words for the best template and other words for the template itself.
//!
//! # Decisions
//!
//! - 2026-11: what is searched in turn is what each of the two searches does alone. LM-BFF (arXiv 2012.15723) searches words for
//!   each of its ten best templates at once; with a frozen model the budget goes further where one half of the prompt stands while
//!   the other moves. The next turn starts from what is best on dev, and every such start is counted as a look at dev.

use crate::prompt::{Candidate, Prompt};
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};

use super::{LabelWords, LabelWordsConfig};

/// A search for other templates that starts from a prompt; the number is that of its turn.
pub type Rewriter = Box<dyn Fn(Prompt, usize) -> Box<dyn Search> + Send>;

/// Turns without anything better after which the search ends.
const FRUITLESS: usize = 2;

/// Searches template and label words in turn.
pub struct TemplateAndWords {
    config: LabelWordsConfig,
    rewriter: Rewriter,
    inner: Box<dyn Search>,
    /// Whether `inner` rewrites the template.
    rewrites: bool,
    turn: usize,
    fruitless: usize,
    asked: Vec<Candidate>,
    best: Option<(Scored, Prompt)>,
    /// What the turn began with.
    began_with: Option<Prompt>,
    looks: u64,
    flags: Vec<String>,
}

impl TemplateAndWords {
    /// A search that starts with words for `prompt`, whose own words do not count.
    pub fn new(config: LabelWordsConfig, prompt: Prompt, rewriter: Rewriter) -> Self {
        let inner = Box::new(LabelWords::new(config.clone(), prompt));
        Self {
            config,
            rewriter,
            inner,
            rewrites: false,
            turn: 0,
            fruitless: 0,
            asked: Vec::new(),
            best: None,
            began_with: None,
            looks: 0,
            flags: Vec::new(),
        }
    }

    /// Hands over to the other search; whether there is anything left to do.
    fn hand_over(&mut self) -> bool {
        self.flags.extend(self.inner.flags());
        self.looks += self.inner.dev_looks();
        let Some((_, best)) = self.best.clone() else { return false };
        self.fruitless = if self.began_with.as_ref() == Some(&best) { self.fruitless + 1 } else { 0 };
        if self.fruitless >= FRUITLESS {
            return false;
        }
        // Where the search goes on is decided by dev.
        self.looks += 1;
        self.turn += 1;
        let new_template =
            self.rewrites && self.began_with.as_ref().map(|prompt| &prompt.template) != Some(&best.template);
        self.rewrites = !new_template;
        self.inner = match self.rewrites {
            true => (self.rewriter)(best.clone(), self.turn),
            false => Box::new(LabelWords::new(self.config.clone(), best.clone())),
        };
        self.began_with = Some(best);
        true
    }
}

impl Search for TemplateAndWords {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        loop {
            match self.inner.propose(oracle)? {
                Proposal::Candidates { mut candidates, trace } => {
                    let what = if self.rewrites { "template" } else { "words" };
                    for candidate in &mut candidates {
                        candidate.origin = format!("turn {}, {what}: {}", self.turn + 1, candidate.origin);
                    }
                    self.asked.clone_from(&candidates);
                    return Ok(Proposal::Candidates { candidates, trace });
                }
                Proposal::Done if self.hand_over() => {}
                end => return Ok(end),
            }
        }
    }

    fn observe(&mut self, scored: &[Scored]) {
        for (candidate, scored) in self.asked.drain(..).zip(scored) {
            if self.best.as_ref().is_none_or(|(best, _)| scored.beats(best)) {
                self.best = Some((*scored, candidate.prompt));
            }
        }
        self.inner.observe(scored);
    }

    fn state(&self) -> serde_json::Value {
        serde_json::json!({ "turn": self.turn, "rewrites": self.rewrites, "inner": self.inner.state() })
    }

    fn dev_looks(&self) -> u64 {
        self.looks + self.inner.dev_looks()
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = self.flags.clone();
        flags.extend(self.inner.flags());
        flags
    }
}
