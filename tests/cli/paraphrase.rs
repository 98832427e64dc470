//! `paraphrase` from end to end.

use super::workplace::{Ran, Workplace};

const ITEM: &str = "- { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }";
const PARAPHRASE: &str = "- { method: paraphrase, synonyms: words.txt, likelihood: 6 }";
const WORDS: &str = "# for the toy\nfilm movie story plot\nvery truly\nit this\n";

fn workplace(item: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("words.txt", WORDS);
    workplace.experiment("toy.yaml", ITEM, item);
    workplace
}

/// The rows of a CSV file that hold a method, each as cells by the names of `columns`.
fn rows(workplace: &Workplace, file: &str, method: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(workplace.path(file)).unwrap();
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|column| column == name).unwrap();
    let places: Vec<usize> = columns.iter().map(|name| place(name)).collect();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let of_method = rows.iter().filter(|row| &row[place("method")] == method);
    of_method.map(|row| places.iter().map(|&at| row[at].to_owned()).collect()).collect()
}

#[test]
fn rewritten_templates_have_parents_and_the_budget_holds() {
    let workplace = workplace(PARAPHRASE);
    workplace.done(&["run", "toy.yaml"]);
    let found = rows(
        &workplace,
        "results/toy/candidates.csv",
        "paraphrase",
        &["seed", "candidate", "parent", "prompt", "flags"],
    );
    let written = found.iter().filter(|row| row[2].is_empty()).count();
    assert_eq!(written, 4, "two templates, two seeds: {found:?}");
    assert!(found.len() > 8, "{found:?}");
    for row in &found {
        assert!(row[3].contains("{text}") && row[3].contains("{mask}"), "{row:?}");
        assert!(!row[4].contains("label_leak"), "{row:?}");
        if let Ok(parent) = row[2].parse::<u64>() {
            assert!(parent < row[1].parse().unwrap(), "{row:?}");
        }
    }
    let spent = rows(&workplace, "results/toy/leaderboard.csv", "paraphrase", &["evaluations", "dev_looks"]);
    let evaluations: u64 = spent[0][0].parse().unwrap();
    assert!(evaluations <= 2 * 240 && evaluations > 300, "{evaluations}");
}

#[test]
fn the_same_bytes_whatever_the_jobs() {
    let workplace = workplace(PARAPHRASE);
    workplace.done(&["run", "toy.yaml", "--results", "one", "--jobs", "1"]);
    workplace.done(&["run", "toy.yaml", "--results", "two", "--jobs", "2"]);
    assert_eq!(workplace.tables("one/toy"), workplace.tables("two/toy"));
}

#[test]
fn a_changed_list_is_another_trial() {
    let workplace = workplace(PARAPHRASE);
    workplace.done(&["run", "toy.yaml"]);
    workplace.write("words.txt", format!("{WORDS}good-looking pretty\n"));
    let again = workplace.done(&["run", "toy.yaml"]);
    assert_eq!(again.stderr.matches("complete already, stays").count(), 4, "{}", again.stderr);
}

#[test]
fn a_list_at_fault_is_named_with_its_line_before_anything_runs() {
    let refused = |item: &str, bytes: &[u8], parts: &[&str]| {
        let workplace = workplace(item);
        workplace.write("words.txt", bytes);
        for command in ["plan", "run"] {
            let Ran { code, stderr, .. } = workplace.run(&[command, "toy.yaml"]);
            assert_eq!(code, 4, "{stderr}");
            for part in parts {
                assert!(stderr.contains(part), "{part}\n{stderr}");
            }
        }
        assert!(!workplace.path("results").exists());
    };
    refused(PARAPHRASE, b"film movie\n\nalone\n", &["search[2].synonyms: ", "words.txt: line 3", "`alone`"]);
    refused(PARAPHRASE, b"film movie\ngood, great\n", &["words.txt: line 2", "`good,`"]);
    refused(PARAPHRASE, b"film movie\n\xb5\xe7\xd3\xb0 film\n", &["words.txt: line 2: not UTF-8"]);
    refused(&PARAPHRASE.replace("words.txt", "nowhere.txt"), b"", &["search[2].synonyms: nowhere.txt: "]);
}

#[test]
fn a_plan_says_what_a_round_costs() {
    let workplace = workplace(PARAPHRASE);
    let plan = workplace.done(&["plan", "toy.yaml"]).stdout;
    assert!(plan.contains("note: `paraphrase` at 8 shots: the templates to start from cost "), "{plan}");
    let short = workplace.done(&["plan", "toy.yaml", "--set", "budget.evaluations=70"]).stdout;
    assert!(short.contains("do not cover the templates to start from and one round of `paraphrase`"), "{short}");
}

#[test]
fn without_labels_it_follows_the_label_free_score() {
    let workplace = workplace(PARAPHRASE);
    workplace.done(&["run", "toy.yaml", "--set", "shots=[0]", "--set", "limits.unlabelled=12", "--only", "paraphrase"]);
    let found = rows(&workplace, "results/toy/candidates.csv", "paraphrase", &["parent"]);
    assert!(found.iter().any(|row| !row[0].is_empty()), "{found:?}");
}

#[test]
fn the_builtin_models_rewrite_in_their_own_language() {
    for (model, dataset, template, verbalizer) in [
        ("reviews-en", "film-reviews", "{text} It was a {mask} film.", "negative: [bad], positive: [good]"),
        ("reviews-zh", "hotel-reviews-zh", "{text}总之，这家酒店很{mask}。", "差评: [差], 好评: [好]"),
    ] {
        let workplace = Workplace::new();
        workplace.write(
            "small.yaml",
            format!(
                "format: 1\nname: small\ntask:\n  dataset: builtin:{dataset}\n  template: \"{template}\"\n  verbalizer: {{ {verbalizer} }}\n\
                 models: [builtin:{model}]\nshots: [4]\nseeds: [1]\nsearch:\n  - {{ method: paraphrase, n_texts: 2, batch_size: 4 }}\n\
                 budget: {{ evaluations: 160 }}\nlimits: {{ test: 8 }}\n"
            ),
        );
        workplace.done(&["run", "small.yaml", "--only", "paraphrase"]);
        let found = rows(&workplace, "results/small/candidates.csv", "paraphrase", &["prompt", "parent"]);
        assert!(found.iter().filter(|row| !row[1].is_empty()).count() >= 3, "{found:?}");
        for row in found {
            let own = row[0].replace("{text}", "").replace("{mask}", "");
            let letters = own.chars().filter(|c| c.is_alphabetic());
            let chinese = letters.clone().all(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            let english = letters.clone().all(|c| c.is_ascii_alphabetic());
            assert!(if model == "reviews-zh" { chinese } else { english }, "{row:?}");
            assert!(!own.contains('#') && !own.chars().any(char::is_numeric), "{row:?}");
        }
    }
}
