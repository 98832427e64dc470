//! How the cells of a sweep share a budget.

use std::fs;

use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

/// Six trainings of soft prompts within one budget.
fn workplace(sweep: &str, evaluations: u64) -> Workplace {
    let autoprompt = "  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }\n";
    assert!(EXPERIMENT.contains(autoprompt) && EXPERIMENT.contains("budget: { evaluations: 240 }\n"));
    let training = "  - { method: soft_prompt, n_soft: 2, learning_rate: [0.003, 0.03, 0.3], init: [vocab, labels], batch_size: 4, patience: 1000, \
                    eval_every: 4 }\n";
    let budget = format!("budget: {{ evaluations: {evaluations}, sweep: {sweep} }}\n");
    let workplace = Workplace::new();
    workplace.write(
        "sweep.yaml",
        EXPERIMENT.replace(autoprompt, training).replace("budget: { evaluations: 240 }\n", &budget),
    );
    workplace
}

fn events(workplace: &Workplace) -> Vec<Value> {
    let trial = workplace
        .trials("results/toy")
        .into_iter()
        .find(|trial| trial.to_string_lossy().contains("soft_prompt"))
        .unwrap();
    let text = fs::read_to_string(trial.join("events.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(trace: &Value, key: &str) -> Vec<String> {
    trace[key].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn halving_gives_up_the_worse_cells_and_spends_what_is_left_on_the_best() {
    let workplace = workplace("halving", 1200);
    workplace.done(&["run", "sweep.yaml", "--quiet"]);
    let events = events(&workplace);
    let rungs: Vec<&Value> = events.iter().filter(|event| event["trace"]["rung"].is_u64()).collect();
    assert_eq!(rungs.len(), 2, "six cells, three, one");
    let counts = |key| rungs.iter().map(|rung| names(&rung["trace"], key).len()).collect::<Vec<_>>();
    assert_eq!((counts("kept"), counts("given_up")), (vec![3, 1], vec![3, 2]));
    // The best of the cells so far are those that stay, by the score that dev chooses by and the margin.
    let mut scored: Vec<(&str, f64, f64)> = Vec::new();
    let mut looks: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for event in &events {
        if event["event"] == "scored" {
            let cell = event["origin"].as_str().unwrap().split("; ").next().unwrap();
            *looks.entry(cell.to_owned()).or_default() += 1;
            scored.push((cell, event["dev"]["metric"].as_f64().unwrap(), event["dev"]["margin"].as_f64().unwrap()));
        }
        if event["trace"]["rung"] == 0 {
            let best = |cell: &str| {
                let of_cell = scored.iter().filter(|(name, ..)| *name == cell);
                of_cell.map(|(_, metric, margin)| (*metric, *margin)).reduce(|a, b| if b > a { b } else { a }).unwrap()
            };
            let worst_kept =
                names(&event["trace"], "kept").iter().map(|cell| best(cell)).reduce(|a, b| if b < a { b } else { a });
            let best_given_up = names(&event["trace"], "given_up")
                .iter()
                .map(|cell| best(cell))
                .reduce(|a, b| if b > a { b } else { a });
            assert!(worst_kept >= best_given_up, "{worst_kept:?} {best_given_up:?}");
        }
    }
    let winner = &names(&rungs[1]["trace"], "kept")[0];
    let most = looks.values().max().unwrap();
    assert_eq!(looks[winner], *most, "{looks:?}");
    assert!(looks.values().filter(|n| *n < most).count() == 5 && looks.values().all(|n| *n >= 2), "{looks:?}");
    let finished = events.last().unwrap();
    let spent = finished["spent"]["evaluations"].as_u64().unwrap();
    assert!(spent <= 1200 && spent > 900, "{spent}");
    let chosen = events.iter().find(|event| event["event"] == "chosen").unwrap();
    let looks_of_searches: usize = looks.values().map(|n| n - 1).sum();
    assert_eq!(chosen["dev_looks"], looks_of_searches + 2 + 1, "those of the trainings, two rungs, and the choice");
}

#[test]
fn halving_is_the_same_each_time_and_never_spends_more_than_there_is() {
    for evaluations in [60, 240, 500] {
        let once = workplace("halving", evaluations);
        once.done(&["run", "sweep.yaml", "--quiet"]);
        let again = workplace("halving", evaluations);
        again.done(&["run", "sweep.yaml", "--quiet", "--jobs", "1"]);
        let without_time = |workplace: &Workplace| {
            let mut events = events(workplace);
            events.iter_mut().for_each(|event| event["seconds"] = Value::Null);
            events
        };
        assert_eq!(without_time(&once), without_time(&again));
        let finished = events(&once).pop().unwrap();
        assert!(finished["spent"]["evaluations"].as_u64().unwrap() <= evaluations, "{finished}");
    }
}

#[test]
fn a_plan_says_how_cells_are_halved_and_another_word_is_refused() {
    let halved = workplace("halving", 1200);
    let plan = halved.done(&["plan", "sweep.yaml"]).stdout;
    assert!(plan.contains("the cells of a sweep are halved by what dev chooses by: 6, then 3, then 1"), "{plan}");
    // 16 for the start, 4 steps of 12, 16 for the look: 80 each; the other rungs share the rest.
    assert!(plan.contains("which may have spent 80, 200, 560 evaluations by the ends of the rungs"), "{plan}");
    let small = workplace("halving", 240).done(&["plan", "sweep.yaml"]).stdout;
    assert!(
        small.contains("do not cover the start and a look beyond it of all 6 cells, which cost 80 each"),
        "{small}"
    );
    let other = workplace("thirds", 1200);
    let refused = other.run(&["validate", "sweep.yaml"]);
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains("`thirds`") && refused.stderr.contains("even, halving"), "{}", refused.stderr);
}
