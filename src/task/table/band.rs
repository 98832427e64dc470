//! Labels made from a column of numbers: `{ rating: { negative: "<= -1", positive: ">= 1" } }`.

use std::fmt;

use super::Rows;
use crate::task::error::TaskError;

/// Which numbers of a column stand for which label; a row whose number stands for none is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelBy {
    /// The column, by our name.
    pub column: String,
    /// The labels in their order, no two bands of which meet.
    pub bands: Vec<(String, Band)>,
}

/// A range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// The least number and whether it is in the range; none where there is no end below.
    pub low: Option<(f64, bool)>,
    /// The same of the largest.
    pub high: Option<(f64, bool)>,
}

impl Band {
    /// Reads `<= -1`, `< 0`, `>= 1`, `> 0`, or two of them with `and` between.
    ///
    /// # Errors
    /// What is wrong with it, and what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fault = || format!("`{text}` is no range of numbers (as in \"<= -1\", \"> 0\", \">= 1 and < 2\")");
        let mut band = Self { low: None, high: None };
        for part in text.split(" and ") {
            let part = part.trim();
            let (sign, number) = ["<=", ">=", "<", ">"]
                .into_iter()
                .find_map(|sign| Some((sign, part.strip_prefix(sign)?)))
                .ok_or_else(fault)?;
            let number: f64 = number.trim().parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(fault)?;
            let end = if sign.starts_with('<') { &mut band.high } else { &mut band.low };
            if end.replace((number, sign.ends_with('='))).is_some() {
                return Err(fault());
            }
        }
        if let (Some((low, with_low)), Some((high, with_high))) = (band.low, band.high)
            && (low > high || (low == high && !(with_low && with_high)))
        {
            return Err(format!("`{text}` holds no number"));
        }
        Ok(band)
    }

    /// Whether a number is in the range.
    pub fn contains(&self, number: f64) -> bool {
        let above = self.low.is_none_or(|(low, with)| number > low || (with && number == low));
        let below = self.high.is_none_or(|(high, with)| number < high || (with && number == high));
        above && below
    }

    /// Whether some number is in both ranges.
    pub fn meets(&self, other: &Self) -> bool {
        let apart = |high: Option<(f64, bool)>, low: Option<(f64, bool)>| match (high, low) {
            (Some((high, with_high)), Some((low, with_low))) => high < low || (high == low && !(with_high && with_low)),
            _ => false,
        };
        !apart(self.high, other.low) && !apart(other.high, self.low)
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |sign: &str, (number, with): (f64, bool)| format!("{sign}{} {number}", if with { "=" } else { "" });
        let parts: Vec<String> =
            self.low.map(|end| part(">", end)).into_iter().chain(self.high.map(|end| part("<", end))).collect();
        f.write_str(&parts.join(" and "))
    }
}

impl Rows {
    /// Labels the rows by a column of numbers and leaves out those that no band has, which may be all; how many those were.
    ///
    /// # Errors
    /// If there is no such column, or a cell holds no number.
    pub fn label_by(&mut self, rule: &LabelBy) -> Result<usize, TaskError> {
        self.require(std::slice::from_ref(&rule.column))?;
        let at = self.columns.iter().position(|column| *column == rule.column).unwrap_or_default();
        let mut labels = Vec::with_capacity(self.fields.len());
        for (row, fields) in self.fields.iter().enumerate() {
            let cell = fields[at].trim();
            let number: f64 = cell.parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(|| TaskError::NoNumber {
                place: self.place(row),
                column: rule.column.clone(),
                found: cell.to_owned(),
            })?;
            labels.push(rule.bands.iter().find(|(_, band)| band.contains(number)).map(|(label, _)| label.clone()));
        }
        let kept: Vec<bool> = labels.iter().map(Option::is_some).collect();
        let left_out = self.keep(&kept);
        self.labels = Some(labels.into_iter().flatten().collect());
        Ok(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_printed_and_compared() {
        for text in ["<= -1", "> 0", ">= 1 and < 2.5"] {
            assert_eq!(Band::parse(text).unwrap().to_string(), text);
        }
        let band = |text| Band::parse(text).unwrap();
        assert!(band("<= -1").contains(-1.0) && !band("< -1").contains(-1.0));
        assert!(
            !band("<= -1").meets(&band(">= 1"))
                && !band("< 0").meets(&band(">= 0"))
                && band("<= 0").meets(&band(">= 0"))
        );
        for text in ["", "1", "<= x", ">= 1 and >= 2", "> 2 and < 1", "= 1", "<= nan"] {
            assert!(Band::parse(text).is_err(), "{text}");
        }
    }
}
