//! A file's rows as places, labels and hashes, their texts left in the file.
//!
//! # Decisions
//!
//! - 2026-11: of a row are held its place (12 bytes), its label (4) and the BLAKE3 of its texts (32), by which draws go; the texts of
//!   the rows that are drawn are read again. A file of a million rows takes some fifty megabytes whatever its texts are. An array
//!   of JSON objects and a data set in the binary are held whole.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::band::LabelBy;
use super::columns::{layout, missing, text_columns};
use super::divide::Shares;
use super::facts::FactsLeftOut;
use super::row_file::{RowFile, Span};
use super::{BELOW_HEADER, OF_IT, Rows, TableOptions};
use crate::task::error::{Place, Position, TaskError};
use crate::task::example::text_hash;
use crate::task::labels::{index_of, sorted_labels};
use crate::task::source::LABEL;
use crate::task::split::Split;

/// The label of a row that has none.
pub(crate) const NO_LABEL: u32 = u32::MAX;

/// What is wanted of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Want<'a> {
    pub options: &'a TableOptions,
    /// Whether every row needs a label.
    pub need_label: bool,
    /// Where labels are made from numbers.
    pub label_by: Option<&'a LabelBy>,
    /// Whether the file is to be divided.
    pub shares: Option<Shares>,
}

/// A word that stands for a label, as the file has it.
#[derive(Debug, Clone)]
struct Word {
    text: String,
    /// The first row with it.
    first: Position,
    /// The rows with it.
    n: usize,
}

/// A file's rows.
#[derive(Debug, Clone)]
pub(crate) struct Indexed {
    pub file: String,
    pub columns: Vec<String>,
    /// BLAKE3 of the file, in hex.
    pub hash: String,
    /// Whether some row has a label.
    pub labelled: bool,
    /// Rows that were left out because they had no text.
    pub blank: usize,
    /// Rows that were left out because no band has their number.
    pub out_of_band: usize,
    /// Facts that were left out.
    pub facts: FactsLeftOut,
    /// The label of each row, as a place in its words.
    pub labels: Vec<u32>,
    /// The hash of each row's own texts.
    pub hashes: Vec<[u8; 32]>,
    /// The bytes of each row's cells.
    pub bytes: Vec<u32>,
    pub texts: Texts,
    words: Vec<Word>,
    left_out: Vec<String>,
    /// Whether the first row could have been a header by the rule, and was not.
    guessed_headerless: bool,
    sides: Vec<Split>,
}

/// Where the texts of rows are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Texts {
    /// Here, row by row.
    Held(Vec<Vec<String>>),
    /// In a file; the cells that are the columns.
    File { rows: RowFile, spans: Vec<Span>, cells: Vec<usize> },
}

impl Texts {
    /// The cells of rows that are the columns.
    ///
    /// # Errors
    /// As [`RowFile::rows`].
    pub(crate) fn read(&self, places: &[usize]) -> Result<Vec<Vec<String>>, TaskError> {
        match self {
            Self::Held(held) => Ok(places.iter().map(|&place| held[place].clone()).collect()),
            Self::File { rows, spans, cells } => {
                let spans: Vec<Span> = places.iter().map(|&place| spans[place]).collect();
                let take = |mut row: Vec<String>| cells.iter().map(|&i| std::mem::take(&mut row[i])).collect();
                Ok(rows.rows(&spans)?.into_iter().map(take).collect())
            }
        }
    }

    /// Names the file, where there is one.
    pub(crate) fn file(&self) -> Option<&str> {
        match self {
            Self::Held(_) => None,
            Self::File { rows, .. } => Some(rows.file()),
        }
    }

    /// Leaves only these columns, in this order.
    pub(crate) fn select(&mut self, columns: &[usize]) {
        match self {
            Self::Held(held) => held.iter_mut().for_each(|row| {
                *row = columns.iter().map(|&i| std::mem::take(&mut row[i])).collect();
            }),
            Self::File { cells, .. } => *cells = columns.iter().map(|&i| cells[i]).collect(),
        }
    }

    fn part(&self, places: &[usize]) -> Self {
        match self {
            Self::Held(held) => Self::Held(places.iter().map(|&place| held[place].clone()).collect()),
            Self::File { rows, spans, cells } => Self::File {
                rows: rows.clone(),
                spans: places.iter().map(|&place| spans[place]).collect(),
                cells: cells.clone(),
            },
        }
    }
}

impl Indexed {
    /// Reads a file.
    ///
    /// # Errors
    /// Whatever is wrong with it, named by line or row.
    pub fn read(path: &Path, want: Want<'_>) -> Result<Self, TaskError> {
        let Some(rows) = RowFile::open(path, want.options.class_numbers)? else {
            return Self::held(Rows::read(path, want.options, want.need_label)?, want);
        };
        let mut scan = Scan::new(rows.file(), want);
        let mut layout_of_file = None;
        let mut cells = Vec::new();
        let hash = rows.each(|sheet, spans| {
            let first = layout_of_file.is_none();
            let layout = match &layout_of_file {
                Some(layout) => layout,
                None => {
                    let found = layout(rows.file(), &sheet, want.options, want.need_label)?;
                    let is_cell = |&i: &usize| found.names[i].as_deref().is_some_and(|name| name != LABEL);
                    cells = (0..found.names.len()).filter(is_cell).collect();
                    layout_of_file.insert(found)
                }
            };
            let first_row = if first { layout.first_row } else { 0 };
            let options = TableOptions { partly_labelled: true, ..want.options.clone() };
            let mut part = Rows::of_sheet(rows.file(), sheet, layout, first_row, &options, want.need_label)?;
            part.spans = spans[first_row..].to_vec();
            scan.add(part)
        })?;
        let header = layout_of_file.map(|layout| layout.first_row > 0);
        let spans = std::mem::take(&mut scan.spans);
        scan.finish(header, hash, Texts::File { rows, spans, cells })
    }

    /// The rows of a table that is here.
    ///
    /// # Errors
    /// As [`Indexed::read`].
    pub fn held(rows: Rows, want: Want<'_>) -> Result<Self, TaskError> {
        let (file, hash, header) = (rows.file.clone(), rows.hash.clone(), Some(false));
        let mut scan = Scan::new(&file, want);
        scan.holds = true;
        scan.add(rows)?;
        let held = std::mem::take(&mut scan.fields);
        scan.finish(header, hash, Texts::Held(held))
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.labels.len()
    }

    /// Refuses if a column is not there.
    pub fn require(&self, needed: &[String]) -> Result<(), TaskError> {
        match needed.iter().find(|name| !self.columns.contains(name) && *name != LABEL) {
            None => Ok(()),
            Some(name) => Err(missing(&self.file, name, self.columns.iter().map(String::as_str), &self.left_out)),
        }
    }

    /// The labels that occur, sorted.
    ///
    /// # Errors
    /// If the first row looks like a header that was read as an example.
    pub fn distinct_labels(&self) -> Result<Vec<String>, TaskError> {
        if let Some(&label) = self.labels.first().filter(|&&label| self.guessed_headerless && label != NO_LABEL) {
            let first = &self.words[label as usize];
            let others_recur = self.words.iter().all(|word| word.text == first.text || word.n >= 3);
            if first.n == 1 && self.words.len() > 2 && others_recur {
                return Err(TaskError::LooksLikeHeader { place: self.place(first.first), label: first.text.clone() });
            }
        }
        Ok(sorted_labels(&self.words.iter().map(|word| word.text.clone()).collect::<Vec<_>>()))
    }

    /// Takes the rows for ones without labels.
    pub fn forget_labels(&mut self) {
        self.labelled = false;
        self.labels.fill(NO_LABEL);
        self.words.clear();
    }

    /// Takes all rows for ones of the only label that there is.
    pub fn label_all(&mut self) {
        self.labelled = true;
        self.labels.fill(0);
        self.words.clear();
    }

    /// Makes the labels places in `labels`.
    ///
    /// # Errors
    /// If there is another.
    pub fn label(&mut self, labels: &[String]) -> Result<(), TaskError> {
        let mut known = Vec::with_capacity(self.words.len());
        let index = index_of(labels);
        // In the order in which they come first.
        for word in &self.words {
            let at = *index.get(word.text.as_str()).ok_or_else(|| TaskError::UnknownLabel {
                place: self.place(word.first),
                label: word.text.clone(),
                known: labels.to_vec(),
            })?;
            known.push(at as u32);
        }
        self.labels.iter_mut().filter(|label| **label != NO_LABEL).for_each(|label| *label = known[*label as usize]);
        Ok(())
    }

    /// The parts of a file that was to be divided.
    ///
    /// # Errors
    /// If a part that was asked for gets no row.
    pub fn divide(self, shares: Shares) -> Result<BTreeMap<Split, Self>, TaskError> {
        let mut parts = BTreeMap::new();
        for split in shares.splits() {
            let places: Vec<usize> = (0..self.n_rows()).filter(|&row| self.sides[row] == split).collect();
            if places.is_empty() {
                return Err(TaskError::Empty { file: self.file.clone(), but: OF_IT });
            }
            parts.insert(split, self.part(&places, shares.hash_of(split, &self.hash)));
        }
        Ok(parts)
    }

    fn part(&self, places: &[usize], hash: String) -> Self {
        let mut words: Vec<Word> = Vec::new();
        let mut place_of: HashMap<u32, u32> = HashMap::new();
        let mut labels = Vec::with_capacity(places.len());
        for &row in places {
            let label = self.labels[row];
            if label == NO_LABEL {
                labels.push(NO_LABEL);
                continue;
            }
            let place = *place_of.entry(label).or_insert_with(|| {
                words.push(Word { n: 0, ..self.words[label as usize].clone() });
                words.len() as u32 - 1
            });
            words[place as usize].n += 1;
            labels.push(place);
        }
        Self {
            file: self.file.clone(),
            columns: self.columns.clone(),
            hash,
            labelled: self.labelled,
            blank: self.blank,
            out_of_band: self.out_of_band,
            facts: self.facts,
            labels,
            hashes: places.iter().map(|&row| self.hashes[row]).collect(),
            bytes: places.iter().map(|&row| self.bytes[row]).collect(),
            texts: self.texts.part(places),
            words,
            left_out: self.left_out.clone(),
            guessed_headerless: self.guessed_headerless,
            sides: Vec::new(),
        }
    }

    fn place(&self, position: Position) -> Place {
        Place { file: self.file.clone(), position }
    }
}

/// A file that is being read.
struct Scan<'a> {
    file: String,
    want: Want<'a>,
    /// The columns, once they are known.
    columns: Option<Vec<String>>,
    hashes: Vec<[u8; 32]>,
    labels: Vec<u32>,
    bytes: Vec<u32>,
    sides: Vec<Split>,
    spans: Vec<Span>,
    /// Whether cells are held.
    holds: bool,
    fields: Vec<Vec<String>>,
    words: Vec<Word>,
    place_of: HashMap<String, u32>,
    /// The first row whose label cell is empty, before any row was left out.
    first_without: Option<Position>,
    labelled: bool,
    blank: usize,
    out_of_band: usize,
    facts: FactsLeftOut,
    /// The objects of facts, where they are listed.
    listed: Option<HashSet<String>>,
    left_out: Vec<String>,
    guessed_headerless: bool,
}

impl<'a> Scan<'a> {
    fn new(file: &str, want: Want<'a>) -> Self {
        Self {
            file: file.to_owned(),
            want,
            columns: None,
            hashes: Vec::new(),
            labels: Vec::new(),
            bytes: Vec::new(),
            sides: Vec::new(),
            spans: Vec::new(),
            holds: false,
            fields: Vec::new(),
            words: Vec::new(),
            place_of: HashMap::new(),
            first_without: None,
            labelled: false,
            blank: 0,
            out_of_band: 0,
            facts: FactsLeftOut::default(),
            listed: want
                .options
                .facts
                .as_ref()
                .and_then(|rules| Some(rules.objects.as_ref()?.iter().cloned().collect())),
            left_out: Vec::new(),
            guessed_headerless: false,
        }
    }

    /// Adds the rows of a part of the file.
    fn add(&mut self, mut part: Rows) -> Result<(), TaskError> {
        let TableOptions { skip_blank, needed, .. } = self.want.options;
        if self.columns.is_none() {
            self.columns = Some(part.columns.clone());
            self.left_out.clone_from(&part.left_out);
            self.guessed_headerless = part.guessed_headerless;
        }
        self.note_labels(&part);
        self.blank += part.blank + if *skip_blank { part.leave_out_blank() } else { 0 };
        part.check_texts(needed)?;
        if let Some(rule) = self.want.label_by {
            self.out_of_band += part.label_by(rule)?;
        }
        if let Some(rules) = &self.want.options.facts {
            let left_out = part.leave_out_facts(rules, self.listed.as_ref());
            self.facts.trivial += left_out.trivial;
            self.facts.unlisted += left_out.unlisted;
        }
        let texts = text_columns(&part.columns);
        for (row, fields) in part.fields.iter().enumerate() {
            let texts = || texts.iter().map(|&i| fields[i].as_str());
            self.hashes.push(text_hash(texts()));
            self.bytes.push(fields.iter().map(String::len).sum::<usize>() as u32);
            self.sides.extend(self.want.shares.map(|shares| shares.split_of(texts())));
            let label = part.labels.as_ref().map_or("", |labels| labels[row].as_str());
            let label = if label.is_empty() { NO_LABEL } else { self.word(label, part.positions[row]) };
            self.labels.push(label);
        }
        self.spans.append(&mut part.spans);
        if self.holds {
            self.fields.append(&mut part.fields);
        }
        Ok(())
    }

    /// Remembers whether rows have labels.
    fn note_labels(&mut self, part: &Rows) {
        let without = |row: &usize| part.labels.as_ref().is_none_or(|labels| labels[*row].is_empty());
        let n = part.positions.len();
        if self.first_without.is_none() {
            self.first_without = (0..n).find(without).map(|row| part.positions[row]);
        }
        self.labelled |= !(0..n).all(|row| without(&row));
    }

    fn word(&mut self, label: &str, position: Position) -> u32 {
        let place = match self.place_of.get(label) {
            Some(&place) => place,
            None => {
                let place = self.words.len() as u32;
                self.words.push(Word { text: label.to_owned(), first: position, n: 0 });
                self.place_of.insert(label.to_owned(), place);
                place
            }
        };
        self.words[place as usize].n += 1;
        place
    }

    /// The whole file; `header` says whether its first row was one, `None` that it has no row at all.
    fn finish(self, header: Option<bool>, hash: String, texts: Texts) -> Result<Indexed, TaskError> {
        let file = self.file.clone();
        let missing_label = |position| TaskError::MissingLabel {
            place: Place { file: file.clone(), position },
            column: self.want.options.label_name().to_owned(),
        };
        if let Some(position) = self.first_without.filter(|_| self.labelled || self.want.need_label) {
            return Err(missing_label(position));
        }
        if self.labels.is_empty() {
            let some = self.blank + self.out_of_band + self.facts.n() > 0;
            let but = match header {
                _ if some => OF_IT,
                Some(true) => BELOW_HEADER,
                _ => "",
            };
            return Err(TaskError::Empty { file, but });
        }
        Ok(Indexed {
            file,
            columns: self.columns.unwrap_or_default(),
            hash,
            labelled: self.labelled || self.want.label_by.is_some(),
            blank: self.blank,
            out_of_band: self.out_of_band,
            facts: self.facts,
            labels: self.labels,
            hashes: self.hashes,
            bytes: self.bytes,
            texts,
            words: self.words,
            left_out: self.left_out,
            guessed_headerless: self.guessed_headerless,
            sides: self.sides,
        })
    }
}
