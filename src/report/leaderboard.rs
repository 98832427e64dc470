//! The leaderboard: rows ranked within one model, shots and calibration, on test (contract, definitions 2 and 3).
//!
//! # Decisions
//!
//! - 2026-11: rank intervals and comparisons come from test predictions. Rows ranked on dev have none: those figures describe
//!   the sample that chose the prompts (contract, Statistics 6). Rows ranked by a label-free score have intervals of sign-flip
//!   tests over texts (definition 7): they say whether the scores differ on other texts, nothing about labels.
//! - 2026-11: a comparison is made over the seeds that both rows have, so `vs_manual` is the difference of the means over those
//!   seeds; while a run is incomplete it need not be the difference of two printed `test_mean`.
//! - 2026-11: the reference of `vs_manual` (`vs_random`) is the first item of that method; further ones are compared with it.

use std::path::Path;

use crate::task::Metric;
use crate::task::statistics::{holm, standings};

use super::ReportError;
use super::asked::Asked;
use super::control;
use super::entry::Entry;
use super::group::Group;
use super::outcome::{self, Comparison};
use super::place::Place;
use super::row::Row;
use super::stability::Stability;
use super::top_two::TopTwo;
use super::transfer::{TransferRow, transfer_rows};
use super::trial::Trial;

/// The chance of a false difference that a family of tests allows for.
pub(super) const ALPHA: f64 = 0.05;

/// The ranked rows of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaderboard {
    /// What was asked.
    pub asked: Asked,
    /// One section for each model, shots and calibration.
    pub sections: Vec<Section>,
    /// How the chosen prompts do elsewhere; empty where nobody asked.
    pub transfer: Vec<TransferRow>,
}

/// The rows that are ranked together.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// What they have in common.
    pub group: Group,
    /// What they are ranked on.
    pub ranked_on: RankedOn,
    /// The rows, best first; rows without any complete trial last.
    pub rows: Vec<Row>,
    /// How alike the seeds rank.
    pub stability: Stability,
    /// What it takes to tell the best from the second.
    pub top_two: Option<TopTwo>,
}

/// What the rows of a section are ranked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankedOn {
    /// The test split.
    Test,
    /// The dev sets, because there is no labelled test split.
    Dev,
    /// The label-free score: there is neither test nor dev.
    LabelFree,
}

impl Leaderboard {
    /// Derives the leaderboard from the record in a results folder.
    ///
    /// # Errors
    /// [`ReportError::Record`] if there is none, or if a trial's events contradict each other.
    pub fn load(folder: &Path) -> Result<Self, ReportError> {
        let asked = Asked::load(folder)?;
        Ok(Self::of_trials(&Trial::all(folder)?, asked))
    }

    pub(super) fn of_trials(trials: &[Trial], asked: Asked) -> Self {
        let metric = asked.metric.parse().unwrap_or(Metric::Accuracy);
        let entries = Entry::of(trials);
        let sections = entries
            .chunk_by(|a, b| a.group == b.group)
            .map(|entries| Section::of(entries, trials, &asked, metric))
            .collect();
        let transfer = if asked.transfer { transfer_rows(trials, &asked.metric) } else { Vec::new() };
        Self { sections, transfer, asked }
    }

    /// All rows in the order in which they are written.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|section| &section.rows)
    }
}

impl Section {
    fn of(entries: &[Entry<'_>], trials: &[Trial], asked: &Asked, metric: Metric) -> Self {
        let group = entries[0].group.clone();
        let over = || entries.iter().flat_map(|entry| &entry.over);
        let ranked_on = if over().any(|trial| !trial.test_gold.is_empty()) {
            RankedOn::Test
        } else if over().any(|trial| !trial.dev_gold.is_empty()) {
            RankedOn::Dev
        } else {
            RankedOn::LabelFree
        };
        let dev_only = ranked_on != RankedOn::Test;

        // Rows that have a score to be ranked on, best first; the others after them in the order of the experiment.
        let (mut ranked, mut unranked): (Vec<(Place, &Entry<'_>)>, Vec<_>) =
            entries.iter().map(|entry| (entry.place(dev_only), entry)).partition(|(place, _)| place.score.is_some());
        ranked.sort_by(|(a, first), (b, second)| a.key().compare(&b.key()).then(first.item.cmp(&second.item)));
        unranked.sort_by_key(|(_, entry)| entry.item);
        let (places, ranked): (Vec<Place>, Vec<&Entry<'_>>) = ranked.into_iter().unzip();
        let row = |entry: &&Entry<'_>| Row::of(entry, asked, metric, dev_only);
        let mut rows: Vec<Row> = ranked.iter().map(row).collect();
        let pairs: Vec<Vec<Option<Comparison>>> = match dev_only {
            true => vec![vec![None; ranked.len()]; ranked.len()],
            false => ranked.iter().map(|a| ranked.iter().map(|b| outcome::compare(a, b, metric)).collect()).collect(),
        };
        let keys: Vec<_> = places.iter().map(Place::key).collect();
        let behaviours: Vec<usize> = (0..ranked.len())
            .map(|row| {
                let alike = |ahead: &usize| match ranked_on {
                    RankedOn::LabelFree => outcome::is_alike_label_free(ranked[*ahead], ranked[row]),
                    _ => outcome::is_alike(ranked[*ahead], ranked[row], dev_only),
                };
                (0..row).find(alike).unwrap_or(row)
            })
            .collect();
        let standings = standings(&keys, &behaviours, |a, b, n_tests| {
            if ranked_on == RankedOn::LabelFree {
                return outcome::compare_label_free(ranked[a], ranked[b], n_tests);
            }
            // A difference over the common seeds that contradicts the order over all of them resolves nothing.
            pairs[a][b].filter(|pair| pair.difference > 0.0).map_or(1.0, |pair| pair.p)
        });
        for (row, standing) in rows.iter_mut().zip(standings) {
            row.rank = Some(standing.rank);
            if let Some(interval) = standing.interval.filter(|_| ranked_on != RankedOn::Dev) {
                row.rank_low = Some(interval.low);
                row.rank_high = Some(interval.high);
                row.tied = Some(interval.tied);
            }
        }
        versus(&mut rows, &ranked, &pairs, "manual", |row| (&mut row.vs_manual, &mut row.vs_manual_p));
        versus(&mut rows, &ranked, &pairs, "random", |row| (&mut row.vs_random, &mut row.vs_random_p));
        rows.extend(unranked.iter().map(|(_, entry)| row(entry)));
        let all: Vec<&Entry<'_>> = ranked.iter().copied().chain(unranked.iter().map(|(_, entry)| *entry)).collect();
        control::compare(&mut rows, &all, trials, metric);
        let top_two = match ranked[..] {
            [first, second, ..] => TopTwo::of(first, second, metric, dev_only),
            _ => None,
        };
        let stability = Stability::of(entries, trials, &group, dev_only);
        Self { group, ranked_on, rows, stability, top_two }
    }
}

/// Fills the difference of every row from the first item of a method, and its p-value adjusted over the family.
fn versus(
    rows: &mut [Row],
    ranked: &[&Entry<'_>],
    pairs: &[Vec<Option<Comparison>>],
    method: &str,
    cells: impl Fn(&mut Row) -> (&mut Option<f64>, &mut Option<f64>),
) {
    let reference =
        (0..ranked.len()).filter(|index| ranked[*index].method == method).min_by_key(|index| ranked[*index].item);
    let Some(reference) = reference else { return };
    let family: Vec<(usize, Comparison)> = (0..rows.len())
        .filter(|index| *index != reference)
        .filter_map(|index| pairs[index][reference].map(|pair| (index, pair)))
        .collect();
    let p: Vec<f64> = family.iter().map(|(_, pair)| pair.p).collect();
    for ((index, pair), p) in family.iter().zip(holm(&p)) {
        let (difference, adjusted) = cells(&mut rows[*index]);
        *difference = Some(pair.difference);
        *adjusted = Some(p);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::columns::{LEADERBOARD, csv};
    use crate::record::TrialRecord;

    use super::super::sample::{Sample, asked, leaderboard};
    use super::*;

    const GOLD: &str = "0011001100110011";
    const ALL_WRONG: &str = "1100110011001100";
    const HALF: &str = "0011001111001100";

    fn table(trials: &[TrialRecord]) -> String {
        let board = leaderboard(trials, asked());
        String::from_utf8(csv(LEADERBOARD, board.rows()).unwrap()).unwrap()
    }

    fn board(trials: &[TrialRecord]) -> Leaderboard {
        leaderboard(trials, asked())
    }

    /// A complete trial with one candidate.
    fn trial(item: usize, method: &str, seed: u64, dev: &str, test: &str) -> TrialRecord {
        let sample = Sample::new(item, method, &[seed], "0101", GOLD).scored(&format!("{method} {{mask}}"), dev, 0.5);
        sample.chose(0).tested(test, 0.5).finished(&[])
    }

    fn three_methods() -> Vec<TrialRecord> {
        let mut trials = Vec::new();
        for seed in [1, 2] {
            trials.push(trial(0, "manual", seed, "0100", HALF));
            trials.push(trial(1, "autoprompt", seed, "0101", GOLD));
            trials.push(trial(2, "random", seed, "0001", if seed == 1 { ALL_WRONG } else { HALF }));
        }
        trials
    }

    #[test]
    fn a_table_of_one_seed_is_exactly_this() {
        let manual = trial(0, "manual", 1, "0100", HALF);
        let mined = Sample::new(1, "autoprompt", &[1], "0101", GOLD)
            .scored("so {mask}", "0000", 0.25)
            .scored("very {mask}", "0101", 0.75)
            .chose(1)
            .tested(GOLD, 1.0)
            .finished(&["budget_cut"]);
        // 8 discordant examples, all one way: mid-p 2^-8. Two rows are a family of one test.
        assert_eq!(
            table(&[manual, mined]),
            "rank,rank_low,rank_high,tied,method,model,shots,calibration,n_seeds,n_dev,n_test,prompt,verbalizer,dev_mean,\
             dev_low,dev_high,dev_margin,select_by,select_score,test_mean,test_std,test_low,test_high,optimism_gap,\
             vs_manual,vs_manual_p,vs_random,vs_random_p,trained_parameters,saved_bytes,dev_looks,evaluations,forwards,\
             backwards,tokens,flags,seconds,failures,prompt_file,verdict,projected_dev,projected_test,\
             label_free_spearman,label_free_kendall,evaluations_saved,hotflip_spearman,random_model_test,vs_random_model,\
             vs_random_model_p,shuffled_labels_test,vs_shuffled_labels,vs_shuffled_labels_p,beats_controls,collapse,\
             class_accuracy,surface_worst,surface_mean,surfaces,n_candidates,n_behaviours,strategy,test_p_at_1,test_p_at_10,test_mrr\n\
             1,1,1,0,autoprompt,builtin:toy,16,none,1,4,16,very {mask},\"a=bad,b=good\",1,0.510109,1,0.75,accuracy,1,1,,\
             0.806392,1,0,0.5,0.00391,,,0,,1,8,8,0,80,budget_cut;one_seed,1.5,,\
             trials/1-autoprompt_toy_16_none_1_01234567/prompt.json,resolved from every other,,,,,,,,,,,,,,0.5,a=1;b=1,,,,2,2,tuning_free,,,\n\
             2,2,2,0,manual,builtin:toy,16,none,1,4,16,manual {mask},\"a=bad,b=good\",0.75,0.300642,0.954413,0.5,accuracy,\
             0.75,0.5,,0.279996,0.720004,0.25,,,,,0,,1,4,4,0,40,one_seed,1.5,,\
             trials/0-manual_toy_16_none_1_01234567/prompt.json,\"resolved from every other, worse than 1\",,,,,,,,,,,,,,0.5,a=0.5;b=0.5,,,,1,1,tuning_free,,,\n"
        );
    }

    #[test]
    fn seeds_are_averaged_and_compared_over_seeds_and_examples() {
        let board = board(&three_methods());
        let rows = &board.sections[0].rows;
        let seen: Vec<_> = rows
            .iter()
            .map(|row| (row.method.as_str(), row.n_seeds, row.test_mean, row.test_std, row.vs_manual))
            .collect();
        assert_eq!(
            seen,
            [
                ("autoprompt", 2, Some(1.0), Some(0.0), Some(0.5)),
                ("manual", 2, Some(0.5), Some(0.0), None),
                ("random", 2, Some(0.25), Some(0.5_f64.sqrt() / 2.0), Some(-0.25)),
            ]
        );
        assert_eq!(rows[1].vs_random, Some(0.25));
        assert!(rows[0].vs_manual_p.unwrap() < 0.05, "{:?}", rows[0]);
        // Two seeds of which one differs say nothing about seeds.
        assert!(rows[2].vs_manual_p.unwrap() > 0.05, "{:?}", rows[2]);
        assert_eq!(rows[0].evaluations, Some(8), "the sum over the seeds");
        assert_eq!(rows[0].flags, ["one_seed"], "the same predictions in every seed");
        assert_eq!(rows[2].flags, Vec::<String>::new());
        for row in rows {
            assert!(row.rank_low.unwrap() <= row.rank.unwrap() && row.rank.unwrap() <= row.rank_high.unwrap());
            assert!(
                row.test_low.unwrap() <= row.test_mean.unwrap() && row.test_mean.unwrap() <= row.test_high.unwrap()
            );
        }
    }

    #[test]
    fn a_trial_for_all_seeds_is_paired_with_each_and_paid_for_once() {
        let manual = Sample::new(0, "manual", &[1, 2], "0101", GOLD).scored("plain", "0100", 0.5).chose(0);
        let trials = [
            manual.tested(HALF, 0.5).finished(&[]),
            trial(1, "autoprompt", 1, "0101", GOLD),
            trial(1, "autoprompt", 2, "0100", ALL_WRONG),
        ];
        let rows = &board(&trials).sections[0].rows;
        let manual = rows.iter().find(|row| row.method == "manual").unwrap();
        let mined = rows.iter().find(|row| row.method == "autoprompt").unwrap();
        assert_eq!((manual.n_seeds, manual.evaluations, manual.test_std), (2, Some(4), None));
        assert_eq!(mined.vs_manual, Some(0.0));
        assert_eq!(mined.dev_mean, Some(0.875));
        assert_eq!(mined.optimism_gap, Some(0.375));
    }

    #[test]
    fn the_prompt_shown_is_of_the_seed_with_the_best_dev_metric() {
        let seed = |seed, prompt: &str, dev: &str| {
            Sample::new(0, "manual", &[seed], "0101", GOLD)
                .scored(prompt, dev, 0.5)
                .chose(0)
                .tested(HALF, 0.5)
                .finished(&[])
        };
        let rows = board(&[seed(1, "worse", "0100"), seed(2, "best", "0101"), seed(3, "worst", "1010")]).sections;
        assert_eq!(rows[0].rows[0].prompt.as_deref(), Some("best"));
    }

    #[test]
    fn a_failed_trial_is_named_in_its_row_and_the_other_seeds_count() {
        let failed = Sample::new(1, "autoprompt", &[2], "0101", GOLD).scored("x", "0101", 0.5);
        let trials = [
            trial(0, "manual", 1, "0100", HALF),
            trial(0, "manual", 2, "0100", HALF),
            trial(1, "autoprompt", 1, "0101", GOLD),
            failed.failed("the score of candidate 3 is NaN"),
            Sample::new(2, "random", &[1], "0101", GOLD).failed("no memory; none"),
        ];
        let board = board(&trials);
        let rows = &board.sections[0].rows;
        let mined = &rows[0];
        assert_eq!((mined.method.as_str(), mined.n_seeds), ("autoprompt", 1));
        assert_eq!(mined.flags, ["failed", "nan", "one_seed"]);
        assert_eq!(mined.failure_words(), "seed 2: the score of candidate 3 is NaN");
        assert_eq!(mined.vs_manual, Some(0.5));
        let random = &rows[2];
        assert_eq!((random.rank, random.n_seeds, random.test_mean, random.evaluations), (None, 0, None, None));
        assert_eq!(random.flags, ["failed"]);
        let lines = board.closing_lines(std::path::Path::new("results/films"));
        assert!(lines.contains("failed: random, builtin:toy, 16 shots, seed 1: no memory; none"), "{lines}");
    }

    #[test]
    fn without_a_test_split_rows_are_ranked_on_dev_and_nothing_is_resolved() {
        let trial = |item, method: &str, dev: &str| {
            Sample::new(item, method, &[1], GOLD, "").scored(method, dev, 0.5).chose(0).finished(&[])
        };
        let board = board(&[trial(0, "manual", ALL_WRONG), trial(1, "autoprompt", GOLD)]);
        let section = &board.sections[0];
        assert_eq!(section.ranked_on, RankedOn::Dev);
        let best = &section.rows[0];
        assert_eq!(
            (best.method.as_str(), best.rank, best.rank_low, best.vs_manual),
            ("autoprompt", Some(1), None, None)
        );
        assert_eq!(best.flags, ["dev_only", "one_seed"]);
        assert_eq!((best.n_test, best.test_mean, best.optimism_gap), (None, None, None));
        assert!(board.to_markdown().contains("no labelled test split"));
    }

    #[test]
    fn zero_shots_leave_the_dev_columns_empty() {
        let trial = |item, method: &str, test: &str| {
            let sample = Sample::new(item, method, &[1], "", GOLD).shots("0").label_free(method, 0.25);
            sample.chose(0).tested(test, 0.5).finished(&[])
        };
        let board = board(&[trial(0, "manual", HALF), trial(1, "random", ALL_WRONG)]);
        let best = &board.sections[0].rows[0];
        assert_eq!((best.n_dev, best.dev_mean, best.dev_low, best.optimism_gap), (None, None, None, None));
        assert_eq!((best.select_by.as_deref(), best.select_score), (Some("mutual_information"), Some(0.25)));
        assert_eq!(best.vs_random, Some(0.5));
    }

    #[test]
    fn the_label_free_choice_is_compared_with_test_over_the_seeds() {
        let trial = |seed, spearman| {
            let sample =
                Sample::new(0, "manual", &[seed], "", GOLD).shots("0").label_free("a", 0.2).label_free("b", 0.1);
            sample.chose(0).tested(HALF, 0.5).correlated(spearman, spearman / 2.0).finished(&[])
        };
        let board = board(&[trial(1, 1.0), trial(2, -0.5)]);
        let row = &board.sections[0].rows[0];
        assert_eq!((row.label_free_spearman, row.label_free_kendall), (Some(0.25), Some(0.125)));
        assert_eq!(row.correlated, Some((2, 2, GOLD.len())));
    }

    #[test]
    fn the_score_that_chose_is_by_the_rule_that_chose() {
        let trials = [trial(0, "manual", 1, "0100", HALF)];
        for (rule, score) in
            [("margin", 0.5), ("mean_log_likelihood", -0.5), ("accuracy", 0.75), ("matthews", 1.0 / 3.0_f64.sqrt())]
        {
            let board = leaderboard(&trials, Asked { select_by: rule.into(), ..asked() });
            let row = &board.sections[0].rows[0];
            assert_eq!(row.select_by.as_deref(), Some(rule));
            assert!((row.select_score.unwrap() - score).abs() < 1e-12, "{rule}: {row:?}");
        }
    }

    #[test]
    fn one_row_has_nothing_to_be_compared_with() {
        let board = board(&[trial(0, "manual", 1, "0100", HALF)]);
        let section = &board.sections[0];
        let only = &section.rows[0];
        assert_eq!((only.rank, only.rank_low, only.rank_high, only.tied), (Some(1), Some(1), Some(1), Some(0)));
        assert_eq!((only.vs_manual, section.top_two), (None, None));
    }

    #[test]
    fn equal_rows_share_a_rank_and_no_number_of_examples_tells_them_apart() {
        let same = |item, method: &str| {
            let sample = Sample::new(item, method, &[1], "0101", GOLD).scored("the same {mask}", "0101", 0.5);
            sample.chose(0).tested(HALF, 0.5).finished(&[])
        };
        let board = board(&[same(0, "manual"), same(1, "autoprompt")]);
        let section = &board.sections[0];
        let ranks: Vec<_> = section.rows.iter().map(|row| (row.rank, row.rank_low, row.rank_high)).collect();
        assert_eq!(ranks, [(Some(1), Some(1), Some(1)); 2]);
        assert_eq!(section.top_two.map(|top_two| top_two.examples), Some(None));
        let lines = board.closing_lines(std::path::Path::new("results/films"));
        assert!(lines.contains("right equally often"), "{lines}");
    }

    #[test]
    fn matthews_has_intervals_and_comparisons_too() {
        let trial = |item, method: &str, seed, test: &str| {
            let sample = Sample::new(item, method, &[seed], "0101", GOLD).metric(Metric::Matthews);
            sample.scored(method, "0101", 0.5).chose(0).tested(test, 0.5).finished(&[])
        };
        let asked = || Asked { metric: "matthews".into(), ..asked() };
        let one = [trial(0, "manual", 1, HALF), trial(1, "autoprompt", 1, "0011001100110010")];
        let board = leaderboard(&one, asked());
        let best = &board.sections[0].rows[0];
        assert!(best.test_low < best.test_mean && best.test_mean <= best.test_high, "{best:?}");
        assert!(best.vs_manual_p.is_some() && best.dev_low.is_none());
        let two = [&one[..], &[trial(0, "manual", 2, GOLD), trial(1, "autoprompt", 2, HALF)]].concat();
        let board = leaderboard(&two, asked());
        assert!(board.sections[0].rows.iter().all(|row| row.test_low.is_some()));
    }

    #[test]
    fn a_partial_record_gives_the_rows_there_are() {
        let mut trials = three_methods();
        trials.truncate(4);
        trials.push(Sample::new(2, "random", &[2], "0101", GOLD).scored("x", "0101", 0.5).so_far());
        let board = board(&trials);
        let n_seeds: Vec<_> = board.rows().map(|row| (row.method.as_str(), row.n_seeds)).collect();
        assert_eq!(n_seeds, [("autoprompt", 1), ("manual", 2), ("random", 1)]);
        assert!(leaderboard(&[], asked()).sections.is_empty());
    }

    proptest! {
        #[test]
        fn the_order_of_trials_changes_nothing(order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle()) {
            let trials = three_methods();
            let permuted: Vec<TrialRecord> = order.iter().map(|index| trials[*index].clone()).collect();
            prop_assert_eq!(table(&permuted), table(&trials));
            prop_assert_eq!(board(&permuted).to_markdown(), board(&trials).to_markdown());
        }
    }
}
