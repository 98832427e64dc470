//! Budget curves and learning curves.

use super::super::leaderboard::{Leaderboard, RankedOn, Section};
use super::super::row::Row;
use super::best::mean_curve;
use super::gallery::Gallery;
use super::lines::{Line, Lines};
use super::markup::Markup;
use super::series::Series;

const ANY: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// The best on dev so far against the evaluations spent; nothing where no curve has two points.
pub(super) fn budget(
    html: &mut Markup,
    section: &Section,
    gallery: &Gallery,
    series: &Series,
    metric: &str,
    range: (f64, f64),
) {
    let curve = |row: &Row| {
        let points = mean_curve(&gallery.curves(&section.group, &row.method));
        (!points.is_empty()).then(|| (row.method.clone(), points))
    };
    let curves: Vec<(String, Vec<(f64, f64)>)> = section.rows.iter().filter_map(curve).collect();
    if curves.iter().all(|(_, points)| points.len() < 2) {
        return;
    }
    let has_dev = section.rows.iter().any(|row| row.dev_mean.is_some());
    let (y_label, range) = match has_dev {
        true => (format!("best {metric} on dev so far"), range),
        false => ("best label-free score so far".into(), ANY),
    };
    html.leaf("h3", &[], "What the budget bought");
    let lines = curves.iter().map(|(method, points)| Line {
        class: series.class(method).to_owned(),
        points: points.clone(),
        intervals: Vec::new(),
    });
    Lines {
        title: "The best score on dev so far against the evaluations spent, mean over seeds",
        x_label: "evaluations of one seed",
        y_label: &y_label,
        lines: lines.collect(),
        names: Vec::new(),
        in_steps: true,
        range,
    }
    .draw(html);
    series.legend(html, curves.iter().map(|(method, _)| method.as_str()));
    html.leaf(
        "p",
        &[("class", "note")],
        "Mean over seeds, from where every seed has a candidate that was scored to the end. A best of many rises by chance alone: compare \
         with random, and with the gap between dev and test.",
    );
}

/// The metric on test over shots, for every model and calibration that have several.
pub(super) fn learning(html: &mut Markup, board: &Leaderboard, series: &Series, range: (f64, f64)) {
    let mut drawn: Vec<(&str, &str)> = Vec::new();
    for section in &board.sections {
        let key = (section.group.model.as_str(), section.group.calibration.as_str());
        if drawn.contains(&key) {
            continue;
        }
        drawn.push(key);
        // Sections are ordered by shots already.
        let alike: Vec<&Section> = (board.sections.iter())
            .filter(|other| (other.group.model.as_str(), other.group.calibration.as_str()) == key)
            .filter(|other| other.ranked_on == RankedOn::Test)
            .collect();
        if alike.len() < 2 {
            continue;
        }
        let mut lines: Vec<(&str, Line)> = Vec::new();
        for (place, section) in alike.iter().enumerate() {
            for row in &section.rows {
                let Some(mean) = row.test_mean else { continue };
                let (x, interval) = (place as f64, row.test_low.zip(row.test_high));
                match lines.iter_mut().find(|(method, _)| *method == row.method) {
                    Some((_, line)) => {
                        line.points.push((x, mean));
                        line.intervals.push(interval);
                    }
                    None => {
                        let class = series.class(&row.method).to_owned();
                        lines.push((&row.method, Line { class, points: vec![(x, mean)], intervals: vec![interval] }));
                    }
                }
            }
        }
        if lines.is_empty() {
            continue;
        }
        let calibration = if key.1 == "none" { String::new() } else { format!(", calibration {}", key.1) };
        html.data("h3", "", &format!("{}{calibration}", key.0));
        let y_label = format!("{} on test", board.asked.metric);
        let (methods, lines): (Vec<&str>, Vec<Line>) = lines.into_iter().unzip();
        Lines {
            title: "The metric on test over the number of shots",
            x_label: "shots",
            y_label: &y_label,
            lines,
            names: alike.iter().map(|section| section.group.shots.as_str()).collect(),
            in_steps: false,
            range,
        }
        .draw(html);
        series.legend(html, methods.into_iter());
    }
}
