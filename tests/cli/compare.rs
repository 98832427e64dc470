//! Results folders side by side.

use serde_json::Value;

use super::workplace::Workplace;

fn json(workplace: &Workplace, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = ["compare"].iter().chain(arguments).chain(&["--format", "json"]).copied().collect();
    serde_json::from_str(&workplace.done(&arguments).stdout).unwrap()
}

fn row<'j>(json: &'j Value, method: &str) -> &'j Value {
    json["rows"].as_array().unwrap().iter().find(|row| row["method"] == method).unwrap_or_else(|| panic!("{json}"))
}

#[test]
fn the_same_run_twice_differs_in_nothing() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    workplace.done(&["run", "toy.yaml", "--results", "other"]);
    let found = json(&workplace, &["results/toy", "other/toy"]);
    let rows = found["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert_eq!((&row["difference"], &row["p_holm"]), (&Value::from(0), &Value::from(1)), "{row}");
        assert_eq!((&row["n_examples"], &row["seeds_paired"]), (&Value::from(60), &Value::from("by number")), "{row}");
        assert_eq!(row["test_mean"], row["other_test_mean"]);
    }
    assert_eq!(found["differences"], Value::Array(Vec::new()));
    assert_eq!(found["totals"]["not_resolved"], 3);
    let table = workplace.done(&["compare", "results/toy", "other/toy"]).stdout;
    assert!(table.contains("The experiments ask the same and ran on the same.\n"), "{table}");
    assert!(table.contains("3 rows compared: 0 better, 0 worse, 3 not resolved (at 5 %, Holm over the 3)."), "{table}");
    let csv = workplace.done(&["compare", "results/toy", "other/toy", "--format", "csv"]).stdout;
    assert!(
        csv.starts_with("method,model,shots,calibration,folder,other_method,") && csv.lines().count() == 4,
        "{csv}"
    );
    let markdown = workplace.done(&["compare", "results/toy", "other/toy", "--format", "md"]).stdout;
    assert!(
        markdown.contains("\n## builtin:toy, 8 shots\n\n| method | A | B | B - A | seeds | examples |\n"),
        "{markdown}"
    );
}

#[test]
fn another_budget_and_other_seeds_are_told_and_seeds_paired_in_their_order() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    workplace.done(&["run", "toy.yaml", "--results", "b", "--set", "seeds=[3,4]", "--set", "budget.evaluations=120"]);
    let found = json(&workplace, &["results/toy", "b/toy"]);
    let told: Vec<String> = (found["differences"].as_array().unwrap().iter())
        .map(|unlike| format!("{} {} {}", unlike["what"], unlike["values"][0], unlike["values"][1]))
        .collect();
    assert_eq!(told, ["\"seeds\" \"[1, 2]\" \"[3, 4]\"", "\"budget.evaluations\" \"240\" \"120\""]);
    let autoprompt = row(&found, "autoprompt");
    assert_eq!((&autoprompt["n_seeds"], &autoprompt["seeds_paired"]), (&Value::from(2), &Value::from("in order")));
    let number = |key: &str| autoprompt[key].as_f64().unwrap();
    assert!((number("other_test_mean") - number("test_mean") - number("difference")).abs() < 2e-6, "{autoprompt}");
    let table = workplace.done(&["compare", "results/toy", "b/toy"]).stdout;
    assert!(table.contains("\nWhat was not held equal\n"), "{table}");
    assert!(table.contains("Seeds are paired in their order"), "{table}");
}

#[test]
fn other_test_data_are_compared_over_the_examples_that_both_have() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let test = workplace.read("test.tsv");
    let lines: Vec<&str> = test.lines().collect();
    // In another order, 40 of 60 examples, and one of its own.
    let mut rows: Vec<&str> = lines[21..].iter().rev().copied().collect();
    rows.push("a film that is in no other file\tpositive");
    workplace.write("test.tsv", format!("{}\n{}\n", lines[0], rows.join("\n")));
    workplace.done(&["run", "toy.yaml", "--results", "b"]);
    let found = json(&workplace, &["results/toy", "b/toy"]);
    for row in found["rows"].as_array().unwrap() {
        let figures = ["n_examples", "n_test", "other_n_test"].map(|key| row[key].as_u64().unwrap());
        assert_eq!(figures, [40, 60, 41], "{row}");
        assert_eq!(row["difference"], 0, "the search sees the same train and dev, so the prompts are the same: {row}");
    }
    assert_eq!(found["differences"][0]["what"], "data test");
    let table = workplace.done(&["compare", "results/toy", "b/toy"]).stdout;
    assert!(table.contains("40 (of 60 and 41)"), "{table}");

    // Of the same file a part: paired by rows.
    workplace.write("test.tsv", &test);
    workplace.done(&["run", "toy.yaml", "--results", "c", "--set", "limits.test=20"]);
    let part = json(&workplace, &["results/toy", "c/toy"]);
    assert_eq!(row(&part, "manual")["n_examples"], 20);

    let flipped = test.replace("\tnegative", "\tx").replace("\tpositive", "\tnegative").replace("\tx", "\tpositive");
    workplace.write("test.tsv", flipped);
    workplace.done(&["run", "toy.yaml", "--results", "d"]);
    let ran = workplace.run(&["compare", "results/toy", "d/toy"]);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("60 of the 60 test examples") && ran.stderr.contains("another gold label"),
        "{}",
        ran.stderr
    );

    let others: String = lines[1..].iter().map(|line| format!("never {line}\n")).collect();
    workplace.write("test.tsv", format!("{}\n{others}", lines[0]));
    workplace.done(&["run", "toy.yaml", "--results", "e"]);
    let ran = workplace.run(&["compare", "results/toy", "e/toy"]);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert!(ran.stderr.contains("no test example in common"), "{}", ran.stderr);
}

#[test]
fn folders_of_other_metrics_and_labels_are_refused() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    workplace.done(&["run", "toy.yaml", "--results", "f1", "--set", "task.metric=macro_f1"]);
    let ran = workplace.run(&["compare", "results/toy", "f1/toy"]);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert!(ran.stderr.contains("f1/toy goes by macro_f1, and results/toy by accuracy"), "{}", ran.stderr);
    for split in ["train", "dev", "test"] {
        let text = workplace.read(&format!("{split}.tsv")).replace("\tpositive", "\tfresh");
        workplace.write(&format!("{split}.tsv"), text);
    }
    workplace.experiment("fresh.yaml", "positive: [good]", "fresh: [good]");
    workplace.done(&["run", "fresh.yaml", "--results", "fresh"]);
    let ran = workplace.run(&["compare", "results/toy", "fresh/toy"]);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("has the labels fresh, negative, and results/toy negative, positive"),
        "{}",
        ran.stderr
    );
    let ran = workplace.run(&["compare", "results/toy", "nowhere"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (6, ""), "{}", ran.stderr);
}

#[test]
fn rows_of_other_labels_are_compared_when_they_are_named() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--set", "shots=[4,8]"]);
    let found = json(&workplace, &["results/toy", "--between", "manual", "autoprompt"]);
    assert_eq!(found["rows"].as_array().unwrap().len(), 2, "at 4 and at 8 shots");
    let board = workplace.done(&["leaderboard", "results/toy", "--format", "json"]).stdout;
    let board: Value = serde_json::from_str(&board).unwrap();
    for row in found["rows"].as_array().unwrap() {
        let listed = board["rows"].as_array().unwrap().iter();
        let same = |listed: &&Value| listed["method"] == "autoprompt" && listed["shots"] == row["shots"];
        let listed = listed.clone().find(same).unwrap();
        assert_eq!((&row["difference"], &row["other_test_mean"]), (&listed["vs_manual"], &listed["test_mean"]));
    }
    let across = workplace.done(&["compare", "results/toy", "--between", "autoprompt,shots=4", "autoprompt,shots=8"]);
    assert!(across.stdout.contains("autoprompt (builtin:toy, 8 shots)"), "{}", across.stdout);
    assert!(across.stdout.contains("\n1 row compared: "), "{}", across.stdout);
    let ran = workplace.run(&["compare", "results/toy"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("rows: manual, random, autoprompt"), "{}", ran.stderr);
    let ran = workplace.run(&["compare", "results/toy", "--between", "manual", "gcg"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("has no row `gcg`"), "{}", ran.stderr);
}
