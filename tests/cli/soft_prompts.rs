//! Soft prompts from the experiment to their use.

use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

/// The experiment of the other tests with a soft prompt in place of autoprompt.
fn experiment() -> String {
    let autoprompt = "  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }\n";
    assert!(EXPERIMENT.contains(autoprompt));
    EXPERIMENT.replace(
        autoprompt,
        "  - { method: soft_prompt, n_soft: 2, learning_rate: 0.05, batch_size: 4, eval_every: 4 }\n",
    )
}

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    workplace.write("soft.yaml", experiment());
    workplace
}

/// The file of the soft prompt of the first seed.
fn ran() -> (Workplace, String) {
    let workplace = workplace();
    workplace.done(&["run", "soft.yaml", "--quiet"]);
    let file = soft_file(&workplace, "results/toy");
    (workplace, file)
}

fn soft_file(workplace: &Workplace, folder: &str) -> String {
    let trial =
        workplace.trials(folder).into_iter().find(|trial| trial.to_string_lossy().contains("soft_prompt")).unwrap();
    trial.join("prompt.safetensors").display().to_string()
}

fn events(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(Path::new(file).with_file_name("events.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_kind<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

/// The rows of a CSV file as objects.
fn rows(workplace: &Workplace, name: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    csv::Reader::from_path(workplace.path(name)).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn a_training_spends_its_budget_as_it_says_and_is_recorded_step_by_step() {
    let (_workplace, file) = ran();
    let events = events(&file);
    let scored = of_kind(&events, "scored");
    // 16 dev examples a look, 12 evaluations a step: 240 = 5 x 16 + 13 x 12 + 4.
    let spent: Vec<u64> = scored.iter().map(|event| event["evaluations"].as_u64().unwrap()).collect();
    assert_eq!(spent, [16, 80, 144, 208, 236]);
    let origins: Vec<&str> = scored.iter().map(|event| event["origin"].as_str().unwrap()).collect();
    assert_eq!(origins, ["start (vocab)", "step 4", "step 8", "step 12", "step 13"]);
    let steps = of_kind(&events, "step");
    assert_eq!(steps[0]["trace"]["steps"], 13);
    let losses: Vec<f64> = steps[1..]
        .iter()
        .flat_map(|event| event["trace"]["losses"].as_array().unwrap())
        .map(|loss| loss.as_f64().unwrap())
        .collect();
    assert_eq!(losses.len(), 13);
    assert!(losses[9..].iter().sum::<f64>() < losses[..4].iter().sum::<f64>(), "{losses:?}");
    for key in ["learning_rates", "gradient_norms"] {
        assert_eq!(steps[1]["trace"][key].as_array().unwrap().len(), 4);
    }
    let hashes: std::collections::BTreeSet<&str> =
        scored.iter().map(|event| event["soft"]["blake3"].as_str().unwrap()).collect();
    assert_eq!(hashes.len(), 5, "five looks at five prompts");
    assert_eq!((&scored[0]["soft"]["n_soft"], &scored[0]["soft"]["d_model"]), (&Value::from(2), &Value::from(8)));
    let chosen = of_kind(&events, "chosen")[0];
    assert_eq!(chosen["dev_looks"], 5, "four looks of the training and the choice");
    let spent = &of_kind(&events, "finished")[0]["spent"];
    assert_eq!((&spent["evaluations"], &spent["backwards"]), (&Value::from(236), &Value::from(52)));
    assert_eq!(spent["forwards"], 80 + 52);
}

#[test]
fn the_chosen_prompt_is_a_file_that_peft_can_read_too() {
    let (_workplace, file) = ran();
    let bytes = fs::read(&file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.names(), ["prompt_embeddings"]);
    assert_eq!(tensors.tensor("prompt_embeddings").unwrap().shape(), [2, 8]);
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let saved: Value = serde_json::from_str(&header.metadata().as_ref().unwrap()["promptmine"]).unwrap();
    assert_eq!((&saved["format"], &saved["method"]), (&Value::from(1), &Value::from("soft_prompt")));
    assert_eq!(saved["template"], "{soft:2}{text} it was {mask}.");
    let events = events(&file);
    let number = of_kind(&events, "chosen")[0]["candidate"].as_u64().unwrap();
    let hash = blake3::hash(tensors.tensor("prompt_embeddings").unwrap().data()).to_hex().to_string();
    assert_eq!(of_kind(&events, "scored")[number as usize]["soft"]["blake3"], hash);
    assert!(!Path::new(&file).with_file_name("prompt.json").exists());
}

#[test]
fn predict_and_score_read_the_file_and_agree_with_the_record() {
    let (workplace, file) = ran();
    let json = workplace.done(&["score", "--prompt", &file, "--input", "test.tsv", "--format", "json"]).stdout;
    let score: Value = serde_json::from_str(&json).unwrap();
    let events = events(&file);
    assert_eq!(score["accuracy"], of_kind(&events, "tested")[0]["test"]["metric"]);

    let manual = workplace.saved_prompt("results/toy", "manual");
    let both = workplace.done(&["predict", "--prompt", &file, "--prompt", &manual, "--input", "test.tsv"]).stdout;
    let both: Vec<Value> = both.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(both.len(), 120);
    for (index, prompt) in [&file, &manual].into_iter().enumerate() {
        let alone = workplace.done(&["predict", "--prompt", prompt, "--input", "test.tsv"]).stdout;
        for (row, line) in alone.lines().enumerate() {
            let (alone, mixed): (Value, &Value) = (serde_json::from_str(line).unwrap(), &both[2 * row + index]);
            assert_eq!((&mixed["prompt"], &mixed["id"]), (&Value::from(prompt.as_str()), &alone["id"]));
            for label in ["logprob_negative", "logprob_positive"] {
                let difference = mixed[label].as_f64().unwrap() - alone[label].as_f64().unwrap();
                assert!(difference.abs() < 1e-5, "row {row}, {label}: {difference}");
            }
        }
    }
}

#[test]
fn explain_shows_what_the_virtual_tokens_are_nearest_to() {
    let (workplace, file) = ran();
    let text = workplace.done(&["explain", "--prompt", &file, "the film was great"]).stdout;
    assert!(text.contains("{soft:2}the film was great it was [MASK]"), "{text}");
    assert!(text.contains("[CLS] {soft 1} {soft 2} the film"), "{text}");
    assert!(text.contains("what its virtual tokens are nearest to"), "{text}");
    let json = workplace.done(&["explain", "--prompt", &file, "good", "--format", "json"]).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let events = events(&file);
    let recorded = &of_kind(&events, "read_back")[0]["nearest"];
    for (shown, recorded) in json["nearest"].as_array().unwrap().iter().zip(recorded.as_array().unwrap()) {
        for distance in ["euclidean", "cosine"] {
            assert_eq!(shown[distance].as_array().unwrap().len(), 3);
            assert_eq!(shown[distance][0]["token"], recorded[distance][0]["token"]);
            assert_eq!(shown[distance][2]["distance"], recorded[distance][2]["distance"]);
        }
    }
}

#[test]
fn the_tables_show_the_file_its_size_and_the_projected_prompt() {
    let (workplace, file) = ran();
    let board = rows(&workplace, "results/toy/leaderboard.csv");
    let soft = board.iter().find(|row| row["method"] == "soft_prompt").unwrap();
    assert!(
        soft["prompt"].starts_with("trials/") && soft["prompt"].ends_with("/prompt.safetensors"),
        "{}",
        soft["prompt"]
    );
    assert_eq!(soft["prompt"], soft["prompt_file"]);
    let size = fs::metadata(workplace.path("results/toy").join(&soft["prompt"])).unwrap().len();
    assert_eq!((soft["trained_parameters"].as_str(), soft["saved_bytes"].clone()), ("16", size.to_string()));
    let manual = board.iter().find(|row| row["method"] == "manual").unwrap();
    assert_eq!((manual["trained_parameters"].as_str(), manual["projected_test"].as_str()), ("0", ""));
    // The mean over both seeds of what the record says.
    let files =
        workplace.trials("results/toy").into_iter().filter(|trial| trial.to_string_lossy().contains("soft_prompt"));
    let recorded: Vec<f64> = files
        .map(|trial| events(&trial.join("x").display().to_string()))
        .map(|events| of_kind(&events, "read_back")[0]["projected_test"].as_f64().unwrap())
        .collect();
    let mean: f64 = soft["projected_test"].parse().unwrap();
    assert!((mean - recorded.iter().sum::<f64>() / 2.0).abs() < 1e-6, "{recorded:?}");
    let candidates = rows(&workplace, "results/toy/candidates.csv");
    let of_soft: Vec<_> = candidates.iter().filter(|row| row["method"] == "soft_prompt").collect();
    assert!(of_soft.iter().all(|row| row["n_soft"] == "2" && row["soft_blake3"].len() == 64));
    assert!(candidates.iter().filter(|row| row["method"] == "manual").all(|row| row["n_soft"].is_empty()));
    let markdown = workplace.read("results/toy/leaderboard.md");
    assert!(
        markdown.contains("## Soft prompts read back") && markdown.contains("| virtual token | Euclidean | cosine |")
    );

    // Projected, it is a hard prompt of these tokens.
    let events = events(&file);
    let read_back = of_kind(&events, "read_back")[0];
    let ids: Vec<Value> =
        read_back["nearest"].as_array().unwrap().iter().map(|near| near["euclidean"][0]["id"].clone()).collect();
    let manual = workplace.saved_prompt("results/toy", "manual");
    let mut hard: Value = serde_json::from_str(&fs::read_to_string(manual).unwrap()).unwrap();
    hard["template"] = "{trigger:2}{text} it was {mask}.".into();
    hard["trigger_ids"] = ids.into();
    workplace.write("projected.json", hard.to_string());
    let json =
        workplace.done(&["score", "--prompt", "projected.json", "--input", "test.tsv", "--format", "json"]).stdout;
    let score: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(score["accuracy"], read_back["projected_test"]);
}

#[test]
fn the_same_run_twice_and_a_resumed_one_give_the_same_bytes() {
    let workplace = workplace();
    workplace.done(&["run", "soft.yaml", "--results", "one", "--jobs", "1"]);
    workplace.done(&["run", "soft.yaml", "--results", "two", "--jobs", "2"]);
    assert_eq!(workplace.tables("one/toy"), workplace.tables("two/toy"));
    let vectors = |folder: &str| fs::read(soft_file(&workplace, folder)).unwrap();
    assert_eq!(vectors("one/toy"), vectors("two/toy"));
    // A trial that was cut off in the middle of its events.
    let events = Path::new(&soft_file(&workplace, "two/toy")).with_file_name("events.jsonl");
    let text = fs::read_to_string(&events).unwrap();
    fs::write(&events, &text[..text.len() / 2]).unwrap();
    fs::remove_file(soft_file(&workplace, "two/toy")).unwrap();
    let ran = workplace.done(&["run", "soft.yaml", "--results", "two"]);
    assert_eq!(ran.stderr.matches("complete already, stays").count(), 5, "{}", ran.stderr);
    assert_eq!(workplace.tables("one/toy"), workplace.tables("two/toy"));
    assert_eq!(vectors("one/toy"), vectors("two/toy"));
}

#[test]
fn a_sweep_shares_the_budget_and_starts_from_what_it_says() {
    let workplace = Workplace::new();
    let item = "{ method: soft_prompt, init: [vocab, random, labels, text], init_text: very good, n_soft: 2, \
                batch_size: 4, eval_every: 2, steps: 2 }";
    workplace.write(
        "sweep.yaml",
        experiment()
            .replace("{ method: soft_prompt, n_soft: 2, learning_rate: 0.05, batch_size: 4, eval_every: 4 }", item),
    );
    workplace.done(&["run", "sweep.yaml", "--quiet"]);
    let events = events(&soft_file(&workplace, "results/toy"));
    let origins: Vec<String> =
        of_kind(&events, "scored").iter().map(|event| event["origin"].as_str().unwrap().to_owned()).collect();
    for (cell, init) in ["vocab", "random", "labels", "text"].iter().enumerate() {
        let of_cell: Vec<&String> =
            origins.iter().filter(|origin| origin.starts_with(&format!("cell {cell}: "))).collect();
        assert_eq!(of_cell.len(), 2, "{origins:?}");
        assert!(of_cell[0].ends_with(&format!("start ({init})")) && of_cell[1].ends_with("step 2"), "{origins:?}");
    }
    // A slot with a text of its own has as many virtual tokens as the text.
    let own =
        "{ method: soft_prompt, template: '{soft:\"very good\"}{text} {soft:1} {mask}', batch_size: 4, steps: 1 }";
    workplace.write(
        "own.yaml",
        experiment()
            .replace("{ method: soft_prompt, n_soft: 2, learning_rate: 0.05, batch_size: 4, eval_every: 4 }", own),
    );
    workplace.done(&["run", "own.yaml", "--quiet", "--results", "own"]);
    let board = rows(&workplace, "own/toy/leaderboard.csv");
    assert_eq!(board.iter().find(|row| row["method"] == "soft_prompt").unwrap()["trained_parameters"], "24");
}

#[test]
fn plan_says_what_is_trained_and_when_the_budget_covers_no_step() {
    let workplace = workplace();
    let plan = workplace.done(&["plan", "soft.yaml"]).stdout;
    let says = "`soft_prompt` at 8 shots with builtin:toy trains 2 x 8 numbers for at most 13 steps of 4 examples and looks at dev \
                at most 5 times";
    assert_eq!(plan.matches(says).count(), 1, "{plan}");
    let plan = workplace.done(&["plan", "soft.yaml", "--set", "shots=[0, 8]"]).stdout;
    assert!(plan.contains("`soft_prompt` needs labels and makes no trial at 0 shots"), "{plan}");
    let plan = workplace.done(&["plan", "soft.yaml", "--set", "budget.evaluations=43"]).stdout;
    assert!(plan.contains("43 evaluations do not cover the start, one step and the look after it"), "{plan}");
    assert!(plan.contains("which cost 44"), "{plan}");
    let ran = workplace.done(&["run", "soft.yaml", "--set", "budget.evaluations=43", "--results", "small"]);
    assert!(ran.stderr.contains("do not cover"), "{}", ran.stderr);
    let board = rows(&workplace, "small/toy/leaderboard.csv");
    let soft = board.iter().find(|row| row["method"] == "soft_prompt").unwrap();
    assert!(soft["flags"].contains("budget_cut") && soft["dev_looks"] == "0", "{soft:?}");
    let long = workplace.run(&["plan", "soft.yaml", "--set", "search=[{method: soft_prompt, n_soft: 60}]"]);
    assert_eq!(long.code, 5, "{}", long.stderr);
    assert!(long.stderr.contains("66 tokens long"), "{}", long.stderr);
}

#[test]
fn a_complete_matrix_has_the_chosen_soft_prompts_and_says_what_it_left_out() {
    let workplace = workplace();
    let ran = workplace.done(&["run", "soft.yaml", "--keep-matrix"]);
    assert!(ran.stderr.contains("8 candidates are not in it"), "{}", ran.stderr);
    let arguments = ["select", "--matrix", "results/toy/matrix.parquet", "--shots", "4", "--draws", "5"];
    assert_eq!(workplace.run(&arguments).code, 0);
}

#[test]
fn a_soft_prompt_for_another_model_or_a_damaged_file_is_refused() {
    let (workplace, file) = ran();
    let whole = fs::read(&file).unwrap();
    let (_, header) = SafeTensors::read_metadata(&whole).unwrap();
    let saved: Value = serde_json::from_str(&header.metadata().as_ref().unwrap()["promptmine"]).unwrap();
    let with = |name: &str, change: &dyn Fn(&mut Value), shape: Vec<usize>| {
        let mut saved = saved.clone();
        change(&mut saved);
        let numbers = vec![0; 4 * shape.iter().product::<usize>()];
        let tensor = safetensors::tensor::TensorView::new(safetensors::tensor::Dtype::F32, shape, &numbers).unwrap();
        let metadata = [("promptmine".to_owned(), saved.to_string())].into();
        workplace.write(name, safetensors::serialize([("prompt_embeddings", tensor)], Some(metadata)).unwrap());
    };
    with("weights.safetensors", &|saved| saved["weights_blake3"] = "0".repeat(64).into(), vec![2, 8]);
    with("tokenizer.safetensors", &|saved| saved["tokenizer_blake3"] = "0".repeat(64).into(), vec![2, 8]);
    with("width.safetensors", &|_| (), vec![2, 16]);
    with("count.safetensors", &|_| (), vec![3, 8]);
    with("hard.safetensors", &|saved| saved["template"] = "{text} {mask}".into(), vec![2, 8]);
    with("format.safetensors", &|saved| saved["format"] = 2.into(), vec![2, 8]);
    workplace.write("cut.safetensors", &whole[..whole.len() - 7]);
    workplace.write("text.safetensors", "not a tensor");
    workplace.write("bare.json", saved.to_string());
    for (name, code, part) in [
        ("weights.safetensors", 5, "was trained for the weights of builtin:toy"),
        ("tokenizer.safetensors", 5, "was found with the tokenizer of builtin:toy"),
        ("width.safetensors", 5, "2 vectors of 16 numbers, and 2 of 8 are needed"),
        ("count.safetensors", 5, "3 vectors of 8 numbers, and 2 of 8 are needed"),
        ("hard.safetensors", 4, "the file has vectors and the template no virtual tokens"),
        ("format.safetensors", 4, "this version reads format 1"),
        ("cut.safetensors", 4, "not a safetensors file, or a damaged one"),
        ("text.safetensors", 4, "not a safetensors file, or a damaged one"),
        ("bare.json", 4, "the template has virtual tokens and the file no vectors"),
    ] {
        let ran = workplace.run(&["score", "--prompt", name, "--input", "test.tsv"]);
        assert_eq!(ran.code, code, "{name}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains(part), "{name}: {}", ran.stderr);
    }
    let written = [
        "score",
        "--model",
        "builtin:toy",
        "--template",
        "{soft:2}{text} {mask}",
        "--verbalizer",
        "negative=bad,positive=good",
        "--input",
        "test.tsv",
    ];
    let ran = workplace.run(&written);
    assert!(ran.code == 2 && ran.stderr.contains("whose vectors only a search finds"), "{}", ran.stderr);
}
