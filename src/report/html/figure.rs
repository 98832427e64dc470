//! Numbers on the page: short for reading, as the tables have them for programs.

use super::super::cell::{Cell, p_value};
use super::super::digest::{Verdict, fraction, signed};
use super::markup::Markup;

/// A number with three decimals; with those of the CSV as the element's value. Nothing where it is unknown.
pub(super) fn number(html: &mut Markup, value: Option<f64>) {
    exact(html, value, &fraction(value));
}

/// A difference with its sign.
pub(super) fn difference(html: &mut Markup, value: Option<f64>) {
    exact(html, value, &signed(value));
}

/// `0.843 [0.801, 0.885]`.
pub(super) fn with_interval(html: &mut Markup, value: Option<f64>, ends: Option<(f64, f64)>) {
    number(html, value);
    if let Some((low, high)) = ends.filter(|_| value.is_some_and(f64::is_finite)) {
        html.text(" [");
        number(html, Some(low));
        html.text(", ");
        number(html, Some(high));
        html.text("]");
    }
}

/// `+0.031 better (p 0.012)`; nothing for the reference itself.
pub(super) fn versus(html: &mut Markup, value: Option<f64>, p: Option<f64>) {
    difference(html, value);
    let Some((difference, p)) = value.zip(p) else { return };
    let verdict = Verdict::of(difference, p);
    let class = match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::NotResolved => "words",
    };
    html.text(" ");
    html.leaf("span", &[("class", class)], verdict.words());
    html.text(" ");
    html.element("span", &[("class", "nobreak")], |html| {
        html.text("(p ");
        html.leaf("data", &[("value", &Cell::P(p).print())], &p_value(p));
        html.text(")");
    });
}

/// A count, thousands apart for reading.
pub(super) fn count(html: &mut Markup, value: Option<u64>) {
    let Some(value) = value else { return };
    let digits = value.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    html.leaf("data", &[("value", &digits)], &grouped);
}

fn exact(html: &mut Markup, value: Option<f64>, shown: &str) {
    let cell = Cell::number(value);
    if cell != Cell::Unknown {
        html.leaf("data", &[("value", &cell.print())], shown);
    }
}

/// `1 [1-3]`; a dash for what could not be ranked.
pub(super) fn rank(html: &mut Markup, rank: Option<usize>, ends: Option<(usize, usize)>) {
    html.text(&match (rank, ends) {
        (Some(rank), Some((low, high))) => format!("{rank} [{low}-{high}]"),
        (Some(rank), None) => rank.to_string(),
        (None, _) => "-".into(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_for_people_and_exact_for_programs() {
        let mut html = Markup::default();
        with_interval(&mut html, Some(0.843_333_3), Some((0.8, 0.9)));
        count(&mut html, Some(1_234_567));
        number(&mut html, None);
        assert_eq!(
            html.finish(),
            "<data value=\"0.843333\">0.843</data> [<data value=\"0.8\">0.800</data>, <data value=\"0.9\">0.900</data>]\
             <data value=\"1234567\">1\u{202f}234\u{202f}567</data>"
        );
    }
}
