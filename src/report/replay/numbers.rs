//! What a comparison of two records counts.

use std::collections::BTreeMap;

/// The first value of a trial that is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstDifference {
    /// The event or file that holds it: `scored`, `predictions.parquet`.
    pub part: String,
    /// The candidate, where it is one's.
    pub candidate: Option<u64>,
    /// Its place in there: `dev.margins[3]`.
    pub field: String,
    /// What the record has.
    pub recorded: String,
    /// What the replay has.
    pub replayed: String,
}

/// The numbers of one field over all trials.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FieldFigures {
    /// Numbers compared.
    pub n: u64,
    /// Those that are not the same.
    pub n_differ: u64,
    /// The largest absolute difference.
    pub largest: f64,
}

/// Where a value stands, as comparisons go through a record.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub(super) part: &'a str,
    pub(super) candidate: Option<u64>,
}

/// Counts, and keeps the first difference.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) tolerance: f64,
    /// By part and field, places in lists left out: `scored dev.margins`.
    pub(super) fields: BTreeMap<String, FieldFigures>,
    pub(super) first: Option<FirstDifference>,
}

impl Tally {
    pub(super) fn new(tolerance: f64) -> Self {
        Self { tolerance, ..Self::default() }
    }

    /// Counts two numbers; `written` is how they are shown.
    pub(super) fn number(
        &mut self,
        place: &Place<'_>,
        path: &str,
        numbers: [f64; 2],
        written: impl Fn() -> [String; 2],
    ) {
        let [recorded, replayed] = numbers;
        let both_none = recorded.is_nan() && replayed.is_nan();
        let gap = (recorded - replayed).abs();
        let same = recorded == replayed || both_none || gap <= self.tolerance * recorded.abs().max(1.0);
        let figures = self.fields.entry(format!("{} {}", place.part, without_places(path))).or_default();
        figures.n += 1;
        if !both_none {
            figures.largest = figures.largest.max(gap);
        }
        if !same {
            figures.n_differ += 1;
            self.differs(place, path, written);
        }
    }

    /// Notes that something is not the same.
    pub(super) fn differs(&mut self, place: &Place<'_>, path: &str, written: impl Fn() -> [String; 2]) {
        if self.first.is_some() {
            return;
        }
        let [recorded, replayed] = written();
        self.first = Some(FirstDifference {
            part: place.part.into(),
            candidate: place.candidate,
            field: path.into(),
            recorded,
            replayed,
        });
    }
}

/// A path without the places in lists: `dev.margins[3]` is `dev.margins`.
fn without_places(path: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' if inside => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(tolerance: f64, numbers: &[[f64; 2]]) -> Tally {
        let mut tally = Tally::new(tolerance);
        let place = Place { part: "tested", candidate: None };
        for (index, [a, b]) in numbers.iter().enumerate() {
            tally.number(&place, &format!("test.margins[{index}]"), [*a, *b], || [a.to_string(), b.to_string()]);
        }
        tally
    }

    #[test]
    fn the_first_difference_is_named_and_the_largest_kept() {
        let found = tally(0.0, &[[1.0, 1.0], [2.0, 2.5], [3.0, 1.0], [f64::NAN, f64::NAN]]);
        let first = found.first.unwrap();
        assert_eq!(
            (first.field.as_str(), first.recorded.as_str(), first.replayed.as_str()),
            ("test.margins[1]", "2", "2.5")
        );
        assert_eq!(found.fields["tested test.margins"], FieldFigures { n: 4, n_differ: 2, largest: 2.0 });
    }

    #[test]
    fn the_last_bit_is_a_difference_and_a_tolerance_takes_it() {
        let next = f64::from_bits(1.0_f64.to_bits() + 1);
        assert!(tally(0.0, &[[1.0, next]]).first.is_some());
        assert!(tally(1e-9, &[[1.0, next], [1e6, 1e6 + 1e-4]]).first.is_none());
        assert!(tally(1e-9, &[[0.1, 0.1 + 1e-8]]).first.is_some());
        assert!(
            tally(1e-9, &[[f64::NAN, 1.0]]).first.is_some(),
            "a number in the place of none is no small difference"
        );
    }
}
