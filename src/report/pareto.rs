//! The Pareto front of candidates: those that no other beats on dev, in length and, where it is known, in fluency at once.
//!
//! # Decisions
//!
//! - 2026-11: `a` dominates `b` if it is no worse in every objective and better in at least one. Objectives are the metric on dev (the
//!   label-free score at 0 shots; more is better), the tokens of the prompt (fewer) and its perplexity (less). Scores are compared in steps
//!   of 1e-6, as ranks are. Candidates that are equal in all of them do not dominate one another: they are one point of the front.
//! - 2026-11: perplexity takes part only where every candidate has one. A candidate without one cannot be compared by it, and a
//!   dominance that skips unknowns would not be transitive.
//! - 2026-11: the front describes the dev set that it was found on. Nothing is tested: near points may well change places on another.

use super::candidates::CandidateRow;
use super::place::stepped;

/// What a candidate is compared by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Objectives {
    /// The metric on dev or the label-free score; more is better.
    pub(super) score: f64,
    /// Tokens of the template itself, trigger and virtual tokens among them; fewer is better.
    pub(super) n_tokens: usize,
    /// Its perplexity; less is better.
    pub(super) perplexity: Option<f64>,
}

impl Objectives {
    /// Of a candidate that was scored to the end; `None` of others.
    pub(super) fn of(row: &CandidateRow) -> Option<Self> {
        let score = stepped(row.dev_metric.or(row.label_free)).filter(|score| score.is_finite())?;
        let n_tokens = row.n_tokens;
        let perplexity = stepped(row.perplexity).filter(|value| value.is_finite());
        row.dropped_at.is_none().then_some(Self { score, n_tokens, perplexity })
    }

    /// Whether it is no worse in any objective and better in one; perplexity counts where both have it.
    pub(super) fn dominates(&self, other: &Self) -> bool {
        let perplexities = self.perplexity.zip(other.perplexity);
        let no_worse = self.score >= other.score
            && self.n_tokens <= other.n_tokens
            && perplexities.is_none_or(|(mine, theirs)| mine <= theirs);
        let better = self.score > other.score
            || self.n_tokens < other.n_tokens
            || perplexities.is_some_and(|(mine, theirs)| mine < theirs);
        no_worse && better
    }

    /// Without its perplexity.
    fn flat(self) -> Self {
        Self { perplexity: None, ..self }
    }
}

/// A point of the front.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) at: Objectives,
    /// The first candidate that came with these objectives: where the best come first, the best ranked.
    pub(super) first: u64,
    /// Candidates with these objectives.
    pub(super) n: usize,
}

/// The front of the candidates so far; only those on it are held.
#[derive(Debug, Clone, Default)]
pub(super) struct Front {
    /// By score and tokens.
    flat: Vec<Member>,
    /// By perplexity too.
    whole: Vec<Member>,
    /// Whether a candidate came without a perplexity.
    has_gap: bool,
}

impl Front {
    /// Takes a candidate into account; whether it is a new point of the front so far.
    pub(super) fn offer(&mut self, at: Objectives, candidate: u64) -> bool {
        let is_new = enter(&mut self.flat, at.flat(), candidate);
        self.has_gap |= at.perplexity.is_none();
        if self.has_gap {
            self.whole.clear();
            return is_new;
        }
        enter(&mut self.whole, at, candidate) || is_new
    }

    /// Whether perplexity takes part.
    pub(super) fn has_perplexity(&self) -> bool {
        !self.has_gap && !self.whole.is_empty()
    }

    /// The points of the front, best scores first, then shorter ones.
    pub(super) fn members(&self) -> Vec<&Member> {
        let mut members: Vec<&Member> = if self.has_perplexity() { &self.whole } else { &self.flat }.iter().collect();
        members.sort_by(|a, b| b.at.score.total_cmp(&a.at.score).then(a.at.n_tokens.cmp(&b.at.n_tokens)));
        members
    }

    /// Whether a candidate with these objectives stands on it.
    pub(super) fn holds(&self, at: Objectives) -> bool {
        match self.has_perplexity() {
            true => self.whole.iter().any(|member| member.at == at),
            false => self.flat.iter().any(|member| member.at == at.flat()),
        }
    }
}

fn enter(front: &mut Vec<Member>, at: Objectives, candidate: u64) -> bool {
    if let Some(same) = front.iter_mut().find(|member| member.at == at) {
        same.n += 1;
        return false;
    }
    if front.iter().any(|member| member.at.dominates(&at)) {
        return false;
    }
    front.retain(|member| !at.dominates(&member.at));
    front.push(Member { at, first: candidate, n: 1 });
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(score: f64, n_tokens: usize, perplexity: Option<f64>) -> Objectives {
        Objectives { score, n_tokens, perplexity }
    }

    fn front(all: &[Objectives]) -> Vec<u64> {
        let mut front = Front::default();
        for (place, at) in all.iter().enumerate() {
            front.offer(*at, place as u64);
        }
        front.members().iter().map(|member| member.first).collect()
    }

    #[test]
    fn better_in_one_and_worse_in_none_dominates_and_equals_do_not() {
        let one = at(0.8, 5, None);
        assert!(one.dominates(&at(0.8, 6, None)) && one.dominates(&at(0.7, 5, None)));
        assert!(!one.dominates(&one) && !one.dominates(&at(0.7, 4, None)) && !at(0.7, 4, None).dominates(&one));
        let fluent = at(0.8, 5, Some(10.0));
        assert!(fluent.dominates(&at(0.8, 5, Some(11.0))) && !fluent.dominates(&at(0.7, 5, Some(9.0))));
    }

    #[test]
    fn the_front_goes_from_the_best_to_the_shortest() {
        let all = [at(0.9, 8, None), at(0.8, 8, None), at(0.8, 3, None), at(0.7, 4, None), at(0.6, 1, None)];
        assert_eq!(front(&all), [0, 2, 4]);
    }

    #[test]
    fn equals_are_one_point_named_by_the_first_and_counted() {
        let mut front = Front::default();
        let new: Vec<bool> = (0..3).map(|candidate| front.offer(at(0.9, 4, None), candidate)).collect();
        assert_eq!(new, [true, false, false]);
        let [member] = front.members()[..] else { panic!("one point") };
        assert_eq!((member.first, member.n), (0, 3));
    }

    #[test]
    fn perplexity_takes_part_only_where_every_candidate_has_one() {
        let fluent = [at(0.9, 4, Some(50.0)), at(0.8, 4, Some(20.0)), at(0.7, 5, Some(30.0))];
        assert_eq!(front(&fluent), [0, 1]);
        let gap = [fluent[0], fluent[1], at(0.7, 5, None)];
        assert_eq!(front(&gap), [0]);
    }

    proptest! {
        #[test]
        fn no_member_is_dominated_and_every_other_is_whatever_the_order(
            all in prop::collection::vec((0..6_u8, 1..6_usize, 0..4_u8), 1..30), with in any::<bool>()
        ) {
            let all: Vec<Objectives> = all
                .into_iter()
                .map(|(score, n, p)| at(f64::from(score) / 5.0, n, with.then(|| f64::from(p))))
                .collect();
            let mut seen = Front::default();
            for (place, at) in all.iter().enumerate() {
                seen.offer(*at, place as u64);
            }
            let counted: usize = seen.members().iter().map(|member| member.n).sum();
            let free = |at: &&Objectives| !all.iter().any(|other| other.dominates(at));
            prop_assert_eq!(counted, all.iter().filter(free).count());
            for at in &all {
                prop_assert_eq!(seen.holds(*at), free(&at));
            }
        }
    }
}
