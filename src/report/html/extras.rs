//! What is said of some experiments only: diagnostics, controls, facts, transfer, agreement of seeds, failures.

use super::super::cell::Cell;
use super::super::columns::column;
use super::super::digest::short;
use super::super::leaderboard::{Leaderboard, Section};
use super::super::row::Row;
use super::super::stability::Agreement;
use super::super::transfer::{TransferRow, means};
use super::figure::{count, difference, number, versus, with_interval};
use super::markup::Markup;
use super::ranked::prompt;
use super::table::Table;

/// Columns of the leaderboard that are shown as diagnostics, with their names on the page and what they say.
const DIAGNOSTICS: [(&str, &str, &str); 16] = [
    ("collapse", "collapse", "the share of predictions that are of the most frequent label"),
    ("class_accuracy", "accuracy by class", "on test, or on dev where there is no labelled test split"),
    ("surface_worst", "surface, worst", "the lowest change that another surface makes: case, spaces, punctuation"),
    ("surface_mean", "surface, mean", "the mean change over these surfaces"),
    ("n_candidates", "candidates", "scored, all seeds"),
    ("n_behaviours", "behaviours", "candidates that differ in some prediction on dev"),
    ("projected_dev", "projected, dev", "with every soft vector replaced by its nearest token"),
    ("projected_test", "projected, test", "the same on test"),
    ("label_free_spearman", "label-free rho", "rank correlation of the label-free score with test over the candidates"),
    ("hotflip_spearman", "estimate rho", "rank correlation of first-order estimates with true changes"),
    ("evaluations_saved", "saved by racing", "evaluations"),
    ("dev_looks", "looks at dev", "how often dev influenced a choice"),
    ("forwards", "forwards", "sequences passed forward, all seeds"),
    ("backwards", "backwards", "sequences passed backward"),
    ("tokens", "tokens", "passed forward, all seeds"),
    ("trained_parameters", "trained", "numbers that were trained"),
];

/// The diagnostics of a section's rows, and their controls; nothing where there are none.
pub(super) fn diagnostics(html: &mut Markup, section: &Section) {
    let rows: Vec<&Row> = section.rows.iter().filter(|row| row.rank.is_some()).collect();
    let mut table = Table::new();
    table.column("method", "", "t", |row: &&Row, html| html.data("span", "", &row.method));
    for (name, header, help) in DIAGNOSTICS {
        let Ok(column) = column(name) else { continue };
        table.column(header, help, "n", move |row, html| match (column.cell)(row) {
            Cell::Number(value) if name.starts_with("surface") => difference(html, Some(value)),
            Cell::Number(value) => number(html, Some(value)),
            // Most methods train nothing, and none of them need say so.
            Cell::Count(0) if matches!(name, "trained_parameters" | "backwards") => {}
            Cell::Count(value) => count(html, Some(value)),
            _ if name == "class_accuracy" => classes(html, &row.diagnostics.class_accuracy),
            _ => {}
        });
    }
    if !rows.is_empty() {
        html.leaf("h3", &[], "Diagnostics");
        table.draw(html, &rows);
    }
    let facts: Vec<&Row> = rows.iter().copied().filter(|row| row.facts.is_some()).collect();
    let mut table = Table::new();
    table
        .column("method", "", "t", |row: &&Row, html| html.data("span", "", &row.method))
        .column("precision at 1", "", "n", |row, html| number(html, row.facts.map(|facts| facts.p_at_1)))
        .column("precision at 10", "", "n", |row, html| number(html, row.facts.map(|facts| facts.p_at_10)))
        .column("mean reciprocal rank", "", "n", |row, html| number(html, row.facts.map(|facts| facts.mrr)));
    if !facts.is_empty() {
        html.leaf("h3", &[], "Facts on test");
        table.draw(html, &facts);
    }
    let controls: Vec<_> =
        rows.iter().flat_map(|row| row.controls.iter().map(move |control| (*row, control))).collect();
    if controls.is_empty() {
        return;
    }
    html.leaf("h3", &[], "Controls");
    html.leaf(
        "p",
        &[("class", "note")],
        "The same searches where there is nothing to find: a model with weights drawn anew, or labels permuted. A row that does not beat its \
         controls has not shown that it found anything.",
    );
    let mut table = Table::new();
    table
        .column("method", "", "t", |(row, _): &(&Row, &_), html| html.data("span", "", &row.method))
        .column("control", "", "t", |(_, control), html: &mut Markup| html.text(&control_name(control)))
        .column("test", "", "t", |(row, _), html| with_interval(html, row.test_mean, row.test_low.zip(row.test_high)))
        .column("control's test", "", "t", |(_, control), html| {
            with_interval(html, control.test_mean, control.test_low.zip(control.test_high));
        })
        .column("difference", "", "t", |(_, control), html| versus(html, control.difference, control.p));
    table.draw(html, &controls);
}

/// The accuracy of each label.
fn classes(html: &mut Markup, of: &[(String, f64)]) {
    for (place, (label, accuracy)) in of.iter().enumerate() {
        html.text(if place > 0 { ", " } else { "" });
        html.data("span", "", label);
        html.text(" ");
        number(html, Some(*accuracy));
    }
}

fn control_name(control: &super::super::control::ControlOutcome) -> String {
    control.name.replace('_', " ")
}

/// How alike the seeds rank; nothing where it is not known.
pub(super) fn agreement(html: &mut Markup, board: &Leaderboard) {
    let known = |section: &&Section| section.stability.methods.is_some() || section.stability.candidates.is_some();
    let sections: Vec<&Section> = board.sections.iter().filter(known).collect();
    if sections.is_empty() {
        return;
    }
    html.leaf("h2", &[("id", "agreement")], "Do the seeds agree?");
    html.leaf(
        "p",
        &[],
        "Kendall's tau between the orders that two seeds give: 1 is the same order, 0 unrelated, -1 reversed. A low tau says that another \
         draw of examples would rank otherwise.",
    );
    let words = |agreement: Option<Agreement>| {
        agreement.map_or_else(String::new, |Agreement { tau, lowest, n_pairs, n_items }| {
            format!("{} (lowest {}; {n_items} ranked, {n_pairs} pairs of seeds)", short(tau), short(lowest))
        })
    };
    let mut table = Table::new();
    table
        .column("", "", "", |section: &&Section, html| html.data("span", "", &section.group.words()))
        .column("methods on test", "", "", move |section, html| html.text(&words(section.stability.methods)))
        .column("candidates on dev", "", "", move |section, html| html.text(&words(section.stability.candidates)));
    table.draw(html, &sections);
}

/// How the chosen prompts do elsewhere; nothing where nobody asked.
pub(super) fn transfer(html: &mut Markup, rows: &[TransferRow]) {
    if rows.is_empty() {
        return;
    }
    html.leaf("h2", &[("id", "transfer")], "Transfer");
    html.leaf(
        "p",
        &[],
        "The chosen prompts with other models and on other tasks, on test, mean over seeds. Nothing here is tested; seed by seed in transfer.csv.",
    );
    let means = means(rows);
    let mut table = Table::new();
    table
        .column("method", "", "t", |mean: &_, html: &mut Markup| html.data("span", "", &first(mean).label))
        .column("shots", "", "t", |mean, html| html.text(&first(mean).shots))
        .column("found with", "", "", |mean, html| html.data("span", "", &first(mean).source_model))
        .column("scored with", "", "", |mean, html| html.data("span", "", &first(mean).target_model))
        .column("task", "", "", |mean, html| html.data("span", "", &first(mean).target_task))
        .column("metric", "", "t", |mean, html| html.text(&first(mean).metric))
        .column("test", "", "n", |mean, html| number(html, mean.of(|row| row.test)))
        .column("at home", "the same prompts where they were found", "n", |mean, html| {
            number(html, mean.of(|row| row.source_test));
        })
        .column("vs manual", "against that model's or task's own manual prompt", "n", |mean, html| {
            difference(html, mean.of(|row| row.vs_manual));
        })
        .column("not scored", "", "", |mean, html| {
            let reason = mean.rows.iter().find_map(|row| row.reason.as_deref());
            html.data("span", "words", reason.unwrap_or_default());
        });
    table.draw(html, &means);
}

fn first<'r>(mean: &super::super::transfer::Mean<'r>) -> &'r TransferRow {
    mean.first
}

/// The trials that failed, with their reasons; nothing where none did.
pub(super) fn failures(html: &mut Markup, board: &Leaderboard) {
    let failed: Vec<(&Row, &(String, String))> =
        board.rows().flat_map(|row| row.failures.iter().map(move |failure| (row, failure))).collect();
    if failed.is_empty() {
        return;
    }
    html.leaf("h2", &[("id", "failed")], "Failed trials");
    let mut table = Table::new();
    table
        .column("method", "", "t", |(row, _): &(&Row, &(String, String)), html| html.data("span", "", &row.method))
        .column("where", "", "", |(row, _), html| html.data("span", "", &row.group.words()))
        .column("seeds", "", "t", |(_, (seeds, _)), html| html.text(seeds))
        .column("why", "", "prompt", |(_, (_, why)), html| prompt(html, why));
    table.draw(html, &failed);
}
