//! Which files of a repository make a model.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use super::Reader;
use super::error::HubFault;
use super::listing::is_inside;

/// What a model is described by.
const CONFIG: &str = "config.json";
/// Files beside it that are read where they are there.
const SETTINGS: [&str; 5] = [
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
];
/// Tokenizers, the one that is preferred first; each with its files.
const TOKENIZERS: [&[&str]; 6] = [
    &["tokenizer.json"],
    &["vocab.txt"],
    &["vocab.json", "merges.txt"],
    &["spiece.model"],
    &["sentencepiece.bpe.model"],
    &["tokenizer.model"],
];
/// How many names a message lists.
const LISTED: usize = 12;
/// Weights, the kind that is preferred first: whole, or in shards with an index.
const WEIGHTS: [(&str, &str); 2] =
    [("model.safetensors", "model.safetensors.index.json"), ("pytorch_model.bin", "pytorch_model.bin.index.json")];

/// Fetches what a model needs, the small files first: the folder's, or `file`, a GGUF file, or the only one that there is where
/// there is no folder's model. The place of a GGUF file, where it is one.
///
/// # Errors
/// [`HubFault::NoFile`] where a part is missing or several files could be meant, and what a fetch says.
pub(super) fn fetch(reader: &mut Reader<'_>, file: Option<&str>) -> Result<Option<PathBuf>, HubFault> {
    let names: BTreeSet<String> = reader.names.iter().cloned().collect();
    let has = |name: &str| names.contains(name);
    if file.is_some() || !has(CONFIG) {
        let file = gguf_file(&names, file).map_err(HubFault::NoFile)?;
        return Ok(Some((reader.get)(file)?));
    }
    let weights = WEIGHTS.into_iter().find(|(whole, index)| has(whole) || has(index));
    let Some((whole, index)) = weights else {
        let known = ["model.safetensors", "pytorch_model.bin"].join(" or ");
        return Err(HubFault::NoFile(format!("has no weights that can be read ({known}, whole or in shards)")));
    };
    let Some(tokenizer) = TOKENIZERS.into_iter().find(|files| files.iter().all(|file| has(file))) else {
        let known = "tokenizer.json, vocab.txt, vocab.json and merges.txt, or a SentencePiece model";
        return Err(HubFault::NoFile(format!("has no tokenizer ({known})")));
    };
    (reader.get)(CONFIG)?;
    for file in SETTINGS.iter().chain(tokenizer).filter(|file| has(file)) {
        (reader.get)(file)?;
    }
    if has(whole) {
        (reader.get)(whole)?;
        return Ok(None);
    }
    for shard in shards(index, (reader.get)(index)?)? {
        if !has(&shard) {
            return Err(HubFault::NoFile(format!("has no {shard}, which {index} names")));
        }
        (reader.get)(&shard)?;
    }
    Ok(None)
}

/// The GGUF file that is meant.
///
/// # Errors
/// What there is, as it goes on from the repository's name.
fn gguf_file<'n>(names: &'n BTreeSet<String>, asked: Option<&str>) -> Result<&'n str, String> {
    let ggufs: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| name.to_ascii_lowercase().ends_with(".gguf")).collect();
    let known = || match ggufs.len() {
        0 => "none".to_owned(),
        n if n > LISTED => format!("{} and {} more", ggufs[..LISTED].join(", "), n - LISTED),
        _ => ggufs.join(", "),
    };
    let file = match (asked, ggufs.as_slice()) {
        (Some(asked), _) => *ggufs
            .iter()
            .find(|name| **name == asked)
            .ok_or_else(|| format!("has no {asked} (GGUF files: {})", known()))?,
        (None, [only]) => only,
        (None, []) => return Err(format!("has no {CONFIG} and no .gguf file, so it is no model that can be read")),
        (None, _) => {
            return Err(format!(
                "has no {CONFIG}, but several GGUF files: choose one with hf:owner/name/FILE ({})",
                known()
            ));
        }
    };
    match is_part(file) {
        true => Err(format!("has {file}, a part of a file; models in one GGUF file are read")),
        false => Ok(file),
    }
}

/// Whether a file is one of several that make a model: `m-00001-of-00003.gguf`.
fn is_part(file: &str) -> bool {
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    match stem.rsplit_once("-of-") {
        Some((before, n)) => digits(n) && before.rsplit_once('-').is_some_and(|(_, number)| digits(number)),
        None => false,
    }
}

/// The files that an index names.
fn shards(index: &str, path: PathBuf) -> Result<BTreeSet<String>, HubFault> {
    let bytes = std::fs::read(&path).map_err(HubFault::cache("read", &path))?;
    let fault = |what: &str| HubFault::NoFile(format!("has an {index} that {what}"));
    let json: Value = serde_json::from_slice(&bytes).map_err(|_| fault("is no JSON"))?;
    let map = json["weight_map"].as_object().ok_or_else(|| fault("names no shards (`weight_map`)"))?;
    let shards: Option<BTreeSet<String>> = map.values().map(|file| file.as_str().map(str::to_owned)).collect();
    match shards {
        Some(shards) if shards.iter().all(|shard| is_inside(shard)) => Ok(shards),
        _ => Err(fault("names a shard that leads out of its folder")),
    }
}
