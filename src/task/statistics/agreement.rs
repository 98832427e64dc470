//! Ours against scipy and statsmodels; the script that wrote the numbers stands beside them.

use serde_json::Value;

use super::distribution::{normal_quantile, t_critical};
use super::jackknife::leave_one_out;
use super::*;

const TOLERANCE: f64 = 1e-10;

fn peers(part: &str) -> Vec<Value> {
    let peers: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/statistics/peers.json")).expect("valid JSON");
    peers[part].as_array().expect("a list").clone()
}

fn number(case: &Value, key: &str) -> f64 {
    case[key].as_f64().unwrap_or_else(|| panic!("no number {key} in {case}"))
}

fn count(case: &Value, key: &str) -> usize {
    case[key].as_u64().unwrap_or_else(|| panic!("no count {key} in {case}")) as usize
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

#[track_caller]
fn agrees(ours: f64, case: &Value, key: &str) {
    let theirs = number(case, key);
    let scale = theirs.abs().max(1.0);
    assert!((ours - theirs).abs() <= TOLERANCE * scale, "{key}: ours {ours}, theirs {theirs}");
}

#[test]
fn wilson_agrees_with_statsmodels() {
    for case in peers("wilson") {
        let interval = wilson(count(&case, "successes"), count(&case, "n"), number(&case, "level"));
        agrees(interval.low, &case, "low");
        agrees(interval.high, &case, "high");
    }
}

#[test]
fn mcnemar_mid_p_agrees_with_statsmodels() {
    for case in peers("mid_p") {
        agrees(mcnemar_mid_p(count(&case, "b"), count(&case, "c")), &case, "p");
    }
}

#[test]
fn sign_flips_agree_with_scipy() {
    for case in peers("permutation") {
        agrees(sign_flip(&list(&case["differences"]), 1), &case, "p");
    }
}

#[test]
fn paired_t_agrees_with_scipy() {
    for case in peers("paired_t") {
        let test = paired_t(&list(&case["differences"])).expect("spread");
        agrees(test.t, &case, "t");
        agrees(test.p, &case, "p");
    }
}

#[test]
fn bca_and_pseudo_values_agree_with_scipy() {
    for case in peers("bca") {
        let n_labels = count(&case, "n_labels");
        let labels = |key: &str| -> Vec<usize> { list(&case[key]).iter().map(|x| *x as usize).collect() };
        let (gold, predicted) = (labels("gold"), labels("predicted"));
        let cells = ConfusionCells::new(&gold, &predicted, n_labels);
        let metric = |counts: &[usize]| match case["metric"].as_str() {
            Some("matthews") => matthews(counts, n_labels),
            _ => jackknife::tests::macro_f1(counts, n_labels),
        };
        agrees(metric(cells.counts()), &case, "estimate");
        let without = leave_one_out(&cells, &metric);
        let jackknife: Vec<f64> = gold.iter().zip(&predicted).map(|(g, p)| without[g * (n_labels + 1) + p]).collect();
        for (ours, theirs) in jackknife.iter().zip(list(&case["jackknife"])) {
            assert!((ours - theirs).abs() < TOLERANCE);
        }
        for (ours, theirs) in pseudo_values(&cells, metric).iter().zip(list(&case["pseudo_values"])) {
            assert!((ours - theirs).abs() < TOLERANCE);
        }
        let interval = bca_interval(number(&case, "estimate"), list(&case["resampled"]), &jackknife, 0.95);
        let interval = interval.expect("spread");
        agrees(interval.low, &case, "low");
        agrees(interval.high, &case, "high");
    }
}

#[test]
fn clustered_parts_agree_with_statsmodels() {
    for case in peers("clustered") {
        let cells: Vec<Vec<f64>> = case["differences"].as_array().expect("a list").iter().map(list).collect();
        let mean = clustered_mean(&cells).expect("numbers");
        agrees(mean.mean, &case, "mean");
        agrees(mean.v_seeds, &case, "v_seeds");
        agrees(mean.v_examples, &case, "v_examples");
        agrees(mean.v_cells, &case, "v_cells");
        agrees(mean.df, &case, "df");
        let comparison = clustered_comparison(&cells).expect("numbers");
        agrees(comparison.p, &case, "p");
        agrees(comparison.low, &case, "low");
        agrees(comparison.high, &case, "high");
    }
}

#[test]
fn holm_agrees_with_statsmodels() {
    for case in peers("holm") {
        for (ours, theirs) in holm(&list(&case["p"])).iter().zip(list(&case["adjusted"])) {
            assert!((ours - theirs).abs() < TOLERANCE);
        }
    }
}

#[test]
fn tau_b_agrees_with_scipy() {
    for case in peers("tau") {
        agrees(kendall_tau_b(&list(&case["x"]), &list(&case["y"])).expect("an order"), &case, "tau");
        agrees(spearman(&list(&case["x"]), &list(&case["y"])).expect("an order"), &case, "rho");
    }
}

#[test]
fn shares_of_variance_agree_with_statsmodels() {
    for case in peers("variance") {
        let levels = |factor: &Value| list(factor).into_iter().map(|level| level as usize).collect();
        let factors: Vec<Vec<usize>> = case["factors"].as_array().expect("a list").iter().map(levels).collect();
        let ours = anova(&list(&case["scores"]), &factors).expect("numbers");
        agrees(ours.rest, &case, "rest");
        agrees(ours.total, &case, "total");
        assert_eq!(ours.rest_df, count(&case, "rest_df"));
        let theirs = case["effects"].as_array().expect("a list");
        assert_eq!(ours.effects.len(), theirs.len());
        for (ours, theirs) in ours.effects.iter().zip(theirs) {
            assert_eq!(ours.df, count(theirs, "df"));
            agrees(ours.sum_squares, theirs, "sum_squares");
            agrees(ours.f.expect("a rest"), theirs, "f");
            agrees(ours.p.expect("a rest"), theirs, "p");
        }
    }
}

#[test]
fn quantiles_agree_with_scipy() {
    let peers: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/statistics/peers.json")).expect("valid JSON");
    for case in peers["quantiles"]["normal"].as_array().expect("a list") {
        agrees(normal_quantile(number(case, "p")), case, "x");
    }
    for case in peers["quantiles"]["t"].as_array().expect("a list") {
        agrees(t_critical(number(case, "level"), number(case, "df")), case, "x");
    }
}

/// Matthews' correlation for any number of labels (Gorodkin, Computational Biology and Chemistry 28 (2004) 367).
fn matthews(counts: &[usize], n_labels: usize) -> f64 {
    let at = |gold: usize, predicted: usize| counts[gold * (n_labels + 1) + predicted] as f64;
    let gold: Vec<f64> = (0..n_labels).map(|g| (0..n_labels).map(|p| at(g, p)).sum()).collect();
    let predicted: Vec<f64> = (0..n_labels).map(|p| (0..n_labels).map(|g| at(g, p)).sum()).collect();
    let n: f64 = gold.iter().sum();
    let right: f64 = (0..n_labels).map(|label| at(label, label)).sum();
    let dot = |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| x * y).sum() };
    let under = ((n * n - dot(&predicted, &predicted)) * (n * n - dot(&gold, &gold))).sqrt();
    if under > 0.0 { (right * n - dot(&predicted, &gold)) / under } else { 0.0 }
}
