//! The beam of a model that writes token by token.

use crate::scoring::{ScoringError, SpanNext, SpanRow, SpanStep};

use super::filler::Spans;

/// What stands in the gaps of a skeleton.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The tokens of each gap.
    pub gaps: Vec<Vec<u32>>,
    /// The sum over the examples of its log-probability, in nats.
    pub score: f64,
}

/// The ids that may be written, ascending.
#[derive(Debug, Clone, Copy)]
pub struct Words<'v> {
    /// As the first of a gap.
    pub first: &'v [u32],
    /// Behind others.
    pub behind: &'v [u32],
}

/// A text that is not ended yet.
struct Open {
    gaps: Vec<Vec<u32>>,
    score: f64,
    row: SpanRow,
}

impl Open {
    fn length(&self) -> usize {
        self.gaps.iter().map(Vec::len).sum()
    }
}

/// The `width` best texts of at most `max_length` tokens over `n_gaps` gaps, best first.
///
/// At every step the best `width` of all ways to go on are kept. A text that has ended is no rival of those that go on, but one
/// that is worse than all that are kept is given up. Since log-probabilities only ever lower a score, the search ends where as many
/// texts as the beam is wide have ended and none that goes on is better than the worst of them. The order is total: of equal ones
/// the earlier row comes first, and in it the end before the tokens, these by their ids.
///
/// # Errors
/// As [`Spans::read`].
pub fn written(
    spans: &mut dyn Spans,
    vocabulary: Words<'_>,
    n_gaps: usize,
    width: usize,
    max_length: usize,
) -> Result<Vec<Written>, ScoringError> {
    let begin = SpanRow { parent: 0, step: SpanStep::Begin, gap: 0 };
    let mut open = vec![Open { gaps: vec![Vec::new()], score: 0.0, row: begin }];
    let mut ended: Vec<Written> = Vec::new();
    while !open.is_empty() {
        let rows: Vec<SpanRow> = open.iter().map(|text| text.row).collect();
        let next = spans.read(&rows)?;
        for (text, next) in open.iter_mut().zip(&next) {
            text.score += next.behind;
        }
        let mut kept: Vec<Open> = Vec::new();
        for (score, parent, id) in ways(&open, &next, vocabulary, width, max_length) {
            if kept.len() == width {
                break;
            }
            let from = &open[parent];
            let mut gaps = from.gaps.clone();
            let gap = gaps.len() - 1;
            match id {
                Some(id) => {
                    gaps[gap].push(id);
                    kept.push(Open { gaps, score, row: SpanRow { parent, step: SpanStep::Token(id), gap } });
                }
                None if gap + 1 == n_gaps => ended.push(Written { gaps, score }),
                None => {
                    gaps.push(Vec::new());
                    kept.push(Open { gaps, score, row: SpanRow { parent, step: SpanStep::End, gap: gap + 1 } });
                }
            }
        }
        ended.sort_by(|a, b| b.score.total_cmp(&a.score));
        ended.truncate(width);
        let worst = ended.get(width - 1).map(|text| text.score);
        kept.retain(|text| worst.is_none_or(|worst| text.score > worst));
        open = kept;
    }
    Ok(ended)
}

/// The ways to go on, best first: (score, row, token or the end of its gap). At least as many as `width` of them go on, where there
/// are so many.
fn ways(
    open: &[Open],
    next: &[SpanNext],
    vocabulary: Words<'_>,
    width: usize,
    max_length: usize,
) -> Vec<(f64, usize, Option<u32>)> {
    let mut all: Vec<(f64, usize, Option<u32>)> = Vec::new();
    for (row, (text, next)) in open.iter().zip(next).enumerate() {
        all.push((text.score + next.end, row, None));
        if text.length() == max_length {
            continue;
        }
        let before = text.gaps.last().and_then(|gap| gap.last());
        let may_come = if before.is_none() { vocabulary.first } else { vocabulary.behind };
        let mut ids: Vec<u32> = may_come.iter().copied().filter(|id| Some(id) != before).collect();
        let by_score = |a: &u32, b: &u32| next.tokens[*b as usize].total_cmp(&next.tokens[*a as usize]).then(a.cmp(b));
        if ids.len() > width {
            ids.select_nth_unstable_by(width, by_score);
            ids.truncate(width);
        }
        ids.sort_by(by_score);
        all.extend(ids.into_iter().map(|id| (text.score + next.tokens[id as usize], row, Some(id))));
    }
    all.retain(|(score, ..)| *score > f64::NEG_INFINITY);
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    all
}
