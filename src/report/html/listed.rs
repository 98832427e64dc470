//! The best candidates of a section, seed by seed, with the Pareto front.

use super::super::candidates::CandidateRow;
use super::super::leaderboard::Section;
use super::figure::{count, number, rank, with_interval};
use super::gallery::{Gallery, Shelf};
use super::markup::Markup;
use super::ranked::{flags, prompt};
use super::scatter::scatter;
use super::table::Table;

/// A candidate that is shown, and whether it stands on the front.
type Shown<'a> = (&'a CandidateRow, bool);

/// Draws them; nothing where there is no candidate.
pub(super) fn candidates(html: &mut Markup, section: &Section, gallery: &Gallery, metric: &str, range: (f64, f64)) {
    let most = gallery.share(&section.group);
    for (place, (seed, shelf)) in gallery.of(&section.group).enumerate() {
        if place == 0 {
            let (by, how) = match section.rows.iter().any(|row| row.dev_mean.is_some()) {
                true => ("Candidates on dev", "on the dev set that also chose among them"),
                false => ("Candidates", "by the label-free score that also chose among them"),
            };
            html.leaf("h3", &[], by);
            let words = format!(
                "Every prompt that was scored, of all methods, ranked within a seed {how}. The figures of the best flatter: they are the best of \
                 many. \u{25c6} marks the Pareto front: no other candidate is at least as good and as short and better in one of both."
            );
            html.leaf("p", &[("class", "note")], &words);
        }
        let open = [("open", "")];
        html.element("details", if place == 0 { &open } else { &[] }, |html| {
            let left_out = shelf.n.saturating_sub(most);
            let more =
                if left_out > 0 { format!(", the best {most} shown, all in candidates.csv") } else { String::new() };
            let dropped = match shelf.n_dropped {
                0 => String::new(),
                n => format!(", {n} dropped by racing before the last example"),
            };
            html.leaf("summary", &[], &format!("Seed {seed}: {} candidates{dropped}{more}", shelf.n));
            of_seed(html, shelf, most, metric, range);
        });
    }
}

fn of_seed(html: &mut Markup, shelf: &Shelf, most: usize, metric: &str, range: (f64, f64)) {
    let shown = shelf.shown(most);
    let is_label_free = shown.iter().all(|(row, _)| row.dev_metric.is_none());
    let any = (f64::NEG_INFINITY, f64::INFINITY);
    let (y_label, range) = if is_label_free { ("label-free score", any) } else { (metric, range) };
    scatter(html, shelf, &format!("{y_label} on dev").replace("score on dev", "score"), range);
    let members = shelf.front.members();
    if shelf.points.len() > 1 {
        let size: usize = members.iter().map(|member| member.n).sum();
        let by = if shelf.front.has_perplexity() { "score, tokens and perplexity" } else { "score and tokens" };
        let points = if members.len() == 1 { "1 point".into() } else { format!("{} points", members.len()) };
        let who = if size == 1 { "1 candidate".into() } else { format!("{size} candidates") };
        let unknown = match shelf.front.has_perplexity() {
            true => "",
            false => " Perplexity is not known of every candidate and takes no part.",
        };
        let words = format!(
            "Pareto front by {by}: {points}, {who}. Circled on the drawing, where a larger dot is more candidates.{unknown}"
        );
        html.leaf("p", &[("class", "note")], &words);
    }
    let mut table = Table::new();
    table
        .column("rank", "", "t", |(row, _): &Shown<'_>, html| {
            rank(html, Some(row.rank), row.rank_low.zip(row.rank_high));
        })
        .column("front", "on the Pareto front", "t", |(_, on_front), html| {
            html.text(if *on_front { "◆" } else { "" })
        })
        .column("chosen", "chosen by its trial", "t", |(row, _), html| {
            html.text(if row.chosen { "chosen" } else { "" })
        })
        .column("method", "", "t", |(row, _), html| html.data("span", "", &row.method))
        .column("dev", "with its 95 % interval", "t", |(row, _), html| {
            with_interval(html, row.dev_metric, row.dev_low.zip(row.dev_high));
        })
        .column("score", "the label-free score", "n", |(row, _), html| {
            number(html, row.label_free.filter(|_| row.dev_metric.is_none()));
        })
        .column("margin", "mean margin of the right label in nats", "n", |(row, _), html| number(html, row.dev_margin))
        .column("tokens", "of the template itself, virtual ones among them", "n", |(row, _), html| {
            count(html, Some(row.n_tokens as u64));
        })
        .column("perplexity", "of the prompt's own tokens", "n", |(row, _), html| number(html, row.perplexity))
        .column("dropped at", "dev examples after which racing dropped it", "n", |(row, _), html| {
            count(html, row.dropped_at.map(|n| n as u64));
        })
        .column("at evaluation", "what its trial had spent", "n", |(row, _), html| count(html, Some(row.evaluations)))
        .column("flags", "", "", |(row, _), html| flags(html, &row.flags))
        .column("prompt", "", "prompt", |(row, _), html| prompt(html, &row.prompt));
    let same =
        shown.first().map(|(row, _)| &row.verbalizer).filter(|of| shown.iter().all(|(row, _)| row.verbalizer == **of));
    match same {
        Some(words) => html.element("p", &[("class", "note")], |html| {
            html.text("Label words of all of them: ");
            prompt(html, words);
        }),
        None => {
            table.column("label words", "", "prompt", |(row, _), html| prompt(html, &row.verbalizer));
        }
    }
    table.draw(html, &shown);
}
