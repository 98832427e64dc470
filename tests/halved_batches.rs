//! A device that runs out of memory: trials begin anew with smaller batches, and say so.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn::Tensor;
use burn::tensor::Device;
use promptmine::model::{Inputs, LanguageModel, LoadedModel, ModelShape, ResolvedDevice};
use promptmine::record::{Event, TrialRecord};
use promptmine::runner::{Plan, RunOptions, Silent, recorded_batch_size, run};
use promptmine::scoring::Scorer;
use promptmine::spec::Experiment;

/// A model with memory for so many sequences.
struct Narrow {
    model: Arc<dyn LanguageModel>,
    most: usize,
}

impl LanguageModel for Narrow {
    fn shape(&self) -> &ModelShape {
        self.model.shape()
    }

    fn device(&self) -> Device {
        self.model.device()
    }

    fn embed(&self, ids: &[Vec<u32>]) -> Tensor<3> {
        self.model.embed(ids)
    }

    fn embedding_table(&self) -> Tensor<2> {
        self.model.embedding_table()
    }

    fn predict(&self, inputs: Inputs) -> Tensor<3> {
        assert!(inputs.lengths.len() <= self.most, "out of device memory allocating {} bytes", inputs.lengths.len());
        self.model.predict(inputs)
    }

    fn logits(&self, states: Tensor<2>, rows: Option<&[u32]>) -> Tensor<2> {
        self.model.logits(states, rows)
    }

    fn hidden_states(&self, inputs: &Inputs) -> Vec<Tensor<3>> {
        self.model.hidden_states(inputs)
    }
}

const EXPERIMENT: &str = r#"format: 1
name: narrow
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

/// Runs the experiment into `folder` with a model that has memory for `most` sequences, and gives the events of its trials.
fn ran(folder: &Path, most: usize) -> Vec<Event> {
    for split in ["train", "dev", "test"] {
        let rows: String =
            (0..60).map(|i| format!("a {split} film {i} good\tpositive\na {split} plot {i} bad\tnegative\n")).collect();
        fs::write(folder.join(format!("{split}.tsv")), format!("text\tlabel\n{rows}")).unwrap();
    }
    let file = folder.join("narrow.yaml");
    fs::write(&file, EXPERIMENT).unwrap();
    let experiment = Experiment::load(&file, &[]).unwrap();
    let mut plan = Plan::new(experiment, ResolvedDevice::cpu(), Some(32)).unwrap();
    for scorer in &mut plan.scorers {
        let loaded = scorer.loaded().clone();
        let model = Arc::new(Narrow { model: loaded.model.clone(), most });
        *scorer = Arc::new(Scorer::new(LoadedModel { model, ..loaded }, *scorer.settings()));
    }
    let options = RunOptions { results: folder.join("results"), jobs: Some(1), fresh: true, ..RunOptions::default() };
    let summary = run(&plan, &options, &Silent, &AtomicBool::new(false)).unwrap();
    let trials = fs::read_dir(summary.folder.join("trials")).unwrap();
    trials.flat_map(|trial| TrialRecord::load(&trial.unwrap().path()).unwrap().unwrap().events).collect()
}

#[test]
fn a_device_that_runs_out_of_memory_gets_half_the_batch_and_the_record_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let events = ran(folder.path(), 10);
    let halved: Vec<(usize, usize)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Halved { batch_size, planned } => Some((*batch_size, *planned)),
            _ => None,
        })
        .collect();
    // 32 and 16 are too many; every trial after that says with what it was run.
    let started = events.iter().filter(|event| matches!(event, Event::Started { .. })).count();
    assert_eq!(halved, vec![(8, 32); started]);
    for event in &events {
        match event {
            Event::Started { batch_size, .. } => assert_eq!(*batch_size, 8),
            Event::Finished { flags, .. } => assert!(flags.contains(&"batch_halved".to_owned()), "{flags:?}"),
            Event::Failed { reason, .. } => panic!("{reason}"),
            _ => {}
        }
    }
    // What was fixed at the start stays what a later start begins with.
    let results = folder.path().join("results");
    assert_eq!(recorded_batch_size(&results, "narrow", promptmine::model::DeviceChoice::Cpu).unwrap(), Some(32));
}

#[test]
fn a_device_without_memory_for_one_sequence_fails_the_trial_and_one_with_enough_halves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let failed = ran(folder.path(), 0);
    assert!(
        failed
            .iter()
            .any(|event| matches!(event, Event::Failed { reason, .. } if reason.contains("out of device memory")))
    );
    let plain = ran(folder.path(), 64);
    assert!(!plain.iter().any(|event| matches!(event, Event::Halved { .. } | Event::Failed { .. })));
}
