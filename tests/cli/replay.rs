//! A record run again.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

fn trial(workplace: &Workplace, with: &str) -> PathBuf {
    let trials = workplace.trials("results/toy").into_iter();
    trials.into_iter().find(|trial| trial.to_string_lossy().contains(with)).unwrap()
}

fn name(trial: &Path) -> String {
    trial.file_name().unwrap().to_string_lossy().into_owned()
}

/// Changes the events of a trial and seals them again.
fn tamper(trial: &Path, from: &str, to: &str) {
    let path = trial.join("events.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}\n{text}");
    let changed = text.replacen(from, to, 1);
    let (before, last) = changed.trim_end().rsplit_once('\n').unwrap();
    let before = format!("{before}\n");
    let mut last: Value = serde_json::from_str(last).unwrap();
    last["files"]["events.jsonl"] = blake3::hash(before.as_bytes()).to_hex().as_str().into();
    fs::write(&path, format!("{before}{last}\n")).unwrap();
}

/// The mean margin on dev of the first candidate of a trial, as it is written.
fn first_margin(trial: &Path) -> String {
    let text = fs::read_to_string(trial.join("events.jsonl")).unwrap();
    let scored = text.lines().find(|line| line.contains("\"event\":\"scored\"")).unwrap();
    let rest = scored.split_once("\"margin\":").unwrap().1;
    rest.split(',').next().unwrap().to_owned()
}

#[test]
fn a_run_replays_to_the_same_bits_and_leaves_nothing_behind() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let whole = workplace.record("results");
    let ran = workplace.done(&["replay", "results/toy"]);
    assert!(ran.stdout.starts_with("the same to the last bit: 6 trials, "), "{}", ran.stdout);
    assert!(ran.stderr.contains("replaying all 6 trials on cpu"), "{}", ran.stderr);
    workplace.assert_same_record(&whole, "results", "the record and the score cache beside it are only read");

    let json: Value =
        serde_json::from_str(&workplace.done(&["replay", "results/toy", "--format", "json"]).stdout).unwrap();
    assert_eq!((&json["same"], &json["first"]), (&Value::from(true), &Value::Null));
    assert!(json["numbers"].as_u64().unwrap() > 1_000, "{json}");
    let fields: Vec<&str> =
        json["fields"].as_array().unwrap().iter().filter_map(|field| field["field"].as_str()).collect();
    for field in
        ["scored dev.margins", "tested test.predicted", "predictions.parquet logprob_positive", "chosen candidate"]
    {
        assert!(fields.contains(&field), "{field}: {fields:?}");
    }
}

#[test]
fn a_number_that_is_not_what_the_model_gives_is_named() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let tampered = trial(&workplace, "random_toy_8_none_2");
    let margin = first_margin(&tampered);
    tamper(&tampered, &format!("\"margin\":{margin}"), "\"margin\":0.125");
    let ran = workplace.run(&["replay", "results/toy"]);
    assert_eq!(ran.code, 7, "{}\n{}", ran.stdout, ran.stderr);
    let first = format!(
        "first difference\n  trial     {}\n  candidate 0\n  field     scored dev.margin\n  recorded  0.125\n  now       {margin}\n",
        name(&tampered)
    );
    assert!(ran.stdout.contains(&first), "{first}\n{}", ran.stdout);
    assert!(ran.stdout.starts_with("not the same: 1 of 6 trials"), "{}", ran.stdout);
    assert!(ran.stdout.contains("the same prompt was chosen"), "{}", ran.stdout);
    let json = workplace.run(&["replay", "results/toy", "--only", "random", "--format", "json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["trials"].as_array().unwrap().len(), 2);
    assert_eq!(json["first"]["difference"]["field"], "dev.margin");
    // Within a wide enough tolerance it is told and no fault.
    let ran = workplace.done(&["replay", "results/toy", "--only", "random", "--tolerance", "0.99"]);
    assert!(ran.stdout.contains("largest differences") && ran.stdout.contains("scored dev.margin"), "{}", ran.stdout);
}

#[test]
fn a_prompt_that_was_not_proposed_parts_the_searches() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let tampered = trial(&workplace, "autoprompt_toy_8_none_1");
    tamper(&tampered, "\"trigger_ids\":[", "\"trigger_ids\":[1,");
    let ran = workplace.run(&["replay", "results/toy", "--only", &name(&tampered)]);
    assert_eq!(ran.code, 7, "{}", ran.stdout);
    assert!(ran.stdout.contains("the searches part at candidate 0"), "{}", ran.stdout);
    assert!(ran.stdout.contains("field     scored trigger_ids"), "{}", ran.stdout);
}

#[test]
fn a_damaged_record_is_refused() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let damaged = trial(&workplace, "manual_toy_8_none_1").join("events.jsonl");
    let text = fs::read_to_string(&damaged).unwrap();
    fs::write(&damaged, text.replacen("\"margin\":", "\"margin\":1", 1)).unwrap();
    let ran = workplace.run(&["replay", "results/toy"]);
    assert_eq!(ran.code, 6);
    assert!(ran.stderr.contains("is not as its finished trial left it"), "{}", ran.stderr);
    assert_eq!(workplace.run(&["replay", "nowhere"]).code, 6);
}

#[test]
fn data_that_changed_are_told_before_anything_runs() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let test = workplace.read("test.tsv");
    workplace.write("test.tsv", test.replacen("good", "dull", 1));
    let ran = workplace.run(&["replay", "results/toy"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (6, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("data test: recorded BLAKE3 ") && ran.stderr.contains("--anyway"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("data train") && !ran.stderr.contains("replaying"), "{}", ran.stderr);
    let ran = workplace.run(&["replay", "results/toy", "--anyway"]);
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    assert!(ran.stderr.contains("note: not what it was: data test"), "{}", ran.stderr);
    assert!(ran.stdout.contains("field     started test_set"), "{}", ran.stdout);
    // Too few examples for the shots are no reason to speak of anything else.
    workplace.write("train.tsv", "text\tlabel\ngood film\tpositive\nbad film\tnegative\n");
    let ran = workplace.run(&["replay", "results/toy"]);
    assert!(ran.code == 6 && ran.stderr.contains("data train: recorded BLAKE3 "), "{}", ran.stderr);
}

#[test]
fn an_edited_experiment_is_told() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let path = "results/toy/experiment.yaml";
    let yaml = workplace.read(path);
    assert!(yaml.contains("seeds: [1, 2]"), "{yaml}");
    workplace.write(path, yaml.replace("seeds: [1, 2]", "seeds: [1, 5]"));
    let ran = workplace.run(&["replay", "results/toy"]);
    assert_eq!(ran.code, 6);
    assert!(ran.stderr.contains("experiment.yaml: recorded BLAKE3 "), "{}", ran.stderr);
    let ran = workplace.done(&["replay", "results/toy", "--anyway"]);
    assert!(ran.stderr.contains("_2_") && ran.stderr.contains("now not of the experiment"), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("the same to the last bit: 3 trials"), "{}", ran.stdout);
}

#[test]
fn a_part_of_a_record_is_replayed_with_what_it_is_made_of() {
    let workplace = Workplace::new();
    let soft = "  - { method: soft_prompt, init: { from: autoprompt }, batch_size: 4 }\nbudget:";
    workplace.write("toy.yaml", EXPERIMENT.replace("budget:", soft));
    workplace.done(&["run", "toy.yaml"]);
    let n = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["replay", "results/toy"].iter().chain(arguments).copied().collect();
        let ran = workplace.done(&arguments);
        let rest = ran
            .stdout
            .strip_prefix("the same to the last bit: ")
            .unwrap_or_else(|| panic!("{}", ran.stdout))
            .to_owned();
        rest.split(' ').next().unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(n(&["--only", "manual"]), 2);
    assert_eq!(n(&["--only", &name(&trial(&workplace, "random_toy_8_none_1"))]), 1);
    assert_eq!(n(&["--only", "soft_prompt"]), 4, "and the trials whose winners it starts from");
    assert_eq!(n(&["--trials", "3", "--only", "random"]), 2);
    let ran = workplace.run(&["replay", "results/toy", "--only", "gcg"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("it has manual, random, autoprompt, soft_prompt"), "{}", ran.stderr);
}

#[test]
fn a_replay_is_kept_where_one_asks_and_paths_are_found_from_elsewhere() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--only", "manual"]);
    let ran = workplace.done(&["replay", "results/toy", "--keep", "again"]);
    assert!(ran.stderr.contains("4 trials of the record did not come to their end"), "{}", ran.stderr);
    assert_eq!(workplace.trials("again/toy").len(), 2);
    let ran = workplace.run(&["replay", "results/toy", "--keep", "again"]);
    assert_eq!((ran.code, ran.stderr.contains("it is there already")), (2, true), "{}", ran.stderr);

    let away = workplace.path("away");
    fs::create_dir(&away).unwrap();
    let replay = |arguments: &[&str]| {
        let mut command = workplace.command(&["replay", "../results/toy"]);
        super::workplace::Ran::from(command.current_dir(&away).args(arguments).output().unwrap())
    };
    let lost = replay(&[]);
    assert!(lost.code == 4 && lost.stderr.contains("train.tsv"), "{}", lost.stderr);
    assert_eq!(replay(&["--paths-from", ".."]).code, 0);
}

#[test]
fn ensembles_controls_and_the_transfer_of_prompts_are_replayed_too() {
    let workplace = Workplace::new();
    let more = "controls: [shuffled_labels]\nensembles: { kinds: [uniform], members: 2 }\ntransfer: true\n";
    workplace.write("toy.yaml", EXPERIMENT.replace("[builtin:toy]", "[builtin:toy, builtin:reviews-en]") + more);
    workplace.done(&["run", "toy.yaml", "--set", "search=[manual, { method: random, n_trigger: 2 }]"]);
    let json: Value =
        serde_json::from_str(&workplace.done(&["replay", "results/toy", "--format", "json"]).stdout).unwrap();
    let fields: Vec<&str> =
        json["fields"].as_array().unwrap().iter().filter_map(|field| field["field"].as_str()).collect();
    assert!(fields.contains(&"transfer.jsonl values.test.margins"), "{fields:?}");
    assert_eq!(json["trials"].as_array().unwrap().len(), workplace.trials("results/toy").len());
    let ensemble = workplace.done(&["replay", "results/toy", "--only", "ensemble_uniform"]).stdout;
    // Two models, two seeds: an ensemble and the trials of both methods each.
    assert!(ensemble.starts_with("the same to the last bit: "), "{ensemble}");
    let tampered = trial(&workplace, "ensemble_uniform");
    tamper(&tampered, "\"evaluations\":", "\"evaluations\":9");
    let ran = workplace.run(&["replay", "results/toy", "--only", &name(&tampered)]);
    assert_eq!(ran.code, 7, "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("  trial     {}\n", name(&tampered))), "{}", ran.stdout);
}
