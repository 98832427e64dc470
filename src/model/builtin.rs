//! The models inside the binary.

use serde::Deserialize;

use crate::model::config::ConfigFile;
use crate::model::loaded::with_fresh;
use crate::model::placement::Placement;
use crate::model::weights::{SafetensorsFile, WeightFile};
use crate::model::{LoadedModel, ModelError, Tokenizer, family};

/// A built-in model's card, `builtin/<name>/CARD.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Its name, without `builtin:`.
    pub name: String,
    /// What it is, in a line.
    pub summary: String,
    /// The architecture.
    pub family: String,
    /// The language of its texts (`en`, `zh`).
    pub language: String,
    /// The licence of its weights.
    pub licence: String,
    /// Number of weights.
    pub parameters: usize,
    /// Entries of the vocabulary.
    pub vocab_size: usize,
    /// Number of blocks.
    pub n_layers: usize,
    /// Width of the hidden states.
    pub d_model: usize,
    /// Longest input.
    pub max_positions: usize,
}

/// A model inside the binary.
pub struct BuiltinModel {
    name: &'static str,
    card: &'static [u8],
    config: &'static [u8],
    weights: &'static [u8],
    tokenizer: &'static [u8],
    tokenizer_config: &'static [u8],
}

macro_rules! embedded {
    ($name:literal) => {
        BuiltinModel {
            name: $name,
            card: include_bytes!(concat!("builtin/", $name, "/CARD.yaml")),
            config: include_bytes!(concat!("builtin/", $name, "/config.json")),
            weights: include_bytes!(concat!("builtin/", $name, "/model.safetensors")),
            tokenizer: include_bytes!(concat!("builtin/", $name, "/tokenizer.json")),
            tokenizer_config: include_bytes!(concat!("builtin/", $name, "/tokenizer_config.json")),
        }
    };
}

static MODELS: [BuiltinModel; 2] = [embedded!("reviews-en"), embedded!("reviews-zh")];

/// All models inside the binary.
pub fn builtin_models() -> &'static [BuiltinModel] {
    &MODELS
}

/// The one called `name`.
pub(super) fn find(name: &str) -> Result<&'static BuiltinModel, ModelError> {
    MODELS.iter().find(|model| model.name == name).ok_or_else(|| ModelError::UnknownBuiltin {
        name: name.to_owned(),
        known: MODELS.iter().map(|model| model.name).collect::<Vec<_>>().join(", "),
    })
}

impl BuiltinModel {
    /// Its name, without `builtin:`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Bytes of its weights in the binary.
    pub fn n_bytes(&self) -> usize {
        self.weights.len()
    }

    /// Its card.
    ///
    /// # Errors
    /// If the card is damaged, which a test excludes.
    pub fn card(&self) -> Result<Card, ModelError> {
        serde_yaml::from_slice(self.card).map_err(|error| ModelError::Config {
            file: format!("builtin:{}: CARD.yaml", self.name),
            what: error.to_string(),
        })
    }

    /// Its `config.json`.
    pub(super) fn config(&self) -> &'static [u8] {
        self.config
    }

    /// Its weight files and what they are called in messages.
    ///
    /// # Errors
    /// If they are damaged, which a test excludes.
    pub(super) fn weight_files(&self) -> Result<(String, Vec<WeightFile>), ModelError> {
        let file = format!("builtin:{}: model.safetensors", self.name);
        let weights = SafetensorsFile::from_static(self.weights, file.clone())?;
        Ok((file, vec![WeightFile::Safetensors(weights)]))
    }

    /// The files of its tokenizer, by name.
    pub(super) fn tokenizer_files(&self) -> Vec<(String, Vec<u8>)> {
        [("tokenizer.json", self.tokenizer), ("tokenizer_config.json", self.tokenizer_config)]
            .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
            .into()
    }

    /// Opens it, with its own weights or with fresh ones.
    pub(super) fn load(&self, place: &Placement, fresh: Option<u64>) -> Result<LoadedModel, ModelError> {
        let source = format!("builtin:{}", self.name);
        let config = ConfigFile::parse(self.config, format!("{source}: config.json"))?;
        let (file, files) = self.weight_files()?;
        let weights = family::load(&config, file, with_fresh(files, &config, fresh)?, place)?;
        let tokenizer =
            Tokenizer::from_json(self.tokenizer, Some(self.tokenizer_config), &format!("{source}: tokenizer.json"))?;
        LoadedModel::new(weights, tokenizer, self.name.to_owned(), source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ResolvedDevice, load_builtin};

    #[test]
    fn every_card_says_what_its_model_is() {
        for builtin in builtin_models() {
            let card = builtin.card().unwrap();
            let loaded = load_builtin(builtin.name(), &ResolvedDevice::cpu()).unwrap();
            let shape = loaded.model.shape();
            assert_eq!(card.name, builtin.name());
            assert_eq!(
                (card.parameters, card.vocab_size, card.n_layers, card.d_model, card.max_positions),
                (shape.n_parameters, shape.vocab_size, shape.n_layers, shape.d_model, shape.max_positions)
            );
            assert_eq!(card.family, shape.family);
            assert_eq!(loaded.source, format!("builtin:{}", card.name));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = load_builtin("review-en", &ResolvedDevice::cpu()).unwrap_err();
        assert_eq!(error.to_string(), "unknown built-in model `review-en` (known: reviews-en, reviews-zh)");
    }
}
