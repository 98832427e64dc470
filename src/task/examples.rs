//! The examples of a split: all of them by label and hash, and those that are used with their texts.
//!
//! # Decisions
//!
//! - 2026-11: texts stay in the file until a draw asks for them ([`Examples::hold`]); then they are checked against the hash that
//!   they had when the file was read first, so that a file that is written while a run is under way is an error, never other
//!   examples.

use std::collections::BTreeMap;

use super::example::text_hash;
use super::table::{Indexed, NO_LABEL, Texts, text_columns};
use super::{Example, TaskError};

/// The rows at the front of every split whose texts are held in any case.
const FRONT: usize = 32;
/// Rows that are read at a time where all are.
const STEP: usize = 16_384;
/// The examples of a split.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    labels: Vec<u32>,
    hashes: Vec<[u8; 32]>,
    /// The places by hash of their texts; of those with equal texts the one with the smallest fields first, the others by place.
    by_text: Vec<u32>,
    texts: Texts,
    /// The places of the cells that make up the text.
    text_columns: Vec<usize>,
    held: BTreeMap<usize, Example>,
    longest: usize,
}

impl Examples {
    /// The rows of a file whose labels are places in the label set; `columns` are those of the data set.
    ///
    /// # Errors
    /// If the file cannot be read again.
    pub(crate) fn new(indexed: Indexed, columns: &[String]) -> Result<Self, TaskError> {
        let Indexed { columns: own, labels, mut hashes, bytes, mut texts, .. } = indexed;
        let at: Vec<usize> = columns.iter().filter_map(|name| own.iter().position(|column| column == name)).collect();
        if own != columns {
            texts.select(&at);
        }
        let names = |columns: &[String]| -> Vec<String> {
            text_columns(columns).into_iter().map(|i| columns[i].clone()).collect()
        };
        let text_columns = text_columns(columns);
        if names(&own) != names(columns) {
            let places: Vec<usize> = (0..hashes.len()).collect();
            for places in places.chunks(STEP) {
                for (&place, fields) in places.iter().zip(texts.read(places)?) {
                    hashes[place] = text_hash(text_columns.iter().map(|&i| fields[i].as_str()));
                }
            }
        }
        // The last of the longest.
        let longest = (0..bytes.len()).max_by_key(|&place| bytes[place]).unwrap_or_default();
        let mut by_text: Vec<u32> = (0..hashes.len() as u32).collect();
        by_text.sort_unstable_by_key(|&place| (hashes[place as usize], place));
        let mut examples = Self { labels, hashes, by_text, texts, text_columns, held: BTreeMap::new(), longest };
        if examples.text_columns.len() < columns.len() {
            examples.put_smallest_first()?;
        }
        let front: Vec<usize> = (0..examples.len().min(FRONT)).chain([longest]).collect();
        examples.hold(&front)?;
        Ok(examples)
    }

    /// Examples that are here, as a test builds them.
    pub(crate) fn of(examples: Vec<Example>, columns: &[String]) -> Self {
        let text_columns = text_columns(columns);
        let hashes: Vec<[u8; 32]> =
            examples.iter().map(|e| text_hash(text_columns.iter().map(|&i| e.fields[i].as_str()))).collect();
        let mut by_text: Vec<u32> = (0..hashes.len() as u32).collect();
        by_text.sort_unstable_by_key(|&place| (hashes[place as usize], place));
        let bytes = |place: &usize| examples[*place].fields.iter().map(String::len).sum::<usize>();
        let longest = (0..examples.len()).max_by_key(bytes).unwrap_or_default();
        let mut of = Self {
            labels: examples.iter().map(|e| e.label.map_or(NO_LABEL, |label| label as u32)).collect(),
            hashes,
            by_text,
            texts: Texts::Held(examples.iter().map(|e| e.fields.clone()).collect()),
            text_columns,
            held: examples.into_iter().enumerate().collect(),
            longest,
        };
        // Texts that are here can be read.
        of.put_smallest_first().ok();
        of
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The label of an example, as an index.
    pub fn label(&self, place: usize) -> Option<usize> {
        Some(self.labels[place]).filter(|&label| label != NO_LABEL).map(|label| label as usize)
    }

    /// Whether all have labels.
    pub fn is_labelled(&self) -> bool {
        self.labels.iter().all(|&label| label != NO_LABEL)
    }

    /// A hash of an example's texts alone. Examples with equal texts are duplicates, whatever their other columns say.
    pub fn text_hash(&self, place: usize) -> &[u8; 32] {
        &self.hashes[place]
    }

    /// The places of the examples with the same texts, that with the smallest fields first; ordered by the hash of the texts.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[u32]> {
        self.by_text.chunk_by(|&a, &b| self.hashes[a as usize] == self.hashes[b as usize])
    }

    /// Whether an example has texts with this hash.
    pub(crate) fn has_text(&self, hash: &[u8; 32]) -> bool {
        self.by_text.binary_search_by_key(hash, |&place| self.hashes[place as usize]).is_ok()
    }

    /// The places of the examples whose texts have this hash.
    pub(crate) fn with_text(&self, hash: &[u8; 32]) -> &[u32] {
        let key = |place: &u32| self.hashes[*place as usize];
        let from = self.by_text.partition_point(|place| key(place) < *hash);
        let n = self.by_text[from..].iter().take_while(|place| key(place) == *hash).count();
        &self.by_text[from..from + n]
    }

    /// An example that is held.
    pub fn get(&self, place: usize) -> Option<&Example> {
        self.held.get(&place)
    }

    /// The first examples, some at least.
    pub fn front(&self) -> impl Iterator<Item = &Example> {
        (0..FRONT).map_while(|place| self.get(place))
    }

    /// The example with the most bytes.
    pub fn longest(&self) -> Option<&Example> {
        self.get(self.longest)
    }

    /// Reads the texts of examples, and holds them from now on.
    ///
    /// # Errors
    /// [`TaskError::Changed`] if the file is not what it was when it was read first.
    pub fn hold(&mut self, places: &[usize]) -> Result<(), TaskError> {
        let mut missing: Vec<usize> = places.iter().copied().filter(|place| !self.held.contains_key(place)).collect();
        missing.sort_unstable();
        missing.dedup();
        for places in missing.chunks(STEP) {
            for (&place, example) in places.iter().zip(self.read(places)?) {
                self.held.insert(place, example);
            }
        }
        Ok(())
    }

    /// Examples with their texts, which are not held.
    ///
    /// # Errors
    /// As [`Examples::hold`].
    pub fn read(&self, places: &[usize]) -> Result<Vec<Example>, TaskError> {
        let fields = self.texts.read(places)?;
        let example = |(&place, fields): (&usize, Vec<String>)| {
            let texts = self.text_columns.iter().map(|&i| fields.get(i).map_or("", String::as_str));
            match text_hash(texts) == self.hashes[place] {
                true => Ok(Example { row: place, fields, label: self.label(place) }),
                false => Err(TaskError::Changed { file: self.texts.file().unwrap_or_default().to_owned() }),
            }
        };
        places.iter().zip(fields).map(example).collect()
    }

    /// Where examples have other columns than their texts, those decide which one stands for all with the same texts.
    fn put_smallest_first(&mut self) -> Result<(), TaskError> {
        let repeated: Vec<usize> =
            self.groups().filter(|group| group.len() > 1).flatten().map(|&place| place as usize).collect();
        let mut smallest: BTreeMap<[u8; 32], (Vec<String>, u32)> = BTreeMap::new();
        for places in repeated.chunks(STEP) {
            for (&place, fields) in places.iter().zip(self.texts.read(places)?) {
                let found = (fields, place as u32);
                let least = smallest.entry(self.hashes[place]).or_insert_with(|| found.clone());
                if found < *least {
                    *least = found;
                }
            }
        }
        let (hashes, by_text) = (&self.hashes, &mut self.by_text);
        for group in by_text.chunk_by_mut(|&a, &b| hashes[a as usize] == hashes[b as usize]) {
            if let Some((_, first)) = smallest.get(&hashes[group[0] as usize])
                && let Some(at) = group.iter().position(|place| place == first)
            {
                group[..=at].rotate_right(1);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;

    use super::super::table::{TableOptions, Want};
    use super::*;
    use crate::task::{Dataset, DatasetSource, Draw, Files, Limits, Shots, Split, draw};

    fn indexed(path: &Path) -> Result<Indexed, TaskError> {
        let options = TableOptions::default();
        Indexed::read(path, Want { options: &options, need_label: true, label_by: None, shares: None })
    }

    fn examples(path: &Path) -> Examples {
        let mut rows = indexed(path).unwrap();
        let (columns, labels) = (rows.columns.clone(), rows.distinct_labels().unwrap());
        rows.label(&labels).unwrap();
        Examples::new(rows, &columns).unwrap()
    }

    /// Some tables as TSV, CSV and JSON lines.
    fn files(folder: &Path, rows: &[(String, u8, String)]) -> Vec<PathBuf> {
        let mut csv = csv::Writer::from_path(folder.join("a.csv")).unwrap();
        csv.write_record(["note", "text", "label"]).unwrap();
        let (mut tsv, mut json) = ("note\ttext\tlabel\r\n".to_owned(), String::new());
        for (text, label, note) in rows {
            csv.write_record([note, text, &label.to_string()]).unwrap();
            tsv += &format!("{note}\t{text}\t{label}\r\n");
            json += &format!("{}\n\n", serde_json::json!({ "note": note, "text": text, "label": label }));
        }
        csv.flush().unwrap();
        std::fs::write(folder.join("a.tsv"), tsv + "\r\n").unwrap();
        std::fs::write(folder.join("a.jsonl"), json).unwrap();
        ["a.csv", "a.tsv", "a.jsonl"].iter().map(|name| folder.join(name)).collect()
    }

    fn rows() -> impl Strategy<Value = Vec<(String, u8, String)>> {
        prop::collection::vec(("[ab好\", é']{0,3}x", 0u8..3, "[yz]{0,1}"), 1..60)
    }

    proptest! {
        #[test]
        fn rows_that_stay_in_their_file_are_those_of_the_file_read_whole(rows in rows(), from in 0usize..60) {
            let folder = tempfile::tempdir().unwrap();
            for path in files(folder.path(), &rows) {
                let whole = super::super::table::read_labelled(&path, &TableOptions::default(), None, true).unwrap();
                let mut lazy = examples(&path);
                let places: Vec<usize> = (0..whole.examples.len()).collect();
                prop_assert_eq!(&lazy.read(&places).unwrap(), &whole.examples, "{}", path.display());
                lazy.hold(&[from % places.len()]).unwrap();
                prop_assert_eq!(lazy.get(from % places.len()), whole.examples.get(from % places.len()));
                let mut held = Examples::of(whole.examples.clone(), &whole.columns);
                held.held.retain(|place, _| lazy.held.contains_key(place));
                lazy.texts = held.texts.clone();
                prop_assert_eq!(lazy, held);
            }
        }

        #[test]
        fn of_equal_texts_the_one_with_the_smallest_fields_stands_for_all(rows in rows()) {
            let folder = tempfile::tempdir().unwrap();
            let lazy = examples(&files(folder.path(), &rows)[0]);
            let mut groups: BTreeMap<[u8; 32], Vec<usize>> = BTreeMap::new();
            for (place, (text, ..)) in rows.iter().enumerate() {
                groups.entry(text_hash([text.as_str()])).or_default().push(place);
            }
            let smallest = |places: &Vec<usize>| {
                let fields = |place: usize| (&rows[place].2, &rows[place].0);
                places.iter().copied().min_by(|&a, &b| fields(a).cmp(&fields(b))).unwrap()
            };
            let expected: Vec<(usize, usize)> = groups.values().map(|places| (smallest(places), places.len())).collect();
            let found: Vec<(usize, usize)> = lazy.groups().map(|group| (group[0] as usize, group.len())).collect();
            prop_assert_eq!(found, expected);
            for hash in groups.keys() {
                prop_assert!(lazy.has_text(hash));
            }
            prop_assert!(!lazy.has_text(&text_hash(["no such text"])));
        }
    }

    /// A data set of train only, and a draw of it.
    fn drawn(path: &Path) -> (Dataset, Draw) {
        let files = Files { train: Some(path.into()), ..Files::default() };
        let dataset = Dataset::load(&DatasetSource::Files(Box::new(files))).unwrap();
        let draw = draw(&dataset, Shots::Count(3), 13, &Limits { unlabelled: Some(2), ..Limits::default() }).unwrap();
        (dataset, draw)
    }

    #[test]
    fn only_what_is_drawn_and_the_front_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.tsv");
        let text: String = (0..500).map(|i| format!("text {i}\t{}\n", i % 2)).collect();
        std::fs::write(&path, text).unwrap();
        let (mut dataset, draw) = drawn(&path);
        dataset.hold([&draw]).unwrap();
        let train = dataset.split(Split::Train).unwrap();
        for place in draw.train.iter().chain(&draw.dev).chain(&draw.unlabelled) {
            assert_eq!(train.get(*place).unwrap().fields, [format!("text {place}")]);
        }
        assert!(train.held.len() <= FRONT + 1 + 6 + 6 + 2, "{}", train.held.len());
        assert_eq!(train.len(), 500);
    }

    #[test]
    fn a_file_that_is_written_meanwhile_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.tsv");
        let text: String = (100..600).map(|i| format!("text {i}\t{}\n", i % 2)).collect();
        let changes: [fn(&str) -> String; 3] = [
            |text| text[..text.len() / 2].to_owned(),
            |text| text.to_owned() + "more\t1\n",
            |text| text.replace("text", "tuxt"),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            std::fs::write(&path, &text).unwrap();
            let (mut dataset, draw) = drawn(&path);
            let before = std::fs::metadata(&path).unwrap().modified().unwrap();
            std::fs::write(&path, change(&text)).unwrap();
            // Even where the clock does not tell.
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
            let error = dataset.hold([&draw]).unwrap_err();
            assert!(
                matches!(&error, TaskError::Changed { file } if *file == path.display().to_string()),
                "{n} {error}"
            );
            assert!(error.to_string().contains("train.tsv` changed while it was used"), "{error}");
        }
    }
}
