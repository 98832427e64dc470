//! The candidates of a seed by tokens and score, with the Pareto front.

use std::collections::BTreeMap;

use super::drawing::{circle, label, line};
use super::gallery::Shelf;
use super::markup::Markup;
use super::scale::{Scale, px};

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 46.0;

/// Candidates within a square of this many pixels are one dot.
const DOT: f64 = 6.0;

/// Draws them; nothing where fewer than two places differ.
pub(super) fn scatter(html: &mut Markup, shelf: &Shelf, y_label: &str, range: (f64, f64)) {
    if shelf.points.len() < 2 {
        return;
    }
    let score = |steps: i64| steps as f64 / 1e6;
    let x = Scale::over(shelf.points.keys().map(|(n, _)| *n as f64), (0.0, f64::INFINITY), LEFT, WIDTH - RIGHT);
    let y = Scale::over(shelf.points.keys().map(|(_, steps)| score(*steps)), range, HEIGHT - BOTTOM, TOP);
    let mut dots: BTreeMap<(i64, i64), (f64, f64, usize)> = BTreeMap::new();
    for ((n_tokens, steps), n) in &shelf.points {
        let (x, y) = (x.at(*n_tokens as f64), y.at(score(*steps)));
        let place = |at: f64| (at / DOT).round() as i64;
        dots.entry((place(x), place(y))).or_insert((x, y, 0)).2 += n;
    }
    let view = format!("0 0 {} {}", px(WIDTH), px(HEIGHT));
    html.element("svg", &[("class", "chart narrow"), ("viewBox", &view), ("role", "img")], |html| {
        html.leaf("title", &[], "Candidates by tokens of the prompt and score on dev, with the Pareto front");
        for (value, text) in y.ticks(4) {
            line(html, "grid", (LEFT, y.at(value)), (WIDTH - RIGHT, y.at(value)));
            label(html, &[("text-anchor", "end")], (LEFT - 6.0, y.at(value) + 4.0), &text);
        }
        // Tokens are whole.
        for (value, _) in x.ticks(6).into_iter().filter(|(value, _)| value.fract() == 0.0) {
            label(html, &[("text-anchor", "middle")], (x.at(value), HEIGHT - BOTTOM + 18.0), &format!("{value}"));
        }
        label(
            html,
            &[("text-anchor", "middle"), ("class", "axis")],
            (0.5 * (LEFT + WIDTH - RIGHT), HEIGHT - 8.0),
            "tokens of the prompt",
        );
        let turned = [("text-anchor", "middle"), ("class", "axis"), ("transform", "rotate(-90)")];
        label(html, &turned, (-0.5 * (HEIGHT - BOTTOM + TOP), 14.0), y_label);
        for (x, y, n) in dots.values() {
            let radius = px((2.0 + (*n as f64).log10() * 1.2).min(5.0));
            circle(html, "candidate", (*x, *y), &radius);
        }
        for member in shelf.front.members() {
            circle(html, "front", (x.at(member.at.n_tokens as f64), y.at(member.at.score)), "5");
        }
    });
}
