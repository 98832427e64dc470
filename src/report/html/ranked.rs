//! The ranked table of a section, and its verdict in words.

use std::path::Path;

use super::super::columns::column;
use super::super::leaderboard::{RankedOn, Section};
use super::super::row::Row;
use super::figure::{count, difference, number, rank, versus, with_interval};
use super::markup::{Markup, shortened};
use super::table::Table;

/// Characters of a prompt that a table shows.
const PROMPT: usize = 1_200;

/// The verdict: the closing lines of the run, as they are.
pub(super) fn verdict(html: &mut Markup, section: &Section, metric: &str) {
    let mut lines = String::new();
    match section.rows.first().filter(|row| row.rank.is_some()) {
        // Paths are told from the results folder on, so that the page is the same wherever the folder stands.
        Some(best) => section.closing_lines(&mut lines, best, metric, Path::new("")),
        None => lines.push_str("no trial is complete\n"),
    }
    html.element("div", &[("class", "verdict")], |html| {
        let lines: Vec<&str> = lines.lines().map(str::trim).collect();
        let [of, said @ ..] = &lines[..] else { return };
        html.leaf("h3", &[], "Verdict");
        let of = of.strip_prefix(&*section.group.words()).unwrap_or(of).trim_start_matches([' ', ':']);
        html.data("p", "", of.strip_prefix('(').and_then(|of| of.strip_suffix(')')).unwrap_or(of));
        html.element("ul", &[], |html| {
            for line in said {
                html.element("li", &[], |html| match line.split_once(": ") {
                    Some((name @ ("prompt" | "label words"), text)) => {
                        html.text(&format!("{name}: "));
                        prompt(html, text);
                    }
                    Some(("use it", command)) => {
                        html.text("use it, from the results folder: ");
                        html.data("code", "", command);
                    }
                    _ => html.data("span", "", line),
                });
            }
        });
    });
}

/// The table.
pub(super) fn ranked(html: &mut Markup, section: &Section) {
    let rows: Vec<&Row> = section.rows.iter().collect();
    let tested = section.ranked_on == RankedOn::Test;
    let mut table = Table::new();
    table
        .column(
            "rank",
            "the place, and in brackets the places that the examples do not rule out",
            "t",
            |row: &&Row, html| {
                rank(html, row.rank, row.rank_low.zip(row.rank_high));
            },
        )
        .column("method", "", "t", |row, html| html.data("span", "", &row.method));
    if tested {
        table
            .column("test", "mean over seeds with its 95 % interval over seeds and examples", "t", |row, html| {
                with_interval(html, row.test_mean, row.test_low.zip(row.test_high));
            })
            .column("sd", "standard deviation between seeds", "n", |row, html| number(html, row.test_std));
    }
    table
        .column(
            "dev",
            "the figure that chose the prompts; the interval is what one dev set can say",
            "t",
            |row, html| {
                with_interval(html, row.dev_mean, row.dev_low.zip(row.dev_high));
            },
        )
        .column("score", "what chose the prompts where it is not the metric", "n", |row, html| {
            number(html, row.select_score.filter(|_| row.dev_mean.is_none()));
        });
    if tested {
        table
            .column("gap", "dev minus test: how much choosing flattered", "n", |row, html| {
                difference(html, row.optimism_gap);
            })
            .column("vs manual", "difference on test; p after Holm's correction", "v", |row, html| {
                versus(html, row.vs_manual, row.vs_manual_p);
            })
            .column("vs random", "difference on test; p after Holm's correction", "v", |row, html| {
                versus(html, row.vs_random, row.vs_random_p);
            });
    }
    let told = column("verdict").ok();
    table
        .column("told apart", "which rows the test examples tell from this one", "v", move |row, html| {
            html.text(&told.map(|column| (column.cell)(row).print()).unwrap_or_default());
        })
        .column("evaluations", "prompts times examples scored within the budget, all seeds", "n", |row, html| {
            count(html, row.evaluations);
        })
        .column("flags", "", "", |row, html| flags(html, &row.flags));
    table.draw(html, &rows);
    let chosen: Vec<&Row> = rows.into_iter().filter(|row| row.prompt.is_some()).collect();
    let mut table = Table::new();
    table
        .column("method", "", "t", |row: &&Row, html| html.data("span", "", &row.method))
        .column("prompt", "of the seed with the best dev figure", "prompt", |row, html| {
            prompt(html, row.prompt.as_deref().unwrap_or_default());
        })
        .column("label words", "", "prompt", |row, html| prompt(html, row.verbalizer.as_deref().unwrap_or_default()))
        .column("seeds", "", "n", |row, html| count(html, Some(row.n_seeds as u64)));
    table.draw(html, &chosen);
}

/// A prompt or its label words; nothing where there is none.
pub(super) fn prompt(html: &mut Markup, text: &str) {
    if text.is_empty() {
        return;
    }
    let (shown, left_out) = shortened(text, PROMPT);
    html.data("code", "", &shown);
    if left_out > 0 {
        html.leaf("span", &[("class", "words")], &format!(" … {left_out} more characters"));
    }
}

/// Flags, each with what it means.
pub(super) fn flags(html: &mut Markup, flags: &[String]) {
    for flag in flags {
        let meaning = match flag.as_str() {
            "failed" => "a trial failed",
            "nan" => "a number was not finite",
            "budget_cut" => "the budget ended inside a step, which was not begun",
            "dev_only" => "there is no labelled test split",
            "one_seed" => "nothing varies between seeds, so the interval is over examples only",
            "majority_class" => "nearly all predictions on dev are one label",
            "label_leak" => "the prompt holds a label word or five words of a dev text in a row",
            "retokenises" => "written out and read again, the prompt has other tokens",
            "zero_gradient" => "the gradient was zero",
            "not_above_control" => "it does not beat the same search where there is nothing to find",
            _ => "",
        };
        let class = if matches!(flag.as_str(), "failed" | "nan") { "flag failed" } else { "flag" };
        html.leaf("span", &[("class", class), ("title", meaning)], flag);
    }
}
