//! The forest plot of a section: every row's mean with its 95 % interval, its seeds as dots, and what it had on dev.

use super::super::digest::fraction;
use super::super::leaderboard::{RankedOn, Section};
use super::super::row::Row;
use super::drawing::{circle, label, line};
use super::markup::{Markup, shortened};
use super::scale::{Scale, px};
use super::seeds::Seeds;
use super::series::Series;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 70.0;
const LINE: f64 = 26.0;
const TOP: f64 = 36.0;

/// Draws it; nothing where no row has a score.
pub(super) fn forest(
    html: &mut Markup,
    section: &Section,
    seeds: &Seeds,
    series: &Series,
    metric: &str,
    range: (f64, f64),
) {
    let tested = section.ranked_on == RankedOn::Test;
    let mean = |row: &Row| match section.ranked_on {
        RankedOn::Test => row.test_mean,
        RankedOn::Dev => row.dev_mean,
        RankedOn::LabelFree => row.select_score,
    };
    let interval = |row: &Row| match section.ranked_on {
        RankedOn::Test => row.test_low.zip(row.test_high),
        RankedOn::Dev => row.dev_low.zip(row.dev_high),
        RankedOn::LabelFree => None,
    };
    // At 0 shots dev has no labels: what chose is not a metric, and has no place on its axis.
    let on_dev = |row: &Row| row.dev_mean.filter(|_| tested);
    let in_seeds = |row: &Row| -> Vec<f64> {
        let figures = seeds.of_row(row).iter();
        figures.filter_map(|figures| if tested { figures.test } else { figures.dev }).collect()
    };
    let rows: Vec<&Row> = section.rows.iter().filter(|row| mean(row).is_some()).collect();
    if rows.is_empty() {
        return;
    }
    let range = if section.ranked_on == RankedOn::LabelFree { (f64::NEG_INFINITY, f64::INFINITY) } else { range };
    let values = rows.iter().flat_map(|row| {
        let ends = interval(row).map(|(low, high)| [low, high]).into_iter().flatten();
        mean(row).into_iter().chain(ends).chain(on_dev(row)).chain(in_seeds(row))
    });
    let x = Scale::over(values, range, LEFT, WIDTH - RIGHT);
    let bottom = TOP + LINE * rows.len() as f64;
    let height = bottom + 42.0;
    let what = match section.ranked_on {
        RankedOn::Test => format!("{metric} on test"),
        RankedOn::Dev => format!("{metric} on dev, which also chose the prompts"),
        RankedOn::LabelFree => "label-free score".into(),
    };
    let title = format!("{what} of each method, mean over seeds with its 95 % interval");
    let view = format!("0 0 {} {}", px(WIDTH), px(height));
    html.element("svg", &[("class", "chart"), ("viewBox", &view), ("role", "img")], |html| {
        html.leaf("title", &[], &title);
        for (value, text) in x.ticks(6) {
            line(html, "grid", (x.at(value), TOP), (x.at(value), bottom));
            label(html, &[("text-anchor", "middle")], (x.at(value), bottom + 16.0), &text);
        }
        label(
            html,
            &[("text-anchor", "middle"), ("class", "axis")],
            (0.5 * (LEFT + WIDTH - RIGHT), height - 6.0),
            &what,
        );
        let mut last = f64::NEG_INFINITY;
        for reference in ["manual", "random"] {
            let Some(value) = rows.iter().find(|row| row.method == reference).and_then(|row| mean(row)) else {
                continue;
            };
            let at = x.at(value);
            line(html, &format!("reference {}", series.class(reference)), (at, TOP - 6.0), (at, bottom));
            // Two names at one place would cover each other.
            let up = if (at - last).abs() < 56.0 { 14.0 } else { 0.0 };
            label(html, &[("text-anchor", "middle"), ("class", "small")], (at, TOP - 9.0 - up), reference);
            last = at;
        }
        for (place, row) in rows.iter().enumerate() {
            let y = TOP + LINE * (place as f64 + 0.5);
            let class = series.class(&row.method);
            let (name, left_out) = shortened(&row.method, 26);
            let name = if left_out > 0 { format!("{name}…") } else { name };
            label(html, &[("text-anchor", "end"), ("class", "name")], (LEFT - 10.0, y + 4.0), &name);
            if let Some((low, high)) = interval(row) {
                line(html, &format!("whisker {class}"), (x.at(low), y), (x.at(high), y));
            }
            for value in in_seeds(row).into_iter().filter(|_| row.n_seeds > 1) {
                circle(html, &format!("seed {class}"), (x.at(value), y), "3");
            }
            if let Some(dev) = on_dev(row) {
                let d = format!("M{} {}l5 5l-5 5l-5 -5z", px(x.at(dev)), px(y - 5.0));
                html.void("path", &[("class", &format!("dev {class}")), ("d", &d)]);
            }
            if let Some(value) = mean(row) {
                let (left, top) = (px(x.at(value) - 4.5), px(y - 4.5));
                let square = [("x", &*left), ("y", &*top), ("width", "9"), ("height", "9")];
                let class = format!("mean {class}");
                html.void("rect", &[&[("class", &*class)][..], &square].concat());
                label(html, &[("class", "value")], (WIDTH - RIGHT + 12.0, y + 4.0), &fraction(Some(value)));
            }
        }
    });
    let has_dev = rows.iter().any(|row| on_dev(row).is_some());
    let dev = "◇ mean on dev, which chose the prompt: what lies between ◇ and ■ is how much choosing flattered. ";
    let key = match section.ranked_on {
        RankedOn::Test => format!(
            "■ mean on test with its 95 % interval over seeds and examples · ● single seeds{}{}Dashed: manual and random. Overlapping \
             intervals do not say that two rows are equal; the ranks in brackets say what is told apart.",
            if has_dev { " · " } else { ". " },
            if has_dev { dev } else { "" }
        ),
        RankedOn::Dev => "■ mean on dev with the 95 % interval of one dev set · ● single seeds. These examples chose the prompts, so that the \
                          figures flatter and nothing is tested. Dashed: manual and random."
            .into(),
        RankedOn::LabelFree => {
            "■ mean of the label-free score · ● single seeds. No labels say how good these prompts are.".into()
        }
    };
    html.leaf("p", &[("class", "note")], &key);
}
