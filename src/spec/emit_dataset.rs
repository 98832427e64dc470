//! Back to YAML: where a task's data come from.

use serde_yaml::Value;

use super::tree::{list, mapping, text};
use crate::task::{Columns, DatasetSource, Files, Header, HubData, LabelBy};

/// A data set as an experiment names it.
pub(super) fn dataset(source: &DatasetSource) -> Value {
    match source {
        DatasetSource::Builtin(name) => text(format!("builtin:{name}")),
        DatasetSource::Folder(path) => text(path.display()),
        DatasetSource::Hub(data) => hub_data(data),
        DatasetSource::Files(files) => {
            let Files { train, dev, test, all, shares, columns, header, labels, label_by, skip_blank } = &**files;
            let files = [("train", train), ("dev", dev), ("test", test), ("all", all)];
            let mut entries: Vec<(&str, Value)> =
                files.into_iter().filter_map(|(key, path)| Some((key, text(path.as_ref()?.display())))).collect();
            entries.extend(columns.iter().map(column_names));
            if all.is_some() {
                let shares = [("train", shares.train), ("dev", shares.dev), ("test", shares.test)];
                entries.push(("shares", mapping(shares.map(|(name, share)| (name, Value::from(share))))));
            }
            entries.push(("header", header_name(*header)));
            entries.extend(labels.iter().map(|labels| ("labels", list(labels))));
            entries.extend(label_by.iter().map(bands));
            entries.extend(skip_blank.then(|| ("skip_blank", Value::from(true))));
            mapping(entries)
        }
    }
}

fn hub_data(data: &HubData) -> Value {
    // What a name alone says is written as one.
    if *data == (HubData { fetched: data.fetched.clone(), ..HubData::new(data.name.clone()) }) {
        return text(&data.name);
    }
    let HubData { name, subset, splits, columns, header, labels, label_by, skip_blank, fetched: _ } = data;
    let mut entries = vec![("hub", text(name))];
    entries.extend(subset.iter().map(|subset| ("subset", text(subset))));
    if !splits.is_empty() {
        let splits = splits.iter().map(|(ours, theirs)| (text(ours), text(theirs)));
        entries.push(("splits", Value::Mapping(splits.collect())));
    }
    entries.extend(columns.iter().map(column_names));
    entries.push(("header", header_name(*header)));
    entries.extend(labels.iter().map(|labels| ("labels", list(labels))));
    entries.extend(label_by.iter().map(bands));
    entries.extend(skip_blank.then(|| ("skip_blank", Value::from(true))));
    mapping(entries)
}

fn column_names(columns: &Columns) -> (&'static str, Value) {
    let value = match columns {
        Columns::Order(names) => list(names),
        Columns::Names(names) => {
            let names = names.iter().map(|(ours, theirs)| (text(ours), text(theirs)));
            Value::Mapping(names.collect())
        }
    };
    ("columns", value)
}

fn header_name(header: Header) -> Value {
    text(match header {
        Header::Auto => "auto",
        Header::Yes => "yes",
        Header::No => "no",
    })
}

fn bands(rule: &LabelBy) -> (&'static str, Value) {
    let bands = rule.bands.iter().map(|(label, band)| (text(label), text(band)));
    ("label_by", mapping([(rule.column.as_str(), Value::Mapping(bands.collect()))]))
}
