//! From nodes to values: every fault with its place and key path; faults of value are gathered, others end the reading.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::error::{SpecError, ValueFault};
use super::node::{Node, Place, Value, shortened};
use super::overrides::shown;
use crate::prompt::Notation;

/// Names places and gathers faults of value.
pub(super) struct Reader<'a> {
    /// The file as it was named.
    origin: &'a str,
    overrides: &'a [(String, String)],
    faults: Vec<(Place, ValueFault)>,
    /// The notation of templates, which the kind of task decides.
    pub notation: Notation,
}

/// A node and the way to it.
#[derive(Debug, Clone)]
pub(super) struct At<'n> {
    pub node: &'n Node,
    pub path: String,
}

/// A mapping whose keys are all known.
pub(super) struct Fields<'n> {
    at: At<'n>,
}

impl<'n> Fields<'n> {
    /// The value of `key`; `None` where it is absent or nothing.
    pub fn get(&self, key: &str) -> Option<At<'n>> {
        let Value::Map(entries) = &self.at.node.value else { return None };
        let entry = entries.iter().find(|entry| entry.key == key)?;
        (!entry.node.is_nothing()).then(|| At { node: &entry.node, path: joined(&self.at.path, key) })
    }

    /// The mapping itself.
    pub fn at(&self) -> &At<'n> {
        &self.at
    }
}

impl<'n> At<'n> {
    /// The items of a list, or the one value where it is none.
    pub fn items(&self) -> Vec<At<'n>> {
        match &self.node.value {
            Value::List(items) => {
                let item = |(index, node)| At { node, path: format!("{}[{index}]", self.path) };
                items.iter().enumerate().map(item).collect()
            }
            _ => vec![self.clone()],
        }
    }

    /// The entries of a mapping as written; `None` where it is none.
    pub fn entries(&self) -> Option<Vec<(String, At<'n>)>> {
        let Value::Map(entries) = &self.node.value else { return None };
        let entry = |entry: &'n super::node::Entry| {
            (entry.key.clone(), At { node: &entry.node, path: joined(&self.path, &entry.key) })
        };
        Some(entries.iter().map(entry).collect())
    }

    pub fn is_scalar(&self) -> bool {
        matches!(self.node.value, Value::Scalar { .. })
    }
}

fn joined(path: &str, key: &str) -> String {
    let key = shortened(key);
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

impl<'a> Reader<'a> {
    /// A reader that names `origin` and `overrides` in its faults.
    pub fn new(origin: &'a str, overrides: &'a [(String, String)]) -> Self {
        Self { origin, overrides, faults: Vec::new(), notation: Notation::Texts }
    }

    /// `value` if there was no fault, else all faults in the order of their places.
    pub fn finish<T>(mut self, value: T) -> Result<T, SpecError> {
        if self.faults.is_empty() {
            return Ok(value);
        }
        self.faults.sort_by_key(|(place, _)| *place);
        Err(SpecError::Values(self.faults.into_iter().map(|(_, fault)| fault).collect()))
    }

    /// The number of faults of value so far, by which a caller tells whether what it read is sound.
    pub fn n_faults(&self) -> usize {
        self.faults.len()
    }

    /// `file:line:column`, or the override.
    pub fn place(&self, place: Place) -> String {
        match place {
            Place::File { line, column } => format!("{}:{line}:{column}", self.origin),
            Place::Override(number) => {
                format!("--set {}", self.overrides.get(number).map(shown).unwrap_or_default())
            }
        }
    }

    /// A fault that ends the reading.
    pub fn shape(&self, at: &At, what: impl Display) -> SpecError {
        let path = if at.path.is_empty() { String::new() } else { format!("{}: ", at.path) };
        SpecError::Shape { at: self.place(at.node.place), what: format!("{path}{what}") }
    }

    /// A fault that is told together with the others.
    pub fn value(&mut self, at: &At, what: impl Display) {
        let fault = ValueFault { at: self.place(at.node.place), path: at.path.clone(), what: what.to_string() };
        self.faults.push((at.node.place, fault));
    }

    /// The mapping at `at`, all of whose keys are among `known`.
    pub fn fields<'n>(&self, at: At<'n>, known: &[&str]) -> Result<Fields<'n>, SpecError> {
        let Value::Map(entries) = &at.node.value else {
            return Err(
                self.shape(&at, format!("a mapping is expected ({}), found {}", known.join(", "), at.node.kind()))
            );
        };
        if let Some(entry) = entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
            let what = unknown("key", &entry.key, known);
            let path = if at.path.is_empty() { String::new() } else { format!("{}: ", at.path) };
            return Err(SpecError::Shape { at: self.place(entry.place), what: format!("{path}{what}") });
        }
        Ok(Fields { at })
    }

    /// A scalar as it was written.
    pub fn text(&self, at: &At) -> Result<String, SpecError> {
        match &at.node.value {
            Value::Scalar { text, .. } if !at.node.is_nothing() => Ok(text.clone()),
            Value::Map(_) => Err(self.shape(
                at,
                "a text is expected, found a mapping (a text that begins with a brace must stand in quotation marks)",
            )),
            _ => Err(self.shape(at, format!("a text is expected, found {}", at.node.kind()))),
        }
    }

    /// A whole number within `range`; the range's start where the value is at fault.
    pub fn whole(&mut self, at: &At, range: RangeInclusive<u64>) -> Result<u64, SpecError> {
        let digits = match &at.node.value {
            Value::Scalar { text, plain: true } => text.strip_prefix('-').unwrap_or(text),
            _ => "",
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.shape(at, format!("a whole number is expected, found {}", at.node.kind())));
        }
        let text = self.text(at)?;
        match text.parse::<u64>() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => {
                let (low, high) = (range.start(), range.end());
                let allowed = match *high {
                    u64::MAX => format!("{low} or more"),
                    high if high == *low => format!("{low} alone"),
                    high => format!("{low} to {high}"),
                };
                self.value(at, format!("{} is not allowed ({allowed})", shortened(&text)));
                Ok(*low)
            }
        }
    }

    /// A number within `range`; the range's start where the value is at fault.
    pub fn number(&mut self, at: &At, range: RangeInclusive<f64>) -> Result<f64, SpecError> {
        let number = match &at.node.value {
            Value::Scalar { text, plain: true } => text.parse::<f64>().ok().filter(|number| number.is_finite()),
            _ => None,
        };
        let Some(number) = number else {
            return Err(self.shape(at, format!("a number is expected, found {}", at.node.kind())));
        };
        if !range.contains(&number) {
            let allowed = if *range.start() == f64::MIN_POSITIVE {
                format!("above 0, to {}", range.end())
            } else {
                format!("{} to {}", range.start(), range.end())
            };
            self.value(at, format!("{number} is not allowed ({allowed})"));
            return Ok(*range.start());
        }
        Ok(number)
    }

    /// `true` or `false`.
    pub fn flag(&self, at: &At) -> Result<bool, SpecError> {
        match &at.node.value {
            Value::Scalar { text, plain: true } if matches!(text.as_str(), "true" | "True" | "TRUE") => Ok(true),
            Value::Scalar { text, plain: true } if matches!(text.as_str(), "false" | "False" | "FALSE") => Ok(false),
            _ => Err(self.shape(at, format!("true or false is expected, found {}", at.node.kind()))),
        }
    }

    /// One of `choices` by its name; the first where the name is another. A name among `later` is one that the contract
    /// has and this version does not.
    pub fn choice<T: Copy>(
        &mut self,
        at: &At,
        what: &str,
        choices: &[(&str, T)],
        later: &[&str],
    ) -> Result<T, SpecError> {
        let text = self.text(at)?;
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
            return Ok(*choice);
        }
        let known: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let fault =
            if later.contains(&text.as_str()) { not_yet(what, &text, &known) } else { unknown(what, &text, &known) };
        self.value(at, fault);
        Ok(choices[0].1)
    }

    /// Tells of every item that stands twice.
    pub fn distinct<T: PartialEq>(&mut self, items: &[At], values: &[T]) {
        for (place, at) in items.iter().enumerate() {
            if let Some(first) = values[..place].iter().position(|value| *value == values[place]) {
                self.value(at, format!("the same as {}", items[first].path));
            }
        }
    }
}

/// `unknown key ...` with the nearest of the known names first.
pub(super) fn unknown(what: &str, found: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|name| (distance(found, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance);
    let near = near.map(|(_, name)| format!("did you mean {name}? ")).unwrap_or_default();
    format!("unknown {what} `{}` ({near}known: {})", shortened(found), known.join(", "))
}

/// What is refused because it comes later.
pub(super) fn not_yet(what: &str, found: &str, known: &[&str]) -> String {
    format!("{what} `{}` is not in this version (this version has {})", shortened(found), known.join(", "))
}

/// Insertions, deletions, replacements and swaps of neighbours between two words; long words are cut.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(40).collect();
    let b: Vec<char> = b.chars().take(40).collect();
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(table[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_far_ones_are_not() {
        assert_eq!(
            unknown("method", "autopromt", &["manual", "random", "autoprompt"]),
            "unknown method `autopromt` (did you mean autoprompt? known: manual, random, autoprompt)"
        );
        assert_eq!(unknown("key", "x", &["name", "task"]), "unknown key `x` (known: name, task)");
        assert_eq!(distance("seeds", "sedes"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
