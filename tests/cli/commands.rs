//! Every command once on its happy path.

use serde_json::Value;

use super::workplace::Workplace;

const PROMPT: [&str; 6] =
    ["--model", "builtin:toy", "--template", "{text} it was {mask}.", "--verbalizer", "negative=bad,positive=good"];

fn with(command: &str, prompt: &[&'static str], rest: &[&'static str]) -> Vec<String> {
    [command].iter().chain(prompt).chain(rest).map(|&text| text.to_owned()).collect()
}

fn done(workplace: &Workplace, arguments: &[String]) -> super::workplace::Ran {
    workplace.done(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn plan_shows_every_default_and_every_trial_and_writes_nothing() {
    let workplace = Workplace::new();
    let plan = workplace.done(&["plan", "toy.yaml"]).stdout;
    for part in
        ["multi_token: joint", "patience: 8", "words_only: true", "n_train", "evaluations", "memory", "6 trials"]
    {
        assert!(plan.contains(part), "{part}\n{plan}");
    }
    let json: Value = serde_json::from_str(&workplace.done(&["plan", "toy.yaml", "--format", "json"]).stdout).unwrap();
    let trials = json["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 6);
    let sizes = ["n_train", "n_dev", "n_test"].map(|size| trials[0][size].as_u64().unwrap());
    assert_eq!(sizes, [16, 16, 60]);
    assert!(!workplace.path("results").exists());
}

#[test]
fn plan_says_what_was_added() {
    let workplace = Workplace::new();
    let from = workplace.read("toy.yaml");
    let cut = from.find("search:").unwrap();
    let budget = from.find("budget:").unwrap();
    let items = "search:\n  - { method: autoprompt, n_trigger: 2 }\n";
    workplace.write("alone.yaml", format!("{}{items}{}", &from[..cut], &from[budget..]));
    let plan = workplace.done(&["plan", "alone.yaml"]).stdout;
    assert!(plan.contains("`manual` was added") && plan.contains("`random` was added"), "{plan}");
}

#[test]
fn validate_answers_ok_for_each_sound_file_and_tells_all_faults_of_the_others() {
    let workplace = Workplace::new();
    assert_eq!(workplace.done(&["validate", "toy.yaml"]).stdout, "ok toy.yaml\n");
    workplace.experiment("bad.yaml", "n_candidates: 4, batch_size: 4", "n_candidates: 0, batch_size: 0");
    let ran = workplace.run(&["validate", "bad.yaml", "toy.yaml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, "ok toy.yaml\n"));
    assert!(ran.stderr.contains("n_candidates") && ran.stderr.contains("batch_size"), "{}", ran.stderr);
}

#[test]
fn explain_makes_the_four_steps_visible() {
    let workplace = Workplace::new();
    let text = done(&workplace, &with("explain", &PROMPT, &["the film was great"])).stdout;
    assert!(text.contains("the film was great it was [MASK] ."), "{text}");
    assert!(text.lines().any(|line| line.starts_with("positive") && line.ends_with("<- predicted")), "{text}");
    let json = done(&workplace, &with("explain", &PROMPT, &["the film was great", "--format", "json"])).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let sum: f64 = json["labels"].as_array().unwrap().iter().map(|label| label[1].as_f64().unwrap().exp()).sum();
    assert!((sum - 1.0).abs() < 1e-6, "{sum}");
}

#[test]
fn explain_says_what_was_cut_off() {
    let workplace = Workplace::new();
    let mut arguments = with("explain", &PROMPT, &[]);
    arguments.push("good film ".repeat(60));
    assert!(done(&workplace, &arguments).stdout.contains("was shortened to its first"));
    arguments.push("--refuse-long".into());
    let ran = workplace.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ran.code, 4, "{}", ran.stderr);
}

#[test]
fn score_agrees_with_its_own_predictions() {
    let workplace = Workplace::new();
    let json = done(&workplace, &with("score", &PROMPT, &["--input", "test.tsv", "--format", "json"])).stdout;
    let score: Value = serde_json::from_str(&json).unwrap();
    let lines = done(&workplace, &with("predict", &PROMPT, &["--input", "test.tsv"])).stdout;
    let predictions: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let right = predictions.iter().filter(|p| p["label"] == p["predicted"]).count();
    assert_eq!(predictions.len(), 60);
    assert!((score["accuracy"].as_f64().unwrap() - right as f64 / 60.0).abs() < 1e-12);
    assert!(score["accuracy_low"].as_f64().unwrap() < score["accuracy"].as_f64().unwrap());
    let text = done(&workplace, &with("score", &PROMPT, &["--input", "test.tsv"])).stdout;
    assert!(text.starts_with("accuracy ") && text.contains("cost: 60 evaluations"), "{text}");
}

#[test]
fn predict_writes_what_the_contract_says() {
    let workplace = Workplace::new();
    workplace.write("in.csv", "id,text\nb7,the film was good\n8,\"dull, bad plot\"\n");
    done(&workplace, &with("predict", &PROMPT, &["--input", "in.csv", "--output", "out.jsonl"]));
    done(&workplace, &with("predict", &PROMPT, &["--input", "in.csv", "--output", "out.csv"]));
    let lines: Vec<Value> =
        workplace.read("out.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let keys: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "predicted", "logprob_negative", "logprob_positive"]);
    assert_eq!((&lines[0]["id"], &lines[1]["id"]), (&Value::from("b7"), &Value::from(8)));
    for line in &lines {
        let sum = line["logprob_negative"].as_f64().unwrap().exp() + line["logprob_positive"].as_f64().unwrap().exp();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    }
    let csv = workplace.read("out.csv");
    assert!(csv.starts_with("id,predicted,logprob_negative,logprob_positive\nb7,positive,-"), "{csv}");
}

#[test]
fn chinese_words_of_two_characters_are_scored_left_to_right() {
    let workplace = Workplace::new();
    workplace.write("酒店.tsv", "text\tlabel\n酒店很好。\t好评\n酒店很差。\t差评\n酒店不好。\t差评\n");
    let prompt =
        ["--model", "builtin:toy", "--template", "【x】总之，酒店【z】。", "--verbalizer", "差评=很差|糟,好评=满意"];
    let json = done(&workplace, &with("score", &prompt, &["--input", "酒店.tsv", "--format", "json"])).stdout;
    let score: Value = serde_json::from_str(&json).unwrap();
    // 糟 takes a pass with one mask; the words of two characters share a pass and take one each for the second.
    assert_eq!((&score["evaluations"], &score["n"]), (&Value::from(4 * 3), &Value::from(3)));
    let at_once = done(
        &workplace,
        &with("score", &prompt, &["--input", "酒店.tsv", "--format", "json", "--multi-token", "independent"]),
    );
    let at_once: Value = serde_json::from_str(&at_once.stdout).unwrap();
    assert_eq!(at_once["evaluations"], 2 * 3);
    let explained = done(&workplace, &with("explain", &prompt, &["酒店很好。"])).stdout;
    assert!(explained.contains("酒店很好。总之，酒店[MASK]") && explained.contains("4 forward passes"), "{explained}");
}

#[test]
fn columns_can_be_named_on_the_command_line() {
    let workplace = Workplace::new();
    workplace.write(
        "in.jsonl",
        "{\"review\": \"good film\", \"gold\": \"positive\"}\n{\"review\": \"bad\", \"gold\": \"negative\"}\n",
    );
    let rest = ["--input", "in.jsonl", "--columns", "text=review,label=gold", "--format", "json"];
    let score: Value = serde_json::from_str(&done(&workplace, &with("score", &PROMPT, &rest)).stdout).unwrap();
    assert_eq!(score["n"], 2);
}

#[test]
fn fill_prints_the_likeliest_tokens_as_a_table_or_as_json() {
    let workplace = Workplace::new();
    let arguments = ["fill", "--model", "builtin:toy", "a {mask} film , very [MASK]", "--top-k", "3"];
    let table = workplace.done(&arguments).stdout;
    assert!(table.starts_with("mask 1\ntoken") && table.contains("\nmask 2\n"), "{table}");
    let mut json = arguments.to_vec();
    json.extend(["--format", "json"]);
    let json: Value = serde_json::from_str(&workplace.done(&json).stdout).unwrap();
    let positions = json["positions"].as_array().unwrap();
    assert_eq!((positions.len(), positions[0].as_array().unwrap().len()), (2, 3));
    let first = positions[0][0].as_object().unwrap();
    assert_eq!(first.keys().collect::<Vec<_>>(), ["token_id", "token", "text", "logprob"]);
    assert!(positions[0][0]["logprob"].as_f64() >= positions[0][1]["logprob"].as_f64());
}

#[test]
fn models_datasets_and_doctor_always_have_an_answer() {
    let workplace = Workplace::new();
    let models = workplace.done(&["models"]).stdout;
    assert!(models.contains("builtin:reviews-en") && models.contains("builtin:reviews-zh"), "{models}");
    let datasets = workplace.done(&["datasets"]).stdout;
    assert!(datasets.contains("builtin:film-reviews") && datasets.contains("builtin:hotel-reviews-zh"), "{datasets}");
    let doctor = workplace.done(&["doctor"]).stdout;
    assert!(doctor.contains("threads") && doctor.contains("what to do"), "{doctor}");
    for (command, n) in [("models", 2), ("datasets", 6)] {
        let json = workplace.done(&[command, "--format", "json"]).stdout;
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap().as_array().unwrap().len(), n);
    }
}

#[test]
fn init_writes_a_sound_experiment_and_never_over_another() {
    let workplace = Workplace::new();
    workplace.done(&["init", "mine.yaml"]);
    workplace.done(&["init", "mine-zh.yaml", "--language", "zh"]);
    for file in ["mine.yaml", "mine-zh.yaml"] {
        let planned = workplace.done(&["plan", file]);
        assert!(
            !planned.stderr.contains("do not cover") && !planned.stderr.contains("does not cover"),
            "{}",
            planned.stderr
        );
    }
    workplace.done(&["validate", "mine.yaml", "mine-zh.yaml"]);
    workplace.write("mine.yaml", "my own words");
    assert_eq!(workplace.run(&["init", "mine.yaml"]).code, 2);
    assert_eq!(workplace.read("mine.yaml"), "my own words");
    assert_eq!(
        workplace.done(&["init"]).stdout.lines().next(),
        workplace
            .read("mine-zh.yaml")
            .lines()
            .next()
            .map(|_| { "# An experiment: one question, answered by mining prompts for a frozen language model." })
    );
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(Workplace::new().done(&["completions", shell]).stdout.contains("leaderboard"), "{shell}");
    }
}
