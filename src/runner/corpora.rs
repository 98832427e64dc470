//! The corpora that items mine: opened with the plan, read again by every trial that mines.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::error::{Error, Result};
use crate::record::Provenance;
use crate::search::SearchError;
use crate::search::discrete::{Passed, Sentences, Tally};
use crate::spec::{Experiment, Method, Mining};
use crate::task::{Corpus, Sentence};

use super::plan::Plan;

/// The corpora by their files as written and the column of their text.
pub type Corpora = BTreeMap<(Vec<PathBuf>, String), Arc<Corpus>>;

/// Opens the corpora of an experiment, which reads each of them once.
///
/// # Errors
/// [`crate::task::TaskError`] with the place of the item, where one cannot be read.
pub(super) fn corpora(experiment: &Experiment) -> Result<Corpora> {
    let mut corpora = Corpora::new();
    for (index, item) in experiment.search.iter().enumerate() {
        for method in &item.cells {
            let Method::Mining(method) = method else { continue };
            let key = (method.corpus.clone(), method.column.clone());
            if method.corpus.is_empty() || corpora.contains_key(&key) {
                continue;
            }
            let files: Vec<PathBuf> = method.corpus.iter().map(|path| experiment.resolve_path(path)).collect();
            let place = || experiment.place(&format!("search[{index}]")).map(|at| format!("{at}.corpus"));
            let corpus = Corpus::open(&files, &method.column).map_err(|e| Error::from(e).at(place()))?;
            corpora.insert(key, Arc::new(corpus));
        }
    }
    Ok(corpora)
}

/// The sentences that a method mines; `None` of one that mines the texts of train.
pub(super) fn sentences(corpora: &Corpora, method: &Mining) -> Option<Arc<dyn Sentences>> {
    let corpus = corpora.get(&(method.corpus.clone(), method.column.clone()))?;
    Some(Arc::new(Timed(Arc::clone(corpus))))
}

/// The hashes of what a method mines.
pub(super) fn corpus_hashes<'c>(corpora: &'c Corpora, method: &Method) -> Vec<&'c str> {
    let Method::Mining(method) = method else { return Vec::new() };
    let corpus = corpora.get(&(method.corpus.clone(), method.column.clone()));
    corpus.into_iter().flat_map(|corpus| corpus.hashes()).map(|(_, hash)| hash).collect()
}

/// All hashes by their files.
pub(super) fn hashes_by_path(corpora: &Corpora) -> BTreeMap<String, String> {
    let of = |corpus: &Arc<Corpus>| {
        corpus.hashes().map(|(path, hash)| (path.display().to_string(), hash.to_owned())).collect::<Vec<_>>()
    };
    corpora.values().flat_map(of).collect()
}

/// Files that are not what they were when a folder's trials were begun; what was mined from them has another fingerprint.
pub(super) fn changed_corpora(before: &Provenance, corpora: &Corpora) -> Vec<String> {
    let now = hashes_by_path(corpora);
    let changed = now.into_iter().filter(|(path, hash)| before.corpora_blake3.get(path).is_some_and(|old| old != hash));
    changed.map(|(path, _)| path).collect()
}

impl Plan {
    /// What is mined, a sentence each.
    pub(super) fn corpus_notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for ((files, _), corpus) in &self.task.corpora {
            let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            let n_trials = (self.trials.iter())
                .filter(|trial| {
                    let cells = &self.experiment.search[trial.item].cells;
                    cells.iter().any(|method| matches!(method, Method::Mining(method) if method.corpus == *files))
                })
                .count();
            notes.push(format!(
                "{}: {} sentences, {:.1} MB; `mining` goes through them once for each cell of {n_trials} trials, which costs no \
                 evaluations",
                names.join(", "),
                corpus.n_sentences(),
                corpus.n_bytes() as f64 / 1e6
            ));
        }
        notes
    }
}

/// A corpus whose passes are timed.
struct Timed(Arc<Corpus>);

impl Sentences for Timed {
    fn pass(
        &self,
        read: &(dyn Fn(&[Sentence<'_>]) -> Tally + Sync),
        take: &mut dyn FnMut(Tally),
    ) -> std::result::Result<Passed, SearchError> {
        let begun = Instant::now();
        self.0.pass(read, take)?;
        Ok(Passed { bytes: self.0.n_bytes(), seconds: begun.elapsed().as_secs_f64() })
    }

    fn place(&self, file: u32, line: u64) -> String {
        self.0.place(file, line)
    }
}
