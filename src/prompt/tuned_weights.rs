//! The weights of a language model that were trained with a prompt, and what they belong to.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use super::Tuning;

/// One trained tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct TunedTensor {
    /// Its name: as the checkpoint calls it, or for low-rank steps the map's with `lora_A` or `lora_B` behind.
    pub name: Arc<str>,
    /// Its shape, as the checkpoint has it.
    pub shape: Vec<usize>,
    /// Its numbers, row-major.
    pub values: Vec<f32>,
}

/// Trained weights, to be put into the model that they were trained in.
///
/// Two are equal if their bits are: what tells them apart is their hash.
#[derive(Clone)]
pub struct TunedWeights {
    tuning: Tuning,
    n_classes: Option<usize>,
    tensors: Vec<TunedTensor>,
    /// Made when it is first asked for: most steps of a training never are.
    hash: OnceLock<[u8; 32]>,
}

impl TunedWeights {
    /// From the tensors, in the order in which the model has them. With `n_classes` the last of them are a classification head of
    /// so many outputs, which scores labels in place of label words.
    pub fn new(tuning: Tuning, n_classes: Option<usize>, tensors: Vec<TunedTensor>) -> Self {
        Self { tuning, n_classes, tensors, hash: OnceLock::new() }
    }

    /// What of the model is tuned.
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// The outputs of the classification head, where there is one.
    pub fn n_classes(&self) -> Option<usize> {
        self.n_classes
    }

    /// The tensors.
    pub fn tensors(&self) -> &[TunedTensor] {
        &self.tensors
    }

    /// How many numbers were trained.
    pub fn n_parameters(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.values.len()).sum()
    }

    /// BLAKE3 of everything: names, shapes and bits.
    pub fn hash(&self) -> &[u8; 32] {
        self.hash.get_or_init(|| {
            let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 tuned weights");
            let mut part = |bytes: &[u8]| {
                // Lengths keep the parts apart.
                hasher.update(&(bytes.len() as u64).to_le_bytes());
                hasher.update(bytes);
            };
            part(format!("{} {:?}", self.tuning, self.n_classes).as_bytes());
            for tensor in &self.tensors {
                part(tensor.name.as_bytes());
                part(format!("{:?}", tensor.shape).as_bytes());
                part(&tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
            }
            *hasher.finalize().as_bytes()
        })
    }
}

impl fmt::Debug for TunedWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunedWeights")
            .field("tuning", &self.tuning)
            .field("n_classes", &self.n_classes)
            .field("n_tensors", &self.tensors.len())
            .field("hash", &blake3::Hash::from(*self.hash()).to_hex().to_string())
            .finish_non_exhaustive()
    }
}

impl PartialEq for TunedWeights {
    fn eq(&self, other: &Self) -> bool {
        self.hash() == other.hash()
    }
}

impl Eq for TunedWeights {}

impl Hash for TunedWeights {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bit_makes_them_others() {
        let tensor = |value: f32| TunedTensor { name: "w".into(), shape: vec![1], values: vec![value] };
        let weights = |tuning, classes, value| TunedWeights::new(tuning, classes, vec![tensor(value)]);
        let one = weights(Tuning::All, None, 0.0);
        assert_eq!(one, weights(Tuning::All, None, 0.0));
        for other in
            [weights(Tuning::Biases, None, 0.0), weights(Tuning::All, Some(2), 0.0), weights(Tuning::All, None, -0.0)]
        {
            assert_ne!(one, other);
        }
        assert_eq!((one.n_parameters(), one.tensors().len()), (1, 1));
    }
}
