//! `continuously_reject`: the worst goes as soon as the gap allows.

use super::field::{Field, Race, entrants};

/// Times at most that it looks at the scores.
const LOOKS: usize = 64;

/// Scores all remaining candidates on one example after the other and rejects the worst as soon as the others' mean score
/// is ahead of it by 1/√β - 1, where β = (evaluations of the remaining) x log_bar / (budget not spent on rejected ones):
/// early only what is far behind, later also what is close. Scores that are no shares are divided by their range.
///
/// Source: Wang, Tzeng and Proutiere, arXiv 2312.12137 (CR-A), as Shi et al., arXiv 2402.09723, use it for prompts. Ours
/// goes on after one rejection without a new example, because there may be more candidates than examples, and looks at most
/// [`LOOKS`] times.
pub(super) fn race<F: Field>(field: &mut F, budget: usize) -> Result<Race, F::Error> {
    let n = field.n_examples();
    let mut active = entrants(field);
    let mut spent_on_rejected = 0;
    let step = n.div_ceil(LOOKS);
    let mut seen = 0;
    while seen < n {
        // A look that the budget does not reach is taken where it ends.
        let affordable = budget.saturating_sub(spent_on_rejected) / active.len();
        let next = (seen + step).max(field.next_look(seen, active.len())).min(n).min(affordable.max(1));
        if next <= seen {
            break;
        }
        seen = next;
        field.score(&active, seen)?;
        if active.len() == 1 {
            continue;
        }
        let scores = field.scores(&active, seen);
        let by_candidate = |candidate: usize| active.binary_search(&candidate).map_or(0.0, |place| scores[place]);
        let mut order = field.ranked(&active, &scores, seen);
        let range = by_candidate(order[0]) - by_candidate(order[order.len() - 1]);
        let unit = if field.is_share() || range <= 0.0 { 1.0 } else { range };
        let mut sum: f64 = scores.iter().sum();
        while order.len() > 1 {
            let worst = by_candidate(order[order.len() - 1]);
            let left = budget.saturating_sub(spent_on_rejected).max(1) as f64;
            let needed = (order.len() * seen) as f64 * log_bar(order.len()) / left;
            let others = (sum - worst) / (order.len() - 1) as f64;
            if (others - worst) / unit < (1.0 / needed.sqrt() - 1.0).max(f64::MIN_POSITIVE) {
                break;
            }
            sum -= worst;
            spent_on_rejected += seen;
            order.pop();
        }
        order.sort_unstable();
        active = order;
    }
    Ok(Race { survivors: active })
}

/// 1/2 + Σ 1/i for i from 2 to k.
fn log_bar(k: usize) -> f64 {
    0.5 + (2..=k).map(|i| 1.0 / i as f64).sum::<f64>()
}
