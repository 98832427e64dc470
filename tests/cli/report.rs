//! `report.html` and `variance.csv` of a finished run.

use std::collections::BTreeMap;

use super::workplace::{EXPERIMENT, Workplace};

type Row = BTreeMap<String, String>;

fn rows(workplace: &Workplace, path: &str) -> Vec<Row> {
    csv::Reader::from_path(workplace.path(path)).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn a_run_writes_its_page_and_report_makes_the_same_bytes_again() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--quiet"]);
    let derived = ["report.html", "variance.csv", "leaderboard.csv", "candidates.csv", "leaderboard.md"];
    let read = |name: &str| workplace.read(&format!("results/toy/{name}"));
    let written = derived.map(read);
    for name in derived {
        std::fs::remove_file(workplace.path("results/toy").join(name)).unwrap();
    }
    let ran = workplace.done(&["report", "results/toy"]);
    assert_eq!(ran.stdout, "results/toy/report.html\n");
    assert_eq!(derived.map(read), written);
    // Wherever the folder stands.
    std::fs::rename(workplace.path("results/toy"), workplace.path("elsewhere")).unwrap();
    workplace.done(&["report", "elsewhere"]);
    assert_eq!(workplace.read("elsewhere/report.html"), written[0]);
}

#[test]
fn the_page_holds_the_numbers_of_the_leaderboard() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--quiet"]);
    let page = workplace.read("results/toy/report.html");
    let board = rows(&workplace, "results/toy/leaderboard.csv");
    assert_eq!(board.len(), 3);
    for row in board {
        let numbers = [
            "dev_mean",
            "dev_low",
            "dev_high",
            "test_mean",
            "test_std",
            "test_low",
            "test_high",
            "optimism_gap",
            "vs_manual",
            "vs_manual_p",
            "vs_random",
            "vs_random_p",
            "evaluations",
            "tokens",
        ];
        for column in numbers {
            let cell = &row[column];
            assert!(cell.is_empty() || page.contains(&format!("<data value=\"{cell}\">")), "{column} {cell}");
        }
        let rank = format!("{} [{}-{}]", row["rank"], row["rank_low"], row["rank_high"]);
        for words in [&rank, &row["method"], &row["verdict"], &row["verbalizer"]] {
            assert!(page.contains(words), "{words}");
        }
    }
    let provenance: serde_json::Value = serde_json::from_str(&workplace.read("results/toy/provenance.json")).unwrap();
    let hash = provenance["experiment_blake3"].as_str().unwrap();
    assert!(page.contains(&hash[..16]), "{hash}");
}

#[test]
fn the_variance_of_two_seeds_and_three_methods_is_shared_out() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--quiet"]);
    let rows = rows(&workplace, "results/toy/variance.csv");
    let factors: Vec<[&str; 2]> = rows.iter().map(|row| [row["factor"].as_str(), row["df"].as_str()]).collect();
    assert_eq!(factors, [["method", "2"], ["seed", "1"], ["rest", "2"], ["total", "5"]]);
    let shares: f64 = rows[..3].iter().map(|row| row["share"].parse::<f64>().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-5, "{shares}");
    // With one seed nothing is set against anything, and the file of before goes.
    workplace.experiment("toy.yaml", "seeds: [1, 2]", "seeds: [1]");
    workplace.done(&["run", "toy.yaml", "--quiet", "--fresh"]);
    assert!(!workplace.path("results/toy/variance.csv").exists());
    assert!(!workplace.read("results/toy/report.html").contains("What the scores hang on"));
}

#[test]
fn templates_and_texts_that_are_markup_are_shown_as_text() {
    let workplace = Workplace::new();
    let evil = EXPERIMENT.replace("\"{mask} film: {text}\"", "\"<script>alert(1)</script> {mask} : {text}\"");
    workplace.write("toy.yaml", evil.replace("name: toy", "name: toy\nquestion: \"<b>bold</b> & 'more'?\""));
    workplace.done(&["run", "toy.yaml", "--quiet", "--only", "manual"]);
    let page = workplace.read("results/toy/report.html");
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert!(page.contains("&lt;b&gt;bold&lt;/b&gt; &amp; &#39;more&#39;?"));
}

#[test]
fn a_folder_without_a_record_is_refused_and_left_as_it_was() {
    let workplace = Workplace::new();
    workplace.write("results/toy/thesis.tex", "years of work");
    for folder in ["results/toy", "absent"] {
        let ran = workplace.run(&["report", folder]);
        assert_eq!(ran.code, 6, "{}", ran.stderr);
        assert!(ran.stderr.contains(folder) && ran.stdout.is_empty(), "{}", ran.stderr);
    }
    assert_eq!(std::fs::read_dir(workplace.path("results/toy")).unwrap().count(), 1);
    assert!(!workplace.path("absent").exists());
}
