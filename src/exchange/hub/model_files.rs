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
/// Weights, the kind that is preferred first: whole, or in shards with an index.
const WEIGHTS: [(&str, &str); 2] =
    [("model.safetensors", "model.safetensors.index.json"), ("pytorch_model.bin", "pytorch_model.bin.index.json")];

/// Fetches what a model needs, the small files first.
///
/// # Errors
/// [`HubFault::NoFile`] where a part is missing, and what a fetch says.
pub(super) fn fetch(reader: &mut Reader<'_>) -> Result<(), HubFault> {
    let names: BTreeSet<String> = reader.names.iter().cloned().collect();
    let has = |name: &str| names.contains(name);
    if !has(CONFIG) {
        let gguf = names.iter().find(|name| name.ends_with(".gguf"));
        return Err(HubFault::NoFile(match gguf {
            Some(gguf) => format!("has no {CONFIG}, but {gguf}: download that file and give its path"),
            None => format!("has no {CONFIG}, so it is no model that can be read"),
        }));
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
        return Ok(());
    }
    for shard in shards(index, (reader.get)(index)?)? {
        if !has(&shard) {
            return Err(HubFault::NoFile(format!("has no {shard}, which {index} names")));
        }
        (reader.get)(&shard)?;
    }
    Ok(())
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
