//! Shapes of SVG.

use super::markup::{Attributes, Markup};
use super::scale::px;

/// A line.
pub(super) fn line(html: &mut Markup, class: &str, from: (f64, f64), to: (f64, f64)) {
    let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(px);
    html.void("line", &[("class", class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)]);
}

/// Text on a drawing.
pub(super) fn label(html: &mut Markup, attributes: Attributes<'_>, at: (f64, f64), text: &str) {
    let (x, y) = (px(at.0), px(at.1));
    let mut all = vec![("x", &*x), ("y", &*y)];
    all.extend(attributes);
    html.leaf("text", &all, text);
}

/// A dot.
pub(super) fn circle(html: &mut Markup, class: &str, at: (f64, f64), radius: &str) {
    let (x, y) = (px(at.0), px(at.1));
    html.void("circle", &[("class", class), ("cx", &x), ("cy", &y), ("r", radius)]);
}
