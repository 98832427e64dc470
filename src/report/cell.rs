//! One value of a table, and the fixed rules by which it is printed.
//!
//! # Decisions
//!
//! - 2026-11: numbers are rounded to six decimals, trailing zeros dropped; p-values have three significant digits; seconds two
//!   decimals. Six decimals tell 1/1,000,000 apart, finer than any test set here, and hide the last bits in which two
//!   processors may differ. An unknown, NaN and infinity included, is an empty cell, never 0.

use std::cmp::Ordering;

use serde_json::Value;

/// One value of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// Not known, or without meaning here.
    Unknown,
    /// Words.
    Text(String),
    /// A count.
    Count(u64),
    /// A metric, a margin, a score.
    Number(f64),
    /// A p-value.
    P(f64),
    /// Wall-clock seconds.
    Seconds(f64),
}

impl Cell {
    /// Words, or unknown where there are none.
    pub(super) fn words(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Unknown } else { Self::Text(text) }
    }

    /// A count that may be unknown.
    pub(super) fn count(count: Option<usize>) -> Self {
        count.map_or(Self::Unknown, |count| Self::Count(count as u64))
    }

    /// A number that may be unknown.
    pub(super) fn number(value: Option<f64>) -> Self {
        value.filter(|value| value.is_finite()).map_or(Self::Unknown, Self::Number)
    }

    /// A p-value that may be unknown.
    pub(super) fn p(value: Option<f64>) -> Self {
        value.filter(|value| value.is_finite()).map_or(Self::Unknown, Self::P)
    }

    /// The value as it is printed; empty if unknown.
    pub(super) fn print(&self) -> String {
        match self {
            Self::Unknown => String::new(),
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Number(value) => decimal(*value, 6),
            Self::P(value) => p_value(*value),
            Self::Seconds(value) => decimal(*value, 2),
        }
    }

    /// The value in JSON, rounded as it is printed; `null` if unknown.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Unknown => Value::Null,
            Self::Text(text) => Value::from(text.as_str()),
            Self::Count(count) => Value::from(*count),
            Self::Number(_) | Self::P(_) | Self::Seconds(_) => {
                serde_json::from_str(&self.print()).unwrap_or(Value::Null)
            }
        }
    }

    /// Whether it stands flush right in a column.
    pub(super) fn is_numeric(&self) -> bool {
        !matches!(self, Self::Unknown | Self::Text(_))
    }

    /// The order of two values of one column; the unknown is last either way.
    pub(super) fn order(&self, other: &Self, descending: bool) -> Ordering {
        let turn = |order: Ordering| if descending { order.reverse() } else { order };
        match (self, other) {
            (Self::Unknown, Self::Unknown) => Ordering::Equal,
            (Self::Unknown, _) => Ordering::Greater,
            (_, Self::Unknown) => Ordering::Less,
            (Self::Text(a), Self::Text(b)) => turn(a.cmp(b)),
            _ => turn(self.value().total_cmp(&other.value())),
        }
    }

    fn value(&self) -> f64 {
        match self {
            Self::Unknown | Self::Text(_) => f64::NAN,
            Self::Count(count) => *count as f64,
            Self::Number(value) | Self::P(value) | Self::Seconds(value) => *value,
        }
    }
}

/// `value` with at most `digits` decimals and no trailing zeros; empty if it is not finite.
pub(super) fn decimal(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return String::new();
    }
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

/// A p-value with three significant digits: `0.0123`, `4.56e-7`; empty if it is not finite.
pub(super) fn p_value(p: f64) -> String {
    if !p.is_finite() {
        return String::new();
    }
    if p <= 0.0 {
        return "0".into();
    }
    if p < 1e-4 {
        return format!("{p:.2e}");
    }
    let before_first_digit = (-p.log10().floor()).max(0.0) as usize;
    decimal(p, 2 + before_first_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_by_fixed_rules() {
        for (value, printed) in [
            (0.84375, "0.84375"),
            (5.0 / 6.0, "0.833333"),
            (1.0, "1"),
            (-1e-9, "0"),
            (-0.25, "-0.25"),
            (100.0, "100"),
            (f64::NAN, ""),
        ] {
            assert_eq!(decimal(value, 6), printed);
        }
        assert_eq!(decimal(120.0, 0), "120");
    }

    #[test]
    fn p_values_have_three_significant_digits() {
        for (p, printed) in
            [(1.0, "1"), (0.5, "0.5"), (0.012345, "0.0123"), (0.09996, "0.1"), (4.564e-7, "4.56e-7"), (0.0, "0")]
        {
            assert_eq!(p_value(p), printed);
        }
    }

    #[test]
    fn json_numbers_are_the_printed_ones() {
        assert_eq!(Cell::Number(1.0 / 3.0).json().to_string(), "0.333333");
        assert_eq!(Cell::P(4.564e-7).json().as_f64(), Some(4.56e-7));
        assert_eq!(Cell::number(Some(f64::NAN)).json(), Value::Null);
    }

    #[test]
    fn unknown_values_stand_last_in_either_direction() {
        let (low, high) = (Cell::Number(0.1), Cell::Number(0.2));
        assert_eq!(low.order(&high, false), Ordering::Less);
        assert_eq!(low.order(&high, true), Ordering::Greater);
        assert_eq!(low.order(&Cell::Unknown, true), Ordering::Less);
        assert_eq!(low.order(&Cell::Unknown, false), Ordering::Less);
    }
}
