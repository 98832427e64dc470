//! `candidates.csv`: ranking all candidates while holding little of each, and reading them again in that order.
//!
//! # Decisions
//!
//! - 2026-11: what decides a place is held for every candidate ([`Listed`]); texts only where nothing else tells neighbours apart;
//!   predictions only of the first 1,000 behaviours, which are tested. The rows are then read from the events again, a
//!   [`ROUND`] at a time, and given away as they come. Refused: sorting on disk, since places of 100,000 candidates are some
//!   megabytes.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use crate::record::{EventFile, RecordError, SetScores};
use crate::task::Metric;
use crate::task::statistics::{
    Interval, OrderedRow, Outcomes, PairTests, RANKED_BEHAVIOURS, Standing, standings_in_order, tested_rows,
};

use super::ReportError;
use super::asked::Asked;
use super::candidates::{CandidateRow, Ranked};
use super::group::Group;
use super::listed::{Digest, Listed, digest};
use super::outcome;
use super::trial::{Scored, Trial};

/// Rows that are held at a time.
const ROUND: usize = 256;

/// Gives the rows of all candidates away, ranked; the trials may come in any order.
///
/// # Errors
/// [`ReportError::Record`] if a trial's events cannot be read again; what `take` fails with.
pub(super) fn each_candidate(
    trials: &[Trial],
    asked: &Asked,
    mut take: impl FnMut(CandidateRow) -> Result<(), ReportError>,
) -> Result<(), ReportError> {
    let metric = asked.metric.parse().unwrap_or(Metric::Accuracy);
    let mut lists: BTreeMap<(Group, u64, Option<&str>), Vec<&Trial>> = BTreeMap::new();
    for trial in trials.iter().filter(|trial| trial.is_over()) {
        for seed in &trial.key.seeds {
            lists.entry((Group::of(&trial.key), *seed, trial.key.control.as_deref())).or_default().push(trial);
        }
    }
    for ((group, seed, _), trials) in lists {
        Table::open(trials)?.each(&group, seed, metric, &asked.select_by, &mut take)?;
    }
    Ok(())
}

/// The candidates that are ranked together.
struct Table<'a> {
    trials: Vec<&'a Trial>,
    /// The events of each.
    files: Vec<EventFile>,
    /// `(place of the trial, candidate)`, best first.
    rows: Vec<(u32, &'a Listed)>,
    basis: Basis,
}

/// What the ranks of a table rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// Predictions on one dev set.
    Dev,
    /// The parts of label-free scores over the same texts.
    Texts,
    /// Scores alone: nothing is tested.
    Scores,
}

impl<'a> Table<'a> {
    /// The candidates of these trials in their order: by what decides their places, equals by item and number, never by the order
    /// of the files.
    fn open(mut trials: Vec<&'a Trial>) -> Result<Self, RecordError> {
        trials.sort_by_key(|trial| trial.key.item);
        let files = trials.iter().map(|trial| trial.events()).collect::<Result<Vec<_>, _>>()?;
        let of_trial = |(place, trial): (usize, &&'a Trial)| {
            let trial: &'a Trial = trial;
            trial.candidates.iter().map(move |listed| (place as u32, listed))
        };
        let rows: Vec<(u32, &Listed)> = trials.iter().enumerate().flat_map(of_trial).collect();
        let basis = Basis::of(&trials, &rows);
        let mut table = Self { trials, files, rows, basis };
        table.sort()?;
        Ok(table)
    }

    fn sort(&mut self) -> Result<(), RecordError> {
        let mut rows = std::mem::take(&mut self.rows);
        let item = |place: u32| self.trials[place as usize].key.item;
        rows.sort_by_key(|(trial, listed)| (item(*trial), listed.number));
        rows.sort_by(|(_, a), (_, b)| a.key().compare(&b.key()));
        for alike in rows.chunk_by_mut(|(_, a), (_, b)| a.key().compare(&b.key()).is_eq()) {
            if alike.iter().all(|(_, listed)| listed.text == alike[0].1.text) {
                continue;
            }
            let mut texts = HashMap::new();
            for (trial, listed) in alike.iter() {
                if let Entry::Vacant(text) = texts.entry(listed.text) {
                    text.insert(self.read(*trial, listed)?.place(0).text);
                }
            }
            alike.sort_by(|(_, a), (_, b)| texts.get(&a.text).cmp(&texts.get(&b.text)));
        }
        self.rows = rows;
        Ok(())
    }

    /// A candidate from its trial's events.
    fn read(&mut self, trial: u32, listed: &Listed) -> Result<Scored, RecordError> {
        let place = trial as usize;
        self.trials[place].scored(listed, &mut self.files[place])
    }

    /// Gives the rows away in the order of their ranks.
    fn each(
        mut self,
        group: &Group,
        seed: u64,
        metric: Metric,
        select_by: &str,
        take: &mut impl FnMut(CandidateRow) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        let standings = self.standings(metric, seed)?;
        let mut classes: HashMap<Digest, (usize, usize)> = HashMap::new();
        for ((_, listed), standing) in self.rows.iter().zip(&standings) {
            if listed.is_complete() {
                let class = classes.entry(listed.behaviour).or_insert((standing.rank, 0));
                *class = (class.0.min(standing.rank), class.1 + 1);
            }
        }
        // Clones share a rank and stand together, though another may stand between them in the order.
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        order.sort_by_key(|row| standings[*row as usize].rank);
        let mut intervals = Intervals::default();
        for round in order.chunks(ROUND) {
            let mut read = Vec::with_capacity(round.len());
            for &row in round {
                let (trial, listed) = self.rows[row as usize];
                read.push((row as usize, self.trials[trial as usize], listed, self.read(trial, listed)?));
            }
            let with_interval = read.iter().filter(|(row, _, listed, _)| has_interval(listed, &standings[*row]));
            intervals.add(metric, with_interval.map(|(_, trial, _, scored)| (*trial, scored)));
            for (row, trial, listed, scored) in &read {
                let standing = standings[*row];
                let ranked = Ranked {
                    group,
                    seed,
                    standing,
                    interval: if has_interval(listed, &standing) { intervals.get(metric, trial, scored) } else { None },
                    class: classes.get(&listed.behaviour).copied().filter(|_| listed.has_dev),
                };
                take(CandidateRow::of(trial, scored, &ranked, select_by))?;
            }
        }
        Ok(())
    }

    /// The standing of each row.
    fn standings(&mut self, metric: Metric, seed: u64) -> Result<Vec<Standing>, RecordError> {
        let rows = self.ordered();
        let mut outcomes: HashMap<usize, Outcomes> = HashMap::new();
        if self.basis != Basis::Scores {
            for row in tested_rows(&rows) {
                let (trial, listed) = self.rows[row];
                let scored = self.read(trial, listed)?;
                outcomes.extend(self.outcomes(trial, &scored, metric).map(|outcomes| (row, outcomes)));
            }
        }
        let mut tests = PairTests::new(seed);
        let mut standings = standings_in_order(&rows, |a, b, n_tests| match (outcomes.get(&a), outcomes.get(&b)) {
            (Some(Outcomes::Values(above)), Some(Outcomes::Values(below))) if self.basis == Basis::Texts => {
                let differences: Vec<f64> = above.iter().zip(below).map(|(above, below)| above - below).collect();
                outcome::label_free_test(&differences, n_tests, seed)
            }
            (Some(above), Some(below)) => tests.p_value(above, below, self.rows[b].1.dropped_at(), n_tests),
            _ => 1.0,
        });
        if self.basis == Basis::Scores {
            standings.iter_mut().for_each(|standing| standing.interval = None);
        }
        Ok(standings)
    }

    /// The rows as the statistics take them.
    fn ordered(&self) -> Vec<OrderedRow> {
        let mut behaviours: HashMap<Digest, usize> = HashMap::new();
        let mut prompts: HashMap<Digest, usize> = HashMap::new();
        let of_row = |(place, (_, listed)): (usize, &(u32, &Listed))| {
            let key = listed.key();
            let seen = key.dropped_at.map_or(u64::MAX, |seen| seen as u64);
            let behaviour = match self.basis {
                Basis::Dev => digest([&listed.behaviour.to_le_bytes()[..], &seen.to_le_bytes()]),
                Basis::Texts => listed.behaviour,
                Basis::Scores => listed.text,
            };
            // Where no margin is known, only the text tells a prompt listed twice from two that happen to agree.
            let (margin, text) = match key.margin {
                Some(margin) => (margin.to_le_bytes().to_vec(), 0),
                None => (Vec::new(), listed.text),
            };
            let prompt =
                digest([&behaviour.to_le_bytes()[..], &key.metric.to_le_bytes(), &margin, &text.to_le_bytes()]);
            OrderedRow {
                dropped: key.dropped_at.is_some(),
                metric: key.metric,
                behaviour: *behaviours.entry(behaviour).or_insert(place),
                prompt: *prompts.entry(prompt).or_insert(place),
            }
        };
        self.rows.iter().enumerate().map(of_row).collect()
    }

    /// What the pair tests look at.
    fn outcomes(&self, trial: u32, scored: &Scored, metric: Metric) -> Option<Outcomes> {
        let trial = self.trials[trial as usize];
        if self.basis == Basis::Texts {
            let parts = scored.by_text(&trial.texts)?;
            return Some(Outcomes::Values(parts.into_iter().map(|(_, part)| part).collect()));
        }
        let dev = scored.dev()?;
        let gold = &trial.dev_gold[..dev.predicted.len()];
        let parts = outcome::parts(metric, gold, dev, trial.n_labels);
        let known = parts.len() == gold.len();
        known.then(|| match metric.is_share() {
            true => Outcomes::correct(parts.into_iter().map(|part| part == 1.0)),
            false => Outcomes::Values(parts),
        })
    }
}

impl Basis {
    fn of(trials: &[&Trial], rows: &[(u32, &Listed)]) -> Self {
        let all = |is: fn(&Listed) -> bool| rows.iter().all(|(_, listed)| is(listed));
        let with_rows: Vec<&Trial> = trials.iter().copied().filter(|trial| !trial.candidates.is_empty()).collect();
        let Some(first) = with_rows.first() else { return Self::Dev };
        let sorted = |trial: &Trial| {
            let mut texts = trial.texts.clone();
            texts.sort_unstable();
            texts
        };
        if all(|listed| listed.has_parts) && with_rows.iter().all(|trial| sorted(trial) == sorted(first)) {
            return Self::Texts;
        }
        match all(|listed| listed.has_dev) && with_rows.iter().all(|trial| outcome::same_dev(first, trial)) {
            true => Self::Dev,
            false => Self::Scores,
        }
    }
}

/// Whether a candidate's metric gets an interval.
fn has_interval(listed: &Listed, standing: &Standing) -> bool {
    listed.is_complete() && standing.rank <= RANKED_BEHAVIOURS
}

/// The intervals of candidates by their confusion counts, on which alone they depend: bootstrapping one anew for each candidate
/// that shares them would be slow. Those of means of values are found at once, each from its own.
#[derive(Default)]
struct Intervals(HashMap<Vec<usize>, Option<Interval>>);

impl Intervals {
    fn add<'a>(&mut self, metric: Metric, candidates: impl Iterator<Item = (&'a Trial, &'a Scored)>) {
        if metric.is_of_values() {
            return;
        }
        let mut missing: HashMap<Vec<usize>, (&Trial, &SetScores)> = HashMap::new();
        for (trial, scored) in candidates {
            let Some(dev) = scored.dev() else { continue };
            let counts = counts(&trial.dev_gold, &dev.predicted, trial.n_labels);
            if !self.0.contains_key(&counts) {
                missing.insert(counts, (trial, dev));
            }
        }
        let of = |(counts, (trial, dev)): (_, (&Trial, &SetScores))| {
            (counts, outcome::set_interval(metric, &trial.dev_gold, dev, trial.n_labels))
        };
        self.0.par_extend(missing.into_par_iter().map(of));
    }

    fn get(&self, metric: Metric, trial: &Trial, scored: &Scored) -> Option<Interval> {
        let dev = scored.dev()?;
        if metric.is_of_values() {
            return outcome::set_interval(metric, &trial.dev_gold, dev, trial.n_labels);
        }
        let predicted = &dev.predicted;
        self.0.get(&counts(&trial.dev_gold, predicted, trial.n_labels)).copied().flatten()
    }
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
    use super::super::sample::{Sample, asked, candidate_rows};
    use super::*;
    use crate::record::{Event, TrialRecord};
    use crate::task::statistics::{OrderKey, RankInterval, standings, wilson};

    fn table(trials: &[TrialRecord]) -> String {
        let rows = candidate_rows(trials, &asked()).unwrap();
        String::from_utf8(csv(CANDIDATES, &rows).unwrap()).unwrap()
    }

    type Ranked = (usize, Option<usize>, Option<usize>, Option<usize>, String);

    /// The columns `rank` to `tied`, and the prompt.
    fn ranks(trials: &[TrialRecord]) -> Vec<Ranked> {
        let rows = candidate_rows(trials, &asked()).unwrap();
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
        let rows = candidate_rows(&[trial.chose(2).finished(&[])], &asked()).unwrap();
        let seen: Vec<_> =
            rows.iter().map(|row| (row.prompt.as_str(), row.dropped_at, row.dev_low.is_some())).collect();
        assert_eq!(seen, [("whole", None, true), ("late", Some(3), false), ("early", Some(1), false)]);
        assert_eq!(rows[1].rank_low, None);
    }

    #[test]
    fn zero_shots_without_parts_are_ranked_by_the_label_free_score_without_intervals() {
        let trial = Sample::new(0, "manual", &[1], "", "01").shots("0").label_free("b", 0.1).label_free("a", 0.2);
        let rows = candidate_rows(&[trial.chose(1).tested("01", 0.1).finished(&[])], &asked()).unwrap();
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
        let rows = candidate_rows(&[open.so_far(), failed.failed("no memory left")], &asked()).unwrap();
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
        let rows = candidate_rows(&[trial.chose(0).finished(&[])], &asked).unwrap();
        assert_eq!((rows[0].rank_high, rows[1].rank_low), (Some(1), Some(2)));
        assert_eq!(rows[0].dev_low, None, "all right says nothing about the spread");
        assert!(rows[1].dev_low.unwrap() < rows[1].dev_metric.unwrap(), "{rows:?}");
    }

    #[test]
    fn events_that_contradict_each_other_are_refused_with_their_line() {
        let too_many = Sample::new(0, "manual", &[1], "01", "").scored("a", "011", 1.0).so_far();
        let message = candidate_rows(&[too_many], &asked()).unwrap_err().to_string();
        assert!(message.ends_with("events.jsonl:2: 3 predictions for 2 examples"), "{message}");
        let unknown = Sample::new(0, "manual", &[1], "01", "").scored("a", "01", 1.0).chose(7).so_far();
        let message = candidate_rows(&[unknown], &asked()).unwrap_err().to_string();
        assert!(message.ends_with("events.jsonl:3: candidate 7 was chosen but never scored"), "{message}");
        let label = Sample::new(0, "manual", &[1], "05", "").so_far();
        let message = candidate_rows(&[label], &asked()).unwrap_err().to_string();
        assert!(message.ends_with("gold label 5 of 2 labels"), "{message}");
    }

    /// Many candidates of two methods, with copies, ties in all but the text, and some that racing dropped.
    fn many(n: usize, gold: &str) -> Vec<TrialRecord> {
        let mut stream = crate::seed::Stream::new(5, "many candidates", b"");
        let mut known: Vec<(String, f32)> = Vec::new();
        let mut samples =
            ["random", "gcg"].map(|method| Some(Sample::new(usize::from(method == "gcg"), method, &[1], gold, "")));
        for number in 0..n {
            let scores = match stream.below(4) {
                0 if !known.is_empty() => known[stream.below(known.len())].clone(),
                _ => {
                    let skill = stream.uniform();
                    let flip = |c: char| if c == '0' { '1' } else { '0' };
                    let all: String =
                        gold.chars().map(|c| if stream.uniform() < skill { c } else { flip(c) }).collect();
                    let seen = if stream.below(5) == 0 { 4 + stream.below(gold.len() - 4) } else { gold.len() };
                    (all[..seen].to_owned(), (stream.below(8) as f32) / 8.0)
                }
            };
            known.push(scores.clone());
            // The texts are in no order of the numbers.
            let text = format!("{} word{} {{mask}}", "so ".repeat(number % 3), number * 7919 % n);
            let sample = &mut samples[number % 2];
            *sample = sample.take().map(|sample| sample.scored(&text, &scores.0, scores.1));
        }
        samples.map(|sample| sample.unwrap().chose(0).finished(&[])).into()
    }

    #[test]
    fn many_candidates_are_ranked_as_if_all_of_them_were_held() {
        let gold = "01".repeat(60);
        let trials = many(2_000, &gold);
        let rows = candidate_rows(&trials, &asked()).unwrap();
        // Everything at hand: (item, number, predictions, metric, margin, tokens, text).
        let held: Vec<(usize, u64, Vec<u16>, OrderKey<'_>)> = (trials.iter())
            .flat_map(|trial| trial.events.iter().map(|event| (trial.key().item, event)))
            .filter_map(|(item, event)| match event {
                Event::Scored { candidate, dev: Some(dev), .. } => {
                    let key = OrderKey {
                        dropped_at: Some(dev.predicted.len()).filter(|n| *n < gold.len()),
                        metric: (dev.metric * 1e6).round() / 1e6,
                        margin: Some((dev.margin * 1e6).round() / 1e6),
                        n_tokens: Some(candidate.n_tokens),
                        text: &candidate.prompt,
                    };
                    Some((item, candidate.candidate, dev.predicted.clone(), key))
                }
                _ => None,
            })
            .collect();
        let keys: Vec<OrderKey<'_>> = held.iter().map(|(.., key)| *key).collect();
        let mut first_with = HashMap::new();
        let behaviours: Vec<usize> =
            (0..held.len()).map(|i| *first_with.entry((keys[i].dropped_at, &held[i].2)).or_insert(i)).collect();
        let right = |predicted: &[u16]| -> Vec<bool> {
            gold.bytes().zip(predicted).map(|(gold, label)| u16::from(gold - b'0') == *label).collect()
        };
        let outcomes: Vec<Outcomes> =
            held.iter().map(|(_, _, predicted, _)| Outcomes::correct(right(predicted))).collect();
        let mut tests = PairTests::new(1);
        let expected =
            standings(&keys, &behaviours, |a, b, n| tests.p_value(&outcomes[a], &outcomes[b], keys[b].dropped_at, n));
        let mut order: Vec<usize> = (0..held.len()).collect();
        order.sort_by(|&a, &b| expected[a].rank.cmp(&expected[b].rank).then(keys[a].compare(&keys[b])));
        let seen =
            |row: &CandidateRow| (row.rank, row.rank_low, row.rank_high, row.tied, row.method.clone(), row.candidate);
        let wanted = |&i: &usize| {
            let Standing { rank, interval } = expected[i];
            let of = |value: fn(&RankInterval) -> usize| interval.as_ref().map(value);
            let method = if held[i].0 == 0 { "random" } else { "gcg" };
            (rank, of(|i| i.low), of(|i| i.high), of(|i| i.tied), method.to_owned(), held[i].1)
        };
        assert_eq!(rows.iter().map(seen).collect::<Vec<_>>(), order.iter().map(wanted).collect::<Vec<_>>());
        let with = |is: fn(&CandidateRow) -> bool| rows.iter().filter(|row| is(row)).count();
        assert!(with(|row| row.rank_low.is_none() && row.dropped_at.is_none()) > 0, "no more than a thousand");
        assert!(with(|row| row.dropped_at.is_some()) > 100 && with(|row| row.diagnostics.n_equivalent > Some(1)) > 100);
        for (row, i) in rows.iter().zip(&order) {
            let correct = right(&held[*i].2).into_iter().filter(|right| *right).count();
            let own = wilson(correct, gold.len(), outcome::LEVEL).low;
            let expected = (row.dropped_at.is_none() && row.rank <= RANKED_BEHAVIOURS).then_some(own);
            assert_eq!(row.dev_low, expected, "{row:?}");
        }
    }
}
