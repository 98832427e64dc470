//! Races over one draw of a matrix, where everything is known: the rules are those of runs ([`crate::task::racing`]).

use std::convert::Infallible;

use super::draw::Draw;
use super::matrix::Matrix;
use super::options::Rule;
use super::rule::{mean_margin, scores};
use crate::task::racing::{self, Field, Racing};

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
    let (k, n) = (matrix.candidates.len(), draw.order.len());
    let mut replay = Replay { rule, matrix, draw, known: vec![0; k], right: vec![0; k] };
    let Ok(race) = racing::race(racing, &mut replay, budget(budget_share, k, n));
    let seen = replay.known[race.survivors[0]];
    let scores = replay.scores(&race.survivors, seen);
    let order = replay.ranked(&race.survivors, &scores, seen);
    Race { pick: order[0], evaluations: replay.known.iter().sum(), scored: replay.known }
}

fn budget(share: f64, k: usize, n: usize) -> usize {
    (share * (k * n) as f64).floor().max(k as f64) as usize
}

/// A draw of a matrix that is shown example by example.
struct Replay<'m> {
    rule: Rule,
    matrix: &'m Matrix,
    draw: &'m Draw,
    /// By candidate, the examples that were asked for.
    known: Vec<usize>,
    /// Those of them that are right.
    right: Vec<usize>,
}

impl Field for Replay<'_> {
    type Error = Infallible;

    fn n_entrants(&self) -> usize {
        self.known.len()
    }

    fn n_candidates(&self) -> usize {
        self.known.len()
    }

    fn n_examples(&self) -> usize {
        self.draw.order.len()
    }

    fn block_ends(&self) -> &[usize] {
        &self.draw.block_ends
    }

    fn next_look(&self, seen: usize, _n_active: usize) -> usize {
        match self.rule.counts_right() {
            true => seen + 1,
            // Nobody can be dropped before the end.
            false => self.draw.order.len(),
        }
    }

    fn score(&mut self, candidates: &[usize], seen: usize) -> Result<(), Infallible> {
        let counts = self.rule.counts_right();
        for &candidate in candidates {
            let known = self.known[candidate];
            if seen > known {
                if counts {
                    self.right[candidate] += self.right(candidate, known, seen);
                }
                self.known[candidate] = seen;
            }
        }
        Ok(())
    }

    fn counts_right(&self) -> bool {
        self.rule.counts_right()
    }

    fn is_share(&self) -> bool {
        self.rule.counts_right() || matches!(self.rule, Rule::ExpectedAccuracy | Rule::Combined)
    }

    fn right(&self, candidate: usize, from: usize, to: usize) -> usize {
        self.draw.order[from..to].iter().filter(|&&e| self.matrix.correct(candidate, e as usize)).count()
    }

    fn bounds(&self, candidate: usize) -> (f64, f64) {
        if !self.rule.counts_right() {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        let right = self.right[candidate];
        (right as f64, (right + self.draw.order.len() - self.known[candidate]) as f64)
    }

    fn scores(&self, candidates: &[usize], seen: usize) -> Vec<f64> {
        scores(self.rule, self.matrix, candidates, &self.draw.order[..seen])
    }

    fn ranked(&self, candidates: &[usize], scores: &[f64], seen: usize) -> Vec<usize> {
        ranked(self.rule, self.matrix, candidates, scores, &self.draw.order[..seen])
    }

    fn name(&self, candidate: usize) -> &str {
        &self.matrix.candidates[candidate]
    }
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
