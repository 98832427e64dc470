//! Shards that begin on machines with different free memory have the batches of the first.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use promptmine::model::ResolvedDevice;
use promptmine::record::{Event, TrialRecord};
use promptmine::runner::{Plan, RunOptions, ShardRun, Silent, agreed_batch_size, run};
use promptmine::spec::{Experiment, Shard};

const EXPERIMENT: &str = r#"format: 1
name: agreed
task:
  dataset: { train: train.tsv, dev: dev.tsv, test: test.tsv }
  template: "{text} it was {mask}."
  verbalizer: { negative: [bad], positive: [good] }
models: [builtin:toy]
shots: [4]
seeds: [1, 2]
search:
  - { method: manual, templates: ["{text} it was {mask}.", "{mask} film: {text}"] }
budget: { evaluations: 600 }
"#;

/// The plan of a machine whose memory suffices for batches of `size`.
fn plan(folder: &Path, size: usize) -> Plan {
    Plan::new(Experiment::load(&folder.join("agreed.yaml"), &[]).unwrap(), ResolvedDevice::cpu(), Some(size)).unwrap()
}

fn options(folder: &Path, number: usize, results: &str) -> RunOptions {
    let shard = ShardRun { shard: Shard { number, of: 2 }, folder: folder.into(), command: vec!["run".into()] };
    RunOptions { results: folder.join(results), jobs: Some(1), shard: Some(shard), ..RunOptions::default() }
}

#[test]
fn shards_of_machines_with_more_and_with_less_memory_agree_and_a_plan_of_another_size_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for split in ["train", "dev", "test"] {
        let rows: String =
            (0..20).map(|i| format!("a {split} film {i} good\tpositive\na {split} plot {i} bad\tnegative\n")).collect();
        fs::write(folder.path().join(format!("{split}.tsv")), format!("text\tlabel\n{rows}")).unwrap();
    }
    fs::write(folder.path().join("agreed.yaml"), EXPERIMENT).unwrap();
    let sizes = [4, 8, 16, 32];
    let plans = sizes.map(|size| plan(folder.path(), size));
    for round in 0..10 {
        let results = format!("results-{round}");
        // All at the same time: whoever is the first says it.
        let agreed: Vec<usize> = std::thread::scope(|scope| {
            let asked: Vec<_> = plans
                .iter()
                .enumerate()
                .map(|(i, plan)| {
                    let options = options(folder.path(), i % 2 + 1, &results);
                    scope.spawn(move || agreed_batch_size(plan, &options).unwrap())
                })
                .collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(sizes.contains(&agreed[0]) && agreed.iter().all(|size| *size == agreed[0]), "{agreed:?}");
        let other = sizes.iter().position(|size| *size != agreed[0]).unwrap();
        let stop = AtomicBool::new(false);
        let error = run(&plans[other], &options(folder.path(), 1, &results), &Silent, &stop).unwrap_err().to_string();
        assert!(error.contains(&format!("was begun with batches of {}", agreed[0])), "{error}");
        let own = sizes.iter().position(|size| *size == agreed[0]).unwrap();
        for number in [1, 2] {
            run(&plans[own], &options(folder.path(), number, &results), &Silent, &stop).unwrap();
        }
        let trials: Vec<_> = fs::read_dir(folder.path().join(&results).join("agreed/trials")).unwrap().collect();
        assert!(!trials.is_empty());
        for trial in trials {
            let record = TrialRecord::load(&trial.unwrap().path()).unwrap().unwrap();
            assert!(matches!(record.events[0], Event::Started { batch_size, .. } if batch_size == agreed[0]));
        }
    }
}
