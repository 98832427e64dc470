//! What continuous methods train of a prompt.

use std::sync::Arc;

use super::{LabelVectors, Prefix, Prompt, SoftPrompt};

/// The numbers of a prompt that are no tokens; a hard prompt has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vectors {
    /// The vectors of its virtual tokens.
    pub soft: Option<Arc<SoftPrompt>>,
    /// The keys and values before its input.
    pub prefix: Option<Arc<Prefix>>,
    /// The vectors of its labels.
    pub labels: Option<Arc<LabelVectors>>,
}

impl Vectors {
    /// Those of a prompt.
    pub fn of(prompt: &Prompt) -> Self {
        Self { soft: prompt.soft.clone(), prefix: prompt.prefix.clone(), labels: prompt.label_vectors.clone() }
    }

    /// The prompt with these in place of its own.
    #[must_use]
    pub fn put_into(&self, prompt: &Prompt) -> Prompt {
        let (soft, prefix, label_vectors) = (self.soft.clone(), self.prefix.clone(), self.labels.clone());
        Prompt { soft, prefix, label_vectors, ..prompt.clone() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.soft.is_none() && self.prefix.is_none() && self.labels.is_none()
    }

    /// All numbers, one part after the other in the order of the fields.
    pub fn numbers(&self) -> Vec<f32> {
        let soft = self.soft.iter().flat_map(|soft| soft.values());
        let prefix = self.prefix.iter().flat_map(|prefix| prefix.values());
        let labels = self.labels.iter().flat_map(|labels| labels.values());
        soft.chain(prefix).chain(labels).copied().collect()
    }

    /// Positions that they take: virtual tokens and those of the prefix.
    pub fn n_positions(&self) -> usize {
        self.soft.as_ref().map_or(0, |soft| soft.n_soft()) + self.prefix.as_ref().map_or(0, |p| p.shape().n_prefix)
    }
}
