//! The page as a whole: well formed, escaped, complete, and right where there is little or nothing to show.

use std::collections::BTreeSet;

use crate::record::TrialRecord;
use crate::task::Metric;

use super::super::sample::{Sample, write};
use super::super::tables::{REPORT_HTML, VARIANCE_CSV, write_tables};

const GOLD: &str = "0011001100110011";
const HALF: &str = "0011001111001100";

/// The page of a folder with these trials and this experiment file, checked to be well formed.
fn page(trials: &[TrialRecord], metric: &str, experiment: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), trials, metric);
    std::fs::write(folder.path().join("experiment.yaml"), experiment).unwrap();
    write_tables(folder.path()).unwrap();
    let page = std::fs::read_to_string(folder.path().join(REPORT_HTML)).unwrap();
    write_tables(folder.path()).unwrap();
    assert_eq!(page, std::fs::read_to_string(folder.path().join(REPORT_HTML)).unwrap());
    assert_eq!(page.contains("id=\"variance\""), folder.path().join(VARIANCE_CSV).exists());
    well_formed(&page);
    page
}

/// Panics unless every element is closed in its order, attributes are quoted, text is escaped and no id comes twice.
fn well_formed(page: &str) {
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
    let (mut open, mut ids): (Vec<&str>, BTreeSet<String>) = (Vec::new(), BTreeSet::new());
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        assert!(!text.contains('>'), "an angle bracket in text: {text}");
        for (place, _) in text.match_indices('&') {
            let entity = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].iter().any(|e| text[place..].starts_with(e));
            assert!(entity, "an ampersand in text: {text}");
        }
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag that ends");
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed in another order before: {}", &rest[..rest.len().min(80)]);
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()), "{tag}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if let Some((_, id)) = tag.split_once(" id=\"") {
            assert!(ids.insert(id.split('"').next().unwrap().to_owned()), "twice: {tag}");
        }
        if matches!(name, "style" | "script") {
            let close = format!("</{name}>");
            rest = &rest[rest.find(&close).expect("an end") + close.len()..];
        } else if !tag.ends_with('/') && name != "meta" {
            open.push(name);
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
    // What a link leads to is there.
    for link in page.split("href=\"#").skip(1) {
        assert!(ids.contains(link.split('"').next().unwrap()), "{}", &link[..20]);
    }
    for number in ["NaN", "inf\"", "Infinity"] {
        assert!(!page.contains(number), "{number}");
    }
}

fn two_methods() -> Vec<TrialRecord> {
    let trial = |item, method: &str, seed, dev: &str, test: &str| {
        let sample = Sample::new(item, method, &[seed], "0011", GOLD).scored(&format!("{method} a {{mask}}"), dev, 0.5);
        sample.scored("{mask}", "0111", 0.25).chose(0).tested(test, 0.5).finished(&[])
    };
    vec![
        trial(0, "manual", 1, "0101", HALF),
        trial(0, "manual", 2, "0001", HALF),
        trial(1, "autoprompt", 1, "0011", GOLD),
        trial(1, "autoprompt", 2, "0011", "0011001100110000"),
    ]
}

#[test]
fn the_page_says_what_was_found_and_never_more_than_the_closing_lines() {
    let yaml =
        "question: Does it help?\ntask: { template: '{text} {mask}', verbalizer: { 好: [棒] } }\nseeds: [1, 2]\n";
    let page = page(&two_methods(), "accuracy", yaml);
    for part in [
        "<h1 dir=\"auto\">films</h1>",
        "Does it help?",
        "<dd lang=\"zh\" dir=\"auto\">好: [棒]</dd>",
        "4 of 4 complete",
        "Ranked on 16 test examples, 2 seeds, chosen on 4 dev examples.",
        "best: autoprompt 0.938",
        "<title>accuracy on test of each method, mean over seeds with its 95 % interval</title>",
        "What the budget bought",
        "What the scores hang on",
        "2 seeds only: all shares are crude.",
        "Pareto front by score and tokens: 2 points, 3 candidates.",
        "use it, from the results folder: <code dir=\"auto\">promptmine predict --prompt trials/",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert_eq!(page.matches("<details open=\"\">").count(), 1, "one seed is open, the other folded");
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("src="), "nothing is fetched");
}

#[test]
fn a_prompt_that_is_a_script_stays_text_everywhere() {
    let evil = "<script>alert(\"x\")</script>&amp;</style>{mask}";
    let trial = |item, method: &str| {
        let sample = Sample::new(item, method, &[1], "0011", GOLD).labelled(&format!("{method} <b>&\"'</b>"));
        sample.model("m<i>").scored(evil, "0011", 0.5).scored("x", "0111", 0.1).chose(0)
    };
    let failed = trial(1, "random").failed("<img src=x onerror=alert(1)>");
    let yaml = "name: '<script>1</script>'\nquestion: '</main><script>2</script>'\nmodels: ['<u>']\n";
    let page = page(&[trial(0, "manual").tested(GOLD, 0.5).finished(&["<flag>"]), failed], "accuracy", yaml);
    assert_eq!(page.matches("<script>").count(), 1, "only ours");
    assert!(!page.contains("<img") && !page.contains("<b>") && !page.contains("<i>") && !page.contains("<u>"));
    assert!(page.contains("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;amp;&lt;/style&gt;{mask}"));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
}

#[test]
fn nothing_yet_all_failed_one_trial_and_no_test_have_pages_too() {
    let empty = page(&[], "accuracy", "");
    assert!(empty.contains("No trial is complete yet.") && empty.contains("0 of 0 complete"));

    let failed = |seed| Sample::new(0, "manual", &[seed], "0011", GOLD).failed("no memory left");
    let all_failed = page(&[failed(1), failed(2)], "accuracy", "name: films\n");
    assert!(all_failed.contains("0 of 2 complete, 2 failed") && all_failed.contains("no trial is complete"));
    assert_eq!(all_failed.matches("<td class=\"prompt\"><code dir=\"auto\">no memory left</code></td>").count(), 2);

    let open = Sample::new(0, "manual", &[1], "0011", GOLD).scored("x", "0011", 0.5).so_far();
    assert!(page(&[open], "accuracy", "").contains("0 of 1 complete, 1 not done yet"));

    let one = Sample::new(0, "manual", &[1], "0011", GOLD).scored("x {mask}", "0011", 0.5).chose(0);
    let one = page(&[one.tested(GOLD, 0.5).finished(&[])], "accuracy", "");
    assert!(one.contains("best: manual 1.000") && !one.contains("What the budget bought"));

    let dev_only = Sample::new(0, "manual", &[1], "0011", "").scored("x {mask}", "0011", 0.5).chose(0);
    let dev_only = page(&[dev_only.finished(&[])], "accuracy", "");
    assert!(dev_only.contains("nothing is resolved") && dev_only.contains("which also chose the prompts"));

    let no_labels = Sample::new(0, "manual", &[1], "", "").label_free("x {mask}", 0.1).label_free("y {mask}", 0.2);
    let no_labels = page(&[no_labels.chose(1).finished(&[])], "accuracy", "");
    assert!(no_labels.contains("No labels say how good these prompts are."));
    assert!(no_labels.contains("best label-free score so far"));
}

#[test]
fn log_likelihoods_have_axes_of_their_own() {
    let gold = "0000";
    let trial = |item, method: &str, seed, values: &[f64]| {
        let metric = Metric::TargetLogLikelihood;
        let sample = Sample::new(item, method, &[seed], gold, gold).metric(metric).valued("a b {mask}", values, 0.0);
        let better: Vec<f64> = values.iter().map(|value| value + 20.0).collect();
        sample.valued("c {mask}", &better, 0.0).chose(1).tested_values(values).finished(&[])
    };
    let trials = [
        trial(0, "manual", 1, &[-812.5, -800.0, -790.0, -805.0]),
        trial(0, "manual", 2, &[-812.0, -801.0, -791.0, -805.0]),
        trial(1, "random", 1, &[-850.0, -840.0, -860.0, -845.0]),
        trial(1, "random", 2, &[-851.0, -840.0, -861.0, -845.0]),
    ];
    let page = page(&trials, "target_log_likelihood", "");
    assert!(page.contains("target_log_likelihood on test of each method"));
    assert!(page.contains(">-800</text>"), "{page}");
    assert!(page.contains("What the scores hang on"));
}

#[test]
fn several_shots_give_learning_curves_and_many_candidates_a_page_of_sane_size() {
    let trial = |shots: &str, n: usize| {
        let mut sample = Sample::new(0, "random", &[1], "0011", GOLD).shots(shots);
        for place in 0..n {
            sample =
                sample.scored(&format!("很好 {place} {{mask}}"), if place % 2 == 0 { "0011" } else { "0111" }, 0.5);
        }
        sample.chose(0).tested(GOLD, 0.5).finished(&[])
    };
    let page = page(&[trial("4", 3), trial("16", 3_000), trial("full", 2)], "accuracy", "");
    assert!(page.contains("The metric on test over the number of shots"));
    assert!(page.contains("Seed 1: 3000 candidates, the best 50 shown, all in candidates.csv"));
    assert!(page.contains("<code lang=\"zh\" dir=\"auto\">很好"));
    assert!(page.len() < 200_000, "{} bytes", page.len());
}
