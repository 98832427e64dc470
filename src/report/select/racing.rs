//! Which candidates are scored to the end: going through a draw example by example and dropping candidates on the way.

use super::draw::Draw;
use super::matrix::Matrix;
use super::options::{Racing, Rule};
use super::rule::{mean_margin, scores};

/// Chance that `confidence` drops the candidate that scoring everything would choose.
pub const ALPHA: f64 = 0.05;

/// Bets of the confidence sequence, as shares of the largest bet that cannot lose more than everything.
const BETS: [f64; 6] = [0.05, 0.1, 0.2, 0.35, 0.55, 0.8];

/// Times at most that `continuously_reject` looks at the scores.
const LOOKS: usize = 64;

/// How a race over one draw ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Race {
    /// The candidate chosen.
    pub pick: usize,
    /// Candidates times examples scored.
    pub evaluations: usize,
    /// For each candidate, the examples that it was scored on.
    pub scored: Vec<usize>,
}

/// Races all candidates over `draw` with `rule` and picks one; `budget_share` is that of the racings with a fixed budget.
///
/// `exact` and `confidence` need to bound what the examples to come can add: with rules other than `argmax` and
/// `accuracy`, whose score is not a count of examples right, they drop nobody.
pub fn race(racing: Racing, rule: Rule, matrix: &Matrix, draw: &Draw, budget_share: f64) -> Race {
    let k = matrix.candidates.len();
    let n = draw.order.len();
    let everyone: Vec<usize> = (0..k).collect();
    let (survivors, scored) = match racing {
        Racing::Exact if rule.counts_right() => exact(matrix, draw),
        Racing::Confidence if rule.counts_right() => confidence(matrix, draw),
        Racing::None | Racing::Exact | Racing::Confidence => (everyone, vec![n; k]),
        Racing::SuccessiveHalving => successive_halving(rule, matrix, draw, budget(budget_share, k, n)),
        Racing::ContinuouslyReject => continuously_reject(rule, matrix, draw, budget(budget_share, k, n)),
    };
    let seen = &draw.order[..scored[survivors[0]]];
    let scores = scores(rule, matrix, &survivors, seen);
    let order = ranked(rule, matrix, &survivors, &scores, seen);
    Race { pick: order[0], evaluations: scored.iter().sum(), scored }
}

/// `candidates` from best to worst by `scores`, ties broken as `rule` does.
fn ranked(rule: Rule, matrix: &Matrix, candidates: &[usize], scores: &[f64], seen: &[u32]) -> Vec<usize> {
    // Margins cost a pass over the examples, so they are taken only where they can decide.
    let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let tied_at_top = scores.iter().filter(|score| **score == best).count() > 1;
    let breaks_ties = rule != Rule::Argmax && tied_at_top && matrix.kept.margin;
    let mut keyed: Vec<(f64, f64, usize)> = candidates
        .iter()
        .zip(scores)
        .map(|(&c, &score)| {
            let margin = if breaks_ties && score == best { mean_margin(matrix, c, seen) } else { 0.0 };
            (score, margin, c)
        })
        .collect();
    keyed.sort_by(|a, b| {
        let by_name = || match rule {
            Rule::Argmax => a.2.cmp(&b.2),
            _ => matrix.candidates[a.2].cmp(&matrix.candidates[b.2]),
        };
        b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then_with(by_name)
    });
    keyed.into_iter().map(|(_, _, candidate)| candidate).collect()
}

fn budget(share: f64, k: usize, n: usize) -> usize {
    (share * (k * n) as f64).floor().max(k as f64) as usize
}

/// Drops a candidate when all examples to come could not bring it level with the leader: a candidate that is dropped
/// cannot be among the best of the whole draw, so the pick is that of scoring everything, ties included.
fn exact(matrix: &Matrix, draw: &Draw) -> (Vec<usize>, Vec<usize>) {
    let (k, n) = (matrix.candidates.len(), draw.order.len());
    let mut right = vec![0; k];
    let mut scored = vec![n; k];
    let mut active: Vec<usize> = (0..k).collect();
    for (place, &example) in draw.order.iter().enumerate() {
        for &candidate in &active {
            right[candidate] += usize::from(matrix.correct(candidate, example as usize));
        }
        let leader = active.iter().map(|&candidate| right[candidate]).max().unwrap_or(0);
        let to_come = n - place - 1;
        active.retain(|&candidate| {
            let stays = right[candidate] + to_come >= leader;
            if !stays {
                scored[candidate] = place + 1;
            }
            stays
        });
    }
    (active, scored)
}

/// Drops a candidate after a block when the leader is shown to be better on the whole draw, at 5 % over all candidates.
///
/// For a pair, D is the leader's examples right minus the candidate's in each block. Blocks are a random sample without
/// replacement of the draw's, so if the candidate is at least as good on the whole draw (ΣD <= 0), the next D has
/// expectation at most m = -(sum so far) / (blocks left). A bettor who stakes λ on D > m, 0 <= λ < 1 / (m + largest
/// block), then has a capital Π (1 + λ (D - m)) that is a nonnegative supermartingale: it ever reaches (K - 1) / α with
/// chance α / (K - 1) at most (Ville), and any of the K - 1 rivals' against the candidate that scoring everything would
/// choose with α at most, whichever of them lead when. The capital is the mean over several sizes of stake.
///
/// Source: Waudby-Smith and Ramdas, arXiv 2006.04347, section 4, one-sided and on blocks.
fn confidence(matrix: &Matrix, draw: &Draw) -> (Vec<usize>, Vec<usize>) {
    let (k, n) = (matrix.candidates.len(), draw.order.len());
    let n_blocks = draw.block_ends.len();
    let threshold = k.saturating_sub(1).max(1) as f64 / ALPHA;
    let mut starts = vec![0];
    starts.extend_from_slice(&draw.block_ends);
    let largest = (0..n_blocks).map(|block| starts[block + 1] - starts[block]).max().unwrap_or(1) as f64;

    let mut in_block: Vec<Vec<f64>> = vec![Vec::with_capacity(n_blocks); k];
    let mut right = vec![0.0; k];
    let mut scored = vec![n; k];
    let mut active: Vec<usize> = (0..k).collect();
    let mut wagers: Vec<Wager> = vec![Wager::new(usize::MAX); k];
    let mut leader = 0;
    for block in 0..n_blocks {
        for &candidate in &active {
            let examples = &draw.order[starts[block]..starts[block + 1]];
            let found = examples.iter().filter(|&&e| matrix.correct(candidate, e as usize)).count() as f64;
            in_block[candidate].push(found);
            right[candidate] += found;
        }
        let best = active.iter().map(|&candidate| right[candidate]).fold(0.0, f64::max);
        // A leader that is still level stays, or every wager would start anew.
        if right[leader] < best {
            let level = active.iter().copied().filter(|&candidate| right[candidate] == best);
            leader = level.min_by_key(|&candidate| &matrix.candidates[candidate]).unwrap_or(leader);
        }
        active.retain(|&candidate| {
            // Who is not behind cannot be shown to be; the wager catches up when it must.
            if right[candidate] >= best {
                return true;
            }
            let wager = &mut wagers[candidate];
            if wager.leader != leader {
                *wager = Wager::new(leader);
            }
            while wager.block <= block {
                let difference = in_block[leader][wager.block] - in_block[candidate][wager.block];
                wager.settle(difference, n_blocks, largest);
            }
            let stays = wager.peak < threshold;
            if !stays {
                scored[candidate] = starts[block + 1];
            }
            stays
        });
    }
    (active, scored)
}

/// Capital against the claim that a candidate is at least as good as `leader` on the whole draw.
#[derive(Debug, Clone)]
struct Wager {
    leader: usize,
    block: usize,
    sum: f64,
    capital: [f64; BETS.len()],
    peak: f64,
}

impl Wager {
    fn new(leader: usize) -> Self {
        Self { leader, block: 0, sum: 0.0, capital: [1.0; BETS.len()], peak: 1.0 }
    }

    fn settle(&mut self, difference: f64, n_blocks: usize, largest: f64) {
        let expected = -self.sum / (n_blocks - self.block) as f64;
        let room = expected + largest;
        if room <= 0.0 {
            // Not even losing every block to come brings the sum down to 0.
            self.peak = f64::INFINITY;
        } else {
            for (capital, bet) in self.capital.iter_mut().zip(BETS) {
                *capital *= 1.0 + bet / room * (difference - expected);
            }
            self.peak = self.peak.max(self.capital.iter().sum::<f64>() / BETS.len() as f64);
        }
        self.sum += difference;
        self.block += 1;
    }
}

/// Spends an equal part of `budget` in each of ⌈log2 K⌉ rounds and keeps the better half after each. Every survivor has
/// seen the same examples, which count again in later rounds.
///
/// Source: Karnin, Koren and Somekh, ICML 2013.
fn successive_halving(rule: Rule, matrix: &Matrix, draw: &Draw, budget: usize) -> (Vec<usize>, Vec<usize>) {
    let (k, n) = (matrix.candidates.len(), draw.order.len());
    let rounds = (usize::BITS - k.saturating_sub(1).leading_zeros()).max(1) as usize;
    let mut scored = vec![0; k];
    let mut active: Vec<usize> = (0..k).collect();
    let (mut spent, mut seen) = (0, 0);
    for round in 0..rounds {
        let affordable = budget.saturating_sub(spent) / active.len();
        // Rounding down leaves something; the last round takes it.
        let share =
            if round + 1 == rounds { affordable } else { (budget / rounds / active.len()).max(1).min(affordable) };
        seen = (seen + share).min(n);
        spent += active.len() * (seen - scored[active[0]]);
        active.iter().for_each(|&candidate| scored[candidate] = seen);
        if active.len() == 1 {
            break;
        }
        let scores = scores(rule, matrix, &active, &draw.order[..seen]);
        let mut order = ranked(rule, matrix, &active, &scores, &draw.order[..seen]);
        if round + 1 < rounds {
            order.truncate(active.len().div_ceil(2));
            order.sort_unstable();
            active = order;
        }
    }
    (active, scored)
}

/// Scores all remaining candidates on one example after the other and rejects the worst as soon as the others' mean score
/// is ahead of it by 1/√β - 1, where β = (evaluations of the remaining) x log_bar / (budget not spent on rejected ones):
/// early only what is far behind, later also what is close. Scores that are no shares are divided by their range.
///
/// Source: Wang, Tzeng and Proutiere, arXiv 2312.12137 (CR-A), as Shi et al., arXiv 2402.09723, use it for prompts. Ours
/// goes on after one rejection without a new example, because there may be more candidates than examples, and looks at most
/// [`LOOKS`] times.
fn continuously_reject(rule: Rule, matrix: &Matrix, draw: &Draw, budget: usize) -> (Vec<usize>, Vec<usize>) {
    let (k, n) = (matrix.candidates.len(), draw.order.len());
    let mut scored = vec![0; k];
    let mut active: Vec<usize> = (0..k).collect();
    let mut spent_on_rejected = 0;
    let step = n.div_ceil(LOOKS);
    let mut seen = 0;
    while seen < n {
        // A look that the budget does not reach is taken where it ends.
        let affordable = budget.saturating_sub(spent_on_rejected) / active.len();
        let next = (seen + step).min(n).min(affordable.max(1));
        if next <= seen {
            break;
        }
        seen = next;
        active.iter().for_each(|&candidate| scored[candidate] = seen);
        if active.len() == 1 {
            continue;
        }
        let scores = scores(rule, matrix, &active, &draw.order[..seen]);
        let by_candidate = |candidate: usize| active.binary_search(&candidate).map_or(0.0, |place| scores[place]);
        let mut order = ranked(rule, matrix, &active, &scores, &draw.order[..seen]);
        let range = by_candidate(order[0]) - by_candidate(order[order.len() - 1]);
        let unit = if rule.counts_right() || matches!(rule, Rule::ExpectedAccuracy | Rule::Combined) || range <= 0.0 {
            1.0
        } else {
            range
        };
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
    (active, scored)
}

/// 1/2 + Σ 1/i for i from 2 to k.
fn log_bar(k: usize) -> f64 {
    0.5 + (2..=k).map(|i| 1.0 / i as f64).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::select::draw::Classes;
    use crate::report::select::matrix::{MatrixBuilder, Needs, Row};
    use crate::task::statistics::Resampler;

    /// Candidates right with the given chances, examples shared in difficulty; margins of either sign.
    fn matrix(chances: &[f64], n: usize, seed: u64) -> Matrix {
        let mut numbers = Resampler::new(seed, "racing", &[]);
        let mut uniform = move || (numbers.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let needs = Needs { margin: true, ..Needs::default() };
        let mut builder = MatrixBuilder::new(needs, Vec::new());
        let difficulty: Vec<f64> = (0..n).map(|_| uniform()).collect();
        for (candidate, chance) in chances.iter().enumerate() {
            for (example, difficulty) in difficulty.iter().enumerate() {
                let correct = if uniform() < 0.6 { difficulty < chance } else { uniform() < *chance };
                let margin = (0.1 + uniform()) as f32;
                let row = Row {
                    candidate: &format!("candidate {candidate}"),
                    example: &example.to_string(),
                    split: "dev",
                    label: ["a", "b", "b"][example % 3],
                    correct,
                    predicted: None,
                    margin: Some(if correct { margin } else { -margin }),
                    logprobs: &[],
                };
                builder.push(&row).expect("good");
            }
        }
        builder.finish().expect("complete")
    }

    fn spread(k: usize) -> Vec<f64> {
        (0..k).map(|i| 0.4 + 0.5 * (i * 7 % k) as f64 / k as f64).collect()
    }

    #[test]
    fn exact_racing_gives_the_uniform_pick_always() {
        for (k, shots, seed) in [(40, Some(16), 1), (40, None, 2), (3, Some(2), 3), (120, Some(8), 4)] {
            let matrix = matrix(&spread(k), 150, seed);
            let classes = Classes::new(&matrix.dev);
            let mut saved = 0;
            for number in 0..500 {
                let draw = classes.draw(shots, seed, number);
                for rule in [Rule::Argmax, Rule::Accuracy, Rule::Margin] {
                    let uniform = race(Racing::None, rule, &matrix, &draw, 1.0);
                    let exact = race(Racing::Exact, rule, &matrix, &draw, 1.0);
                    assert_eq!(exact.pick, uniform.pick);
                    assert!(exact.evaluations <= uniform.evaluations);
                    saved += uniform.evaluations - exact.evaluations;
                }
            }
            assert!(saved > 0);
        }
    }

    #[test]
    fn confidence_loses_the_full_winner_in_at_most_five_percent_of_draws() {
        let equal = vec![0.7; 30];
        let close: Vec<f64> = (0..10).map(|i| if i == 4 { 0.72 } else { 0.7 }).collect();
        for (chances, n, shots) in
            [(spread(30), 300, None), (equal, 300, None), (close, 300, Some(80)), (spread(2), 90, None)]
        {
            let matrix = matrix(&chances, n, 5);
            let classes = Classes::new(&matrix.dev);
            let lost = (0..1_000)
                .filter(|&number| {
                    let draw = classes.draw(shots, 6, number);
                    let winner = race(Racing::None, Rule::Accuracy, &matrix, &draw, 1.0).pick;
                    race(Racing::Confidence, Rule::Accuracy, &matrix, &draw, 1.0).scored[winner] < draw.order.len()
                })
                .count();
            assert!(lost <= 50, "{} candidates: {lost} of 1000", chances.len());
        }
    }

    #[test]
    fn confidence_drops_what_is_clearly_worse_long_before_the_end() {
        let mut chances = vec![0.2; 20];
        chances[7] = 0.95;
        let matrix = matrix(&chances, 600, 8);
        let draw = Classes::new(&matrix.dev).draw(None, 1, 0);
        let race = race(Racing::Confidence, Rule::Accuracy, &matrix, &draw, 1.0);
        assert!(race.pick == 7 && race.evaluations < 20 * 600 / 4, "{}", race.evaluations);
    }

    #[test]
    fn fixed_budgets_are_kept_and_used() {
        for (k, n) in [(40, 150), (7, 150), (1, 30), (200, 60)] {
            let matrix = matrix(&spread(k), n, 9);
            let draw = Classes::new(&matrix.dev).draw(None, 1, 0);
            for racing in [Racing::SuccessiveHalving, Racing::ContinuouslyReject] {
                for share in [0.2, 0.5, 1.0] {
                    let race = race(racing, Rule::Accuracy, &matrix, &draw, share);
                    let most = budget(share, k, n);
                    assert!(race.evaluations <= most, "{racing} {k} {n} {share}: {} > {most}", race.evaluations);
                    assert!(race.evaluations >= most.min(k));
                    assert!(race.scored[race.pick] == race.scored.iter().copied().max().expect("candidates"));
                }
            }
        }
    }

    #[test]
    fn permuting_candidates_permutes_the_race() {
        let matrix = matrix(&spread(25), 120, 10);
        let classes = Classes::new(&matrix.dev);
        let mut builder = MatrixBuilder::new(Needs { margin: true, ..Needs::default() }, Vec::new());
        for candidate in (0..25).rev() {
            for example in (0..120).rev() {
                let row = Row {
                    candidate: &matrix.candidates[candidate],
                    example: &matrix.dev.names[example],
                    split: "dev",
                    // Labels under other names.
                    label: ["y", "x"][matrix.dev.gold[example] as usize],
                    correct: matrix.correct(candidate, example),
                    predicted: None,
                    margin: Some(matrix.margin(candidate, example) as f32),
                    logprobs: &[],
                };
                builder.push(&row).expect("good");
            }
        }
        let permuted = builder.finish().expect("complete");
        let permuted_classes = Classes::new(&permuted.dev);
        for number in 0..50 {
            let (draw, other) = (classes.draw(Some(12), 2, number), permuted_classes.draw(Some(12), 2, number));
            for rule in [Rule::Accuracy, Rule::Margin, Rule::ExpectedAccuracy] {
                for racing in Racing::ALL {
                    let found = race(racing, rule, &matrix, &draw, 0.5);
                    let again = race(racing, rule, &permuted, &other, 0.5);
                    assert_eq!(matrix.candidates[found.pick], permuted.candidates[again.pick], "{rule} {racing}");
                    assert_eq!(found.evaluations, again.evaluations, "{rule} {racing}");
                }
            }
        }
    }
}
