//! A model opened with its tokenizer.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::model::builtin;
use crate::model::config::ConfigFile;
use crate::model::family::{self, LoadedWeights};
use crate::model::weights::{self, FreshFile, Gguf, GgufWeights, Recipe, WeightFile};
use crate::model::{LanguageModel, ModelError, ResolvedDevice, Tokenizer, toy, toy_causal};
use crate::spec::ModelSource;

/// A model, its tokenizer, and what tells this pair from any other.
#[derive(Clone)]
pub struct LoadedModel {
    /// The model.
    pub model: Arc<dyn LanguageModel>,
    /// Its tokenizer.
    pub tokenizer: Arc<Tokenizer>,
    /// A short name: that of the built-in model, or of the folder.
    pub name: String,
    /// BLAKE3 of the weight files, in hexadecimal digits.
    pub weights_hash: String,
    /// BLAKE3 of the tokenizer, in hexadecimal digits.
    pub tokenizer_hash: String,
    /// Where it came from, as a source that opens it again.
    pub source: String,
    /// The same as it was opened, and the seed where its weights were drawn anew; nothing for parts that were put together
    /// otherwise.
    pub opened: Option<(ModelSource, Option<u64>)>,
}

impl fmt::Debug for LoadedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedModel")
            .field("source", &self.source)
            .field("shape", self.model.shape())
            .field("weights_hash", &self.weights_hash)
            .field("tokenizer_hash", &self.tokenizer_hash)
            .finish_non_exhaustive()
    }
}

impl LoadedModel {
    /// The same with a model that computes the inside of its blocks again on the way back, where there is one: see
    /// [`LanguageModel::recomputing`].
    #[must_use]
    pub fn recomputing(self) -> Self {
        let model = self.model.recomputing().unwrap_or_else(|| Arc::clone(&self.model));
        Self { model, ..self }
    }

    /// Puts the parts together.
    ///
    /// # Errors
    /// If the tokenizer knows ids that the model has no embedding for.
    pub(super) fn new(
        weights: LoadedWeights,
        tokenizer: Tokenizer,
        name: String,
        source: String,
    ) -> Result<Self, ModelError> {
        let vocab_size = weights.model.shape().vocab_size;
        if tokenizer.vocab_size() > vocab_size {
            return Err(ModelError::Tokenizer {
                file: tokenizer.file().to_owned(),
                what: format!(
                    "has ids up to {}, and the model's vocabulary only {vocab_size} entries",
                    tokenizer.vocab_size() - 1
                ),
            });
        }
        Ok(Self {
            tokenizer_hash: blake3::Hash::from_bytes(tokenizer.hash()).to_hex().to_string(),
            model: weights.model,
            weights_hash: weights.hash,
            tokenizer: Arc::new(tokenizer),
            name,
            source,
            opened: None,
        })
    }
}

/// Opens a built-in model by name (without `builtin:`). The names `toy` and `toy-causal` open tiny models made of formulas,
/// which are for tests and not listed.
///
/// # Errors
/// If there is none of that name.
pub fn load_builtin(name: &str, device: &ResolvedDevice) -> Result<LoadedModel, ModelError> {
    open_builtin(name, device, None)
}

fn open_builtin(name: &str, device: &ResolvedDevice, fresh: Option<u64>) -> Result<LoadedModel, ModelError> {
    if name == toy::NAME {
        return toy::load(&device.device, fresh);
    }
    if name == toy_causal::NAME {
        return toy_causal::load(&device.device, fresh);
    }
    builtin::find(name)?.load(&device.placement(), fresh)
}

/// Opens a folder in Hugging Face layout: `config.json`, `model.safetensors` or its shards, and `tokenizer.json` or `vocab.txt`.
///
/// # Errors
/// If a file is missing, damaged, or of an architecture that is not supported; everything named.
pub fn load_folder(folder: &Path, device: &ResolvedDevice) -> Result<LoadedModel, ModelError> {
    open_folder(folder, device, None)
}

fn open_folder(folder: &Path, device: &ResolvedDevice, fresh: Option<u64>) -> Result<LoadedModel, ModelError> {
    let config_path = folder.join("config.json");
    if !folder.is_dir() {
        return Err(ModelError::Incomplete {
            folder: folder.to_path_buf(),
            what: "no such folder (a model is builtin:NAME, or a folder with config.json, model.safetensors and a tokenizer)"
                .into(),
        });
    }
    let bytes = match std::fs::read(&config_path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ModelError::Incomplete {
                folder: folder.to_path_buf(),
                what: "has no config.json, so it is no model in Hugging Face layout".into(),
            });
        }
        Err(source) => {
            return Err(ModelError::Read { path: config_path, source });
        }
    };
    let config = with_generation(ConfigFile::parse(&bytes, config_path.display().to_string())?, folder)?;
    let tokenizer = Tokenizer::open(folder)?;
    let (file, files) = weights::open_folder(folder)?;
    let weights = family::load(&config, file, with_fresh(files, &config, fresh)?, &device.placement())?;
    let source = folder.display().to_string();
    let name = folder.file_name().map_or_else(|| source.clone(), |name| name.to_string_lossy().into_owned());
    LoadedModel::new(weights, tokenizer, name, source)
}

/// The configuration of a model that reads one text and writes another with what `generation_config.json` says about the tokens
/// that a text begins and ends with, which goes before its own where there is such a file.
fn with_generation(config: ConfigFile, folder: &Path) -> Result<ConfigFile, ModelError> {
    if !matches!(config.text("model_type")?, Some("bart" | "mbart" | "t5" | "mt5")) {
        return Ok(config);
    }
    let path = folder.join("generation_config.json");
    match std::fs::read(&path) {
        Ok(bytes) => {
            let settings = ConfigFile::parse(&bytes, path.display().to_string())?;
            let start = "decoder_start_token_id";
            let config = match (config.get(start), settings.get(start)) {
                (None, Some(id)) => config.with(start, Some(id)),
                _ => config,
            };
            Ok(["forced_bos_token_id", "forced_eos_token_id"]
                .into_iter()
                .fold(config, |config, field| config.with(field, settings.get(field))))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(config),
        Err(source) => Err(ModelError::Read { path, source }),
    }
}

/// Opens a `.gguf` file, which holds weights, configuration and tokenizer.
///
/// # Errors
/// If it is missing, damaged, or of an architecture, a tensor type or a tokenizer that is not supported; everything named.
pub fn load_gguf(path: &Path, device: &ResolvedDevice) -> Result<LoadedModel, ModelError> {
    open_gguf(path, device, None)
}

fn open_gguf(path: &Path, device: &ResolvedDevice, fresh: Option<u64>) -> Result<LoadedModel, ModelError> {
    let gguf = Gguf::open(path)?;
    let config = gguf.config()?;
    let tokenizer = Tokenizer::from_gguf(&gguf)?;
    let source = path.display().to_string();
    let files = vec![WeightFile::Gguf(GgufWeights::new(gguf)?)];
    let weights = family::load(&config, source.clone(), with_fresh(files, &config, fresh)?, &device.placement())?;
    let name = path.file_stem().map_or_else(|| source.clone(), |name| name.to_string_lossy().into_owned());
    LoadedModel::new(weights, tokenizer, name, source)
}

/// Opens the model that an experiment or a command line names.
///
/// # Errors
/// As [`load_builtin`], [`load_folder`] and [`load_gguf`]; [`ModelError::NotFetched`] for a model of the hub that is not on this
/// machine.
pub fn load(source: &ModelSource, device: &ResolvedDevice) -> Result<LoadedModel, ModelError> {
    open(source, device, None)
}

/// Opens a model of the same shape and with the same tokenizer whose weights are drawn anew: what the architecture does
/// before it has learnt anything. The same seed gives the same weights, whatever the format of the file.
///
/// # Errors
/// As [`load`].
pub fn load_fresh(source: &ModelSource, device: &ResolvedDevice, seed: u64) -> Result<LoadedModel, ModelError> {
    open(source, device, Some(seed))
}

/// The files as they are, or with their numbers drawn anew.
pub(super) fn with_fresh(
    files: Vec<WeightFile>,
    config: &ConfigFile,
    fresh: Option<u64>,
) -> Result<Vec<WeightFile>, ModelError> {
    let Some(seed) = fresh else { return Ok(files) };
    let recipe = Recipe::new(config, seed)?;
    Ok(files.iter().map(|file| WeightFile::Fresh(FreshFile::new(file, recipe))).collect())
}

fn open(source: &ModelSource, device: &ResolvedDevice, fresh: Option<u64>) -> Result<LoadedModel, ModelError> {
    let mut loaded = match source {
        ModelSource::Builtin(name) => open_builtin(name, device, fresh)?,
        ModelSource::Folder(folder) => open_folder(folder, device, fresh)?,
        ModelSource::Gguf(path) => open_gguf(path, device, fresh)?,
        ModelSource::Hub { snapshot: Some(path), .. } if source.gguf().is_some() => open_gguf(path, device, fresh)?,
        ModelSource::Hub { name, snapshot: Some(folder) } => {
            let loaded = open_folder(folder, device, fresh)?;
            // The folder is named after a commit, which tells a reader nothing.
            LoadedModel { name: name.short().to_owned(), ..loaded }
        }
        ModelSource::Hub { name, snapshot: None } => {
            return Err(ModelError::NotFetched { name: name.to_string() });
        }
    };
    loaded.source = source.to_string();
    loaded.opened = Some((source.clone(), fresh));
    Ok(loaded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixtures(folder: &str) -> Vec<std::path::PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
        let mut found: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    }

    #[test]
    fn every_family_and_format_opens_with_fresh_weights_of_the_same_shape() {
        let device = ResolvedDevice::cpu();
        let folders = fixtures("model").into_iter().chain(fixtures("model/causal")).chain(fixtures("model/seq2seq"));
        let folders = folders.filter(|path| path.join("config.json").exists()).map(ModelSource::Folder);
        let ggufs = fixtures("gguf").into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "gguf"));
        let builtin = ["toy", "toy-causal", "reviews-zh"].map(|name| ModelSource::Builtin(name.into()));
        let mut n = 0;
        for source in folders.chain(ggufs.map(ModelSource::Gguf)).chain(builtin) {
            // Some fixtures are there to be refused.
            let Ok(own) = load(&source, &device) else { continue };
            let fresh = load_fresh(&source, &device, 13).unwrap_or_else(|error| panic!("{source}: {error}"));
            assert_eq!(fresh.model.shape(), own.model.shape(), "{source}");
            assert_eq!(fresh.tokenizer_hash, own.tokenizer_hash, "{source}");
            let table = |loaded: &LoadedModel| {
                loaded.model.embedding_table().into_data().convert::<f32>().try_into_vec::<f32>().unwrap()
            };
            assert_eq!(table(&fresh), table(&load_fresh(&source, &device, 13).unwrap()), "{source}");
            assert_ne!(table(&fresh), table(&load_fresh(&source, &device, 14).unwrap()), "{source}");
            assert_ne!(fresh.weights_hash, own.weights_hash, "{source}");
            n += 1;
        }
        assert!(n >= 20, "only {n} models were opened");
    }
}
