//! Running text that prompts are mined from: files of sentences, read part by part and never held.
//!
//! # Decisions
//!
//! - 2026-11: a `.txt` file has a sentence or a paragraph a line; TSV and CSV have a header; of a table, of JSON lines and of Parquet
//!   one column is read. Nothing else of a corpus is looked at, and blank lines are no sentences.
//! - 2026-11: a corpus is read once to the end when it is opened, so that whatever is wrong with it is told before anything runs, and
//!   so that its hash is known. A later pass that finds other bytes fails.
//! - 2026-11: parts are about 1 MiB of whole records, whatever the machine; [`GROUP`] of them are read, gone through on all threads
//!   and given in their order, so that no result depends on the number of threads.

mod part;
mod source;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use self::source::Source;
use super::TaskError;

/// Parts that are in memory together.
const GROUP: usize = 16;

/// A sentence, or a paragraph, with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sentence<'a> {
    /// It, without the line break.
    pub text: &'a str,
    /// Its file among those of the corpus.
    pub file: u32,
    /// Its line, or its row in a file without lines, from 1.
    pub line: u64,
}

/// Files of sentences.
#[derive(Debug)]
pub struct Corpus {
    files: Vec<CorpusFile>,
    n_sentences: u64,
}

/// One of its files.
#[derive(Debug)]
struct CorpusFile {
    path: PathBuf,
    source: Source,
    /// BLAKE3 in hex.
    hash: String,
    n_bytes: u64,
}

impl Corpus {
    /// Reads `files` to their ends; `column` names the text in files that have columns.
    ///
    /// # Errors
    /// [`TaskError`] if a file cannot be read, has no known ending, no such column or no sentence, or is not UTF-8; with the place.
    pub fn open(files: &[PathBuf], column: &str) -> Result<Self, TaskError> {
        let mut corpus = Self { files: Vec::new(), n_sentences: 0 };
        for path in files {
            let source = Source::of(path, column)?;
            let mut n_sentences = 0;
            let hash = pass(path, 0, &source, &|sentences: &[Sentence<'_>]| sentences.len() as u64, &mut |n| {
                n_sentences += n;
            })?;
            if n_sentences == 0 {
                return Err(TaskError::Empty { file: path.display().to_string(), but: "" });
            }
            let n_bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
            corpus.n_sentences += n_sentences;
            corpus.files.push(CorpusFile { path: path.clone(), source, hash, n_bytes });
        }
        Ok(corpus)
    }

    /// Goes through all sentences, a part at a time: `read` sees parts on all threads, `take` what it made of them, in their order.
    ///
    /// # Errors
    /// [`TaskError::Changed`] if a file is not what it was, else [`TaskError`] if it cannot be read.
    pub fn pass<T: Send>(
        &self,
        read: &(dyn Fn(&[Sentence<'_>]) -> T + Sync),
        take: &mut dyn FnMut(T),
    ) -> Result<(), TaskError> {
        for (number, file) in self.files.iter().enumerate() {
            let hash = pass(&file.path, number as u32, &file.source, read, take)?;
            if hash != file.hash {
                return Err(TaskError::Changed { file: file.path.display().to_string() });
            }
        }
        Ok(())
    }

    /// The number of sentences.
    pub fn n_sentences(&self) -> u64 {
        self.n_sentences
    }

    /// The bytes of its files.
    pub fn n_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.n_bytes).sum()
    }

    /// Its files with their BLAKE3 in hex.
    pub fn hashes(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.files.iter().map(|file| (file.path.as_path(), file.hash.as_str()))
    }

    /// A place in it for people: the file's name and the line or row.
    pub fn place(&self, file: u32, line: u64) -> String {
        let name = self.files.get(file as usize).and_then(|file| file.path.file_name()).unwrap_or_default();
        format!("{}:{line}", name.to_string_lossy())
    }
}

/// Goes through one file; its BLAKE3 in hex.
fn pass<T: Send>(
    path: &Path,
    number: u32,
    source: &Source,
    read: &(dyn Fn(&[Sentence<'_>]) -> T + Sync),
    take: &mut dyn FnMut(T),
) -> Result<String, TaskError> {
    let mut parts = source.parts(path)?;
    loop {
        let mut group = Vec::with_capacity(GROUP);
        while group.len() < GROUP
            && let Some(part) = parts.next()?
        {
            group.push(part);
        }
        if group.is_empty() {
            return parts.hash();
        }
        let made: Vec<Result<T, TaskError>> =
            group.par_iter().map(|part| part.with_sentences(number, &mut |sentences| read(sentences))).collect();
        for one in made {
            take(one?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ExitCode, Fault};

    fn sentences(corpus: &Corpus) -> Vec<(u32, u64, String)> {
        let mut all = Vec::new();
        let read = |part: &[Sentence<'_>]| part.iter().map(|s| (s.file, s.line, s.text.to_owned())).collect::<Vec<_>>();
        corpus.pass(&read, &mut |mut part| all.append(&mut part)).unwrap();
        all
    }

    fn written(folder: &tempfile::TempDir, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn every_format_gives_its_sentences_with_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            written(&folder, "a.txt", "\u{feff}one\r\n\n two\ttabs \n三\n"),
            written(&folder, "b.tsv", "id\ttext\n1\tfour\n2\t\n3\tfive \"q\n"),
            written(&folder, "c.csv", "text,id\n\"six, and\nmore\",1\nseven,2\n"),
            written(&folder, "d.jsonl", "{\"text\": \"eight\"}\n\n{\"x\": 1, \"text\": null}\n{\"text\": \"九\"}"),
        ];
        let corpus = Corpus::open(&files, "text").unwrap();
        let found = sentences(&corpus);
        let expected = [
            (0, 1, "one"),
            (0, 3, "two\ttabs"),
            (0, 4, "三"),
            (1, 2, "four"),
            (1, 4, "five \"q"),
            (2, 2, "six, and\nmore"),
            (2, 4, "seven"),
            (3, 1, "eight"),
            (3, 4, "九"),
        ];
        let expected: Vec<_> = expected.iter().map(|&(file, line, text)| (file, line, text.to_owned())).collect();
        assert_eq!(found, expected);
        assert_eq!(corpus.n_sentences(), 9);
        assert_eq!(corpus.place(2, 4), "c.csv:4");
        let (path, hash) = corpus.hashes().nth(1).unwrap();
        assert_eq!(hash, blake3::hash(&std::fs::read(path).unwrap()).to_hex().as_str());
    }

    #[test]
    fn a_column_of_parquet_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let kinds = include_bytes!("../../../tests/fixtures/task/kinds.parquet");
        let path = written(&folder, "kinds.parquet", kinds);
        let corpus = Corpus::open(std::slice::from_ref(&path), "text").unwrap();
        let found = sentences(&corpus);
        assert_eq!(found, [(0, 1, "a good film".to_owned()), (0, 2, "无聊".to_owned())]);
        let message = Corpus::open(&[path], "body").unwrap_err().to_string();
        assert!(message.contains("no column `body` (columns: text, label,"), "{message}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes, says) in [
            ("a.txt", &b"good\n\xff\xfebad\n"[..], "a.txt:2: the bytes are not UTF-8"),
            ("b.txt", b"\n \n", "b.txt` holds no rows"),
            ("c.tsv", b"body\tid\nx\t1\n", "c.tsv`: no column `text` (columns: body, id)"),
            ("d.tsv", b"text\tid\nx\t1\ny\n", "d.tsv:3: 1 fields, where the first row has 2"),
            ("e.jsonl", b"{\"text\": \"x\"}\n{\"body\": \"y\"}\n", "e.jsonl:2: no `text` among body"),
            ("f.jsonl", b"{\"text\": [1]}\n", "f.jsonl:1: an array"),
            ("g.jsonl", b"{\"text\": \"x\"}\nnot\n", "g.jsonl:2: not JSON"),
            ("h.json", b"[]", "h.json`: a corpus is no such file (known: .txt, .tsv, .csv, .jsonl, .ndjson, .parquet)"),
            ("i.parquet", b"PAR1", "as Parquet"),
            ("j.txt", b"", "j.txt` holds no rows"),
        ] {
            let path = written(&folder, name, bytes);
            let error = Corpus::open(&[path], "text").unwrap_err();
            assert!(error.to_string().contains(says), "{name}: {error}");
            assert_eq!(error.exit_code(), ExitCode::Data);
        }
        let error = Corpus::open(&[folder.path().join("none.txt")], "text").unwrap_err();
        assert!(error.to_string().contains("none.txt"), "{error}");
        assert!(Corpus::open(&[folder.path().join("a.txt").join("b.txt")], "text").is_err());
    }

    #[test]
    fn a_corpus_that_changes_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(&folder, "a.txt", "one\n");
        let corpus = Corpus::open(std::slice::from_ref(&path), "text").unwrap();
        std::fs::write(&path, "two\n").unwrap();
        let error = corpus.pass(&|_| (), &mut |()| {}).unwrap_err();
        assert!(matches!(error, TaskError::Changed { .. }), "{error}");
    }

    #[test]
    fn many_parts_come_in_their_order_on_one_thread_and_on_several() {
        let folder = tempfile::tempdir().unwrap();
        let line = |i: usize| format!("sentence {i} {}\n", "x".repeat(100));
        let text: String = (0..200_000).map(line).collect();
        let corpus = Corpus::open(&[written(&folder, "long.txt", text)], "text").unwrap();
        let lines = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (mut lines, mut parts) = (Vec::new(), 0);
                let read = |part: &[Sentence<'_>]| part.iter().map(|s| s.line).collect::<Vec<_>>();
                let mut take = |part: Vec<u64>| {
                    parts += 1;
                    lines.extend(part);
                };
                corpus.pass(&read, &mut take).unwrap();
                (lines, parts)
            })
        };
        let (one, parts) = lines(1);
        assert!(parts > GROUP, "{parts}");
        assert_eq!(one, (1..=200_000).collect::<Vec<u64>>());
        assert_eq!((one, parts), lines(3));
    }
}
