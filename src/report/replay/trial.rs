//! One trial beside its replay.

use std::path::Path;

use serde_json::Value;

use crate::record::{EventReader, PredictionColumn, PredictionTable, RecordError, SavedPrompt, TRANSFER};

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

/// The events of a trial, sorted by what they are compared with.
#[derive(Default)]
struct Events {
    /// Up to the choice, in their order.
    search: Vec<Value>,
    /// From the choice on.
    ending: Vec<Value>,
}

/// Compares a recorded trial's folder with the replayed one's.
///
/// # Errors
/// [`RecordError`] if a file of either cannot be read.
pub(super) fn compare(recorded: &Path, replayed: &Path, tally: &mut Tally) -> Result<ReplayedTrial, RecordError> {
    let id = recorded.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut trial = ReplayedTrial { id, n_candidates: 0, first: None, parted: None, chosen: None, tested: None };
    let (of_record, of_replay) = (Events::read(recorded)?, Events::read(replayed)?);
    searches(&of_record, &of_replay, tally, &mut trial);
    let prompts = [&of_record, &of_replay].map(Events::chosen_prompt);
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

impl Events {
    fn read(folder: &Path) -> Result<Self, RecordError> {
        let mut events = Self::default();
        let Some(mut reader) = EventReader::open(folder)? else { return Ok(events) };
        while reader.read()?.is_some() {
            let value: Value = serde_json::from_slice(reader.line()).map_err(|e| reader.corrupt(e.to_string()))?;
            let of_search = matches!(kind(&value), "started" | "halved" | "step" | "scored");
            if of_search { &mut events.search } else { &mut events.ending }.push(value);
        }
        Ok(events)
    }

    /// The prompt that was chosen, with its label words.
    fn chosen_prompt(&self) -> Option<String> {
        let number = self.ending.iter().find(|event| kind(event) == "chosen")?.get("candidate")?.as_u64()?;
        let scored = self.search.iter().rev().find(|event| candidate(event) == Some(number))?;
        let text = |key: &str| scored.get(key).and_then(Value::as_str).unwrap_or_default();
        Some(format!("{} ({})", text("prompt"), text("verbalizer")))
    }
}

fn kind(event: &Value) -> &str {
    event.get("event").and_then(Value::as_str).unwrap_or_default()
}

fn candidate(event: &Value) -> Option<u64> {
    event.get("candidate").filter(|_| kind(event) == "scored").and_then(Value::as_u64)
}

/// Whether two events are of the same prompt, or of none.
fn same_prompt(a: &Value, b: &Value) -> bool {
    kind(a) == kind(b) && ["template", "trigger_ids", "verbalizer"].iter().all(|key| a.get(key) == b.get(key))
}

/// Compares the searches as long as they propose the same.
fn searches(of_record: &Events, of_replay: &Events, tally: &mut Tally, trial: &mut ReplayedTrial) {
    for (recorded, replayed) in of_record.search.iter().zip(&of_replay.search) {
        let number = candidate(recorded).or_else(|| candidate(replayed));
        let place = Place { part: kind(recorded), candidate: number };
        if !same_prompt(recorded, replayed) {
            trial.parted = number.or(Some(trial.n_candidates));
            // Names what is another: its prompt, or the kind of event.
            let mut named = Tally { fields: Default::default(), ..tally.clone() };
            walk(&mut named, &place, "", recorded, replayed);
            tally.first = named.first;
            return;
        }
        walk(tally, &place, "", recorded, replayed);
        trial.n_candidates += u64::from(number.is_some());
    }
    let n = |events: &Events| events.search.iter().filter(|event| candidate(event).is_some()).count();
    if of_record.search.len() != of_replay.search.len() {
        trial.parted = Some(trial.n_candidates);
        let place = Place { part: "scored", candidate: None };
        let words = |n: usize, events: &Events| format!("{n} candidates in {} events", events.search.len());
        tally.differs(&place, "candidates", || [words(n(of_record), of_record), words(n(of_replay), of_replay)]);
    }
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
