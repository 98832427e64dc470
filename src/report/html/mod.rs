//! `report.html`: what an experiment found, on one page.
//!
//! # Decisions
//!
//! - 2026-11: one file that needs nothing else: style, drawings and the few lines of script are inside, and nothing is fetched. Without the
//!   script all of it is there; it opens what is folded before printing.
//! - 2026-11: the page is made from the record alone and holds neither a clock nor seconds nor the folder's own path, so that it is
//!   the same bytes whenever and wherever it is made again. Seconds are in `leaderboard.csv`.
//! - 2026-11: no sentence of the page claims more than the closing lines and the verdicts of the tables; it repeats them. Dev figures
//!   are shown and never tested (contract, Statistics 6).
//! - 2026-11: everything from the experiment goes through [`markup::Markup`], which escapes it: a prompt may hold `<script>`.
//! - 2026-11: drawings are SVG written by hand: a dozen shapes. Refused: a plotting crate, which would style neither dark pages nor print.

mod best;
mod curves;
mod drawing;
mod extras;
mod figure;
mod forest;
mod gallery;
mod lines;
mod listed;
mod markup;
mod ranked;
mod scale;
mod scatter;
mod seeds;
mod series;
mod setup;
mod shares;
mod table;
#[cfg(test)]
mod tests;

use crate::task::Metric;

use super::leaderboard::{Leaderboard, Section};
use super::trial::Trial;
use super::variance::Variance;
pub(super) use gallery::Gallery;
use markup::{Markup, language};
use seeds::Seeds;
use series::Series;
pub(super) use setup::Setup;

/// What a page is made of.
pub(super) struct Material<'a> {
    pub(super) setup: &'a Setup,
    pub(super) board: &'a Leaderboard,
    pub(super) trials: &'a [Trial],
    pub(super) gallery: &'a Gallery,
    pub(super) variance: Option<&'a Variance>,
}

/// The page.
pub(super) fn page(material: &Material<'_>) -> String {
    let board = material.board;
    let asked = &board.asked;
    let mut html = Markup::default();
    html.raw("<!DOCTYPE html>\n");
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |html| {
            html.void("meta", &[("charset", "utf-8")]);
            html.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
            html.leaf("title", &[], &format!("{} · promptmine", asked.name));
            html.element("style", &[], |html| html.raw(include_str!("page.css")));
        });
        html.element("body", &[], |html| {
            html.element("header", &[], |html| head(html, material));
            html.element("main", &[], |html| body(html, material));
            html.element("footer", &[], |html| {
                let version = material.setup.version().map(|v| format!(" {v}")).unwrap_or_default();
                html.text(&format!(
                    "Made by promptmine from the record in this folder; the record was begun with promptmine{version}. `promptmine report` \
                     makes this page again. The same numbers, and all of them: leaderboard.csv, candidates.csv."
                ));
            });
            html.element("script", &[], |html| html.raw(include_str!("page.js")));
        });
    });
    html.raw("\n");
    html.finish()
}

fn head(html: &mut Markup, material: &Material<'_>) {
    let asked = &material.board.asked;
    html.data("h1", "", &asked.name);
    if let Some(question) = &asked.question {
        html.data("p", "question", question.trim());
    }
    html.leaf("p", &[("class", "note")], &format!("Trials: {}.", material.setup.trial_words(material.trials)));
    html.element("nav", &[], |html| {
        html.element("ul", &[], |html| {
            let mut link = |to: &str, text: &str| {
                html.element("li", &[], |html| {
                    let mut attributes = vec![("href", to)];
                    attributes.extend(language(text).map(|language| ("lang", language)));
                    html.leaf("a", &attributes, text);
                });
            };
            link("#asked", "What was asked");
            for (place, section) in material.board.sections.iter().enumerate() {
                link(&format!("#cell-{}", place + 1), &section.group.words());
            }
            if material.variance.is_some() {
                link("#variance", "What the scores hang on");
            }
            link("#reading", "How to read this");
        });
    });
}

fn body(html: &mut Markup, material: &Material<'_>) {
    let board = material.board;
    let metric = board.asked.metric.as_str();
    let range = metric.parse().map_or((f64::NEG_INFINITY, f64::INFINITY), Metric::range);
    let seeds = Seeds::of(material.trials);
    let series = Series::of(board);
    material.setup.draw(html, &board.asked, material.trials);
    if board.sections.is_empty() {
        html.leaf("h2", &[], "Results");
        html.leaf("p", &[], "No trial is complete yet.");
    }
    for (place, section) in board.sections.iter().enumerate() {
        cell(html, place, section, material, (&seeds, &series), metric, range);
    }
    let mut learning = Markup::default();
    curves::learning(&mut learning, board, &series, range);
    if !learning.is_empty() {
        html.leaf("h2", &[("id", "shots")], "Over shots");
        html.leaf(
            "p",
            &[("class", "note")],
            "The draws of a seed are nested, so that a line is a learning curve; bars are 95 % intervals.",
        );
        html.append(learning);
    }
    if let Some(variance) = material.variance {
        shares::shares(html, variance);
    }
    extras::agreement(html, board);
    extras::transfer(html, &board.transfer);
    extras::failures(html, board);
    reading(html);
}

/// One model, shots and calibration.
fn cell(
    html: &mut Markup,
    place: usize,
    section: &Section,
    material: &Material<'_>,
    (seeds, series): (&Seeds, &Series),
    metric: &str,
    range: (f64, f64),
) {
    let words = section.group.words();
    let id = format!("cell-{}", place + 1);
    let mut attributes = vec![("id", id.as_str())];
    attributes.extend(language(&words).map(|language| ("lang", language)));
    html.leaf("h2", &attributes, &words);
    html.leaf("p", &[], &section.ranked_words());
    ranked::verdict(html, section, metric);
    forest::forest(html, section, seeds, series, metric, range);
    ranked::ranked(html, section);
    curves::budget(html, section, material.gallery, series, metric, range);
    extras::diagnostics(html, section);
    listed::candidates(html, section, material.gallery, metric, range);
}

fn reading(html: &mut Markup) {
    html.leaf("h2", &[("id", "reading")], "How to read this");
    html.element("ul", &[], |html| {
        for line in [
            "Rows are ranked within one model, shots and calibration only. The brackets beside a rank hold the places that the examples do \
             not rule out: rows whose brackets overlap are not told apart.",
            "Test is the mean over seeds on examples that neither search nor selection saw, with its 95 % interval over seeds and \
             examples. Dev is the figure that chose the prompts; the gap, dev minus test, is how much choosing flattered.",
            "Better and worse are resolved at 5 % after Holm's correction for the number of rows. Not resolved says that a rerun could turn it \
             around; it does not say that two rows are equal.",
            "Evaluations count prompts times examples scored within the budget, the same for every method.",
            "At 0 shots no label chooses: the score is the mutual information in nats between unlabelled texts and the labels that a prompt \
             gives them.",
        ] {
            html.leaf("li", &[], line);
        }
    });
}
