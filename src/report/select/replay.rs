//! Choosing, over and over: draws, races, picks, and what the picks are worth on test.

use std::cmp::Reverse;
use std::collections::HashMap;

use rayon::prelude::*;

use super::draw::{Classes, Draw};
use super::error::SelectError;
use super::matrix::Matrix;
use super::options::{Racing, Rule, SelectOptions};
use super::racing::race;
use super::rule::{mean_margin, scores};
use crate::task::statistics::{CorrectBits, MidPTable, OrderKey, RankInterval, standings};

/// What one rule with one racing gave over all draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// The rule.
    pub rule: Rule,
    /// The racing.
    pub racing: Racing,
    /// Mean evaluations a draw.
    pub evaluations: f64,
    /// The same as a share of scoring every candidate on every drawn example.
    pub evaluations_share: f64,
    /// Mean over draws of the best candidate's test accuracy minus the pick's.
    pub regret_mean: f64,
    /// Its standard error over draws; none with one draw.
    pub regret_se: Option<f64>,
    /// Share of draws whose pick has the same score on the whole draw as the pick of scoring everything.
    pub same_pick: f64,
    /// Share of candidates and draws whose rank interval meets the true rank interval; none where no candidate was scored
    /// to the end.
    pub coverage: Option<f64>,
    /// Share of draws where all of them do.
    pub coverage_simultaneous: Option<f64>,
    /// Mean number of ranks in an interval.
    pub interval_width: Option<f64>,
    /// The pick of each draw.
    pub picks: Vec<usize>,
}

/// What one draw gave for one rule and racing.
struct Choice {
    pick: usize,
    evaluations: usize,
    regret: f64,
    same: bool,
    intervals: Intervals,
}

/// The rank intervals of one draw, counted.
#[derive(Debug, Clone, Copy, Default)]
struct Intervals {
    n: usize,
    covered: usize,
    width: usize,
}

/// Replays choosing on `matrix` with every one of `rules` and `racings`, draws in parallel.
///
/// # Errors
/// If a class has fewer dev examples than shots, or nothing is left to measure regret on.
pub fn replay(
    matrix: &Matrix,
    rules: &[Rule],
    racings: &[Racing],
    options: &SelectOptions,
) -> Result<Vec<Replayed>, SelectError> {
    options.check()?;
    let classes = Classes::new(&matrix.dev);
    if let Some(shots) = options.shots {
        classes.check(matrix, shots)?;
    }
    let first = classes.draw(options.shots, options.seed, 0);
    if matrix.test.is_empty() && first.order.len() == matrix.dev.len() {
        return Err(SelectError::NothingHeldOut { n: matrix.dev.len() });
    }
    let totals: Vec<[usize; 2]> = (0..matrix.candidates.len()).map(|c| matrix.totals(c)).collect();
    let pairs: Vec<(Rule, Racing)> =
        rules.iter().flat_map(|&rule| racings.iter().map(move |&racing| (rule, racing))).collect();
    let draws: Vec<Vec<Choice>> = (0..options.draws)
        .into_par_iter()
        .map_init(MidPTable::default, |mid_p, number| {
            let draw = classes.draw(options.shots, options.seed, number);
            choose(matrix, &totals, &draw, &pairs, options.budget_share, mid_p)
        })
        .collect();
    let everything = (matrix.candidates.len() * first.order.len()) as f64;
    Ok(pairs
        .iter()
        .enumerate()
        .map(|(place, &(rule, racing))| {
            let choices: Vec<&Choice> = draws.iter().map(|draw| &draw[place]).collect();
            summarise(rule, racing, &choices, everything)
        })
        .collect())
}

fn choose(
    matrix: &Matrix,
    totals: &[[usize; 2]],
    draw: &Draw,
    pairs: &[(Rule, Racing)],
    budget_share: f64,
    mid_p: &mut MidPTable,
) -> Vec<Choice> {
    let held_out = held_out_right(matrix, totals, draw);
    let n_held_out = if matrix.test.is_empty() { matrix.dev.len() - draw.order.len() } else { matrix.test.len() };
    let best = held_out.iter().max().copied().unwrap_or(0);
    let everyone: Vec<usize> = (0..matrix.candidates.len()).collect();
    let mut whole: HashMap<Rule, (usize, Vec<f64>)> = HashMap::new();
    let mut ranked: HashMap<Vec<usize>, Intervals> = HashMap::new();
    pairs
        .iter()
        .map(|&(rule, racing)| {
            let (uniform, scores) = whole.entry(rule).or_insert_with(|| {
                let uniform = race(Racing::None, rule, matrix, draw, 1.0);
                (uniform.pick, scores(rule, matrix, &everyone, &draw.order))
            });
            let race = race(racing, rule, matrix, draw, budget_share);
            let complete: Vec<usize> =
                everyone.iter().copied().filter(|&candidate| race.scored[candidate] == draw.order.len()).collect();
            let intervals = *ranked
                .entry(complete)
                .or_insert_with_key(|complete| intervals(matrix, &held_out, draw, complete, &race.scored, mid_p));
            Choice {
                pick: race.pick,
                evaluations: race.evaluations,
                regret: (best - held_out[race.pick]) as f64 / n_held_out as f64,
                same: race.pick == *uniform || scores[race.pick] == scores[*uniform],
                intervals,
            }
        })
        .collect()
}

/// What each candidate has right where the pick is judged: test, or without it the dev examples outside the draw.
fn held_out_right(matrix: &Matrix, totals: &[[usize; 2]], draw: &Draw) -> Vec<usize> {
    totals
        .iter()
        .enumerate()
        .map(|(candidate, [dev, test])| {
            if !matrix.test.is_empty() {
                return *test;
            }
            let drawn = draw.order.iter().filter(|&&e| matrix.correct(candidate, e as usize)).count();
            dev - drawn
        })
        .collect()
}

/// The rank intervals of the complete candidates against the true ones, in which equal test scores share their ranks.
fn intervals(
    matrix: &Matrix,
    held_out: &[usize],
    draw: &Draw,
    complete: &[usize],
    scored: &[usize],
    mid_p: &mut MidPTable,
) -> Intervals {
    if complete.is_empty() {
        return Intervals::default();
    }
    let mut is_complete = vec![false; scored.len()];
    complete.iter().for_each(|&candidate| is_complete[candidate] = true);
    let bits: Vec<CorrectBits> = (0..scored.len())
        .map(|candidate| {
            CorrectBits::new(draw.order[..scored[candidate]].iter().map(|&e| matrix.correct(candidate, e as usize)))
        })
        .collect();
    let keys: Vec<OrderKey<'_>> = (0..scored.len())
        .map(|candidate| OrderKey {
            dropped_at: (!is_complete[candidate]).then_some(scored[candidate]),
            metric: bits[candidate].n_correct() as f64 / scored[candidate] as f64,
            margin: matrix.kept.margin.then(|| mean_margin(matrix, candidate, &draw.order[..scored[candidate]])),
            n_tokens: None,
            text: &matrix.candidates[matrix.first_twin[candidate]],
        })
        .collect();
    let mut first_with: HashMap<&CorrectBits, usize> = HashMap::new();
    let behaviours: Vec<usize> = (0..scored.len())
        .map(|candidate| match is_complete[candidate] {
            true => *first_with.entry(&bits[candidate]).or_insert(candidate),
            false => matrix.first_twin[candidate],
        })
        .collect();
    let standings = standings(&keys, &behaviours, |a, b, _| mid_p.pair(&bits[a], &bits[b], keys[b].dropped_at));
    let mut prompts: Vec<usize> = (0..scored.len()).filter(|&c| matrix.first_twin[c] == c).collect();
    prompts.sort_by_key(|&candidate| Reverse(held_out[candidate]));
    let sorted: Vec<usize> = prompts.iter().map(|&candidate| held_out[candidate]).collect();
    let mut counted = Intervals::default();
    for (candidate, standing) in standings.iter().enumerate() {
        let Some(RankInterval { low, high, .. }) = standing.interval else { continue };
        let true_low = 1 + sorted.partition_point(|&right| right > held_out[candidate]);
        let true_high = sorted.partition_point(|&right| right >= held_out[candidate]);
        counted.n += 1;
        counted.covered += usize::from(low <= true_high && true_low <= high);
        counted.width += high + 1 - low;
    }
    counted
}

fn summarise(rule: Rule, racing: Racing, choices: &[&Choice], everything: f64) -> Replayed {
    let draws = choices.len() as f64;
    let mean = |value: &dyn Fn(&Choice) -> f64| choices.iter().map(|choice| value(choice)).sum::<f64>() / draws;
    let regret_mean = mean(&|choice| choice.regret);
    let variance = mean(&|choice| (choice.regret - regret_mean).powi(2)) * draws / (draws - 1.0);
    let evaluations = mean(&|choice| choice.evaluations as f64);
    let with_intervals: Vec<&Intervals> =
        choices.iter().map(|choice| &choice.intervals).filter(|intervals| intervals.n > 0).collect();
    let n: usize = with_intervals.iter().map(|intervals| intervals.n).sum();
    let share = |count: usize, of: usize| (of > 0).then(|| count as f64 / of as f64);
    Replayed {
        rule,
        racing,
        evaluations,
        evaluations_share: evaluations / everything,
        regret_mean,
        regret_se: (choices.len() > 1).then(|| (variance / draws).sqrt()),
        same_pick: mean(&|choice| f64::from(u8::from(choice.same))),
        coverage: share(with_intervals.iter().map(|intervals| intervals.covered).sum(), n),
        coverage_simultaneous: share(
            with_intervals.iter().filter(|intervals| intervals.covered == intervals.n).count(),
            with_intervals.len(),
        ),
        interval_width: share(with_intervals.iter().map(|intervals| intervals.width).sum(), n),
        picks: choices.iter().map(|choice| choice.pick).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ExitCode, Fault};
    use crate::report::select::matrix::{MatrixBuilder, Needs, Row};

    /// Candidates right with the given chances on dev examples and on test examples.
    fn matrix(chances: &[f64], n_dev: usize, n_test: usize, copies: usize) -> Matrix {
        let mut builder = MatrixBuilder::new(Needs { margin: true, ..Needs::default() }, Vec::new());
        let names: Vec<String> =
            (0..chances.len()).flat_map(|c| (0..copies).map(move |copy| format!("{c:03}.{copy}"))).collect();
        for (place, candidate) in names.iter().enumerate() {
            let mut numbers = Resampler::new(7, "replay", &(place / copies).to_le_bytes());
            let mut shared = Resampler::new(8, "replay", &[]);
            let uniform = |numbers: &mut Resampler| (numbers.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            for example in 0..n_dev + n_test {
                let difficulty = uniform(&mut shared);
                let own = uniform(&mut numbers);
                let correct = if own < 0.5 { difficulty } else { 2.0 * own - 1.0 } < chances[place / copies];
                let margin = (0.1 + uniform(&mut numbers)) as f32;
                let row = Row {
                    candidate,
                    example: &example.to_string(),
                    split: if example < n_dev { "dev" } else { "test" },
                    label: ["a", "b"][example % 2],
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

    fn options(shots: Option<usize>, draws: usize) -> SelectOptions {
        SelectOptions { shots, draws, ..SelectOptions::new("m.csv") }
    }

    use crate::task::statistics::Resampler;

    #[test]
    fn rank_intervals_cover_the_ranks_on_test_with_any_racing_and_say_something() {
        let chances: Vec<f64> = (0..24).map(|i| 0.5 + 0.45 * i as f64 / 23.0).collect();
        let matrix = matrix(&chances, 1_200, 2_000, 1);
        for (shots, narrow) in [(16, 24.0), (200, 16.0)] {
            let replayed = replay(&matrix, &[Rule::Accuracy], &Racing::ALL, &options(Some(shots), 60)).expect("drawn");
            for outcome in &replayed {
                assert!(outcome.coverage.is_none_or(|coverage| coverage >= 0.95), "{outcome:?}");
            }
            assert!(replayed[0].interval_width.is_some_and(|width| width < narrow), "{:?}", replayed[0].interval_width);
            assert_eq!((replayed[0].same_pick, replayed[1].same_pick), (1.0, 1.0));
            assert_eq!(replayed[0].picks, replayed[1].picks);
            assert!(replayed.iter().all(|outcome| outcome.evaluations_share <= 1.0));
        }
    }

    #[test]
    fn more_shots_cost_more_and_regret_less() {
        let chances: Vec<f64> = (0..20).map(|i| 0.6 + 0.01 * i as f64).collect();
        let matrix = matrix(&chances, 800, 2_000, 1);
        let few = replay(&matrix, &[Rule::Accuracy], &[Racing::None], &options(Some(8), 100)).expect("drawn");
        let many = replay(&matrix, &[Rule::Accuracy], &[Racing::None], &options(Some(300), 100)).expect("drawn");
        assert_eq!((few[0].evaluations, many[0].evaluations), (20.0 * 16.0, 20.0 * 600.0));
        assert!(many[0].regret_mean < few[0].regret_mean);
        assert!(few[0].regret_se.is_some_and(|se| se > 0.0));
    }

    #[test]
    fn listing_every_candidate_twice_changes_neither_regret_nor_intervals() {
        let chances: Vec<f64> = (0..12).map(|i| 0.4 + 0.05 * i as f64).collect();
        let rules = [Rule::Argmax, Rule::Accuracy, Rule::Margin];
        let replayed = |copies| {
            let matrix = matrix(&chances, 200, 400, copies);
            replay(&matrix, &rules, &[Racing::None, Racing::Exact], &options(Some(40), 50)).expect("drawn")
        };
        for (once, twice) in replayed(1).iter().zip(replayed(2)) {
            assert!((once.regret_mean - twice.regret_mean).abs() < 1e-12);
            assert_eq!(once.interval_width, twice.interval_width);
            assert_eq!(once.coverage, twice.coverage);
            assert_eq!(once.evaluations_share, twice.evaluations_share);
        }
    }

    #[test]
    fn without_a_test_split_the_rest_of_dev_judges() {
        let matrix = matrix(&[0.5, 0.9], 100, 0, 1);
        let replayed = replay(&matrix, &[Rule::Accuracy], &[Racing::None], &options(Some(20), 50)).expect("drawn");
        assert!(replayed[0].regret_mean < 0.1);
        let error = replay(&matrix, &[Rule::Accuracy], &[Racing::None], &options(None, 50)).expect_err("all drawn");
        assert!(error.to_string().contains("takes all 100"), "{error}");
        let error = replay(&matrix, &[Rule::Accuracy], &[Racing::None], &options(Some(51), 5)).expect_err("too few");
        assert_eq!(error.exit_code(), ExitCode::Spec);
    }

    #[test]
    fn one_candidate_is_picked_without_regret() {
        let matrix = matrix(&[0.6], 60, 60, 1);
        let replayed = replay(&matrix, &[Rule::Argmax, Rule::Accuracy], &Racing::ALL, &options(Some(5), 10));
        for outcome in replayed.expect("drawn") {
            assert_eq!((outcome.regret_mean, outcome.same_pick), (0.0, 1.0));
            assert!(outcome.coverage.is_none_or(|coverage| coverage == 1.0));
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let chances: Vec<f64> = (0..10).map(|i| 0.5 + 0.03 * i as f64).collect();
        let matrix = matrix(&chances, 100, 100, 1);
        let replayed = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| replay(&matrix, &[Rule::Accuracy], &Racing::ALL, &options(Some(10), 40)).expect("drawn"))
        };
        assert_eq!(replayed(1), replayed(4));
    }
}
