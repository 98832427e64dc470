//! `autoprompt`, `gcg` and `pez` from end to end, on the toy that fills masks and the one that continues text.

use super::workplace::{Ran, Workplace};

const ITEM: &str = "- { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }";
const GCG: &str = "- { method: gcg, n_trigger: 2, top_k: 12, search_width: 6, batch_size: 4, n_replace: [1, 2] }";
const PEZ: &str = "- { method: pez, n_trigger: 2, batch_size: 4, eval_every: 2, learning_rate: 0.3 }";
const WIDE: &str = "- { method: autoprompt, n_trigger: 2, n_candidates: 16, batch_size: 4, positions: 2, beam: 2, init: very, fluency: 0.05 }";

fn workplace(item: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.experiment("toy.yaml", ITEM, item);
    workplace
}

/// `toy.yaml` on the toy that continues text.
fn causal(item: &str) -> Workplace {
    let workplace = workplace(item);
    let text = workplace.read("toy.yaml");
    let text = text.replace("builtin:toy", "builtin:toy-causal").replace("{mask}.\"", "{mask}\"");
    workplace.write("toy.yaml", text.replace(", \"{mask} film: {text}\"", ", \"{text} film: {mask}\""));
    workplace
}

/// The rows of a CSV file that hold a method, each as cells by the names of `columns`.
fn rows(workplace: &Workplace, file: &str, method: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(workplace.path(file)).unwrap();
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|column| column == name).unwrap_or_else(|| panic!("{name}"));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let of_method = rows.iter().filter(|row| &row[place("method")] == method);
    of_method.map(|row| columns.iter().map(|name| row[place(name)].to_owned()).collect()).collect()
}

#[test]
fn every_search_runs_within_its_budget_and_shows_its_meter() {
    for make in [workplace, causal] {
        for (item, method) in [(GCG, "gcg"), (PEZ, "pez"), (WIDE, "autoprompt")] {
            let workplace = make(item);
            workplace.done(&["run", "toy.yaml", "--set", "budget.evaluations=1600"]);
            let board = rows(
                &workplace,
                "results/toy/leaderboard.csv",
                method,
                &["evaluations", "backwards", "hotflip_spearman", "rank"],
            );
            let number = |cell: &str| cell.parse::<f64>().unwrap_or_else(|_| panic!("{method}: {board:?}"));
            assert!(number(&board[0][0]) <= 3200.0 && number(&board[0][0]) > 300.0, "{board:?}");
            assert!(number(&board[0][1]) > 0.0 && number(&board[0][2]).abs() <= 1.0, "{board:?}");
            let found = rows(&workplace, "results/toy/candidates.csv", method, &["parent", "perplexity", "origin"]);
            assert!(
                found.len() > 3 && found.iter().any(|row| !row[0].is_empty() || row[2].contains("->")),
                "{method}: {found:?}"
            );
            if method == "autoprompt" {
                assert!(found.iter().all(|row| number(&row[1]) >= 1.0), "fluency counts: {found:?}");
            }
            let markdown = workplace.read("results/toy/leaderboard.md");
            assert!(markdown.contains(&format!("of a step, mean over steps, then seeds: {method} ")), "{markdown}");
        }
    }
}

#[test]
fn the_same_bytes_whatever_the_jobs_and_after_a_torn_record() {
    let items = format!("{GCG}\n  {PEZ}\n  {WIDE}");
    let workplace = workplace(&items);
    let run = |results: &str, jobs: &str| {
        workplace.done(&["run", "toy.yaml", "--results", results, "--jobs", jobs]);
    };
    run("one", "1");
    run("two", "2");
    let one = workplace.record("one/toy");
    workplace.assert_same_record(&one, "two/toy", "two jobs");
    for trial in workplace.trials("two/toy").iter().step_by(2) {
        let events = trial.join("events.jsonl");
        let text = std::fs::read(&events).unwrap();
        std::fs::write(&events, &text[..text.len() / 2]).unwrap();
    }
    run("two", "2");
    workplace.assert_same_record(&one, "two/toy", "resumed");
}

#[test]
fn a_plan_prints_every_default_and_tells_of_a_budget_too_small_for_a_step() {
    let workplace = workplace("- gcg\n  - { method: pez, fluency: 0.2 }");
    let plan = workplace.done(&["plan", "toy.yaml"]).stdout;
    for part in
        ["top_k: auto", "search_width: 32", "buffer_size: 1", "stable: true", "fluency: 0.2", "nearness: cosine"]
    {
        assert!(plan.contains(part), "{part}\n{plan}");
    }
    assert!(plan.contains("do not cover the start and one step of `gcg` at 8 shots"), "{plan}");
    assert!(plan.contains("controls: []"), "{plan}");
}

#[test]
fn a_probe_is_a_model_of_the_same_tokenizer() {
    let probe =
        "- { method: gcg, n_trigger: 2, search_width: 8, batch_size: 4, probe: { model: MODEL, sampling_factor: 4 } }";
    let same = workplace(&probe.replace("MODEL", "builtin:toy"));
    same.done(&["run", "toy.yaml", "--only", "gcg", "--set", "budget.evaluations=600"]);
    let trial = same.trials("results/toy").remove(0);
    let events = std::fs::read_to_string(trial.join("events.jsonl")).unwrap();
    assert!(events.contains("\"probe_agreement\":1.0"), "the same model agrees with itself: {events}");
    let refused = |model: &str, code: i32, parts: &[&str]| {
        let workplace = workplace(&probe.replace("MODEL", model));
        for command in ["plan", "run"] {
            let Ran { code: found, stderr, .. } = workplace.run(&[command, "toy.yaml"]);
            assert_eq!(found, code, "{stderr}");
            for part in parts {
                assert!(stderr.contains(part), "{part}\n{stderr}");
            }
        }
        assert!(!workplace.path("results").exists());
    };
    refused("builtin:reviews-en", 5, &["search[2].probe: ", "has another tokenizer than builtin:toy"]);
    refused("builtin:nowhere", 5, &["search[2].probe.model", "nowhere"]);
    refused("missing.gguf", 5, &["search[2].probe.model", "missing.gguf"]);
}

#[test]
fn what_a_search_cannot_do_is_told_before_anything_runs() {
    let refused = |item: &str, code: i32, parts: &[&str]| {
        let workplace = workplace(item);
        let Ran { code: found, stderr, .. } = workplace.run(&["run", "toy.yaml"]);
        assert_eq!(found, code, "{item}: {stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{item}: {part}\n{stderr}");
        }
        assert!(!workplace.path("results").exists(), "{item}");
    };
    let all = "very, the, film";
    refused(
        "- { method: gcg, script: han, lower_case: true, exclude: [很, 差, 不, 满, 意, 糟, 总, 之, 酒, 店, 电, 影, 好] }",
        5,
        &[": no token of toy may stand in a trigger", "words_only, script: han, lower_case, exclude: 很"],
    );
    refused("- { method: gcg, top_k: 500 }", 5, &["search[2].top_k: 500 is more than the ", "or auto"]);
    refused("- { method: gcg, search_width: 0 }", 3, &["search[2].search_width: 0 is not allowed"]);
    refused("- { method: autoprompt, n_candidates: 0 }", 3, &["search[2].n_candidates: 0 is not allowed"]);
    refused("- { method: pez, fluency: -0.2 }", 3, &["search[2].fluency: -0.2 is not allowed (0 to 1000)"]);
    let init = "search[2].init: `very good film story` has 4 token(s) for toy, and the trigger 3";
    refused("- { method: pez, init: very good film story }", 5, &[init]);
    refused(
        &format!("- {{ method: gcg, n_trigger: 1, exclude: [{all}], n_replace: 2 }}"),
        3,
        &["search[2].n_replace: 2"],
    );
}

#[test]
fn where_no_candidate_is_stable_the_trial_is_complete_and_flagged() {
    // A piece of a word alone is written back without its marks: other tokens.
    let item = "- { method: gcg, n_trigger: 1, words_only: false, batch_size: 4, search_width: 4, exclude: [WORDS] }";
    let words = "'.', ',', '!', ':', '[', ']', mask, the, a, and, but, not, it, was, is, this, very, all, in, truly, overall, verdict, \
                 film, movie, story, plot, act, watch, great, excellent, wonder, fun, love, terrible, awful, bor, dull, waste, 很, 好, \
                 差, 不, 满, 意, 糟, 总, 之, 酒, 店, 电, 影, 。, ，, good, bad";
    let workplace = workplace(&item.replace("WORDS", words));
    workplace.done(&["run", "toy.yaml", "--only", "gcg"]);
    let board = rows(&workplace, "results/toy/leaderboard.csv", "gcg", &["flags", "n_seeds"]);
    assert!(board[0][0].contains("no_stable_candidate") && board[0][1] == "2", "{board:?}");
    let again = workplace.done(&["run", "toy.yaml", "--only", "gcg"]);
    assert_eq!(again.stderr.matches("complete already, stays").count(), 2, "{}", again.stderr);
}
