//! From a prompt to an adapter.

use crate::model::ModelKind;
use crate::prompt::Prompt;
use crate::record::SavedPrompt;
use crate::scoring::Scorer;

use super::adapter::{Adapter, Beside};
use super::config::{AdapterConfig, PeftKind};
use super::error::PeftError;
use super::opening::Opening;

/// The adapter of a prompt with virtual tokens or a prefix; `saved` is what its file says, and `model` how PEFT is to find the
/// model.
///
/// # Errors
/// [`PeftError::Inexpressible`] for a prompt that PEFT has no adapter for.
pub fn export(scorer: &Scorer, prompt: &Prompt, saved: &SavedPrompt, model: &str) -> Result<Adapter, PeftError> {
    let shape = scorer.loaded().model.shape();
    let refused =
        |reason: &str| Err(PeftError::Inexpressible { prompt: prompt.template.to_string(), reason: reason.to_owned() });
    let task_type = match shape.kind {
        ModelKind::Causal => "CAUSAL_LM",
        ModelKind::Masked => "FEATURE_EXTRACTION",
        ModelKind::Seq2Seq => {
            return refused(
                "of an encoder and a decoder PEFT gives both virtual tokens, and ours are the encoder's alone",
            );
        }
    };
    let mut config = AdapterConfig {
        peft_type: PeftKind::PromptTuning,
        task_type: Some(task_type.into()),
        base_model_name_or_path: Some(model.into()),
        inference_mode: true,
        num_virtual_tokens: 0,
        token_dim: Some(shape.d_model),
        num_layers: Some(shape.n_layers),
        num_attention_heads: Some(shape.n_heads),
        num_transformer_submodules: Some(1),
        prompt_tuning_init: None,
        prefix_projection: None,
        encoder_hidden_size: None,
    };
    if prompt.label_vectors.is_some() {
        return refused("its labels are vectors, for which an adapter has no place");
    }
    if prompt.tuned.is_some() {
        return refused("weights of the model were tuned with it");
    }
    let mut n_folded = 0;
    let (width, values, virtual_rows) = match (&prompt.soft, &prompt.prefix) {
        (Some(_), Some(_)) => return refused("it has virtual tokens and a prefix, and an adapter is one of both"),
        (None, None) => {
            return refused("it has no vectors (a soft_prompt, p_tuning or prefix trial saves a prompt.safetensors)");
        }
        (None, Some(prefix)) => {
            let of = prefix.shape();
            config.peft_type = PeftKind::PrefixTuning;
            config.num_virtual_tokens = of.n_prefix;
            config.token_dim = Some(of.d_keys());
            config.num_attention_heads = Some(of.n_heads);
            config.prefix_projection = Some(false);
            config.encoder_hidden_size = Some(of.d_keys());
            (of.width(), prefix.values().to_vec(), Vec::new())
        }
        (Some(soft), None) => {
            let opening = Opening::of(scorer, prompt)?;
            let mut rows = scorer.embeddings(&opening.ids);
            let vectors: Vec<&[f32]> = soft.rows().collect();
            let mut places = vec![0; vectors.len()];
            // Slots that share their virtual tokens have them in several places, of which the first is told.
            for (&place, row) in opening.virtual_at.iter().zip(scorer.soft_rows(&prompt.template)).rev() {
                rows[place] = vectors[row].to_vec();
                places[row] = place;
            }
            n_folded = rows.len() - opening.virtual_at.len();
            config.num_virtual_tokens = rows.len();
            config.prompt_tuning_init = Some("RANDOM".into());
            (shape.d_model, rows.concat(), places)
        }
    };
    let beside = Beside { format: Beside::FORMAT, virtual_rows, n_folded, prompt: saved.clone() };
    Ok(Adapter { config, width, values, beside: Some(beside) })
}
