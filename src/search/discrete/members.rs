//! Templates that a search over wording has proposed, and what is known of them.

use super::ranking::ranked;
use super::wording::Wording;
use crate::prompt::{Candidate, Prompt, Template};
use crate::search::{Oracle, Proposal, Scored, SearchError};

/// A template that was proposed for selection.
#[derive(Debug, Clone)]
pub(super) struct Member<E> {
    /// It.
    pub template: Template,
    /// What the search keeps of it besides.
    pub kept: E,
    scored: Option<Scored>,
    /// Its mean loss on the train batch in nats; without labels what selection told, negated. The lower the better.
    value: Option<f64>,
}

/// The members, by the places in which they came.
#[derive(Debug)]
pub(super) struct Members<E> {
    all: Vec<Member<E>>,
    /// Those that selection is asked about.
    pending: Vec<usize>,
}

impl<E> Default for Members<E> {
    fn default() -> Self {
        Self { all: Vec::new(), pending: Vec::new() }
    }
}

impl<E> Members<E> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// One of them.
    pub fn get(&self, member: usize) -> &Member<E> {
        &self.all[member]
    }

    /// Their templates.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.all.iter().map(|member| &member.template)
    }

    /// The loss of one, the lower the better; infinite while nothing is known.
    pub fn value(&self, member: usize) -> f64 {
        self.all[member].value.unwrap_or(f64::INFINITY)
    }

    /// The number of one among the trial's candidates, once it was scored.
    pub fn number(&self, member: usize) -> Option<u64> {
        self.all[member].scored.map(|scored| scored.candidate)
    }

    /// `members`, the best first, of those whose predictions agree the best one; and how many were passed over.
    pub fn ranked(&self, members: Vec<usize>) -> (Vec<usize>, u64) {
        let signature = |member: usize| self.all[member].scored.map(|scored| scored.signature);
        ranked(members, |member| self.value(member), signature)
    }

    /// Takes in one more.
    pub fn push(&mut self, template: Template, kept: E, value: Option<f64>) -> usize {
        self.all.push(Member { template, kept, scored: None, value });
        self.all.len() - 1
    }

    /// The templates that somebody wrote, as many as the budget covers, for selection.
    ///
    /// # Errors
    /// Those of the oracle.
    pub fn start(&mut self, wording: &mut Wording, oracle: &dyn Oracle) -> Result<Proposal, SearchError>
    where
        E: Default,
    {
        let mut candidates = Vec::new();
        for template in wording.start(oracle)? {
            let prompt = wording.prompt(&template);
            let member = self.push(template, E::default(), None);
            self.pending.push(member);
            candidates.push(Candidate { prompt, parent: None, origin: "written".into() });
        }
        Ok(match candidates.is_empty() {
            true => Proposal::OutOfBudget,
            false => Proposal::Candidates { candidates, trace: None },
        })
    }

    /// Those whose loss is not known.
    pub fn unknown(&self) -> Vec<usize> {
        (0..self.all.len()).filter(|&member| self.all[member].value.is_none()).collect()
    }

    /// Compares `members` on the batch.
    ///
    /// # Errors
    /// Those of the oracle.
    pub fn compare(
        &mut self,
        members: &[usize],
        wording: &Wording,
        batch: &[usize],
        oracle: &mut dyn Oracle,
    ) -> Result<(), SearchError> {
        if members.is_empty() {
            return Ok(());
        }
        let prompts: Vec<Prompt> = members.iter().map(|&member| wording.prompt(&self.all[member].template)).collect();
        let losses = oracle.train_losses(&prompts, batch)?;
        members.iter().zip(losses).for_each(|(&member, loss)| self.all[member].value = Some(loss));
        Ok(())
    }

    /// Takes what selection told for the loss, where there are no labels.
    pub fn take_scores(&mut self) {
        for member in self.all.iter_mut().filter(|member| member.value.is_none()) {
            member.value = member.scored.map(|scored| -scored.score);
        }
    }

    /// Keeps of the members from `first` on those that `stay`, which selection is asked about next; where each member is now.
    pub fn keep(&mut self, first: usize, stay: &[usize]) -> impl Fn(usize) -> Option<usize> + use<E> {
        let fresh = self.all.split_off(first);
        self.all.extend((first..).zip(fresh).filter(|(at, _)| stay.contains(at)).map(|(_, member)| member));
        self.pending = (first..self.all.len()).collect();
        let mut stay = stay.to_vec();
        stay.sort_unstable();
        move |member| match stay.binary_search(&member) {
            _ if member < first => Some(member),
            at => at.ok().map(|at| first + at),
        }
    }

    /// What selection told of those that it was asked about.
    pub fn observe(&mut self, scored: &[Scored]) {
        for (member, &scored) in std::mem::take(&mut self.pending).into_iter().zip(scored) {
            self.all[member].scored = Some(scored);
        }
    }
}
