//! A template in the making: the edits that were done to it.

use super::super::paraphrase::{Dropped, Parent};
use super::super::phrase::{Level, Phrase, add, delete, lowered, phrases, places, swap};
use super::super::wording::{Asked, Wording};
use crate::prompt::Template;
use crate::search::{Oracle, SearchError};
use crate::seed::Stream;

/// Draws of an edit before none is done.
const DRAWS: usize = 12;

/// A template under edits.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The number of the member that it comes from.
    pub base: usize,
    /// It, so far.
    pub template: Template,
    /// Phrases that were deleted on the way here and not put back.
    pub deleted: Vec<String>,
    /// What was done, in words.
    pub changes: Vec<String>,
    /// By which edits, and of paraphrases by which generator.
    pub by: Vec<&'static str>,
}

/// The edits of an iteration.
pub struct Drafting<'a> {
    /// What is edited as a whole.
    pub level: Level,
    /// Edits of a draft.
    pub n_compose: usize,
    /// The wording.
    pub wording: &'a mut Wording,
    /// Random numbers.
    pub stream: &'a mut Stream,
    /// Evaluations that are left for the drafts' comparison.
    pub reserve: u64,
}

impl Drafting<'_> {
    /// Edits every draft; one to which nothing new could be done is left out.
    ///
    /// # Errors
    /// As [`Wording::reword`].
    pub fn edit(
        &mut self,
        mut drafts: Vec<Draft>,
        oracle: &mut dyn Oracle,
        dropped: &mut Dropped,
    ) -> Result<Vec<Draft>, SearchError> {
        for step in 1..=self.n_compose {
            let last = step == self.n_compose;
            let mut done: Vec<Option<Draft>> = Vec::new();
            let mut asked: Vec<(usize, Parent, Phrase)> = Vec::new();
            for (index, draft) in drafts.iter().enumerate() {
                let parent = self.wording.parent(asked.len(), &draft.template);
                let found = phrases(&parent, self.level);
                if found.is_empty() {
                    done.push(None);
                } else if self.wording.rewording().is_on() && self.draws_paraphrase(draft, &found) {
                    let phrase = self.stream.choose(&found).clone();
                    asked.push((index, parent, phrase));
                    done.push(None);
                } else {
                    let edited = self.edited(draft, &parent, &found, last, &done);
                    done.push(edited);
                }
            }
            let questions: Vec<Asked<'_>> = asked
                .iter()
                .map(|(_, parent, phrase)| Asked {
                    parent,
                    within: Some((phrase.piece, phrase.place.clone())),
                    may_leave_out: false,
                })
                .collect();
            let reworded = self.wording.reword(&questions, self.stream, self.reserve, oracle, dropped)?;
            for ((index, parent, phrase), rewrites) in asked.iter().zip(reworded) {
                let draft = &drafts[*index];
                let new = rewrites.into_iter().find(|rewrite| !last || self.is_fresh(&rewrite.template, &done));
                done[*index] = match new {
                    Some(rewrite) => {
                        let change = match rewrite.by {
                            "endpoint" => rewrite.origin,
                            _ => format!("paraphrased `{}`: {}", phrase.text, rewrite.origin),
                        };
                        Some(draft.with(rewrite.template, change, rewrite.by))
                    }
                    // What cannot be said otherwise may still be moved.
                    None => self.edited(draft, parent, &phrases(parent, self.level), last, &done),
                };
            }
            drafts = done.into_iter().flatten().collect();
        }
        Ok(drafts)
    }

    /// Whether the next edit says a phrase in other words: one of the edits that can be done here, each as likely.
    fn draws_paraphrase(&mut self, draft: &Draft, found: &[Phrase]) -> bool {
        let others = 1 + usize::from(found.len() > 1) + usize::from(!draft.deleted.is_empty());
        self.stream.below(others + 1) == 0
    }

    fn is_fresh(&self, template: &Template, done: &[Option<Draft>]) -> bool {
        !self.wording.is_known(template) && !done.iter().flatten().any(|other| other.template == *template)
    }

    /// One edit that asks nobody. As the last of a draft it gives a template that was not there before.
    fn edited(
        &mut self,
        draft: &Draft,
        parent: &Parent,
        found: &[Phrase],
        last: bool,
        done: &[Option<Draft>],
    ) -> Option<Draft> {
        for _ in 0..DRAWS {
            let mut edits = vec!["delete"];
            edits.extend((found.len() > 1).then_some("swap"));
            edits.extend((!draft.deleted.is_empty()).then_some("add"));
            let edited = match *self.stream.choose(&edits) {
                "swap" => self.swapped(draft, parent, found),
                "add" => self.added(draft, parent, found),
                _ => self.without(draft, parent, found),
            };
            let edited = edited.filter(|edited| !last || self.is_fresh(&edited.template, done));
            if edited.is_some() {
                return edited;
            }
        }
        None
    }

    fn without(&mut self, draft: &Draft, parent: &Parent, found: &[Phrase]) -> Option<Draft> {
        let phrase = self.stream.choose(found);
        let template = delete(parent, phrase)?;
        let mut edited = draft.with(template, format!("deleted `{}`", phrase.text), "delete");
        edited.deleted.push(lowered(&phrase.text));
        Some(edited)
    }

    fn swapped(&mut self, draft: &Draft, parent: &Parent, found: &[Phrase]) -> Option<Draft> {
        let mut pair = self.stream.sample(found.len(), 2);
        pair.sort_unstable();
        let (first, second) = (&found[pair[0]], &found[pair[1]]);
        let template = swap(parent, first, second)?;
        Some(draft.with(template, format!("swapped `{}` and `{}`", first.text, second.text), "swap"))
    }

    fn added(&mut self, draft: &Draft, parent: &Parent, found: &[Phrase]) -> Option<Draft> {
        let which = self.stream.below(draft.deleted.len());
        let (at, behind) = *self.stream.choose(&places(found));
        let new = &draft.deleted[which];
        let template = add(parent, &found[at], behind, new)?;
        let place = if behind { "behind" } else { "before" };
        let mut edited = draft.with(template, format!("added `{new}` {place} `{}`", found[at].text), "add");
        edited.deleted.remove(which);
        Some(edited)
    }
}

impl Draft {
    fn with(&self, template: Template, change: String, by: &'static str) -> Self {
        let mut edited = Self { template, ..self.clone() };
        edited.changes.push(change);
        edited.by.push(by);
        edited
    }
}
