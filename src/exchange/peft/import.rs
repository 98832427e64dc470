//! From an adapter to a prompt.

use std::sync::Arc;

use crate::model::LoadedModel;
use crate::prompt::{Piece, Prefix, SoftPrompt, SoftSlot, Template, Vectors};

use super::adapter::Adapter;
use super::config::PeftKind;
use super::error::PeftError;

/// What an adapter of another program is as a prompt: the template with its slots, and the vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Foreign {
    /// The template, vectors in front of all else.
    pub template: Template,
    /// The vectors.
    pub vectors: Vectors,
}

/// The vectors of an adapter before what `template` says. A template without a slot for them gets one: virtual tokens in front of
/// the special tokens, where PEFT puts them.
///
/// # Errors
/// [`PeftError::OtherModel`] if the adapter has another width, number of layers or heads than the model.
pub fn import(adapter: &Adapter, template: &Template, loaded: &LoadedModel) -> Result<Foreign, PeftError> {
    let shape = loaded.model.shape();
    let n = adapter.config.num_virtual_tokens;
    let other = |found: String, expected: String| PeftError::OtherModel { found, expected, model: loaded.name.clone() };
    if adapter.config.peft_type == PeftKind::PrefixTuning {
        let (n_heads, d_head) = loaded.model.key_value_heads();
        let of = crate::prompt::PrefixShape { n_prefix: n, n_layers: shape.n_layers, n_heads, d_head };
        let heads = adapter.config.num_attention_heads.unwrap_or(n_heads);
        if of.width() != adapter.width || heads != n_heads {
            let layers = adapter.config.num_layers.map_or(String::new(), |layers| format!(" in {layers} layers"));
            return Err(other(
                format!("{} numbers a position, {heads} heads{layers}", adapter.width),
                format!(
                    "{} ({} layers, {n_heads} heads of {d_head} dimensions, keys and values)",
                    of.width(),
                    shape.n_layers
                ),
            ));
        }
        let prefix = Some(Arc::new(Prefix::new(adapter.values.clone(), of)));
        return Ok(Foreign { template: template.with_prefix(n), vectors: Vectors { prefix, ..Vectors::default() } });
    }
    if adapter.width != shape.d_model {
        return Err(other(format!("vectors of {} numbers", adapter.width), shape.d_model.to_string()));
    }
    if let Some(beside) = &adapter.beside {
        let rows: Vec<f32> = beside
            .virtual_rows
            .iter()
            .flat_map(|row| &adapter.values[row * adapter.width..][..adapter.width])
            .copied()
            .collect();
        let soft = Some(Arc::new(SoftPrompt::new(rows, adapter.width)));
        return Ok(Foreign { template: template.clone(), vectors: Vectors { soft, ..Vectors::default() } });
    }
    let specials: String = loaded.tokenizer.around().0.iter().filter_map(|&id| loaded.tokenizer.token(id)).collect();
    let front = [Piece::Soft(SoftSlot::Count(n)), Piece::Text(specials.clone())];
    let front = front.into_iter().filter(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
    let soft = Some(Arc::new(SoftPrompt::new(adapter.values.clone(), adapter.width)));
    Ok(Foreign { template: template.with_front(front), vectors: Vectors { soft, ..Vectors::default() } })
}
