//! The beam of a model that fills masks.

use crate::prompt::{Prompt, Skeleton};
use crate::scoring::{Cost, Gap, ScoringError};

use super::beam::Written;
use super::filler::{Data, SpanFiller};

/// Every combination of numbers of masks in `n_gaps` gaps, those with fewer masks together first.
pub fn layouts(masks: &[usize], n_gaps: usize) -> Vec<Vec<usize>> {
    let mut layouts: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..n_gaps {
        layouts =
            layouts.iter().flat_map(|layout| masks.iter().map(move |&n| [layout.as_slice(), &[n]].concat())).collect();
    }
    layouts.sort_by_key(|layout| layout.iter().sum::<usize>());
    layouts
}

/// The evaluations of filling a layout with a beam of `width`, for each example.
pub fn passes(layout: &[usize], width: usize) -> u64 {
    match layout.iter().sum::<usize>() {
        0 => 0,
        n => 1 + ((n - 1) * width) as u64,
    }
}

/// The `width` best texts with as many tokens in each gap as `layout` says, best first: filled from left to right, each place with
/// those behind it masked.
///
/// # Errors
/// As [`SpanFiller::fill`].
pub fn filled(
    filler: &dyn SpanFiller,
    skeleton: &Skeleton,
    layout: &[usize],
    data: &Data<'_>,
    width: usize,
) -> Result<(Vec<Written>, Cost), ScoringError> {
    let prompt = Prompt::plain(skeleton.with_places(layout), data.verbalizer.clone());
    let n_places: usize = layout.iter().sum();
    // The places at which a gap begins: a token there may be that of the place before.
    let begins: Vec<usize> = layout.iter().scan(0, |at, n| Some(std::mem::replace(at, *at + n))).collect();
    let mut texts: Vec<(f64, Vec<u32>)> = vec![(0.0, Vec::new())];
    let mut cost = Cost::default();
    for place in 0..n_places {
        let gap = |(_, ids): &(f64, Vec<u32>)| {
            let open = std::iter::repeat_n(None, n_places - place);
            Gap { prompt: prompt.clone(), filled: ids.iter().copied().map(Some).chain(open).collect() }
        };
        let answers = filler.fill(&texts.iter().map(gap).collect::<Vec<_>>(), data)?;
        cost += answers.cost;
        let mut all: Vec<(f64, usize, u32)> = Vec::new();
        for (number, ((score, ids), row)) in texts.iter().zip(&answers.logprobs).enumerate() {
            let before = ids.last().filter(|_| !begins.contains(&place));
            let own = filler.vocabulary(before.is_none()).iter().filter(|id| Some(*id) != before);
            all.extend(own.map(|&id| (score + row[id as usize], number, id)));
        }
        let by_score =
            |a: &(f64, usize, u32), b: &(f64, usize, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2));
        if all.len() > width {
            all.select_nth_unstable_by(width, by_score);
            all.truncate(width);
        }
        all.sort_by(by_score);
        texts = all.into_iter().map(|(score, number, id)| (score, [&texts[number].1[..], &[id]].concat())).collect();
    }
    let parted = |ids: &[u32]| -> Vec<Vec<u32>> {
        begins.iter().zip(layout).map(|(&from, n)| ids[from..from + n].to_vec()).collect()
    };
    let written = texts.into_iter().map(|(score, ids)| Written { gaps: parted(&ids), score }).collect();
    Ok((written, cost))
}
