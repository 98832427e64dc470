//! Which column of a file is which: the header rule and the renaming of columns.

use std::collections::BTreeMap;

use super::TableOptions;
use super::sheet::Sheet;
use crate::task::error::TaskError;
use crate::task::facts::{OBJECT, PUBLISHED, SUBJECT};
use crate::task::source::{Columns, Header, LABEL};

/// The columns whose names mean something without being told: `{text}`, and `{text_a}` with `{text_b}` for pairs.
pub(super) const TEXTS: [&str; 3] = ["text", "text_a", "text_b"];

/// The meaning of a sheet's columns.
pub(super) struct Layout {
    /// Our name for each column of the file; none where the column is not wanted.
    pub names: Vec<Option<String>>,
    /// The first row that is an example.
    pub first_row: usize,
    /// The first row could have been a header by the rule, and was not.
    pub guessed_headerless: bool,
}

/// Finds out what the columns are. `need_label` says whether a mapped label column has to be there.
pub(super) fn layout(file: &str, sheet: &Sheet, options: &TableOptions, need_label: bool) -> Result<Layout, TaskError> {
    if let Some(names) = &sheet.names {
        return Ok(Layout {
            names: named(file, names, sheet, options, need_label)?,
            first_row: 0,
            guessed_headerless: false,
        });
    }
    let first = &sheet.rows[0];
    let has_header = match options.header {
        Header::Yes => true,
        Header::No => false,
        Header::Auto => names_a_needed_column(first, options),
    };
    if has_header {
        let names = named(file, first, sheet, options, need_label)?;
        return Ok(Layout { names, first_row: 1, guessed_headerless: false });
    }
    let names = unnamed(file, first, options, need_label)?;
    let guessed_headerless = options.header == Header::Auto && options.columns.is_none();
    Ok(Layout { names: names.into_iter().map(Some).collect(), first_row: 0, guessed_headerless })
}

/// Another case of a needed name counts: `Label` is then reported as no column `label`, not read as a class of that name.
fn names_a_needed_column(first: &[String], options: &TableOptions) -> bool {
    let renamed = |name: &str| match &options.columns {
        Some(Columns::Names(names)) => names.get(name).map_or(name, String::as_str).to_lowercase(),
        _ => name.to_lowercase(),
    };
    let listed = options.columns.iter().flat_map(Columns::in_file).map(str::to_lowercase);
    let of_facts = PUBLISHED.into_iter().flat_map(|(theirs, ours)| [theirs, ours]);
    let of_facts = of_facts.filter(|_| options.facts.is_some()).map(str::to_owned);
    let ours = TEXTS.into_iter().chain([LABEL]).chain(options.needed.iter().map(String::as_str)).map(renamed);
    let needed: Vec<String> = listed.chain(ours).chain(of_facts).collect();
    first.iter().any(|cell| needed.contains(&cell.trim().to_lowercase()))
}

fn named(
    file: &str,
    names: &[String],
    sheet: &Sheet,
    options: &TableOptions,
    need_label: bool,
) -> Result<Vec<Option<String>>, TaskError> {
    let mut names: Vec<&str> = names.iter().map(|name| name.trim()).collect();
    if options.facts.is_some() {
        names = names.iter().map(|name| fact_column(name, &names, options)).collect();
        return Ok(named_facts(renamed(file, &names, sheet, options, need_label)?, options));
    }
    renamed(file, &names, sheet, options, need_label)
}

fn renamed(
    file: &str,
    names: &[&str],
    sheet: &Sheet,
    options: &TableOptions,
    need_label: bool,
) -> Result<Vec<Option<String>>, TaskError> {
    for (i, name) in names.iter().enumerate() {
        if !name.is_empty() && names[..i].contains(name) {
            return Err(TaskError::RepeatedColumn { file: file.to_owned(), column: (*name).to_owned() });
        }
    }
    let demand = |wanted: &str| {
        if names.contains(&wanted) {
            return Ok(());
        }
        let wanted = if options.facts.is_some() && wanted == LABEL { OBJECT } else { wanted };
        Err(missing(file, wanted, names.iter().filter(|name| !name.is_empty()).copied(), &sheet.left_out))
    };
    let own_name = |name: &&str| (!name.is_empty()).then(|| (*name).to_owned());
    match &options.columns {
        None => Ok(names.iter().map(own_name).collect()),
        Some(Columns::Order(wanted)) => {
            for name in wanted.iter().filter(|name| need_label || *name != LABEL) {
                demand(name)?;
            }
            let keep = |name: &&str| wanted.iter().any(|w| w == name) || [LABEL, "id"].contains(name);
            Ok(names.iter().map(|name| keep(name).then(|| (*name).to_owned())).collect())
        }
        Some(Columns::Names(ours)) => {
            for (our, theirs) in ours {
                if need_label || our != LABEL {
                    demand(theirs)?;
                }
            }
            let by_file_name: BTreeMap<&str, &String> =
                ours.iter().map(|(our, theirs)| (theirs.as_str(), our)).collect();
            let rename = |name: &&str| match by_file_name.get(*name) {
                Some(our) => Some((*our).clone()),
                // A column of the file that bears a name given to another one would be ambiguous.
                None => own_name(name).filter(|name| !ours.contains_key(name)),
            };
            Ok(names.iter().map(rename).collect())
        }
    }
}

/// The columns of facts: nothing is text but the subject and what is asked for.
fn named_facts(names: Vec<Option<String>>, options: &TableOptions) -> Vec<Option<String>> {
    let mapped = |name: &String| match &options.columns {
        Some(Columns::Names(ours)) => ours.contains_key(name),
        Some(Columns::Order(names)) => names.contains(name),
        None => false,
    };
    let is_wanted = |name: &String| {
        [SUBJECT, LABEL, "id"].contains(&name.as_str()) || options.needed.contains(name) || mapped(name)
    };
    names.into_iter().map(|name| name.filter(is_wanted)).collect()
}

/// Our name of a column of facts, of which the object is the label. A published name counts where the file has none of ours.
fn fact_column<'n>(name: &'n str, names: &[&'n str], options: &TableOptions) -> &'n str {
    if matches!(&options.columns, Some(Columns::Names(ours)) if ours.values().any(|theirs| theirs == name)) {
        return name;
    }
    let published = PUBLISHED.into_iter().find(|(theirs, ours)| *theirs == name && !names.contains(ours));
    match published.map_or(name, |(_, ours)| ours) {
        OBJECT => LABEL,
        name => name,
    }
}

fn unnamed(file: &str, first: &[String], options: &TableOptions, need_label: bool) -> Result<Vec<String>, TaskError> {
    let found = first.len();
    let text = if options.facts.is_some() { SUBJECT } else { TEXTS[0] };
    match &options.columns {
        Some(Columns::Order(names)) if names.len() == found => Ok(names.clone()),
        // An input without labels simply has one column less.
        Some(Columns::Order(names)) if !need_label && names.len() == found + 1 && names.iter().any(|n| n == LABEL) => {
            Ok(names.iter().filter(|name| *name != LABEL).cloned().collect())
        }
        Some(Columns::Order(names)) => {
            Err(TaskError::ColumnCount { file: file.to_owned(), names: names.clone(), found })
        }
        Some(Columns::Names(names)) => Err(TaskError::MissingColumn {
            file: file.to_owned(),
            column: names.values().next().cloned().unwrap_or_default(),
            columns: first.iter().map(|cell| shortened(cell)).collect(),
            hint: "; the first row holds none of the names in `columns:`, list them in order for a file without header",
        }),
        None => match found {
            1 => Ok(vec![text.to_owned()]),
            2 => Ok(vec![text.to_owned(), LABEL.to_owned()]),
            _ => Err(TaskError::UnnamedColumns {
                file: file.to_owned(),
                found,
                hint: if options.header == Header::No { String::new() } else { ", or say `header: yes`".to_owned() },
            }),
        },
    }
}

/// The error for a column that is not there, which tells columns that are there but hold no text.
pub(super) fn missing<'a>(
    file: &str,
    column: &str,
    columns: impl Iterator<Item = &'a str>,
    left_out: &[String],
) -> TaskError {
    let columns: Vec<String> = columns.map(shortened).chain(left_out.iter().cloned()).collect();
    let of_facts = |name: &String| PUBLISHED.iter().any(|(theirs, ours)| [theirs, ours].contains(&&name.as_str()));
    TaskError::MissingColumn {
        file: file.to_owned(),
        column: column.to_owned(),
        hint: match column {
            LABEL if columns.iter().any(of_facts) => "; a task of facts says `kind: facts`",
            LABEL => "; say which one it is with `columns: {label: NAME}`",
            OBJECT => "; say which one it is with `columns: {object: NAME}`",
            _ => "",
        },
        columns,
    }
}

fn shortened(cell: &str) -> String {
    if cell.chars().count() <= 40 { cell.to_owned() } else { cell.chars().take(39).chain(['…']).collect() }
}

/// Which columns are the texts of an example: `text`, `text_a` and `text_b` where there are such; otherwise all but `id`.
pub(crate) fn text_columns(columns: &[String]) -> Vec<usize> {
    let at = |wanted: &dyn Fn(&str) -> bool| -> Vec<usize> {
        columns.iter().enumerate().filter(|(_, name)| wanted(name)).map(|(i, _)| i).collect()
    };
    let known = at(&|name| TEXTS.contains(&name));
    if known.is_empty() { at(&|name| name != "id") } else { known }
}
