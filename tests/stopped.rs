//! A run that is stopped between a trial's test and its diagnostics: the trial is not complete, and begins anew.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use promptmine::model::ResolvedDevice;
use promptmine::record::{Event, TrialKey, TrialRecord};
use promptmine::runner::{Listener, Plan, RunOptions, Silent, Summary, run};
use promptmine::spec::Experiment;

const EXPERIMENT: &str = r#"format: 1
name: stopped
task:
  dataset: { train: train.tsv, dev: dev.tsv, test: test.tsv }
  template: "{text} it was {mask}."
  verbalizer: { negative: [bad], positive: [good] }
models: [builtin:toy]
shots: [full]
seeds: [1]
search:
  - { method: manual }
budget: { evaluations: 600 }
limits: { dev: 40, test: 40 }
"#;

/// Asks to stop as soon as a trial has been tested, and counts what is recorded afterwards.
struct StopsAfterTheTest<'a>(&'a AtomicBool);

impl Listener for StopsAfterTheTest<'_> {
    fn event(&self, _: &TrialKey, event: &Event) {
        assert!(!self.0.load(Ordering::Relaxed), "after the stop: {event:?}");
        if matches!(event, Event::Tested { .. }) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

fn plan(folder: &Path) -> Plan {
    for split in ["train", "dev", "test"] {
        let rows: String =
            (0..40).map(|i| format!("a {split} film {i} good\tpositive\na {split} plot {i} bad\tnegative\n")).collect();
        fs::write(folder.join(format!("{split}.tsv")), format!("text\tlabel\n{rows}")).unwrap();
    }
    let file = folder.join("stopped.yaml");
    fs::write(&file, EXPERIMENT).unwrap();
    Plan::new(Experiment::load(&file, &[]).unwrap(), ResolvedDevice::cpu(), Some(32)).unwrap()
}

fn options(folder: &Path) -> RunOptions {
    RunOptions { results: folder.join("results"), jobs: Some(1), only: Some("manual".into()), ..RunOptions::default() }
}

/// The events of the one trial, without the time it took.
fn events(summary: &Summary) -> String {
    let mut trials = fs::read_dir(summary.folder.join("trials")).unwrap();
    let trial = trials.next().unwrap().unwrap().path();
    assert!(trials.next().is_none());
    let mut events = TrialRecord::load(&trial).unwrap().unwrap().events;
    for event in &mut events {
        if let Event::Finished { seconds, .. } = event {
            *seconds = 0.0;
        }
    }
    format!("{events:?}")
}

#[test]
fn a_trial_that_is_stopped_between_its_test_and_its_diagnostics_is_not_complete_and_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path());
    let stop = AtomicBool::new(false);
    let stopped = run(&plan, &options(folder.path()), &StopsAfterTheTest(&stop), &stop).unwrap();
    assert_eq!((stopped.interrupted, stopped.done, stopped.failed), (true, 0, 0));
    let again = run(&plan, &options(folder.path()), &Silent, &AtomicBool::new(false)).unwrap();
    assert_eq!((again.interrupted, again.done, again.kept), (false, 1, 0), "nothing of it counts as complete");
    let whole = RunOptions { results: folder.path().join("whole"), ..options(folder.path()) };
    let whole = run(&plan, &whole, &Silent, &AtomicBool::new(false)).unwrap();
    assert_eq!(events(&again), events(&whole));
    assert!(events(&whole).contains("Diagnosed"), "there are diagnostics that the stop came before");
}
