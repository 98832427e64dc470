//! A data set of the hub: which of its files are which split, and how they are read.
//!
//! # Decisions
//! - Labels that are numbers become the names that a Parquet file has for them (Hugging Face's `datasets` writes those of a
//!   `ClassLabel`): `verbalizer: { neg: [terrible], pos: [great] }`. Without names, and where `label_by` makes labels from numbers,
//!   they stay numbers: `verbalizer: { 0: [terrible], 1: [great] }`.
//! - A split all of whose labels are -1 is one without labels: so the hub's copies of benchmarks write test sets whose labels are
//!   secret.
//! - A split of one file is read as any file is, its texts left there; one of several files is held in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::hub_name::HubName;
use super::source::{Columns, Header};
use super::table::{Indexed, LabelBy, Rows, TableOptions, Want, needs_label};
use super::{Dataset, DatasetOptions, Split, TaskError};

/// The label of examples whose label is kept secret.
const SECRET: &str = "-1";

/// A data set of the hub and how its files are read.
#[derive(Debug, Clone, PartialEq)]
pub struct HubData {
    /// Its name.
    pub name: HubName,
    /// Its subset (its configuration), where it has several.
    pub subset: Option<String>,
    /// Our splits to its own; where none is told, train, validation and test are looked for.
    pub splits: BTreeMap<Split, String>,
    /// What the columns are called.
    pub columns: Option<Columns>,
    /// Whether the first row of a TSV or CSV file names the columns.
    pub header: Header,
    /// The labels in their order; without it, those of train, sorted.
    pub labels: Option<Vec<String>>,
    /// Where labels are made from a column of numbers.
    pub label_by: Option<LabelBy>,
    /// Whether rows without text are left out, where they would be refused.
    pub skip_blank: bool,
    /// Its files, once they are on this machine.
    pub fetched: Option<HubFiles>,
}

/// The files of a data set on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubFiles {
    /// The files of each split, in the order of their rows.
    pub files: BTreeMap<Split, Vec<PathBuf>>,
    /// The commit that they are of.
    pub commit: String,
}

impl HubData {
    /// The data set of a name, all else as it is by default.
    pub fn new(name: HubName) -> Self {
        Self {
            name,
            subset: None,
            splits: BTreeMap::new(),
            columns: None,
            header: Header::Auto,
            labels: None,
            label_by: None,
            skip_blank: false,
            fetched: None,
        }
    }

    /// Reads it from the files that were fetched.
    ///
    /// # Errors
    /// As [`Dataset::load_with`]; and if it was not fetched, or the files of a split differ in their columns.
    pub(super) fn load(&self, asked: &DatasetOptions) -> Result<Dataset, TaskError> {
        let Some(fetched) = &self.fetched else {
            return Err(TaskError::NotFetched { name: self.name.to_string() });
        };
        let (header, skip_blank, class_numbers) = (self.header, self.skip_blank, self.label_by.is_some());
        let options = TableOptions { header, skip_blank, class_numbers, ..asked.of_table(self.columns.clone()) };
        let mut notes = Vec::new();
        let mut all = BTreeMap::new();
        for (&split, files) in &fetched.files {
            let labelled = asked.target.is_none() && self.label_by.is_none();
            let need_label = labelled && needs_label(split, self.labels.is_some());
            let want = Want { options: &options, need_label, label_by: self.label_by.as_ref(), shares: None };
            let mut rows = match files.as_slice() {
                [] => continue,
                [file] => Indexed::read(file, want)?,
                several => {
                    let read = several.iter().map(|path| Rows::read(path, &options, need_label));
                    let Some(rows) = Rows::concat(read.collect::<Result<_, _>>()?)? else { continue };
                    Indexed::held(rows, want)?
                }
            };
            let mut left_out = |n: usize, why: &str| {
                if n > 0 {
                    notes.push(format!("{}, {split}: {n} rows are left out ({why})", self.name));
                }
            };
            left_out(rows.blank, "no text; `skip_blank: true`");
            if let Some(rule) = &self.label_by {
                left_out(rows.out_of_band, &format!("`{}` is in no band of `label_by`", rule.column));
            }
            if asked.target.is_none() && rows.labelled && rows.distinct_labels().is_ok_and(|labels| labels == [SECRET])
            {
                rows.forget_labels();
                notes.push(format!("{}, {split}: all labels are {SECRET}, so it counts as unlabelled", self.name));
            }
            notes.extend(rows.facts.notes(&format!("{}, {split}", self.name), asked.facts.as_ref()));
            all.insert(split, rows);
        }
        let by_band = self.label_by.as_ref().map(|rule| rule.bands.iter().map(|(label, _)| label.clone()).collect());
        let labels = self.labels.clone().or(by_band);
        let mut dataset = Dataset::assemble(self.name.short().to_owned(), all, labels, None, asked)?;
        dataset.notes = notes;
        Ok(dataset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(Split, &[&str])], columns: &[(&str, &str)]) -> Result<Dataset, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut n = 0;
        let mut write = |text: &&str| {
            n += 1;
            let path = folder.path().join(format!("{n}.jsonl"));
            std::fs::write(&path, text).unwrap();
            path
        };
        let files = files.iter().map(|(split, texts)| (*split, texts.iter().map(&mut write).collect())).collect();
        let mut data = HubData::new("hf:a/b".parse().unwrap());
        let names = columns.iter().map(|(ours, theirs)| ((*ours).to_owned(), (*theirs).to_owned()));
        data.columns = Some(Columns::Names(names.collect()));
        data.fetched = Some(HubFiles { files, commit: "c".into() });
        let place = folder.path().display().to_string();
        data.load(&DatasetOptions::default()).map_err(|error| error.to_string().replace(&place, "DIR"))
    }

    #[test]
    fn the_files_of_a_split_are_read_one_after_the_other() {
        let train = ["{\"sentence\":\"a\",\"label\":0}\n", "{\"sentence\":\"b\",\"label\":1}\n"];
        let dataset = load(&[(Split::Train, &train)], &[("text", "sentence")]).unwrap();
        assert_eq!((dataset.name.as_str(), dataset.labels.as_slice()), ("b", &["0".to_owned(), "1".into()][..]));
        let train = dataset.train.unwrap();
        let texts: Vec<_> = (0..2).map(|place| train.get(place).unwrap().fields[0].clone()).collect();
        assert_eq!(texts, ["a", "b"]);
    }

    #[test]
    fn a_split_whose_labels_are_secret_has_none() {
        let files: [(Split, &[&str]); 2] = [
            (Split::Train, &["{\"text\":\"a\",\"label\":0}\n{\"text\":\"b\",\"label\":1}\n"]),
            (Split::Test, &["{\"text\":\"c\",\"label\":-1}\n"]),
        ];
        let dataset = load(&files, &[]).unwrap();
        assert!(!dataset.is_labelled(Split::Test));
        assert_eq!(dataset.notes, ["hf:a/b, test: all labels are -1, so it counts as unlabelled"]);
    }

    #[test]
    fn files_of_other_columns_are_refused() {
        let train = ["{\"text\":\"a\",\"label\":0}\n", "{\"text\":\"b\",\"label\":1,\"x\":2}\n"];
        let message = load(&[(Split::Train, &train)], &[]).unwrap_err();
        assert_eq!(message, "`DIR/2.jsonl` has the columns text, x, label, and the split's first file text, label");
    }

    #[test]
    fn classes_have_the_names_of_the_file_but_where_bands_of_numbers_make_labels() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/task/classes.parquet");
        let mut data = HubData::new("hf:a/b".parse().unwrap());
        let of = |files: &[&std::path::PathBuf]| files.iter().map(|file| (*file).clone()).collect::<Vec<_>>();
        for files in [of(&[&file]), of(&[&file, &file])] {
            data.fetched = Some(HubFiles { files: BTreeMap::from([(Split::Train, files)]), commit: "c".into() });
            assert_eq!(data.load(&DatasetOptions::default()).unwrap().labels, ["neg", "pos"]);
        }
        let columns = [("text", "text"), ("label", "hidden")].map(|(ours, theirs)| (ours.into(), theirs.into()));
        let hidden = HubData { columns: Some(Columns::Names(columns.into())), ..data.clone() };
        assert!(!hidden.load(&DatasetOptions::default()).unwrap().is_labelled(Split::Train));
        let band = |text: &str| crate::task::Band::parse(text).unwrap();
        data.label_by = Some(LabelBy {
            column: "topic".into(),
            bands: vec![("first".into(), band("< 1")), ("later".into(), band(">= 1"))],
        });
        let loaded = data.load(&DatasetOptions::default()).unwrap();
        assert_eq!((loaded.labels, loaded.train.unwrap().len()), (vec!["first".to_owned(), "later".into()], 8));
    }
}
