//! Lines over an axis: a metric against evaluations, or against shots.

use super::drawing::{circle, label, line};
use super::markup::Markup;
use super::scale::{Scale, px};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 46.0;

/// One line.
pub(super) struct Line {
    /// Its look.
    pub(super) class: String,
    /// `(x, y)` from left to right.
    pub(super) points: Vec<(f64, f64)>,
    /// The interval of each point; none, or one for each.
    pub(super) intervals: Vec<Option<(f64, f64)>>,
}

/// A drawing of lines.
pub(super) struct Lines<'a> {
    pub(super) title: &'a str,
    pub(super) x_label: &'a str,
    pub(super) y_label: &'a str,
    pub(super) lines: Vec<Line>,
    /// The places of the horizontal axis that have a name; without any it is one of numbers.
    pub(super) names: Vec<&'a str>,
    /// Whether a value holds until the next.
    pub(super) in_steps: bool,
    /// What the values can be.
    pub(super) range: (f64, f64),
}

impl Lines<'_> {
    /// Draws it.
    pub(super) fn draw(&self, html: &mut Markup) {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let intervals = self.lines.iter().flat_map(|line| line.intervals.iter().flatten());
        let values = points().map(|(_, y)| *y).chain(intervals.flat_map(|(low, high)| [*low, *high]));
        let y = Scale::over(values, self.range, HEIGHT - BOTTOM, TOP);
        let ends = match self.names.len() {
            0 => vec![0.0],
            n => vec![-0.3, n as f64 - 0.7],
        };
        let bounds = (ends[0], f64::INFINITY);
        let x = Scale::over(points().map(|(x, _)| *x).chain(ends), bounds, LEFT, WIDTH - RIGHT);
        let view = format!("0 0 {} {}", px(WIDTH), px(HEIGHT));
        html.element("svg", &[("class", "chart"), ("viewBox", &view), ("role", "img")], |html| {
            html.leaf("title", &[], self.title);
            for (value, text) in y.ticks(5) {
                line(html, "grid", (LEFT, y.at(value)), (WIDTH - RIGHT, y.at(value)));
                label(html, &[("text-anchor", "end")], (LEFT - 6.0, y.at(value) + 4.0), &text);
            }
            let ticks = match self.names.is_empty() {
                true => x.ticks(6),
                false => self.names.iter().enumerate().map(|(i, name)| (i as f64, (*name).to_owned())).collect(),
            };
            for (value, text) in ticks {
                line(html, "grid", (x.at(value), HEIGHT - BOTTOM), (x.at(value), HEIGHT - BOTTOM + 4.0));
                label(html, &[("text-anchor", "middle")], (x.at(value), HEIGHT - BOTTOM + 18.0), &text);
            }
            let middle = 0.5 * (LEFT + WIDTH - RIGHT);
            label(html, &[("text-anchor", "middle"), ("class", "axis")], (middle, HEIGHT - 8.0), self.x_label);
            let turned = [("text-anchor", "middle"), ("class", "axis"), ("transform", "rotate(-90)")];
            label(html, &turned, (-0.5 * (HEIGHT - BOTTOM + TOP), 14.0), self.y_label);
            for (place, of) in self.lines.iter().enumerate() {
                self.draw_line(html, of, place, &x, &y);
            }
        });
    }

    fn draw_line(&self, html: &mut Markup, of: &Line, place: usize, x: &Scale, y: &Scale) {
        // Intervals at one place stand side by side.
        let aside =
            if self.names.is_empty() { 0.0 } else { 5.0 * (place as f64 - 0.5 * (self.lines.len() as f64 - 1.0)) };
        let aside = aside.clamp(-24.0, 24.0);
        let mut path = String::new();
        for (index, (at, value)) in of.points.iter().enumerate() {
            let (px_x, px_y) = (px(x.at(*at) + aside), px(y.at(*value)));
            path.push_str(&match (index, self.in_steps) {
                (0, _) => format!("M{px_x} {px_y}"),
                (_, true) => format!("H{px_x}V{px_y}"),
                (_, false) => format!("L{px_x} {px_y}"),
            });
        }
        if of.points.len() > 1 {
            html.void("path", &[("class", &format!("line {}", of.class)), ("d", &path)]);
        }
        for ((at, _), interval) in of.points.iter().zip(&of.intervals) {
            if let Some((low, high)) = interval {
                let at = x.at(*at) + aside;
                line(html, &format!("whisker {}", of.class), (at, y.at(*low)), (at, y.at(*high)));
            }
        }
        // Of steps the last only: where the search ended.
        let first = if self.in_steps { of.points.len().saturating_sub(1) } else { 0 };
        for (at, value) in &of.points[first..] {
            circle(html, &format!("dot {}", of.class), (x.at(*at) + aside, y.at(*value)), "3.5");
        }
    }
}
