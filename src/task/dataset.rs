//! A data set: its columns, its labels and up to three splits.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::task::builtin;
use crate::task::card::{CARD, Card};
use crate::task::labels::{check_labels, sorted_labels};
use crate::task::source::{DatasetSource, Files};
use crate::task::table::{Format, Indexed, TableOptions, Want, needs_label, text_columns};
use crate::task::{DatasetOptions, Draw, Example, Examples, Split, TaskError};

/// A data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Its card's name, or else its folder's.
    pub name: String,
    /// The columns that all splits have, the label not among them.
    pub columns: Vec<String>,
    /// The labels, in the order told, or else sorted.
    pub labels: Vec<String>,
    /// What search sees.
    pub train: Option<Examples>,
    /// What selection sees.
    pub dev: Option<Examples>,
    /// What the leaderboard shows.
    pub test: Option<Examples>,
    /// Its card, if it has one.
    pub card: Option<Card>,
    /// BLAKE3 of each split's file, in hex.
    pub hashes: BTreeMap<Split, String>,
    /// The language of its texts, from the card.
    pub language: Option<String>,
    /// What is worth saying of how it was read, a sentence each.
    pub notes: Vec<String>,
    /// Whether it is one of facts, whose labels are objects and no classes.
    pub is_of_facts: bool,
}

impl Dataset {
    /// Reads a data set.
    ///
    /// # Errors
    /// Whatever is wrong with a file, a column, a label or the card, with its place.
    pub fn load(source: &DatasetSource) -> Result<Self, TaskError> {
        Self::load_with(source, &DatasetOptions::default())
    }

    /// Reads a data set of which more is asked: columns, or that it is one of facts.
    ///
    /// # Errors
    /// As [`Dataset::load`], and a column that is not there; of facts an object that is not listed, and fewer than two objects.
    pub fn load_with(source: &DatasetSource, asked: &DatasetOptions) -> Result<Self, TaskError> {
        match source {
            DatasetSource::Builtin(name) => builtin::find(name)?.load(asked),
            DatasetSource::Folder(folder) => load_folder(folder, asked),
            DatasetSource::Files(files) => load_files(files, asked),
            DatasetSource::Hub(data) => data.load(asked),
        }
    }

    /// Reads a data set whose answers are the texts of the column `target`, not labels: every example has the one label that is named as
    /// the column is, whatever other labels there are.
    ///
    /// # Errors
    /// As [`Dataset::load`]; a reference that is blank, and a split without the column.
    pub fn load_references(source: &DatasetSource, target: &str) -> Result<Self, TaskError> {
        Self::load_with(source, &DatasetOptions::of_references(target))
    }

    /// A data set from its parts, as a test builds one.
    pub fn from_parts(
        name: &str,
        columns: Vec<String>,
        labels: Vec<String>,
        splits: [Option<Vec<Example>>; 3],
    ) -> Self {
        let [train, dev, test] = splits.map(|split| split.map(|examples| Examples::of(examples, &columns)));
        let (name, hashes) = (name.to_owned(), BTreeMap::new());
        let (card, language, notes, is_of_facts) = (None, None, Vec::new(), false);
        Self { name, columns, labels, train, dev, test, card, hashes, language, notes, is_of_facts }
    }

    /// The examples of a split, if it is there.
    pub fn split(&self, split: Split) -> Option<&Examples> {
        match split {
            Split::Train => self.train.as_ref(),
            Split::Dev => self.dev.as_ref(),
            Split::Test => self.test.as_ref(),
        }
    }

    /// Reads the texts of the examples that are drawn, and holds them from now on.
    ///
    /// # Errors
    /// [`TaskError::Changed`] if a file is not what it was when it was read first.
    pub fn hold<'a>(&mut self, draws: impl IntoIterator<Item = &'a Draw>) -> Result<(), TaskError> {
        let mut places: BTreeMap<Split, BTreeSet<usize>> = BTreeMap::new();
        for draw in draws {
            for (split, drawn) in draw.places() {
                places.entry(split).or_default().extend(drawn);
            }
        }
        for (split, places) in places {
            let examples = match split {
                Split::Train => &mut self.train,
                Split::Dev => &mut self.dev,
                Split::Test => &mut self.test,
            };
            if let Some(examples) = examples {
                examples.hold(&places.into_iter().collect::<Vec<_>>())?;
            }
        }
        Ok(())
    }

    /// The splits that are there.
    pub fn splits(&self) -> Vec<Split> {
        Split::ALL.into_iter().filter(|&split| self.split(split).is_some()).collect()
    }

    /// Whether a split is there and has labels.
    pub fn is_labelled(&self, split: Split) -> bool {
        self.split(split).is_some_and(Examples::is_labelled)
    }

    /// The place of a column in [`Example::fields`].
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The columns that make up an example's text: `text`, `text_a` and `text_b` where there are such, else all but `id`.
    pub fn text_columns(&self) -> Vec<usize> {
        text_columns(&self.columns)
    }

    pub(crate) fn assemble(
        name: String,
        rows: BTreeMap<Split, Indexed>,
        labels: Option<Vec<String>>,
        card: Option<Card>,
        asked: &DatasetOptions,
    ) -> Result<Self, TaskError> {
        let labels = match (&asked.target, &asked.facts, labels) {
            (Some(target), ..) => vec![target.clone()],
            (None, Some(rules), _) => rules.labels(&rows)?,
            (None, None, Some(labels)) => {
                check_labels(&labels)?;
                labels
            }
            (None, None, None) => told_by_the_first_labelled(&rows)?,
        };
        let columns = shared_columns(&rows)?;
        let mut hashes = BTreeMap::new();
        let mut examples = BTreeMap::new();
        for (split, mut rows) in rows {
            if asked.target.is_some() {
                rows.label_all();
            } else {
                rows.label(&labels).map_err(|error| match (error, &asked.facts) {
                    (TaskError::UnknownLabel { place, label: object, known }, Some(_)) => {
                        TaskError::UnlistedObject { place, object, n_listed: known.len() }
                    }
                    (error, _) => error,
                })?;
            }
            hashes.insert(split, rows.hash.clone());
            examples.insert(split, Examples::new(rows, &columns)?);
        }
        let [train, dev, test] = Split::ALL.map(|split| examples.remove(&split));
        let language = card.as_ref().and_then(|card| card.language.clone());
        let (notes, is_of_facts) = (Vec::new(), asked.facts.is_some());
        Ok(Self { name, columns, labels, train, dev, test, card, hashes, language, notes, is_of_facts })
    }
}

/// The labels of train, or of dev or test where there is no train.
fn told_by_the_first_labelled(rows: &BTreeMap<Split, Indexed>) -> Result<Vec<String>, TaskError> {
    match rows.values().find(|rows| rows.labelled) {
        Some(rows) => rows.distinct_labels(),
        None => Ok(sorted_labels(&[])),
    }
}

/// The columns that all splits have, in the first one's order. A text may not be missing in one of them.
fn shared_columns(rows: &BTreeMap<Split, Indexed>) -> Result<Vec<String>, TaskError> {
    let Some(first) = rows.values().next() else {
        return Ok(Vec::new());
    };
    let texts: Vec<String> = rows
        .values()
        .flat_map(|rows| text_columns(&rows.columns).into_iter().map(|i| rows.columns[i].clone()))
        .filter(|name| ["text", "text_a", "text_b"].contains(&name.as_str()))
        .collect();
    let in_all = |name: &&String| rows.values().all(|rows| rows.columns.contains(name));
    let shared: Vec<String> = first.columns.iter().filter(in_all).cloned().collect();
    for rows in rows.values() {
        rows.require(&texts)?;
        if shared.is_empty() {
            rows.require(&first.columns)?;
        }
    }
    Ok(shared)
}

fn load_files(source: &Files, asked: &DatasetOptions) -> Result<Dataset, TaskError> {
    let Files { train, dev, test, all, shares, columns, header, labels, label_by, skip_blank } = source;
    let class_numbers = label_by.is_some();
    let options =
        TableOptions { header: *header, skip_blank: *skip_blank, class_numbers, ..asked.of_table(columns.clone()) };
    let paths = [train, dev, test];
    let files = Split::ALL.into_iter().zip(paths).filter_map(|(split, path)| Some((split, path.clone()?)));
    let files: BTreeMap<Split, PathBuf> = files.collect();
    let name = files.values().chain(all).next().and_then(|path| path.parent()?.file_name());
    let name = name.map_or_else(|| "files".to_owned(), |name| name.to_string_lossy().into_owned());
    let mut notes = Vec::new();
    let mut read = |path: &Path, split: Option<Split>| -> Result<Indexed, TaskError> {
        let labelled = asked.target.is_none() && label_by.is_none();
        let need_label = labelled && split.is_none_or(|split| needs_label(split, labels.is_some()));
        let shares = split.is_none().then_some(*shares);
        let want = Want { options: &options, need_label, label_by: label_by.as_ref(), shares };
        let rows = Indexed::read(path, want)?;
        let mut left_out = |n: usize, why: &str| {
            if n > 0 {
                notes.push(format!("{}: {n} rows are left out ({why})", path.display()));
            }
        };
        left_out(rows.blank, "no text; `skip_blank: true`");
        if let Some(rule) = label_by {
            left_out(rows.out_of_band, &format!("`{}` is in no band of `label_by`", rule.column));
        }
        notes.extend(rows.facts.notes(&rows.file, asked.facts.as_ref()));
        Ok(rows)
    };
    let rows = match all {
        Some(path) => read(path, None)?.divide(*shares)?,
        None => {
            let mut rows = BTreeMap::new();
            for (split, path) in &files {
                rows.insert(*split, read(path, Some(*split))?);
            }
            rows
        }
    };
    let by_band = label_by.as_ref().map(|rule| rule.bands.iter().map(|(label, _)| label.clone()).collect());
    let mut dataset = Dataset::assemble(name, rows, labels.clone().or(by_band), None, asked)?;
    dataset.notes = notes;
    Ok(dataset)
}

fn load_folder(folder: &Path, asked: &DatasetOptions) -> Result<Dataset, TaskError> {
    let shown = folder.display().to_string();
    if folder.is_file() {
        return Err(TaskError::IsFile { file: shown });
    }
    let files = split_files(folder)?;
    let card_file = folder.join(CARD);
    let card_shown = card_file.display().to_string();
    let card = match fs::read_to_string(&card_file) {
        Ok(text) => Some(Card::parse(&card_shown, &text)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(source) => return Err(TaskError::Unreadable { file: card_shown, source }),
    };
    if let Some(card) = &card {
        let names = files.iter().map(|(split, path)| (*split, path.display().to_string())).collect();
        card.check_files(&card_shown, &names)?;
    }
    if files.is_empty() {
        return Err(TaskError::NoSplits { folder: shown });
    }
    let labels = card.as_ref().and_then(|card| card.labels.clone());
    let columns = card.as_ref().and_then(|card| card.columns.clone());
    let options = asked.of_table(columns);
    let (mut rows, mut notes) = (BTreeMap::new(), Vec::new());
    for (split, path) in files {
        let need_label = asked.target.is_none() && needs_label(split, labels.is_some());
        let read = Indexed::read(&path, Want { options: &options, need_label, label_by: None, shares: None })?;
        if let Some(card) = &card {
            card.check_rows(split, &read)?;
        }
        notes.extend(read.facts.notes(&read.file, asked.facts.as_ref()));
        rows.insert(split, read);
    }
    let folder_name = || folder.file_name().map_or(shown.clone(), |name| name.to_string_lossy().into_owned());
    let name = card.as_ref().map_or_else(folder_name, |card| card.name.clone());
    Ok(Dataset { notes, ..Dataset::assemble(name, rows, labels, card, asked)? })
}

/// The files `train.*`, `dev.*`, `test.*` of a folder with an ending that we read.
fn split_files(folder: &Path) -> Result<BTreeMap<Split, PathBuf>, TaskError> {
    let unreadable = |source| TaskError::Unreadable { file: folder.display().to_string(), source };
    let mut files: BTreeMap<Split, PathBuf> = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let split = Split::ALL.into_iter().find(|split| stem.as_deref() == Some(split.name()));
        let (Some(split), Some(_)) = (split, Format::of(&path)) else {
            continue;
        };
        if let Some(other) = files.insert(split, path.clone()) {
            let mut names = [other, path].map(|p| p.file_name().unwrap_or_default().to_string_lossy().into_owned());
            names.sort();
            let [first, second] = names;
            return Err(TaskError::TwoFiles { folder: folder.display().to_string(), split, first, second });
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ExitCode, Fault};
    use crate::task::{Columns, Header, Limits, Shots, draw};

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn load(files: &[(&str, &str)]) -> Result<Dataset, String> {
        let folder = folder(files);
        Dataset::load(&DatasetSource::Folder(folder.path().to_owned())).map_err(|error| {
            assert_eq!(error.exit_code(), ExitCode::Data);
            error.to_string().replace(&folder.path().display().to_string(), "DIR")
        })
    }

    #[test]
    fn a_folder_is_read_by_the_names_of_its_files() {
        let files =
            [("train.tsv", "a\t1\nb\t0\n"), ("dev.csv", "text,label\nc,1\n"), ("test.jsonl", "{\"text\":\"d\"}\n")];
        let dataset = load(&[&files[..], &[("train.tsv.bak", ""), ("README.md", "")]].concat()).unwrap();
        assert_eq!((dataset.columns, dataset.labels), (vec!["text".to_owned()], vec!["0".to_owned(), "1".to_owned()]));
        assert_eq!(dataset.dev.unwrap().get(0), Some(&Example { row: 0, fields: vec!["c".into()], label: Some(1) }));
        assert_eq!(dataset.test.unwrap().label(0), None);
        assert_eq!(dataset.hashes[&Split::Train], blake3::hash(b"a\t1\nb\t0\n").to_hex().to_string());
    }

    #[test]
    fn two_files_for_a_split_and_no_file_at_all_are_refused() {
        let message = load(&[("train.tsv", "a\t1\n"), ("train.csv", "a,1\n")]).unwrap_err();
        assert_eq!(message, "`DIR` holds two files for train: train.csv and train.tsv");
        assert!(
            load(&[("training.tsv", "a\t1\n")]).unwrap_err().starts_with("`DIR` holds no train.*, dev.* or test.*")
        );
        let file = folder(&[("train.tsv", "a\t1\n")]);
        let error = Dataset::load(&DatasetSource::Folder(file.path().join("train.tsv"))).unwrap_err();
        assert!(matches!(error, TaskError::IsFile { .. }));
        let error = Dataset::load(&DatasetSource::Folder(file.path().join("none"))).unwrap_err();
        assert!(matches!(error, TaskError::Unreadable { .. }));
    }

    #[test]
    fn labels_that_train_lacks_are_refused_in_every_split() {
        let train = ("train.tsv", "a\tgood\nb\tbad\n");
        for name in ["dev.tsv", "test.tsv"] {
            let message = load(&[train, (name, "c\tgood\nd\tfine\n")]).unwrap_err();
            assert_eq!(message, format!("DIR/{name}:2: unknown label `fine` (known: bad, good)"));
        }
    }

    #[test]
    fn a_card_is_checked_against_the_files() {
        let text = "a\tgood\nb\tbad\n";
        let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
        let card = |rows: usize, hash: &str| {
            format!(
                "name: mine\nlanguage: en\nlabels: [good, bad]\nsplits: {{train: {{rows: {rows}, blake3: {hash}}}}}\n"
            )
        };
        let dataset = load(&[("train.tsv", text), ("CARD.yaml", &card(2, &hash))]).unwrap();
        assert_eq!((dataset.name.as_str(), dataset.language.as_deref()), ("mine", Some("en")));
        assert_eq!(dataset.labels, ["good", "bad"]);
        let message = load(&[("train.tsv", text), ("CARD.yaml", &card(3, &hash))]).unwrap_err();
        assert_eq!(message, "`DIR/train.tsv` has 2 rows; its CARD.yaml says 3");
        let message = load(&[("train.tsv", text), ("CARD.yaml", &card(2, "00ff"))]).unwrap_err();
        let expected =
            format!("`DIR/train.tsv` is not the file that its CARD.yaml describes: BLAKE3 expected 00ff, found {hash}");
        assert_eq!(message, expected);
        let message = load(&[("dev.tsv", text), ("train.tsv", text), ("CARD.yaml", &card(2, &hash))]).unwrap_err();
        assert_eq!(message, "DIR/CARD.yaml: splits lists no dev, but `DIR/dev.tsv` lies beside it");
        let message = load(&[("CARD.yaml", &card(2, &hash))]).unwrap_err();
        assert_eq!(message, "DIR/CARD.yaml: splits.train is listed, but there is no train.* file beside it");
    }

    #[test]
    fn columns_that_only_some_splits_have_are_dropped_and_texts_may_not_be() {
        let dataset = load(&[("train.csv", "idx,text,label\n0,a,1\n"), ("test.csv", "text,label\nb,1\n")]).unwrap();
        assert_eq!(
            (dataset.columns, dataset.train.unwrap().get(0).unwrap().fields.clone()),
            (vec!["text".into()], vec!["a".to_owned()])
        );
        let files = [("train.csv", "text_a,text_b,label\na,b,1\n"), ("test.csv", "text_a,label\nb,1\n")];
        assert_eq!(load(&files).unwrap_err(), "`DIR/test.csv`: no column `text_b` (columns: text_a)");
    }

    #[test]
    fn needed_columns_are_asked_for() {
        let folder = folder(&[("train.csv", "premise,label\na,1\n")]);
        let source = DatasetSource::Folder(folder.path().to_owned());
        let asked = |column: &str| DatasetOptions { needed: vec![column.to_owned()], ..DatasetOptions::default() };
        assert!(Dataset::load_with(&source, &asked("premise")).is_ok());
        let message = Dataset::load_with(&source, &asked("text")).unwrap_err().to_string();
        assert!(message.ends_with("no column `text` (columns: premise)"), "{message}");
    }

    /// Real data that is not part of the project lies beside some checkouts.
    fn shared(name: &str) -> Option<PathBuf> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/datasets").join(name);
        if !path.exists() {
            println!("skipped: {} is absent", path.display());
            return None;
        }
        Some(path)
    }

    #[test]
    fn sst2_is_read_whole() {
        let Some(folder) = shared("sst2") else { return };
        let dataset = Dataset::load(&DatasetSource::Folder(folder)).unwrap();
        let sizes = Split::ALL.map(|split| dataset.split(split).unwrap().len());
        assert_eq!((sizes, &dataset.labels[..]), ([6920, 872, 1821], &["0".to_owned(), "1".to_owned()][..]));
        let drawn = draw(&dataset, Shots::Full, 13, &Limits { dev: Some(256), ..Limits::default() }).unwrap();
        assert_eq!((drawn.dev.len(), drawn.test.len()), (256, 1821));
    }

    #[test]
    fn one_file_is_divided_by_its_texts_and_labelled_by_numbers() {
        let mut rows: Vec<String> = (0..200).map(|i| format!("{i}\t{}\ttext {i}", i % 5)).collect();
        let band = |text: &str| crate::task::Band::parse(text).unwrap();
        let load = |rows: &[String]| {
            let folder = folder(&[("all.tsv", &rows.join("\n"))]);
            let columns = ["id", "rating", "text"].map(str::to_owned).to_vec();
            let rule = crate::task::LabelBy {
                column: "rating".into(),
                bands: vec![("low".into(), band("<= 1")), ("high".into(), band("> 2"))],
            };
            let files = Files {
                all: Some(folder.path().join("all.tsv")),
                columns: Some(Columns::Order(columns)),
                header: Header::No,
                label_by: Some(rule),
                ..Files::default()
            };
            let dataset = Dataset::load(&DatasetSource::Files(Box::new(files)))?;
            // Its texts are in the folder.
            Ok::<_, TaskError>((dataset, folder))
        };
        let texts = |dataset: &Dataset, split| -> std::collections::BTreeSet<String> {
            let column = dataset.column("text").unwrap();
            let examples = dataset.split(split).unwrap();
            let all = examples.read(&(0..examples.len()).collect::<Vec<_>>()).unwrap();
            all.into_iter().map(|example| example.fields[column].clone()).collect()
        };
        let (first, _folder) = load(&rows).unwrap();
        assert_eq!(first.labels, ["low", "high"]);
        assert!(
            first.notes[0].ends_with("40 rows are left out (`rating` is in no band of `label_by`)"),
            "{:?}",
            first.notes
        );
        let sizes = Split::ALL.map(|split| first.split(split).unwrap().len());
        assert_eq!(sizes.iter().sum::<usize>(), 160);
        assert!(sizes[0] > 90 && sizes[1] > 5 && sizes[2] > 15, "{sizes:?}");
        rows.reverse();
        let (reversed, _folder) = load(&rows).unwrap();
        for split in Split::ALL {
            assert_eq!(texts(&first, split), texts(&reversed, split));
        }
        rows[3] = "196\thigh\ttext".into();
        let message = load(&rows).unwrap_err().to_string();
        assert!(
            message.contains("all.tsv") && message.ends_with("`high` in column `rating` is no number"),
            "{message}"
        );
    }

    #[test]
    fn the_fields_few_shot_splits_are_taken_as_given() {
        let Some(folder) = shared("few-shot-splits/sst-2") else { return };
        for seed in [13, 21, 42, 87, 100] {
            let file = |name: &str| Some(folder.join(format!("16-{seed}/{name}")));
            let columns = Columns::Names([("text".to_owned(), "sentence".to_owned())].into());
            let source = DatasetSource::Files(Box::new(Files {
                train: file("train.tsv"),
                dev: file("dev.tsv"),
                test: Some(folder.join("test.tsv")),
                columns: Some(columns),
                ..Files::default()
            }));
            let dataset = Dataset::load(&source).unwrap();
            assert_eq!(dataset.columns, ["text"]);
            let drawn = draw(&dataset, Shots::Given, 1, &Limits::default()).unwrap();
            assert_eq!((drawn.train.len(), drawn.dev.len(), drawn.test.len()), (32, 32, 1821));
        }
    }

    #[test]
    fn the_chinese_hotel_reviews_are_read_but_for_a_blank_one() {
        let Some(folder) = shared("zh-hotel") else { return };
        let columns = Some(Columns::Names([("text".to_owned(), "review".to_owned())].into()));
        let source = |train: PathBuf| {
            DatasetSource::Files(Box::new(Files { train: Some(train), columns: columns.clone(), ..Files::default() }))
        };
        let published = folder.join("ChnSentiCorp_htl_all.csv");
        let message = Dataset::load(&source(published.clone())).unwrap_err().to_string();
        assert!(message.ends_with(": blank text in column `text`"), "{message}");
        let all = Some(published.clone());
        let divided = Files { all, columns: columns.clone(), skip_blank: true, ..Files::default() };
        let dataset = Dataset::load(&DatasetSource::Files(Box::new(divided))).unwrap();
        let sizes = Split::ALL.map(|split| dataset.split(split).map_or(0, Examples::len));
        assert_eq!((sizes.iter().sum::<usize>(), dataset.notes.len()), (7765, 1));
        assert!((5_200..5_700).contains(&sizes[0]) && (650..900).contains(&sizes[1]), "{sizes:?}");
        let text = fs::read_to_string(published).unwrap();
        let whole = tempfile::tempdir().unwrap();
        let path = whole.path().join("reviews.csv");
        fs::write(&path, text.replace("\n0,\n", "\n").replace("\n0,\r\n", "\n")).unwrap();
        let dataset = Dataset::load(&source(path)).unwrap();
        assert_eq!((dataset.train.as_ref().unwrap().len(), &dataset.columns[..]), (7765, &["text".to_owned()][..]));
        let drawn = draw(&dataset, Shots::Count(16), 13, &Limits::default()).unwrap();
        assert!(drawn.dev_from_train && drawn.train.len() == 32 && drawn.dev.len() == 32);
    }
}
