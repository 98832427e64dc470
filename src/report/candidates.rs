//! The candidates, ranked on dev within one model, shots, calibration and seed (contract, definition 2).
//!
//! # Decisions
//!
//! - 2026-11: the candidates of all methods stand in one ranking. A trial that stands for several seeds is written once for each,
//!   so that every seed's ranking is whole.
//! - 2026-11: `evaluations` is what the trial had spent when the candidate was scored, so that the best score within a smaller
//!   budget can be read off.
//! - 2026-11: `dropped_at` is the number of dev examples of a candidate that was not scored on all of them.
//! - 2026-11: a failed trial's candidates were scored like any others: they stay, flagged `failed`. Those of a trial that goes on
//!   are left out until it ends, since a trial that is interrupted begins anew.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use rayon::prelude::*;

use crate::record::TrialRecord;
use crate::task::Metric;
use crate::task::statistics::{
    Interval, Outcomes, RANKED_BEHAVIOURS, RankTable, RankedCandidate, Standing, rank_intervals, standings,
};

use super::ReportError;
use super::asked::Asked;
use super::diagnostics::CandidateDiagnostics;
use super::flag;
use super::group::Group;
use super::outcome;
use super::place::Place;
use super::row::{candidate_flags, selection};
use super::trial::{Choice, End, Scored, Trial};

/// A row of `candidates.csv`. `None` is unknown and prints as an empty cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateRow {
    /// Where it is ranked, together with `seed`.
    pub group: Group,
    /// The seed.
    pub seed: u64,
    /// Its place, from 1; clones (the same predictions and scores) share it.
    pub rank: usize,
    /// 1 + the number of candidates significantly better.
    pub rank_low: Option<usize>,
    /// The number of candidates minus those significantly worse.
    pub rank_high: Option<usize>,
    /// The number of candidates not resolved from this one.
    pub tied: Option<usize>,
    /// The method, with a number where an experiment has several items of it.
    pub method: String,
    /// Its number within its trial.
    pub candidate: u64,
    /// The number of the candidate that it was made from.
    pub parent: Option<u64>,
    /// The prompt for people.
    pub prompt: String,
    /// Its verbalizer.
    pub verbalizer: String,
    /// The metric on dev.
    pub dev_metric: Option<f64>,
    /// Lower end of its interval: Wilson's for accuracy, else BCa.
    pub dev_low: Option<f64>,
    /// Upper end of its interval.
    pub dev_high: Option<f64>,
    /// The mean margin on dev, in nats.
    pub dev_margin: Option<f64>,
    /// What its trial had spent when it was scored.
    pub evaluations: u64,
    /// The perplexity of the prompt's own tokens.
    pub perplexity: Option<f64>,
    /// The tokens of the template itself.
    pub n_tokens: usize,
    /// The dev examples after which racing dropped it.
    pub dropped_at: Option<usize>,
    /// Flags in their fixed order.
    pub flags: Vec<String>,
    /// Its label-free score, at 0 shots.
    pub label_free: Option<f64>,
    /// Mean log-probability of the gold label on dev, in nats.
    pub log_likelihood: Option<f64>,
    /// Whether its trial chose it.
    pub chosen: bool,
    /// Its score by the rule that its trial chose by.
    pub select_score: Option<f64>,
    /// How it arose.
    pub origin: String,
    /// The folder of its trial.
    pub trial: PathBuf,
    /// Virtual tokens, where it has some.
    pub n_soft: Option<usize>,
    /// BLAKE3 of their vectors.
    pub soft_blake3: Option<String>,
    /// The control that its trial is; these are ranked among themselves.
    pub control: Option<String>,
    /// What is to be said of it beside its scores.
    pub diagnostics: CandidateDiagnostics,
}

impl CandidateRow {
    /// The rows of all candidates, ranked; the trials may come in any order.
    ///
    /// # Errors
    /// [`ReportError::Record`] if a trial's events contradict each other.
    pub fn all(records: &[TrialRecord], asked: &Asked) -> Result<Vec<Self>, ReportError> {
        let trials = records.iter().map(Trial::read).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::of_trials(&trials, asked))
    }

    pub(super) fn of_trials<'a>(trials: &'a [Trial<'a>], asked: &Asked) -> Vec<Self> {
        let metric = asked.metric.parse().unwrap_or(Metric::Accuracy);
        let mut lists: Lists<'_> = BTreeMap::new();
        for trial in trials.iter().filter(|trial| trial.is_over()) {
            for seed in &trial.key.seeds {
                let control = trial.key.control.as_deref();
                let list = lists.entry((Group::of(trial.key), *seed, control)).or_default();
                list.extend(trial.candidates.iter().map(|scored| (trial, scored)));
            }
        }
        let mut rows = Vec::new();
        let intervals = Intervals::of(&lists, metric);
        for ((group, seed, _), mut list) in lists {
            // The order that equals keep: never that of the files.
            list.sort_by_key(|(trial, scored)| (trial.key.item, scored.record.candidate));
            let standings = rank(&list, metric, seed);
            let ranks: Vec<usize> = standings.iter().map(|standing| standing.rank).collect();
            let diagnostics = CandidateDiagnostics::of(&list, &ranks);
            let mut ranked: Vec<(Standing, Place, Self)> = standings
                .into_iter()
                .zip(&list)
                .zip(diagnostics)
                .map(|((standing, (trial, scored)), diagnostics)| {
                    let place = scored.place(trial.dev_gold.len());
                    let row = Self::of(&group, seed, trial, scored, standing, &intervals, &asked.select_by);
                    (standing, place, Self { diagnostics, ..row })
                })
                .collect();
            ranked.sort_by(|(a, place, _), (b, other, _)| {
                a.rank.cmp(&b.rank).then_with(|| place.key().compare(&other.key()))
            });
            rows.extend(ranked.into_iter().map(|(_, _, row)| row));
        }
        rows
    }

    fn of(
        group: &Group,
        seed: u64,
        trial: &Trial<'_>,
        scored: &Scored<'_>,
        standing: Standing,
        intervals: &Intervals,
        select_by: &str,
    ) -> Self {
        let record = scored.record;
        let dropped_at = scored.dropped_at(trial.dev_gold.len());
        let whole = scored.dev.filter(|_| dropped_at.is_none() && standing.rank <= RANKED_BEHAVIOURS);
        let interval = whole.and_then(|dev| intervals.get(&counts(trial.dev_gold, &dev.predicted, trial.n_labels)));
        let mut flags = candidate_flags(trial, scored);
        flags.extend(matches!(trial.end, End::Failed { .. }).then_some("failed"));
        Self {
            group: group.clone(),
            seed,
            rank: standing.rank,
            rank_low: standing.interval.map(|interval| interval.low),
            rank_high: standing.interval.map(|interval| interval.high),
            tied: standing.interval.map(|interval| interval.tied),
            method: trial.key.label.clone(),
            candidate: record.candidate,
            parent: record.parent,
            prompt: record.prompt.clone(),
            verbalizer: record.verbalizer.clone(),
            dev_metric: scored.dev.map(|dev| dev.metric),
            dev_low: interval.map(|interval| interval.low),
            dev_high: interval.map(|interval| interval.high),
            dev_margin: scored.dev.map(|dev| dev.margin),
            evaluations: scored.evaluations,
            perplexity: record.perplexity.or_else(|| {
                let of_chosen = |choice: &Choice| trial.candidates[choice.index].record.candidate == record.candidate;
                trial.choice.filter(of_chosen).and_then(|choice| choice.perplexity)
            }),
            n_tokens: record.n_tokens,
            dropped_at,
            flags: flag::ordered(flags),
            label_free: scored.label_free,
            log_likelihood: scored.dev.map(|dev| dev.log_likelihood),
            chosen: trial.chosen().is_some_and(|chosen| chosen.record.candidate == record.candidate),
            select_score: selection(trial, scored, select_by).1,
            origin: record.origin.clone(),
            trial: PathBuf::from(trial.key.id()),
            n_soft: record.soft.as_ref().map(|soft| soft.n_soft),
            soft_blake3: record.soft.as_ref().map(|soft| soft.blake3.clone()),
            control: trial.key.control.clone(),
            diagnostics: CandidateDiagnostics::default(),
        }
    }
}

/// The candidates that are ranked together, by group, seed and control.
type Lists<'a> = BTreeMap<(Group, u64, Option<&'a str>), Vec<(&'a Trial<'a>, &'a Scored<'a>)>>;

/// The intervals of the candidates by their confusion counts, on which alone they depend: bootstrapping one anew for each
/// candidate that shares them would be slow.
struct Intervals(HashMap<Vec<usize>, Option<Interval>>);

impl Intervals {
    fn of(lists: &Lists<'_>, metric: Metric) -> Self {
        let mut with_counts = HashMap::new();
        for (trial, scored) in lists.values().flatten() {
            if let Some(dev) = scored.dev.filter(|dev| dev.predicted.len() == trial.dev_gold.len()) {
                let counts = counts(trial.dev_gold, &dev.predicted, trial.n_labels);
                with_counts.entry(counts).or_insert((trial.dev_gold, &dev.predicted, trial.n_labels));
            }
        }
        let of = |(counts, (gold, predicted, n_labels)): (_, (&[u16], &Vec<u16>, usize))| {
            (counts, outcome::set_interval(metric, gold, predicted, n_labels))
        };
        Self(with_counts.into_par_iter().map(of).collect())
    }

    fn get(&self, counts: &[usize]) -> Option<Interval> {
        self.0.get(counts).copied().flatten()
    }
}

/// The standings of one seed's candidates. Rank intervals only where all of them were scored on one dev set.
fn rank(list: &[(&Trial<'_>, &Scored<'_>)], metric: Metric, seed: u64) -> Vec<Standing> {
    let places: Vec<Place> = list.iter().map(|(trial, scored)| scored.place(trial.dev_gold.len())).collect();
    let first = list.first().map(|(trial, _)| *trial);
    let one_set = list
        .iter()
        .all(|(trial, scored)| scored.dev.is_some() && first.is_some_and(|first| outcome::same_dev(first, trial)));
    if let Some(parts) = label_free_parts(list) {
        return rank_label_free(&places, &parts, seed);
    }
    if !one_set {
        let keys: Vec<_> = places.iter().map(Place::key).collect();
        let mut first_with = HashMap::new();
        let prompts: Vec<usize> =
            keys.iter().enumerate().map(|(index, key)| *first_with.entry(key.text).or_insert(index)).collect();
        let mut standings = standings(&keys, &prompts, |_, _, _| 1.0);
        standings.iter_mut().for_each(|standing| standing.interval = None);
        return standings;
    }
    let predictions: Vec<Vec<u32>> = list
        .iter()
        .map(|(_, s)| s.dev.iter().flat_map(|dev| &dev.predicted).map(|l| u32::from(*l)).collect())
        .collect();
    let parts: Vec<Parts> = list
        .iter()
        .map(|(trial, scored)| {
            let predicted = scored.dev.map_or(&[][..], |dev| &dev.predicted);
            let gold = &trial.dev_gold[..predicted.len()];
            match metric {
                Metric::Accuracy => Parts::Correct(gold.iter().zip(predicted).map(|(g, p)| g == p).collect()),
                _ => Parts::Values(outcome::parts(metric, gold, predicted, trial.n_labels)),
            }
        })
        .collect();
    let candidates = places
        .iter()
        .zip(&predictions)
        .zip(&parts)
        .map(|((place, predictions), parts)| RankedCandidate {
            key: place.key(),
            predictions,
            outcomes: match parts {
                Parts::Correct(correct) => Outcomes::Correct(correct),
                Parts::Values(values) => Outcomes::Values(values),
            },
        })
        .collect();
    rank_intervals(&RankTable { candidates, seed })
}

/// Every candidate's parts of its label-free score, text by text in one order; `None` unless all have them over the same
/// texts.
fn label_free_parts(list: &[(&Trial<'_>, &Scored<'_>)]) -> Option<Vec<Vec<f64>>> {
    let by_text: Vec<Vec<(u32, f64)>> =
        list.iter().map(|(trial, scored)| scored.by_text(trial.texts)).collect::<Option<_>>()?;
    let texts = |parts: &[(u32, f64)]| parts.iter().map(|(text, _)| *text).collect::<Vec<_>>();
    let first = texts(by_text.first()?);
    let one_set = by_text.iter().all(|parts| texts(parts) == first);
    one_set.then(|| by_text.into_iter().map(|parts| parts.into_iter().map(|(_, part)| part).collect()).collect())
}

/// The standings by label-free score: sign-flip tests over the texts, and ties below 1e-6 (contract, definition 7).
fn rank_label_free(places: &[Place], parts: &[Vec<f64>], seed: u64) -> Vec<Standing> {
    let keys: Vec<_> = places.iter().map(Place::key).collect();
    let mut first_with: HashMap<Vec<u64>, usize> = HashMap::new();
    let behaviours: Vec<usize> = (parts.iter().enumerate())
        .map(|(index, parts)| *first_with.entry(parts.iter().map(|x| x.to_bits()).collect()).or_insert(index))
        .collect();
    standings(&keys, &behaviours, |a, b, n_tests| {
        let differences: Vec<f64> = parts[a].iter().zip(&parts[b]).map(|(a, b)| a - b).collect();
        outcome::label_free_test(&differences, n_tests, seed)
    })
}

enum Parts {
    Correct(Vec<bool>),
    Values(Vec<f64>),
}

/// The confusion counts, row-major by gold label.
fn counts(gold: &[u16], predicted: &[u16], n_labels: usize) -> Vec<usize> {
    let mut counts = vec![0; n_labels * n_labels];
    for (gold, predicted) in gold.iter().zip(predicted) {
        counts[usize::from(*gold) * n_labels + usize::from(*predicted)] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::super::columns::{CANDIDATES, csv};
    use super::super::sample::{Sample, asked};
    use super::*;

    fn table(trials: &[TrialRecord]) -> String {
        let rows = CandidateRow::all(trials, &asked()).unwrap();
        String::from_utf8(csv(CANDIDATES, &rows).unwrap()).unwrap()
    }

    type Ranked = (usize, Option<usize>, Option<usize>, Option<usize>, String);

    /// The columns `rank` to `tied`, and the prompt.
    fn ranks(trials: &[TrialRecord]) -> Vec<Ranked> {
        let rows = CandidateRow::all(trials, &asked()).unwrap();
        rows.into_iter().map(|row| (row.rank, row.rank_low, row.rank_high, row.tied, row.prompt)).collect()
    }

    fn two_seeds() -> Vec<TrialRecord> {
        let manual = Sample::new(0, "manual", &[1, 2], "00110011", "01").scored("plain", "00110000", 0.5).chose(0);
        let mined = Sample::new(1, "autoprompt", &[2], "00110011", "01")
            .scored("so {mask}", "00000000", 0.25)
            .scored("very {mask}", "00110011", 0.75)
            .chose(1);
        vec![manual.tested("01", 0.5).finished(&[]), mined.tested("01", 0.5).finished(&["budget_cut"])]
    }

    #[test]
    fn the_table_is_exactly_this() {
        assert_eq!(
            table(&two_seeds()),
            "rank,rank_low,rank_high,tied,method,model,shots,calibration,seed,candidate,parent,prompt,verbalizer,dev_metric,\
             dev_low,dev_high,dev_margin,evaluations,perplexity,n_tokens,dropped_at,flags,label_free,log_likelihood,\
             chosen,origin,trial,verdict,select_score,n_soft,soft_blake3,control,collapse,class_accuracy,equivalence_class,\
             n_equivalent\n\
             1,1,1,0,manual,builtin:toy,16,none,1,0,,plain,\"a=bad,b=good\",0.75,0.409275,0.928521,0.5,4,,1,,,,-0.5,yes,\
             made by hand,0-manual_toy_16_none_all_01234567,resolved from every other,0.75,,,,0.75,a=1;b=0.5,1,1\n\
             1,1,3,2,autoprompt,builtin:toy,16,none,2,1,0,very {mask},\"a=bad,b=good\",1,0.675592,1,0.75,8,,2,,,,-0.5,yes,\
             made by hand,1-autoprompt_toy_16_none_2_01234567,not resolved from 2 others,1,,,,0.5,a=1;b=1,1,1\n\
             2,1,3,2,manual,builtin:toy,16,none,2,0,,plain,\"a=bad,b=good\",0.75,0.409275,0.928521,0.5,4,,1,,,,-0.5,yes,\
             made by hand,0-manual_toy_16_none_all_01234567,not resolved from 2 others,0.75,,,,0.75,a=1;b=0.5,2,1\n\
             3,1,3,2,autoprompt,builtin:toy,16,none,2,0,,so {mask},\"a=bad,b=good\",0.5,0.215216,0.784784,0.25,4,,2,,\
             majority_class,,-0.5,,made by hand,1-autoprompt_toy_16_none_2_01234567,not resolved from 2 others,0.5,,,,1,a=1;b=0,\
             3,1\n"
        );
    }

    #[test]
    fn a_clear_difference_narrows_the_ranks() {
        let gold = "0101010101010101";
        let wrong = "1010101010101010";
        let trial = Sample::new(0, "manual", &[1], gold, "").scored("bad", wrong, -1.0).scored("good", gold, 1.0);
        assert_eq!(
            ranks(&[trial.chose(1).finished(&[])]),
            [(1, Some(1), Some(1), Some(0), "good".into()), (2, Some(2), Some(2), Some(0), "bad".into())]
        );
    }

    #[test]
    fn dropped_candidates_stand_below_complete_ones_without_intervals() {
        let trial = Sample::new(0, "manual", &[1], "0101", "")
            .scored("early", "0", 9.0)
            .scored("late", "010", 9.0)
            .scored("whole", "1111", -1.0);
        let rows = CandidateRow::all(&[trial.chose(2).finished(&[])], &asked()).unwrap();
        let seen: Vec<_> =
            rows.iter().map(|row| (row.prompt.as_str(), row.dropped_at, row.dev_low.is_some())).collect();
        assert_eq!(seen, [("whole", None, true), ("late", Some(3), false), ("early", Some(1), false)]);
        assert_eq!(rows[1].rank_low, None);
    }

    #[test]
    fn zero_shots_without_parts_are_ranked_by_the_label_free_score_without_intervals() {
        let trial = Sample::new(0, "manual", &[1], "", "01").shots("0").label_free("b", 0.1).label_free("a", 0.2);
        let rows = CandidateRow::all(&[trial.chose(1).tested("01", 0.1).finished(&[])], &asked()).unwrap();
        let seen: Vec<_> =
            rows.iter().map(|row| (row.rank, row.prompt.as_str(), row.rank_low, row.dev_metric)).collect();
        assert_eq!(seen, [(1, "a", None, None), (2, "b", None, None)]);
    }

    #[test]
    fn zero_shots_have_rank_intervals_from_sign_flips_over_texts() {
        // `good` is ahead on every text; `near` by 5e-7 on every text, which the test would call significant and is a tie.
        let (low, near) = ([0.1f32; 12], [0.100_000_5; 12]);
        let good = [0.5f32, 0.4, 0.6, 0.5, 0.4, 0.6, 0.5, 0.4, 0.6, 0.5, 0.4, 0.6];
        let trial = Sample::new(0, "random", &[1], "", "01").shots("0").in_parts("low x x", &low);
        let trial = trial.in_parts("good", &good).in_parts("near", &near).chose(1).tested("01", 0.1);
        assert_eq!(
            ranks(&[trial.finished(&[])]),
            [
                (1, Some(1), Some(1), Some(0), "good".into()),
                (2, Some(2), Some(3), Some(1), "near".into()),
                (3, Some(2), Some(3), Some(1), "low x x".into()),
            ]
        );
    }

    #[test]
    fn a_difference_that_some_texts_make_and_others_unmake_is_a_tie() {
        let even = [0.3f32, 0.1, 0.3, 0.1, 0.3, 0.1, 0.3, 0.1];
        let odd = [0.1f32, 0.3, 0.1, 0.3, 0.1, 0.3, 0.1, 0.29];
        let trial = Sample::new(0, "random", &[1], "", "01").shots("0").in_parts("a", &even).in_parts("b", &odd);
        let ranks = ranks(&[trial.chose(0).tested("01", 0.1).finished(&[])]);
        assert!(ranks.iter().all(|rank| (rank.1, rank.2, rank.3) == (Some(1), Some(2), Some(1))), "{ranks:?}");
    }

    #[test]
    fn clones_share_a_rank_and_everything_tied_stays_tied() {
        let trial = Sample::new(0, "manual", &[1], "0101", "")
            .scored("a", "0101", 1.0)
            .scored("b", "0101", 1.0)
            .scored("c", "0101", 0.5);
        let ranks: Vec<_> = ranks(&[trial.chose(0).finished(&[])]).into_iter().map(|r| (r.0, r.1, r.2)).collect();
        assert_eq!(ranks, [(1, Some(1), Some(2)), (1, Some(1), Some(2)), (2, Some(1), Some(2))]);
    }

    #[test]
    fn open_trials_are_left_out_and_failed_ones_flagged() {
        let open = Sample::new(0, "manual", &[1], "01", "").scored("a", "01", 1.0);
        let failed = Sample::new(1, "random", &[1], "01", "").scored("b", "00", 1.0);
        let rows = CandidateRow::all(&[open.so_far(), failed.failed("no memory left")], &asked()).unwrap();
        let flags: Vec<_> = rows.iter().map(|row| (row.prompt.as_str(), row.flags.join(";"))).collect();
        assert_eq!(flags, [("b", "failed;majority_class".to_owned())]);
    }

    #[test]
    fn other_metrics_have_rank_intervals_and_bootstrapped_ones() {
        let gold = "0101010101010101";
        let trial = Sample::new(0, "manual", &[1], gold, "").metric(Metric::MacroF1).scored("good", gold, 1.0).scored(
            "bad",
            "1010101010101011",
            1.0,
        );
        let asked = Asked { metric: "macro_f1".into(), ..asked() };
        let rows = CandidateRow::all(&[trial.chose(0).finished(&[])], &asked).unwrap();
        assert_eq!((rows[0].rank_high, rows[1].rank_low), (Some(1), Some(2)));
        assert_eq!(rows[0].dev_low, None, "all right says nothing about the spread");
        assert!(rows[1].dev_low.unwrap() < rows[1].dev_metric.unwrap(), "{rows:?}");
    }

    #[test]
    fn events_that_contradict_each_other_are_refused_with_their_line() {
        let too_many = Sample::new(0, "manual", &[1], "01", "").scored("a", "011", 1.0).so_far();
        let message = CandidateRow::all(&[too_many], &asked()).unwrap_err().to_string();
        assert!(message.ends_with("events.jsonl:2: 3 predictions for 2 examples"), "{message}");
        let unknown = Sample::new(0, "manual", &[1], "01", "").scored("a", "01", 1.0).chose(7).so_far();
        let message = CandidateRow::all(&[unknown], &asked()).unwrap_err().to_string();
        assert!(message.ends_with("events.jsonl:3: candidate 7 was chosen but never scored"), "{message}");
        let label = Sample::new(0, "manual", &[1], "05", "").so_far();
        let message = CandidateRow::all(&[label], &asked()).unwrap_err().to_string();
        assert!(message.ends_with("gold label 5 of 2 labels"), "{message}");
    }
}
