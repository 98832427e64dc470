//! What the score store costs: a round of candidates after the other, with a store that is empty and then with one that has all.

use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use promptmine::prompt::Prompt;
use promptmine::record::ScoreFile;
use promptmine::scoring::{ScoreCache, SetHash};
use serde_json::{Value, json};

use super::Failure;
use super::job::Job;

/// Candidates that a search proposes at a time.
const ROUND: usize = 8;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    job: Job,
    /// Candidates.
    #[arg(long)]
    candidates: usize,
}

/// The template has `{trigger:N}`: candidates are random triggers.
pub fn run(arguments: &Arguments) -> Result<Value, Failure> {
    let ready = arguments.job.ready()?;
    let examples = ready.examples();
    let prompts: Vec<Prompt> = ready.candidates(arguments.candidates);
    // Warm, as a run is after its first batch.
    ready.scorer.score(&prompts[..ROUND.min(prompts.len())], &ready.columns, &examples)?;
    let folder = tempfile::tempdir()?;
    let measure = || -> Result<Value, Failure> {
        let store = Arc::new(ScoreFile::open(folder.path(), false)?);
        let mut cache = ScoreCache::with_store(Some(store.clone()));
        let begun = Instant::now();
        for round in prompts.chunks(ROUND) {
            cache.score(&ready.scorer, round, &ready.columns, &examples, SetHash([1; 32]))?;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let figures = store.figures();
        Ok(json!({
            "seconds": seconds, "finding": figures.finding.as_secs_f64(), "keeping": figures.keeping.as_secs_f64(),
            "found": figures.found, "computed": figures.computed,
        }))
    };
    Ok(json!({ "candidates": prompts.len(), "examples": examples.len(), "empty": measure()?, "full": measure()? }))
}
