//! ERNIE (Sun et al., arXiv:1904.09223, and 2.0, arXiv:1907.12412): BERT with, from 2.0 on, an embedding of the task.
//!
//! Reference: `modeling_ernie.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/ernie/modeling_ernie.py>.

use super::{BertConfig, LoadedWeights};
use crate::model::ModelError;
use crate::model::config::ConfigFile;
use crate::model::placement::Placement;
use crate::model::weights::WeightFile;

/// `ErnieConfig`: BERT's and the task types.
#[derive(Debug, Clone)]
pub struct ErnieConfig {
    /// What it shares with BERT.
    pub bert: BertConfig,
    /// Whether there are task types (`use_task_id`), and how many.
    pub task_types: Option<usize>,
}

impl ErnieConfig {
    /// Reads the configuration; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile) -> Result<Self, ModelError> {
        let n_types = config.size_or("task_type_vocab_size", 3)?;
        Ok(Self {
            bert: BertConfig::parse(config)?,
            task_types: config.flag_or("use_task_id", false)?.then_some(n_types),
        })
    }

    /// `ErnieForMaskedLM`. The task is always 0, as where the reference is given none, so its embedding is a constant.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        let d_model = self.bert.hidden_size;
        self.bert.load_as("ernie", file, files, place, |weights, embeddings| {
            self.task_types.map(|n_types| {
                weights.weight(&format!("{embeddings}.task_type_embeddings.weight"), [n_types, d_model]).narrow(0, 0, 1)
            })
        })
    }
}
