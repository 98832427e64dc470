//! One trial beside its replay.

use std::path::Path;

use serde_json::Value;

use crate::record::{PredictionColumn, PredictionTable, RecordError, SavedPrompt, TRANSFER};

use super::events::{Events, candidate, kind};
use super::numbers::{FirstDifference, Place, Tally};
use super::walk::walk;

/// What came of one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayedTrial {
    /// The recorded trial's folder name.
    pub id: String,
    /// Candidates that were compared.
    pub n_candidates: u64,
    /// The first value that is not the same.
    pub first: Option<FirstDifference>,
    /// The first candidate whose prompt is another one: from there on the two searches went different ways.
    pub parted: Option<u64>,
    /// The chosen prompts, where they are not the same: recorded and replayed.
    pub chosen: Option<[String; 2]>,
    /// The metric on test of the chosen prompt, recorded and replayed, where it is not the same.
    pub tested: Option<[f64; 2]>,
}

/// Compares a recorded trial's folder with the replayed one's.
///
/// # Errors
/// [`RecordError`] if a file of either cannot be read.
pub(super) fn compare(recorded: &Path, replayed: &Path, tally: &mut Tally) -> Result<ReplayedTrial, RecordError> {
    let id = recorded.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut trial = ReplayedTrial { id, n_candidates: 0, first: None, parted: None, chosen: None, tested: None };
    let (mut of_record, mut of_replay) = (Events::open(recorded)?, Events::open(replayed)?);
    searches(&mut of_record, &mut of_replay, tally, &mut trial)?;
    let prompts = [of_record.chosen_prompt()?, of_replay.chosen_prompt()?];
    if prompts[0] != prompts[1] {
        trial.chosen = Some(prompts.map(Option::unwrap_or_default));
    }
    endings(&of_record, &of_replay, tally, &mut trial);
    if trial.chosen.is_none() {
        prompt_files(recorded, replayed, tally)?;
        predictions(recorded, replayed, tally)?;
    }
    transfer(recorded, replayed, tally)?;
    trial.first = tally.first.clone();
    Ok(trial)
}

/// Whether two events are of the same prompt, or of none.
fn same_prompt(a: &Value, b: &Value) -> bool {
    kind(a) == kind(b) && ["template", "trigger_ids", "verbalizer"].iter().all(|key| a.get(key) == b.get(key))
}

/// Compares the searches as long as they propose the same, and reads both to their ends.
fn searches(
    of_record: &mut Events,
    of_replay: &mut Events,
    tally: &mut Tally,
    trial: &mut ReplayedTrial,
) -> Result<(), RecordError> {
    loop {
        let (recorded, replayed) = (of_record.next()?, of_replay.next()?);
        let (recorded, replayed) = match (recorded, replayed) {
            (None, None) => return Ok(()),
            (Some(recorded), Some(replayed)) => (recorded, replayed),
            (recorded, replayed) => {
                trial.parted = Some(trial.n_candidates);
                let words = |event: Option<Value>| {
                    event.map_or("the end of the search".into(), |event| kind(&event).to_owned())
                };
                let (recorded, replayed) = (words(recorded), words(replayed));
                let place = Place { part: "search", candidate: None };
                tally.differs(&place, "events", || [recorded.clone(), replayed.clone()]);
                break;
            }
        };
        let number = candidate(&recorded).or_else(|| candidate(&replayed));
        let place = Place { part: kind(&recorded), candidate: number };
        if !same_prompt(&recorded, &replayed) {
            trial.parted = number.or(Some(trial.n_candidates));
            // Names what is another, its prompt or the kind of event, and counts nothing.
            let mut named = tally.clone();
            walk(&mut named, &place, "", &recorded, &replayed);
            tally.first = named.first;
            break;
        }
        walk(tally, &place, "", &recorded, &replayed);
        trial.n_candidates += u64::from(number.is_some());
    }
    while of_record.next()?.is_some() {}
    while of_replay.next()?.is_some() {}
    Ok(())
}

/// Compares what follows the search: the choice, its test, diagnostics, the end.
fn endings(of_record: &Events, of_replay: &Events, tally: &mut Tally, trial: &mut ReplayedTrial) {
    let metric = |events: &Events| {
        let tested = events.ending.iter().find(|event| kind(event) == "tested")?;
        tested.get("test")?.get("metric")?.as_f64()
    };
    if let (Some(recorded), Some(replayed)) = (metric(of_record), metric(of_replay))
        && recorded != replayed
    {
        trial.tested = Some([recorded, replayed]);
    }
    if trial.chosen.is_some() {
        let Some([recorded, replayed]) = trial.chosen.clone() else { return };
        tally.differs(&Place { part: "chosen", candidate: None }, "prompt", || [recorded.clone(), replayed.clone()]);
        return;
    }
    for (recorded, replayed) in of_record.ending.iter().zip(&of_replay.ending) {
        walk(tally, &Place { part: kind(recorded), candidate: None }, "", recorded, replayed);
    }
    let kinds = |events: &Events| events.ending.iter().map(kind).collect::<Vec<_>>().join(", ");
    if of_record.ending.len() != of_replay.ending.len() {
        let place = Place { part: "events.jsonl", candidate: None };
        tally.differs(&place, "events after the search", || [kinds(of_record), kinds(of_replay)]);
    }
}

/// Compares the saved prompts.
fn prompt_files(recorded: &Path, replayed: &Path, tally: &mut Tally) -> Result<(), RecordError> {
    for name in ["prompt.json", "prompt.safetensors", "ensemble.json"] {
        let place = Place { part: name, candidate: None };
        let (of_record, of_replay) = (recorded.join(name), replayed.join(name));
        match (of_record.exists(), of_replay.exists()) {
            (false, false) => continue,
            (true, true) => {}
            (there, _) => {
                let words = |there: bool| if there { "a file" } else { "nothing" }.to_owned();
                tally.differs(&place, "file", || [words(there), words(!there)]);
                continue;
            }
        }
        if name == "ensemble.json" {
            walk(tally, &place, "", &json(&of_record)?, &json(&of_replay)?);
            continue;
        }
        let ((a, of_a), (b, of_b)) = (SavedPrompt::open(&of_record)?, SavedPrompt::open(&of_replay)?);
        let value = |prompt: &SavedPrompt| serde_json::to_value(prompt).unwrap_or_default();
        walk(tally, &place, "", &value(&a), &value(&b));
        let (of_a, of_b) = (of_a.numbers(), of_b.numbers());
        for (index, (a, b)) in of_a.iter().zip(&of_b).enumerate() {
            let numbers = [f64::from(*a), f64::from(*b)];
            tally.number(&place, &format!("vectors[{index}]"), numbers, || [a.to_string(), b.to_string()]);
        }
        if of_a.len() != of_b.len() {
            tally.differs(&place, "vectors", || [&of_a, &of_b].map(|numbers| format!("{} numbers", numbers.len())));
        }
    }
    Ok(())
}

/// Compares the test predictions column by column.
fn predictions(recorded: &Path, replayed: &Path, tally: &mut Tally) -> Result<(), RecordError> {
    const NAME: &str = "predictions.parquet";
    let (of_record, of_replay) = (recorded.join(NAME), replayed.join(NAME));
    if !of_record.exists() || !of_replay.exists() {
        return Ok(());
    }
    let (of_record, of_replay) = (PredictionTable::load(&of_record)?, PredictionTable::load(&of_replay)?);
    let place = Place { part: NAME, candidate: None };
    for (name, column) in &of_record.columns {
        let Some((_, other)) = of_replay.columns.iter().find(|(other, _)| other == name) else {
            tally.differs(&place, name, || ["a column".into(), "nothing".into()]);
            continue;
        };
        match (column, other) {
            (PredictionColumn::Numbers(a), PredictionColumn::Numbers(b)) if a.len() == b.len() => {
                for (row, (a, b)) in a.iter().zip(b).enumerate() {
                    tally.number(&place, &format!("{name}[{row}]"), [*a, *b], || [a.to_string(), b.to_string()]);
                }
            }
            (PredictionColumn::Texts(a), PredictionColumn::Texts(b)) if a.len() == b.len() => {
                let differing = a.iter().zip(b).enumerate().find(|(_, (a, b))| a != b);
                if let Some((row, (a, b))) = differing {
                    tally.differs(&place, &format!("{name}[{row}]"), || [format!("`{a}`"), format!("`{b}`")]);
                }
            }
            _ => tally.differs(&place, name, || ["a column".into(), "one of other length or kind".into()]),
        }
    }
    Ok(())
}

/// Compares how the chosen prompt does elsewhere, where both have it.
fn transfer(recorded: &Path, replayed: &Path, tally: &mut Tally) -> Result<(), RecordError> {
    let lines = |folder: &Path| -> Result<Option<Vec<Value>>, RecordError> {
        let path = folder.join(TRANSFER);
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(RecordError::io("read", &path))?;
        let fault = |e: serde_json::Error| RecordError::corrupt(&path, Some(e.line()), e.to_string());
        // The first line has the hash of the others.
        text.lines().skip(1).map(|line| serde_json::from_str(line).map_err(fault)).collect::<Result<_, _>>().map(Some)
    };
    if let (Some(of_record), Some(of_replay)) = (lines(recorded)?, lines(replayed)?) {
        let place = Place { part: TRANSFER, candidate: None };
        walk(tally, &place, "values", &Value::Array(of_record), &Value::Array(of_replay));
    }
    Ok(())
}

fn json(path: &Path) -> Result<Value, RecordError> {
    let bytes = std::fs::read(path).map_err(RecordError::io("read", path))?;
    serde_json::from_slice(&bytes).map_err(|e| RecordError::corrupt(path, Some(e.line()), e.to_string()))
}
