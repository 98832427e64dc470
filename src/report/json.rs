//! The leaderboard as JSON: the columns of `leaderboard.csv`, an unknown as `null`, and the stability of the ranks.

use serde_json::{Map, Value, json};

use super::ReportError;
use super::cell::Cell;
use super::columns::LEADERBOARD;
use super::leaderboard::{Leaderboard, RankedOn, Section};
use super::row::Row;
use super::stability::Agreement;

impl Leaderboard {
    /// `{name, question, metric, rows: [{column: value}], sections: [{model, shots, calibration, ranked_on, stability, top_two}]}`,
    /// with `rows` in the given order.
    pub(super) fn to_json(&self, rows: &[&Row]) -> Result<String, ReportError> {
        let row = |row: &&Row| -> Value {
            LEADERBOARD
                .iter()
                .map(|column| (column.name.to_owned(), (column.cell)(row).json()))
                .collect::<Map<_, _>>()
                .into()
        };
        let whole = json!({
            "name": self.asked.name,
            "question": self.asked.question,
            "metric": self.asked.metric,
            "rows": rows.iter().map(row).collect::<Vec<_>>(),
            "sections": self.sections.iter().map(section).collect::<Vec<_>>(),
        });
        Ok(serde_json::to_string_pretty(&whole).map_err(ReportError::print)? + "\n")
    }
}

fn section(section: &Section) -> Value {
    json!({
        "model": section.group.model,
        "shots": section.group.shots,
        "calibration": section.group.calibration,
        "ranked_on": match section.ranked_on {
            RankedOn::Test => "test",
            RankedOn::Dev => "dev",
            RankedOn::LabelFree => "label_free",
        },
        "stability": {
            "methods": agreement(section.stability.methods.as_ref()),
            "candidates": agreement(section.stability.candidates.as_ref()),
        },
        "top_two": section.top_two.map(|top_two| json!({
            "only_first": top_two.only_first,
            "only_second": top_two.only_second,
            "dev_examples_at_80_percent_power": top_two.examples,
        })),
    })
}

fn agreement(agreement: Option<&Agreement>) -> Value {
    agreement.map_or(Value::Null, |agreement| {
        json!({
            "kendall_tau": Cell::Number(agreement.tau).json(),
            "lowest": Cell::Number(agreement.lowest).json(),
            "n_pairs": agreement.n_pairs,
            "n_items": agreement.n_items,
        })
    })
}
