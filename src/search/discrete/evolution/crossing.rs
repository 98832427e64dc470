//! Two parents' phrases in one child.

use super::super::paraphrase::{capitalised, n_doubled, n_faults, with_articles};
use super::super::phrase::lowered;
use super::align::{Column, align};
use super::config::Crossover;
use super::genome::{Gap, Genome, glue};
use crate::prompt::{Piece, Template};
use crate::seed::Stream;

/// Crossings that are tried before two parents have no child.
const TRIES: usize = 8;

/// A child and what it has of its second parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The template.
    pub template: Template,
    /// Phrases of the second parent that the first does not say there.
    pub took: Vec<String>,
    /// Phrases of the first parent that are not there any more.
    pub left_out: Vec<String>,
}

impl Child {
    /// What it has of whom, in words: `took `really`, left out `very``.
    pub fn words(&self) -> String {
        let quoted = |phrases: &[String]| phrases.iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ");
        let mut parts = Vec::new();
        parts.extend((!self.took.is_empty()).then(|| format!("took {}", quoted(&self.took))));
        parts.extend((!self.left_out.is_empty()).then(|| format!("left out {}", quoted(&self.left_out))));
        parts.join(", ")
    }
}

/// The columns of all gaps of the first parent; where the second has no such gap, its own phrases.
pub fn columns(first: &Genome, second: &Genome) -> Vec<Vec<Column>> {
    (0..first.gaps.len())
        .map(|gap| {
            let other = second.gap_of(first.key(gap)).map(|gap| second.gaps[gap].lower_phrases());
            let own = first.gaps[gap].lower_phrases();
            match other {
                Some(other) => align(&own, &other),
                None => (0..own.len()).map(|at| (Some(at), Some(at))).collect(),
            }
        })
        .collect()
}

/// A child that is neither parent, with the first's slots; `None` where they have none.
pub fn cross(first: &Genome, second: &Genome, way: Crossover, stream: &mut Stream) -> Option<Child> {
    let columns = columns(first, second);
    let differ: Vec<(usize, usize)> = columns
        .iter()
        .enumerate()
        .flat_map(|(gap, own)| own.iter().enumerate().map(move |(at, column)| ((gap, at), column)))
        .filter(|((gap, _), column)| differs(first, second, *gap, **column))
        .map(|(place, _)| place)
        .collect();
    if differ.is_empty() {
        return None;
    }
    for _ in 0..TRIES {
        let from_second: Vec<bool> = match way {
            Crossover::Uniform => differ.iter().map(|_| stream.uniform() < 0.5).collect(),
            Crossover::SinglePoint => {
                // Whose phrases come first is drawn as well as where they end.
                let (cut, second_first) = (stream.below(differ.len() + 1), stream.uniform() < 0.5);
                (0..differ.len()).map(|at| (at < cut) == second_first).collect()
            }
        };
        let taken: Vec<(usize, usize)> =
            differ.iter().zip(&from_second).filter(|(_, taken)| **taken).map(|(place, _)| *place).collect();
        if !taken.is_empty()
            && let Some(child) = child(first, second, &columns, &taken)
        {
            return Some(child);
        }
    }
    None
}

/// Whether the parents say something else in a column.
pub fn differs(first: &Genome, second: &Genome, gap: usize, column: Column) -> bool {
    match column {
        (Some(own), Some(others)) => second.gap_of(first.key(gap)).is_some_and(|at| {
            first.gaps[gap].phrases[own].to_lowercase() != second.gaps[at].phrases[others].to_lowercase()
        }),
        _ => true,
    }
}

/// The first parent with the second's phrases at some columns; `None` where that breaks what neither parent breaks.
pub fn child(first: &Genome, second: &Genome, columns: &[Vec<Column>], taken: &[(usize, usize)]) -> Option<Child> {
    let mut genome = first.clone();
    let (mut took, mut left_out) = (Vec::new(), Vec::new());
    for (gap, own) in columns.iter().enumerate() {
        let here: Vec<usize> = taken.iter().filter(|(other, _)| *other == gap).map(|(_, at)| *at).collect();
        if here.is_empty() {
            continue;
        }
        let other = &second.gaps[second.gap_of(first.key(gap))?];
        // Behind an answer that ends the template nothing comes.
        let ends = gap == first.slots.len() && matches!(first.slots.last(), Some(Piece::Mask(_)));
        if ends && first.gaps[gap] == Gap::default() {
            continue;
        }
        for &at in &here {
            let (old, new) = own[at];
            took.extend(new.map(|new| other.phrases[new].clone()));
            left_out.extend(old.map(|old| first.gaps[gap].phrases[old].clone()));
        }
        genome.gaps[gap] = mixed(&first.gaps[gap], other, own, &here);
    }
    let template = genome.template()?;
    let (one, two) = (first.template()?, second.template()?);
    let slots = |genome: &Genome| genome.slots.clone();
    let within = |count: &dyn Fn(&Template) -> usize| count(&template) <= count(&one).max(count(&two));
    let said = genome.lower_phrases();
    let twice = said.iter().enumerate().any(|(at, phrase)| said[..at].contains(phrase));
    let twice_before = [first, second].iter().any(|parent| {
        let said = parent.lower_phrases();
        said.iter().enumerate().any(|(at, phrase)| said[..at].contains(phrase))
    });
    let text = template.pieces().iter().any(|piece| matches!(piece, Piece::Text(own) if !own.trim().is_empty()));
    let sound = within(&|t| n_faults(t)) && within(&|t| n_doubled(t)) && (!twice || twice_before) && text;
    let new = template != one && template != two && slots(&genome) == slots(first);
    (sound && new).then_some(Child { template, took, left_out })
}

/// A gap of two: at the columns `taken` what the second says, else what the first does.
fn mixed(first: &Gap, second: &Gap, columns: &[Column], taken: &[usize]) -> Gap {
    // Each phrase with what stood behind it, and whether it stood first.
    let piece = |gap: &Gap, at: usize| (gap.phrases[at].clone(), gap.glue.get(at).cloned(), at == 0);
    let chosen: Vec<(String, Option<String>, bool)> = columns
        .iter()
        .enumerate()
        .filter_map(|(at, (own, others))| match taken.contains(&at) {
            true => others.map(|others| piece(second, others)),
            false => own.map(|own| piece(first, own)),
        })
        .collect();
    // What stands at the ends comes from whoever has phrases there where the child has.
    let like = |gap: &Gap| gap.phrases.is_empty() == chosen.is_empty();
    let ends = if like(first) || !like(second) { first } else { second };
    let capital = |gap: &Gap| gap.phrases.first().is_some_and(|phrase| phrase.starts_with(char::is_uppercase));
    let capital = capital(first) || (first.phrases.is_empty() && capital(second));
    let mut mixed = Gap { lead: ends.lead.clone(), tail: ends.tail.clone(), ..Gap::default() };
    for (at, (phrase, _, was_first)) in chosen.iter().enumerate() {
        mixed.phrases.push(match (at == 0, was_first) {
            (true, false) if capital => capitalised(phrase),
            (false, true) => lowered(phrase),
            _ => phrase.clone(),
        });
    }
    for at in 1..chosen.len() {
        let usual = glue(&chosen[at - 1].0, &chosen[at].0);
        mixed.glue.push(chosen[at - 1].1.clone().unwrap_or(usual));
    }
    let text = mixed.text();
    let (start, end) = (mixed.lead.len(), text.len() - mixed.tail.len());
    let corrected = with_articles(&text, start, end);
    if corrected == text {
        return mixed;
    }
    // Its articles put right it is one text.
    Gap { lead: corrected, ..Gap::default() }
}

#[cfg(test)]
mod tests {
    use super::super::super::paraphrase::{Parent, Thesaurus};
    use super::*;

    fn read(text: &str) -> Genome {
        Genome::of(&Parent::new(0, Template::parse(text).unwrap(), &Thesaurus::new(None).unwrap()))
    }

    fn children(first: &str, second: &str, way: Crossover) -> Vec<String> {
        let (first, second) = (read(first), read(second));
        let mut found: Vec<String> = (0..60)
            .filter_map(|seed| cross(&first, &second, way, &mut Stream::new(seed, "cross", b"")))
            .map(|child| child.template.to_string())
            .collect();
        found.sort();
        found.dedup();
        found
    }

    #[test]
    fn a_child_has_phrases_of_both_in_their_places() {
        assert_eq!(
            children("{text} This film was really {mask}.", "{text} That story is truly {mask}.", Crossover::Uniform),
            ["{text} That story was really {mask}.", "{text} This film is truly {mask}."]
        );
        let mixed = children(
            "{text} In short, the old film was {mask}.",
            "{text} The new film was {mask}!",
            Crossover::Uniform,
        );
        assert!(mixed.contains(&"{text} In short, the new film was {mask}.".to_owned()), "{mixed:?}");
    }

    #[test]
    fn parents_whose_slots_stand_otherwise_can_be_crossed() {
        let found = children("{text} It was {mask}.", "A {mask} film: {text}", Crossover::Uniform);
        assert!(found.contains(&"{text} A {mask}.".to_owned()), "{found:?}");
        for child in &found {
            assert_eq!((child.matches("{text}").count(), child.matches("{mask}").count()), (1, 1), "{child}");
        }
    }

    #[test]
    fn a_single_point_parts_the_parents() {
        let (first, second) =
            ("{text} the film, the plot, the end {mask}.", "{text} a movie, a story, a close {mask}.");
        let of = |child: &str| -> Vec<bool> {
            [("movie", "film"), ("story", "plot"), ("close", "end")].map(|(word, _)| child.contains(word)).to_vec()
        };
        let single = children(first, second, Crossover::SinglePoint);
        let changes = |child: &str| of(child).windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(single.len() >= 3 && single.iter().all(|child| changes(child) == 1), "{single:?}");
        let uniform = children(first, second, Crossover::Uniform);
        assert!(uniform.iter().any(|child| changes(child) == 2), "{uniform:?}");
    }

    #[test]
    fn chinese_is_crossed_without_spaces_and_an_answer_at_the_end_stays_there() {
        let found = children("{text}总之，这家酒店{mask}。", "{text}总体来说，我觉得{mask}！", Crossover::Uniform);
        assert!(found.contains(&"{text}总之，我觉得{mask}。".to_owned()), "{found:?}");
        let found = children("{text} It was {mask}", "{text} The film is {mask} to me", Crossover::Uniform);
        assert!(found.iter().all(|child| child.ends_with("{mask}")), "{found:?}");
    }

    #[test]
    fn articles_follow_what_came_behind_them() {
        let found = children("{text} a, old film {mask}.", "{text} a, awful story {mask}.", Crossover::Uniform);
        assert!(found.is_empty(), "one difference makes no child: {found:?}");
        let same = read("{text} It was {mask}.");
        assert_eq!(cross(&same, &same, Crossover::Uniform, &mut Stream::new(1, "x", b"")), None);
    }
}
