//! The variance of the test scores taken apart, in a table and in words.

use super::super::cell::p_value;
use super::super::variance::{Variance, VarianceRow};
use super::figure::{count, number};
use super::markup::Markup;
use super::scale::px;
use super::table::Table;

/// Seeds below which a share says little.
const FEW_SEEDS: usize = 5;

/// Draws it.
pub(super) fn shares(html: &mut Markup, variance: &Variance) {
    html.leaf("h2", &[("id", "variance")], "What the scores hang on");
    html.leaf("p", &[], &words(variance));
    let mut table = Table::new();
    table
        .column("factor", "", "t", |row: &&VarianceRow, html| html.text(row.factor))
        .column("levels", "how many there are of it", "n", |row, html| count(html, row.levels.map(|n| n as u64)))
        .column("df", "degrees of freedom", "n", |row, html| count(html, Some(row.df as u64)))
        .column("sum of squares", "of type II", "n", |row, html| html.text(&format!("{:.5}", row.sum_squares)))
        .column("share", "of the total", "n", |row, html| number(html, row.share))
        .column("", "", "t", |row, html| {
            if let Some(share) = row.share.filter(|_| row.factor != "total") {
                bar(html, share);
            }
        })
        .column("F", "", "n", |row, html| number(html, row.f))
        .column("p", "of the F test, not corrected", "n", |row, html| {
            html.text(&row.p.map(p_value).unwrap_or_default());
        });
    table.draw(html, &variance.rows.iter().collect::<Vec<_>>());
    html.leaf("p", &[("class", "note")], &limits(variance));
}

fn bar(html: &mut Markup, share: f64) {
    let width = px((share * 120.0).clamp(0.0, 120.0));
    let frame = [("viewBox", "0 0 120 10"), ("width", "120"), ("height", "10"), ("aria-hidden", "true")];
    html.element("svg", &frame, |html| {
        html.void("rect", &[("class", "mean s0"), ("width", &width), ("height", "10")]);
    });
}

/// What the table says.
fn words(variance: &Variance) -> String {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let said: Vec<String> = (variance.rows.iter())
        .filter(|row| row.factor != "total")
        .filter_map(|row| {
            let name = if row.factor == "rest" { "none of them (interactions and chance)" } else { row.factor };
            row.share.map(|share| format!("{} with {name}", percent(share)))
        })
        .collect();
    match said.is_empty() {
        true => format!("All {} test scores are equal: there is no variance to take apart.", variance.n),
        false => format!("What goes with what, of the variance of {} test scores: {}.", variance.n, listing(&said)),
    }
}

fn listing(all: &[String]) -> String {
    match all {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// What it does not say.
fn limits(variance: &Variance) -> String {
    let mut limits = vec![
        "An analysis of variance of main effects over the chosen prompts' test scores, one for each row and seed, with sums of squares of type \
         II: what a factor explains beyond all others."
            .to_owned(),
    ];
    if !variance.adds_up {
        limits.push(
            "Not every combination was run, so the factors overlap and the shares need not add up to 1.".to_owned(),
        );
    }
    if variance.rows.iter().any(|row| row.levels.is_some() && row.df == 0) {
        limits
            .push("A factor without a share always changes together with others and cannot be told from them.".into());
    }
    let of = |factor: &str| variance.rows.iter().find(|row| row.factor == factor);
    match of("seed").and_then(|row| row.levels) {
        Some(n) if n < FEW_SEEDS => limits.push(format!("{n} seeds only: all shares are crude.")),
        None => {
            limits.push("One seed only: what another draw of examples would change is in none of these shares.".into())
        }
        Some(_) => {}
    }
    limits.push(
        "Shares are not corrected for chance: a factor of many levels takes some of the variance without any effect. A method that does \
         not depend on the seed counts once for each seed, and all scores share the test examples, so the p-values are a guide and no \
         proof; the ranked tables say what is told apart."
            .into(),
    );
    limits.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(factor: &'static str, levels: Option<usize>, df: usize, share: Option<f64>) -> VarianceRow {
        VarianceRow { factor, levels, df, sum_squares: share.unwrap_or(0.0), share, f: None, p: None }
    }

    #[test]
    fn the_words_say_the_shares_and_their_limits() {
        let rows = vec![
            row("method", Some(3), 2, Some(0.62)),
            row("seed", Some(2), 1, Some(0.08)),
            row("rest", None, 2, Some(0.3)),
            row("total", None, 5, Some(1.0)),
        ];
        let variance = Variance { rows, n: 6, adds_up: true };
        assert_eq!(
            words(&variance),
            "What goes with what, of the variance of 6 test scores: 62 % with method, 8 % with seed and 30 % with none of them \
             (interactions and chance)."
        );
        assert!(limits(&variance).contains("2 seeds only") && !limits(&variance).contains("overlap"));
        let equal = Variance { rows: vec![row("method", Some(2), 1, None)], n: 4, adds_up: false };
        assert!(words(&equal).starts_with("All 4 test scores are equal"));
        assert!(limits(&equal).contains("One seed only") && limits(&equal).contains("overlap"));
    }
}
