//! How the methods of an experiment look on its drawings: one colour and dash each, the same everywhere.

use std::collections::BTreeMap;

use super::super::leaderboard::Leaderboard;
use super::markup::Markup;

/// Colours; page.css has as many.
const COLOURS: usize = 8;

/// Dashes, for experiments of more methods than colours.
const DASHES: usize = 3;

/// The look of every method.
#[derive(Debug)]
pub(super) struct Series {
    classes: BTreeMap<String, String>,
}

impl Series {
    /// Of the items of an experiment, in their order.
    pub(super) fn of(board: &Leaderboard) -> Self {
        let mut items: Vec<(usize, &str)> = board.rows().map(|row| (row.item, row.method.as_str())).collect();
        items.sort_unstable();
        items.dedup();
        let class = |(place, (_, method)): (usize, &(usize, &str))| {
            ((*method).to_owned(), format!("s{} d{}", place % COLOURS, place / COLOURS % DASHES))
        };
        Self { classes: items.iter().enumerate().map(class).collect() }
    }

    /// The classes of a method.
    pub(super) fn class(&self, method: &str) -> &str {
        self.classes.get(method).map_or("s0 d0", String::as_str)
    }

    /// What stands for which method.
    pub(super) fn legend<'m>(&self, html: &mut Markup, methods: impl Iterator<Item = &'m str>) {
        html.element("ul", &[("class", "legend")], |html| {
            for method in methods {
                html.element("li", &[], |html| {
                    let swatch = [("class", "swatch"), ("viewBox", "0 0 26 10"), ("aria-hidden", "true")];
                    html.element("svg", &swatch, |html| {
                        let class = format!("line {}", self.class(method));
                        html.void("path", &[("class", &class), ("d", "M1 5H25")]);
                    });
                    html.data("span", "", method);
                });
            }
        });
    }
}
