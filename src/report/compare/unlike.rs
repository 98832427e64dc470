//! What two folders do not have alike beside their results: a comparison is worth what was held equal.
//!
//! # Decisions
//!
//! - 2026-11: `experiment.yaml` as run has every default filled in, so a key that one folder does not write is one of another method
//!   or version. Items of the search are named by their method, with a number for the second of a kind, so that one more item
//!   at the front is one difference, told in one line.
//! - 2026-11: `name` and `question` are left out: they change no number.

use std::collections::BTreeMap;

use serde_yaml::Value;

use super::side::Side;

/// Keys of an experiment that say nothing about its numbers.
const SILENT: [&str; 3] = ["format", "name", "question"];

/// What the paths of items begin with.
const SEARCH: &str = "search.";

/// Something that is not the same in all folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlike {
    /// Where it stands: `budget.evaluations`, `search.autoprompt.n_trigger`; of what the runs were made on `data test`, `device`.
    pub what: String,
    /// What each folder has there, in the order of the folders.
    pub values: Vec<Option<String>>,
}

impl Unlike {
    /// All that differs: first what was asked, then what it ran on.
    pub(super) fn all(sides: &[Side]) -> Vec<Self> {
        let mut unlike = asked(&sides.iter().map(|side| &side.experiment).collect::<Vec<_>>());
        unlike.extend(differing(&sides.iter().map(provenance).collect::<Vec<_>>()));
        unlike
    }
}

/// What differs in what was asked. Of an item that a folder does not have at all its keys are not told one by one.
fn asked(all: &[&Value]) -> Vec<Unlike> {
    let values: Vec<Values> = all.iter().map(|yaml| experiment(yaml)).collect();
    let lacks = |values: &Values, item: &str| !values.iter().any(|(key, _)| key == item);
    let mut unlike = differing(&values);
    let partial: Vec<String> = (unlike.iter().map(|unlike| unlike.what.clone()))
        .filter(|what| values.iter().any(|values| lacks(values, what)) && what.matches('.').count() == 1)
        .filter(|what| what.starts_with(SEARCH))
        .collect();
    unlike.retain(|unlike| {
        let item = partial.iter().find(|item| unlike.what.starts_with(&format!("{item}.")));
        let Some(item) = item else { return true };
        // Those that have it may still differ in it.
        let held: Vec<&Option<String>> = values
            .iter()
            .zip(&unlike.values)
            .filter(|(values, _)| !lacks(values, item))
            .map(|(_, value)| value)
            .collect();
        held.windows(2).any(|pair| pair[0] != pair[1])
    });
    unlike
}

/// Keys and values, in the order in which they stand.
type Values = Vec<(String, String)>;

fn differing(all: &[Values]) -> Vec<Unlike> {
    let maps: Vec<BTreeMap<&str, &str>> =
        all.iter().map(|values| values.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()).collect();
    let mut seen: Vec<&str> = Vec::new();
    let mut unlike = Vec::new();
    for (key, _) in all.iter().flatten() {
        if seen.contains(&key.as_str()) {
            continue;
        }
        seen.push(key);
        let values: Vec<Option<String>> =
            maps.iter().map(|map| map.get(key.as_str()).map(|value| (*value).to_owned())).collect();
        if values.windows(2).any(|pair| pair[0] != pair[1]) {
            unlike.push(Unlike { what: key.clone(), values });
        }
    }
    unlike
}

/// The keys of an experiment with their values.
fn experiment(yaml: &Value) -> Values {
    let mut values = Values::new();
    let Value::Mapping(top) = yaml else { return values };
    for (key, value) in top {
        let key = text(key);
        match value {
            Value::Sequence(items) if key == "search" => {
                let mut before: BTreeMap<String, usize> = BTreeMap::new();
                for item in items {
                    let method = item.get("method").map(text).unwrap_or_default();
                    let n = before.entry(method.clone()).and_modify(|n| *n += 1).or_insert(1);
                    let name = if *n == 1 { method } else { format!("{method} {n}") };
                    let path = format!("{SEARCH}{name}");
                    values.push((path.clone(), "there".into()));
                    flatten(&path, item, &mut values);
                }
            }
            _ if SILENT.contains(&key.as_str()) => {}
            _ => flatten(&key, value, &mut values),
        }
    }
    values
}

fn flatten(path: &str, value: &Value, values: &mut Values) {
    match value {
        Value::Mapping(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| flatten(&format!("{path}.{}", text(key)), value, values));
        }
        value => values.push((path.to_owned(), text(value))),
    }
}

/// A value on one line.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Sequence(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(", ")),
        value => serde_json::to_string(value).unwrap_or_default(),
    }
}

/// What a folder's run was made on.
fn provenance(side: &Side) -> Values {
    let from = &side.provenance;
    let short = |hash: &String| format!("BLAKE3 {}...", hash.get(..12).unwrap_or(hash));
    let mut values: Values = vec![
        ("promptmine".into(), from.promptmine.clone()),
        ("device".into(), from.device.clone()),
        ("dtype".into(), from.dtype.clone()),
        ("batch size".into(), from.batch_size.to_string()),
        ("machine".into(), from.machine.clone()),
    ];
    for model in &from.models {
        // A model of one folder alone is told by the key `models`.
        values.push((format!("weights of {}", model.source), short(&model.weights_blake3)));
        values.push((format!("tokenizer of {}", model.source), short(&model.tokenizer_blake3)));
    }
    values.extend(from.data_blake3.iter().map(|(split, hash)| (format!("data {split}"), short(hash))));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Vec<(String, Vec<String>)> {
        let all: Vec<Value> = texts.iter().map(|text| serde_yaml::from_str(text).unwrap()).collect();
        let words = |value: Option<String>| value.unwrap_or_else(|| "-".into());
        asked(&all.iter().collect::<Vec<_>>())
            .into_iter()
            .map(|unlike| (unlike.what, unlike.values.into_iter().map(words).collect()))
            .collect()
    }

    #[test]
    fn keys_that_differ_are_named_by_their_paths_and_items_by_their_methods() {
        let first = "name: a\nseeds: [1, 2]\ntask: { template: '{text} {mask}', verbalizer: { 坏: [差] } }\n\
                     search: [{ method: gcg, n_trigger: 3 }, { method: pez, n_trigger: 3 }]\n";
        let other = "name: b\nseeds: [1, 3]\ntask: { template: '{text} {mask}', verbalizer: { 坏: [差, 烂] } }\n\
                     search: [{ method: random }, { method: gcg, n_trigger: 5 }, { method: gcg }]\n";
        let third = other.replace("method: gcg }", "method: gcg, beam: 2 }");
        let pair = |what: &str, a: &str, b: &str| (what.to_owned(), vec![a.to_owned(), b.to_owned()]);
        assert_eq!(
            of(&[first, other]),
            [
                pair("seeds", "[1, 2]", "[1, 3]"),
                pair("task.verbalizer.坏", "[差]", "[差, 烂]"),
                pair("search.gcg.n_trigger", "3", "5"),
                pair("search.pez", "there", "-"),
                pair("search.random", "-", "there"),
                pair("search.gcg 2", "-", "there"),
            ]
        );
        // Two have an item that the first has not, and differ in it.
        let found = of(&[first, other, &third]);
        let second: Vec<_> = found.iter().filter(|(what, _)| what.starts_with("search.gcg 2")).collect();
        assert_eq!(second[0].1, ["-", "there", "there"]);
        assert_eq!((second[1].0.as_str(), second[1].1.join(" ")), ("search.gcg 2.beam", "- - 2".into()));
        assert_eq!(second.len(), 2);
        assert_eq!(of(&[first, first]), []);
    }
}
