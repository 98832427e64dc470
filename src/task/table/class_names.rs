//! The names of classes that Hugging Face's `datasets` writes into a Parquet file beside columns of numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The key of a file's metadata that it writes them under.
pub(super) const KEY: &str = "huggingface";

/// The names of each column's classes, in the order of their numbers, from what stands under [`KEY`]:
/// `{"info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}}}`.
///
/// A column two of whose classes have one name, or one whose class has none, keeps its numbers: no two classes may become one.
pub(super) fn class_names(metadata: &str) -> BTreeMap<String, Vec<String>> {
    let Ok(metadata) = serde_json::from_str::<Value>(metadata) else { return BTreeMap::new() };
    let Some(features) = metadata["info"]["features"].as_object() else { return BTreeMap::new() };
    let names = |feature: &Value| -> Option<Vec<String>> {
        if feature["_type"] != "ClassLabel" {
            return None;
        }
        let names: Vec<String> = feature["names"]
            .as_array()?
            .iter()
            .map(|name| Some(name.as_str()?.trim().to_owned()))
            .collect::<Option<_>>()?;
        let distinct: BTreeSet<&String> = names.iter().collect();
        let sound = distinct.len() == names.len() && names.iter().all(|name| !name.is_empty());
        sound.then_some(names)
    };
    features.iter().filter_map(|(column, feature)| Some((column.clone(), names(feature)?))).collect()
}

/// Puts the name of a class in the place of its number. What is no class's number stays: -1 stands for a label that is secret.
pub(super) fn name_class(cell: &mut String, names: &[String]) {
    if let Some(name) = cell.parse::<usize>().ok().and_then(|number| names.get(number)) {
        cell.clone_from(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_names_where_each_has_one_of_its_own() {
        let of = |features: &str| class_names(&format!(r#"{{"info": {{"features": {features}}}}}"#));
        let found = of(
            r#"{"text": {"dtype": "string", "_type": "Value"}, "label": {"names": ["neg", " pos"], "_type": "ClassLabel"},
               "twice": {"names": ["a", "a"], "_type": "ClassLabel"}, "empty": {"names": ["a", ""], "_type": "ClassLabel"},
               "none": {"_type": "ClassLabel"}, "odd": {"names": [1, 2], "_type": "ClassLabel"}, "list": [{"_type": "ClassLabel"}]}"#,
        );
        assert_eq!(found, BTreeMap::from([("label".to_owned(), vec!["neg".to_owned(), "pos".to_owned()])]));
        for metadata in ["", "{", "[]", "{}", r#"{"info": {"features": []}}"#] {
            assert!(class_names(metadata).is_empty(), "{metadata}");
        }
    }

    #[test]
    fn a_number_without_a_class_stays() {
        let named = |cell: &str| {
            let mut cell = cell.to_owned();
            name_class(&mut cell, &["neg".into(), "pos".into()]);
            cell
        };
        assert_eq!(["0", "1", "2", "-1", "", "x"].map(named), ["neg", "pos", "2", "-1", "", "x"]);
    }
}
