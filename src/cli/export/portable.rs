//! `--to text` and `--to json`

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Result;
use crate::exchange::portable::{ExportedData, PortablePrompt, to_text};
use crate::record::{Provenance, SavedPrompt, trial_folders};

use super::super::CliError;
use super::super::log::Log;
use super::super::output::{print, print_block, print_json, write_file};
use super::super::text_table::counted;
use super::{Arguments, Format, results_of};

/// Prints prompts, or writes a file for each.
///
/// # Errors
/// What is wrong with a prompt or the folder.
pub(super) fn run(arguments: &Arguments, output: Option<&Path>, log: Log) -> Result<()> {
    let is_text = arguments.to == Format::Text;
    let ending = if is_text { "txt" } else { "json" };
    let mut written: Vec<(String, String)> = Vec::new();
    let prompts = prompts(&arguments.prompt)?;
    let mut n_vectors = 0;
    for path in &prompts {
        let (saved, vectors) = SavedPrompt::open(path).map_err(CliError::PromptFile)?;
        if prompts.len() > 1 && (!vectors.is_empty() || saved.tuned.is_some()) {
            n_vectors += 1;
            continue;
        }
        let text = match is_text {
            true => to_text(&saved)?,
            false => json(&PortablePrompt::new(&saved, data(path)?)?)?,
        };
        written.push((name(path), text));
    }
    if n_vectors > 0 {
        log.note(&format!(
            "{} with vectors or weights of their own left out: no text carries them",
            counted(n_vectors, "prompt")
        ));
    }
    match output {
        None if arguments.prompt.is_dir() && is_text => {
            let blocks: Vec<String> = written.iter().map(|(name, text)| format!("## {name}\n\n{text}")).collect();
            print_block(&blocks.join("\n"))
        }
        None if arguments.prompt.is_dir() => {
            let all: Vec<Value> = written.iter().filter_map(|(_, text)| serde_json::from_str(text).ok()).collect();
            print_json(&all)
        }
        None => print(&written.into_iter().map(|(_, text)| text).collect::<String>()),
        Some(folder) => {
            let files: Vec<(PathBuf, String)> =
                written.into_iter().map(|(name, text)| (folder.join(format!("{name}.{ending}")), text)).collect();
            if let Some((there, _)) = files.iter().find(|(path, _)| path.exists()) {
                let what =
                    format!("{} is there already; name another folder with --output, or remove it", there.display());
                return Err(CliError::Usage(what).into());
            }
            fs::create_dir_all(folder)
                .map_err(|source| CliError::Write { what: folder.display().to_string(), source })?;
            for (path, text) in &files {
                write_file(path, text)?;
            }
            match files.as_slice() {
                [(path, _)] => print(&format!("{}\n", path.display())),
                _ => print(&format!("{}: {}\n", folder.display(), counted(files.len(), "prompt"))),
            }
        }
    }
}

/// The file itself, or the prompt of every trial of a results folder that has one.
fn prompts(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let of_trial = |trial: PathBuf| {
        ["prompt.json", "prompt.safetensors"].iter().map(|name| trial.join(name)).find(|file| file.exists())
    };
    let found: Vec<PathBuf> = trial_folders(path)?.into_iter().filter_map(of_trial).collect();
    match found.is_empty() {
        true => Err(CliError::Usage(format!("{} has no trial with a chosen prompt yet", path.display())).into()),
        false => Ok(found),
    }
}

/// The trial's name, where the prompt is one's; else the file's own.
fn name(path: &Path) -> String {
    let trial = results_of(path).and_then(|_| path.canonicalize().ok()?.parent()?.file_name().map(ToOwned::to_owned));
    let name = trial.or_else(|| path.file_stem().map(ToOwned::to_owned)).unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn data(path: &Path) -> Result<Option<ExportedData>> {
    let Some(results) = results_of(path) else { return Ok(None) };
    let Some(provenance) = Provenance::load(&results)? else { return Ok(None) };
    let Provenance { experiment, metric, data_blake3, .. } = provenance;
    Ok(Some(ExportedData { experiment, metric, blake3: data_blake3 }))
}

fn json(prompt: &PortablePrompt) -> Result<String> {
    let text = serde_json::to_string_pretty(prompt)
        .map_err(|e| CliError::Write { what: "the prompt".into(), source: e.into() })?;
    Ok(text + "\n")
}
