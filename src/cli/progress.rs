//! How a run is going: a bar on a terminal, a line for each trial everywhere.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::record::{Event, Spent, TrialKey};
use crate::report::write_tables;
use crate::runner::{Beginning, Listener, PlannedEnsemble, PlannedTrial};
use crate::spec::Shard;

use super::log::Log;
use super::text_table::{counted, duration, thousands};

/// Shows a run's progress and has its tables rewritten after each trial.
pub struct Progress {
    log: Log,
    bar: Option<ProgressBar>,
    /// Whether the tables are written as trials end.
    tables: bool,
    n_trials: usize,
    n_evaluations: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Trials that are over or were kept.
    n_over: usize,
    /// Evaluations of the trials that are over.
    evaluations: u64,
    /// Evaluations that the run is expected to take from here on and has taken.
    expected: u64,
    trials: HashMap<String, Watched>,
}

/// A trial as it goes on.
#[derive(Default)]
struct Watched {
    /// Evaluations that it may take, test included.
    expected: u64,
    test_evaluations: u64,
    correlation_evaluations: u64,
    spent: u64,
    n_candidates: usize,
    dev: HashMap<u64, f64>,
    chosen: Option<u64>,
    test: Option<f64>,
    /// Candidates that racing dropped, and evaluations that it saved.
    raced: Option<(u64, u64)>,
}

impl Progress {
    /// Watches trials, and ensembles where these are made; has tables written where `tables` says so.
    pub fn new(trials: &[&PlannedTrial], ensembles: &[PlannedEnsemble], tables: bool, log: Log) -> Self {
        let mut state = State::default();
        for trial in trials {
            let expected = trial.evaluations + trial.test_evaluations + trial.correlation_evaluations;
            state.expected += expected;
            let watched = Watched {
                expected,
                test_evaluations: trial.test_evaluations,
                correlation_evaluations: trial.correlation_evaluations,
                ..Watched::default()
            };
            state.trials.insert(trial.key.id(), watched);
        }
        // What ensembles score costs nothing that was not counted, so the bar does not wait for it.
        state.trials.extend(ensembles.iter().map(|ensemble| (ensemble.key.id(), Watched::default())));
        let bar = log.wants_bars().then(|| bar("evaluations", state.expected));
        let (n_trials, n_evaluations) = (state.trials.len(), state.expected);
        Self { log, bar, tables, n_trials, n_evaluations, state: Mutex::new(state) }
    }

    /// How many trials there are.
    pub fn n_trials(&self) -> usize {
        self.n_trials
    }

    /// How many evaluations they take at most, test included.
    pub fn n_evaluations(&self) -> u64 {
        self.n_evaluations
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, line: &str, fields: Map<String, Value>) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => self.log.step(line, fields),
        }
    }

    fn draw(&self, state: &State) {
        if let Some(bar) = &self.bar {
            let running: u64 = state.trials.values().map(|trial| trial.spent).sum();
            bar.set_length(state.expected);
            bar.set_position(state.evaluations + running);
            bar.set_message(format!("{} of {} trials", state.n_over, self.n_trials));
        }
    }

    /// Ends the watch over a trial: what it was expected to take and did not is no longer expected.
    fn over(&self, key: &TrialKey, what: &str) -> Option<(Watched, usize)> {
        let mut state = self.state();
        let trial = state.trials.remove(&key.id())?;
        state.n_over += 1;
        state.evaluations += trial.spent;
        state.expected = (state.expected + trial.spent).saturating_sub(trial.expected);
        self.draw(&state);
        let number = state.n_over;
        drop(state);
        let mut fields = fields(key);
        fields.insert("over".into(), json!(number));
        fields.insert("trials".into(), json!(self.n_trials));
        fields.insert("outcome".into(), json!(what));
        self.say(&format!("[{number}/{}] {}: {what}", self.n_trials, words(key)), fields);
        Some((trial, number))
    }
}

/// Folders that are named before the rest is counted.
const LISTED: usize = 5;

/// What there is to say of a beginning, a sentence each; nothing of a first one.
fn beginning_words(beginning: &Beginning<'_>) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(what) = &beginning.damaged_provenance {
        said.push(format!(
            "{what}: it was damaged and is written anew; the trials in the folder that fit this experiment stay"
        ));
    }
    for file in &beginning.changed_corpora {
        said.push(format!("{file}: it is not the corpus that it was; what was mined from it begins anew"));
    }
    for (key, what) in &beginning.damaged {
        said.push(format!("{what}: {} begins anew", words(key)));
    }
    for (key, what) in &beginning.set_aside {
        said.push(format!("{what}: {} was moved to {}.damaged and begins anew when it is run", words(key), key.id()));
    }
    let states = [
        (beginning.kept.len(), "complete and stay", "complete and stays"),
        (beginning.unfinished.len(), "unfinished and begin anew", "unfinished and begins anew"),
        (beginning.damaged.len(), "damaged and begin anew", "damaged and begins anew"),
        (beginning.failed.len(), "failed and are tried again", "failed and is tried again"),
        (beginning.new.len(), "new", "new"),
    ];
    let is_first = states[..4].iter().all(|(n, ..)| *n == 0) && beginning.others.is_empty();
    if !is_first {
        let all: usize = states.iter().map(|(n, ..)| n).sum();
        let parts: Vec<String> = (states.iter().filter(|(n, ..)| *n > 0))
            .map(|(n, several, one)| format!("{n} {}", if *n == 1 { one } else { several }))
            .collect();
        said.push(format!("of {}: {}", counted(all, "trial"), parts.join(", ")));
    }
    if !beginning.others.is_empty() {
        let listed = beginning.others[..beginning.others.len().min(LISTED)].join(", ");
        let more = match beginning.others.len().saturating_sub(LISTED) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        said.push(format!(
            "{} in the folder no longer belong to this experiment; they stay on the disk and are not shown: {listed}{more}",
            counted(beginning.others.len(), "trial")
        ));
    }
    said
}

impl Listener for Progress {
    fn waits(&self, shard: Shard) {
        let line = format!("another process runs shard {shard}: it is waited for, and what it completes stays");
        match &self.bar {
            Some(bar) => bar.println(format!("note: {line}")),
            None => self.log.note(&line),
        }
    }

    fn begins(&self, beginning: &Beginning<'_>) {
        for line in beginning_words(beginning) {
            match &self.bar {
                Some(bar) => bar.println(format!("note: {line}")),
                None => self.log.note(&line),
            }
        }
    }

    fn event(&self, key: &TrialKey, event: &Event) {
        let mut state = self.state();
        let Some(trial) = state.trials.get_mut(&key.id()) else { return };
        match event {
            Event::Scored { candidate, dev, .. } => {
                trial.n_candidates += 1;
                trial.dev.extend(dev.as_ref().map(|dev| (candidate.candidate, dev.metric)));
            }
            Event::Chosen { candidate, .. } => trial.chosen = Some(*candidate),
            Event::Tested { test } => {
                trial.test = Some(test.metric);
                trial.spent += trial.test_evaluations;
                self.draw(&state);
            }
            Event::Correlated { .. } => {
                trial.spent += trial.correlation_evaluations;
                self.draw(&state);
            }
            Event::Raced { dropped, saved, .. } => trial.raced = Some((*dropped, *saved)),
            Event::Finished { spent, seconds, .. } => {
                let what = trial.words(spent, *seconds);
                drop(state);
                self.over(key, &what);
            }
            Event::Failed { reason, .. } => {
                drop(state);
                self.over(key, &format!("failed: {reason}"));
            }
            Event::Halved { batch_size, planned } => {
                let line = format!(
                    "{}: out of memory with batches of {planned}, begun anew with {batch_size}: its last bits may differ from \
                     another run's (flag batch_halved)",
                    words(key)
                );
                match &self.bar {
                    Some(bar) => bar.println(format!("note: {line}")),
                    None => self.log.note(&line),
                }
            }
            Event::Started { .. }
            | Event::Step { .. }
            | Event::Ranked { .. }
            | Event::ReadBack(_)
            | Event::Diagnosed(_)
            | Event::Rules(_) => {}
        }
    }

    fn transferred(&self, n: usize, of: usize) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("transfer: {n} of {of} values"));
        }
    }

    fn kept(&self, key: &TrialKey) {
        self.over(key, "complete already, stays");
    }

    fn progress(&self, key: &TrialKey, spent: &Spent, _budget: u64) {
        let mut state = self.state();
        if let Some(trial) = state.trials.get_mut(&key.id()) {
            trial.spent = spent.evaluations;
            self.draw(&state);
        }
    }

    fn trial_ended(&self, folder: &Path) -> Result<()> {
        if self.tables {
            write_tables(folder)?;
        }
        Ok(())
    }
}

impl Watched {
    fn words(&self, spent: &Spent, seconds: f64) -> String {
        let figure = |name: &str, value: Option<f64>| value.map(|v| format!("{name} {v:.3}, ")).unwrap_or_default();
        let dev = self.chosen.and_then(|chosen| self.dev.get(&chosen)).copied();
        let raced = self.raced.map(|(dropped, saved)| {
            format!(" (racing dropped {dropped} of them and saved {} evaluations)", thousands(saved))
        });
        format!(
            "{}{}{}{}, {} evaluations, {}",
            figure("test", self.test),
            figure("dev", dev),
            counted(self.n_candidates, "candidate"),
            raced.unwrap_or_default(),
            thousands(spent.evaluations),
            duration(seconds)
        )
    }
}

/// `autoprompt, builtin:reviews-en, 16 shots, seed 13`.
pub fn words(key: &TrialKey) -> String {
    let shots = match key.shots.parse::<usize>() {
        Ok(1) => "1 shot".to_owned(),
        Ok(k) => format!("{k} shots"),
        Err(_) => format!("{} shots", key.shots),
    };
    let seeds = match key.seeds.as_slice() {
        [seed] => format!("seed {seed}"),
        _ => "all seeds".to_owned(),
    };
    let calibration = if key.calibration == "none" { String::new() } else { format!(", {}", key.calibration) };
    format!("{}, {}, {shots}{calibration}, {seeds}", key.label, key.model)
}

fn fields(key: &TrialKey) -> Map<String, Value> {
    let fields = [
        ("trial", json!(key.id())),
        ("method", json!(key.label)),
        ("model", json!(key.model)),
        ("shots", json!(key.shots)),
        ("seeds", json!(key.seeds)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A bar of so many `units` with rate and time left.
pub fn bar(units: &'static str, length: u64) -> ProgressBar {
    let rate = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        write!(out, "{} {units}/s", thousands(state.per_sec() as u64)).unwrap_or_default();
    };
    let left = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        let text = if state.pos() > 0 { duration(state.eta().as_secs_f64()) } else { "?".into() };
        write!(out, "{text}").unwrap_or_default();
    };
    let style = ProgressStyle::with_template("{wide_bar:.cyan/blue} {percent}%  {rate}  {left} left  {msg}");
    let bar = ProgressBar::new(length);
    if let Ok(style) = style {
        bar.set_style(style.with_key("rate", rate).with_key("left", left));
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_named_as_people_name_it() {
        let mut key = TrialKey {
            item: 0,
            method: "manual".into(),
            label: "manual 2".into(),
            model: "builtin:toy".into(),
            shots: "full".into(),
            calibration: "none".into(),
            seeds: vec![13, 21],
            control: None,
            fingerprint: "0123456789".into(),
        };
        assert_eq!(words(&key), "manual 2, builtin:toy, full shots, all seeds");
        (key.shots, key.seeds) = ("1".into(), vec![13]);
        assert_eq!(words(&key), "manual 2, builtin:toy, 1 shot, seed 13");
    }
}
