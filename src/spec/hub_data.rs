//! A data set of the hub in an experiment: `hf:owner/name@revision`, or a mapping with `hub:` that says more.

use super::error::SpecError;
use super::node::shortened;
use super::reader::{At, Reader};
use super::task::{columns, header, label_by, labels};
use crate::task::{DatasetSource, HubData, HubName, Split};

/// The name of a repository; `None` where it is at fault.
pub(super) fn hub_name(reader: &mut Reader, at: &At, text: &str) -> Option<HubName> {
    match text.trim().parse::<HubName>() {
        Ok(HubName { file: Some(file), .. }) => {
            reader.value(at, format!("data set `{}`: `{file}` is a model's file", shortened(text)));
            None
        }
        Ok(name) => Some(name),
        Err(what) => {
            reader.value(at, format!("data set `{}`: {what}", shortened(text)));
            None
        }
    }
}

/// `{ hub: hf:owner/name, subset: NAME, splits: { dev: NAME }, columns: ..., ... }`.
pub(super) fn hub_data(reader: &mut Reader, at: At) -> Result<DatasetSource, SpecError> {
    let known = ["hub", "subset", "splits", "columns", "header", "labels", "label_by", "skip_blank"];
    let fields = reader.fields(at, &known)?;
    let mut name = None;
    if let Some(at) = fields.get("hub") {
        let text = reader.text(&at)?;
        name = hub_name(reader, &at, &text);
    }
    let mut data = match name {
        Some(name) => HubData::new(name),
        // The fault is told with the others; a name that is sound stands in.
        None => HubData::new(HubName { repo: "none".into(), revision: None, file: None }),
    };
    if let Some(at) = fields.get("subset") {
        let subset = reader.text(&at)?;
        if subset.trim().is_empty() {
            reader.value(&at, "it is empty; the name of a subset (a configuration) is expected");
        }
        data.subset = Some(subset);
    }
    if let Some(at) = fields.get("splits") {
        let splits = reader.fields(at, &Split::ALL.map(Split::name))?;
        for split in Split::ALL {
            let Some(at) = splits.get(split.name()) else { continue };
            let theirs = reader.text(&at)?;
            if theirs.trim().is_empty() {
                reader.value(&at, "it is empty; the name of one of the data set's splits is expected");
            }
            data.splits.insert(split, theirs);
        }
    }
    if let Some(at) = fields.get("columns") {
        data.columns = columns(reader, &at)?;
    }
    if let Some(at) = fields.get("label_by") {
        data.label_by = label_by(reader, &at)?;
    }
    if let (Some(at), true) = (fields.get("labels"), data.label_by.is_some()) {
        reader.value(&at, "`label_by` says which labels there are");
    }
    if let Some(at) = fields.get("skip_blank") {
        data.skip_blank = reader.flag(&at)?;
    }
    (data.header, data.labels) = (header(reader, &fields)?, labels(reader, &fields)?);
    Ok(DatasetSource::Hub(Box::new(data)))
}
