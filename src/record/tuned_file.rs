//! Trained weights beside a prompt: the folder `tuned`.
//!
//! # Decisions
//!
//! - 2026-11: weights of the checkpoint are a whole model in Hugging Face layout, which transformers and this program open by its
//!   folder alone. Low-rank steps are one small file, `adapter.safetensors`, whose tensors are called as the maps that they stand
//!   beside; a classification head that was trained with them lies with them.
//! - 2026-11: `prompt.json` says what is tuned and holds the hash of the numbers, so that a folder that was changed is refused.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::{RecordError, write_atomically};
use crate::prompt::{Lora, TunedTensor, TunedWeights, Tuning};

/// The folder beside a prompt's file.
pub const TUNED: &str = "tuned";
/// The file of low-rank steps within it.
const ADAPTER: &str = "adapter.safetensors";
/// The file of a whole model within it.
const MODEL: &str = "model.safetensors";
/// The key of the adapter's metadata.
const KEY: &str = "promptmine";

/// What `prompt.json` says of trained weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedTuning {
    /// `all`, `biases`, `lora`.
    pub tune: String,
    /// The rank of low-rank steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// They are scaled by `alpha / rank`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// The maps that have one; absent for the queries and values of attention.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// The outputs of the classification head, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_classes: Option<usize>,
    /// How many numbers were trained.
    pub n_parameters: usize,
    /// BLAKE3 (hex) of them.
    pub blake3: String,
}

impl SavedTuning {
    /// What is to be said of these weights.
    pub fn of(weights: &TunedWeights) -> Self {
        let (rank, alpha, targets) = match weights.tuning() {
            Tuning::Lora(Lora { rank, alpha, targets }) => (Some(*rank), Some(*alpha), targets.clone()),
            Tuning::All | Tuning::Biases => (None, None, Vec::new()),
        };
        Self {
            tune: weights.tuning().name().into(),
            rank,
            alpha,
            targets,
            n_classes: weights.n_classes(),
            n_parameters: weights.n_parameters(),
            blake3: blake3::Hash::from(*weights.hash()).to_hex().to_string(),
        }
    }

    /// What is tuned; `None` for what this version does not know.
    pub fn tuning(&self) -> Option<Tuning> {
        match (self.tune.as_str(), self.rank, self.alpha) {
            ("all", ..) => Some(Tuning::All),
            ("biases", ..) => Some(Tuning::Biases),
            ("lora", Some(rank), Some(alpha)) if rank > 0 => {
                Some(Tuning::Lora(Lora { rank, alpha, targets: self.targets.clone() }))
            }
            _ => None,
        }
    }

    /// Reads the weights of these names and shapes from the folder beside the prompt's file.
    ///
    /// # Errors
    /// [`RecordError`] if a file is missing or damaged, or the weights are not those that were saved.
    pub fn load<'n>(
        &self,
        prompt: &Path,
        tensors: impl Iterator<Item = (&'n str, &'n [usize])>,
    ) -> Result<TunedWeights, RecordError> {
        let name = if self.tune == "lora" { ADAPTER } else { MODEL };
        let path = prompt.parent().unwrap_or(Path::new(".")).join(TUNED).join(name);
        let corrupt = |what: String| RecordError::corrupt(&path, None, what);
        let tuning = self.tuning().ok_or_else(|| {
            RecordError::corrupt(prompt, None, format!("`tuned` says tune: {} (known: all, biases, lora)", self.tune))
        })?;
        let bytes = std::fs::read(&path).map_err(RecordError::io("read", &path))?;
        let stored = SafeTensors::deserialize(&bytes)
            .map_err(|e| corrupt(format!("not a safetensors file, or a damaged one: {e}")))?;
        let tensors = tensors.map(|(name, shape)| {
            let tensor = stored.tensor(name).map_err(|_| corrupt(format!("has no tensor `{name}`")))?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
                let found = (tensor.dtype(), tensor.shape());
                return Err(corrupt(format!("`{name}` is {:?} {:?}, and F32 {shape:?} is expected", found.0, found.1)));
            }
            let values = tensor.data().as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
            Ok(TunedTensor { name: name.into(), shape: shape.to_vec(), values })
        });
        let weights = TunedWeights::new(tuning, self.n_classes, tensors.collect::<Result<_, _>>()?);
        if Self::of(&weights).blake3 != self.blake3 {
            return Err(corrupt("its numbers are not those that were saved with the prompt".into()));
        }
        Ok(weights)
    }
}

/// The file of low-rank steps, with what belongs to them in its metadata.
///
/// # Errors
/// In words, if the format does not take them.
pub fn adapter(weights: &TunedWeights, saved: &SavedTuning, base: &str) -> Result<(String, Vec<u8>), RecordError> {
    let corrupt = |what: String| RecordError::corrupt(Path::new(ADAPTER), None, what);
    let mut json = serde_json::to_value(saved).map_err(|e| corrupt(e.to_string()))?;
    json["base_model"] = base.into();
    let bytes: Vec<Vec<u8>> = (weights.tensors().iter())
        .map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views = weights.tensors().iter().zip(&bytes).map(|(tensor, bytes)| {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(|e| corrupt(e.to_string()))?;
        Ok((tensor.name.to_string(), view))
    });
    let views = views.collect::<Result<Vec<_>, RecordError>>()?;
    let metadata = HashMap::from([(KEY.to_owned(), json.to_string())]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(|e| corrupt(e.to_string()))?;
    Ok((ADAPTER.to_owned(), file))
}

/// Writes the files of trained weights into the folder beside a prompt's file.
///
/// # Errors
/// [`RecordError::Io`].
pub fn save_tuned(trial: &Path, files: &[(String, Vec<u8>)]) -> Result<(), RecordError> {
    let folder = trial.join(TUNED);
    std::fs::create_dir_all(&folder).map_err(RecordError::io("create", &folder))?;
    files.iter().try_for_each(|(name, bytes)| write_atomically(&folder.join(name), bytes))
}

/// The bytes of all files in the folder beside a prompt's file; 0 where there is none.
pub fn tuned_bytes(trial: &Path) -> u64 {
    let Ok(files) = std::fs::read_dir(trial.join(TUNED)) else { return 0 };
    files.filter_map(|file| file.ok()?.metadata().ok()).map(|file| file.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(value: f32) -> TunedWeights {
        let tensor = TunedTensor { name: "a.lora_A.weight".into(), shape: vec![1, 2], values: vec![value, -0.5] };
        let tuning = Tuning::Lora(Lora { rank: 1, alpha: 2.0, targets: vec!["a".into()] });
        TunedWeights::new(tuning, None, vec![tensor])
    }

    #[test]
    fn an_adapter_comes_back_bit_by_bit_and_a_changed_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let prompt = folder.path().join("prompt.json");
        let saved = SavedTuning::of(&weights(0.25));
        let shape = [1, 2];
        let tensors = || [("a.lora_A.weight", &shape[..])].into_iter();
        assert!(saved.load(&prompt, tensors()).is_err());
        let file = |value| adapter(&weights(value), &saved, "builtin:toy").unwrap();
        save_tuned(folder.path(), &[file(0.25)]).unwrap();
        assert_eq!(tuned_bytes(folder.path()), file(0.25).1.len() as u64);
        assert_eq!(saved.load(&prompt, tensors()).unwrap(), weights(0.25));
        save_tuned(folder.path(), &[file(0.26)]).unwrap();
        let message = saved.load(&prompt, tensors()).unwrap_err().to_string();
        assert!(message.contains("not those that were saved"), "{message}");
        let other = [("b.lora_A.weight", &shape[..])].into_iter();
        assert!(saved.load(&prompt, other).unwrap_err().to_string().contains("no tensor `b.lora_A.weight`"));
        let unknown = SavedTuning { tune: "ia3".into(), ..saved };
        assert!(unknown.load(&prompt, tensors()).unwrap_err().to_string().contains("known: all, biases, lora"));
    }
}
