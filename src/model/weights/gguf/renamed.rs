//! The tensors of a GGUF file under the names and in the layouts of Hugging Face.
//!
//! llama.cpp's converter renames everything, reorders the rows of Llama's query and key maps (pairs of numbers that turn
//! together stand side by side), adds 1 to Gemma's norms and turns GPT-2's matrices round; all of it is undone here.

use std::collections::BTreeMap;

use super::Gguf;
use super::architecture::{Architecture, ROPE_FACTORS};
use crate::model::ModelError;

/// What has to be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    /// Rows of each of so many heads: from pairs side by side to halves.
    Halves(usize),
    Minus1,
    Transposed,
}

struct Renamed {
    tensor: String,
    shape: Vec<usize>,
    change: Change,
}

/// A GGUF file as a weight file of Hugging Face's.
pub struct GgufWeights {
    gguf: Gguf,
    tensors: BTreeMap<String, Renamed>,
}

impl GgufWeights {
    /// Renames the tensors. One without a counterpart keeps its name, so that it is found to have no place.
    ///
    /// # Errors
    /// If the architecture is unknown, or two tensors become one.
    pub fn new(gguf: Gguf) -> Result<Self, ModelError> {
        let architecture = Architecture::of(&gguf)?;
        let heads = |name: &str| -> Result<usize, ModelError> {
            let config = gguf.config()?;
            config.size(name)
        };
        let (n_heads, n_kv_heads) = match architecture {
            Architecture::Llama => (heads("num_attention_heads")?, heads("num_key_value_heads")?),
            _ => (1, 1),
        };
        let hidden = |name: &str| name == ROPE_FACTORS || (name == "output.weight" && gguf.is_tied());
        let mut tensors = BTreeMap::new();
        for (tensor, info) in gguf.tensors.iter().filter(|(name, _)| !hidden(name)) {
            let name = hugging_face(tensor, architecture).unwrap_or_else(|| tensor.clone());
            let change = match (architecture, leaf(tensor)) {
                (Architecture::Llama, "attn_q.weight" | "attn_q.bias") => Change::Halves(n_heads),
                (Architecture::Llama, "attn_k.weight" | "attn_k.bias") => Change::Halves(n_kv_heads),
                (Architecture::Gemma3, leaf) if leaf.ends_with("norm.weight") => Change::Minus1,
                (
                    Architecture::Gpt2,
                    "attn_qkv.weight" | "attn_output.weight" | "ffn_up.weight" | "ffn_down.weight",
                ) => Change::Transposed,
                _ => Change::None,
            };
            let mut shape = info.shape.clone();
            if change == Change::Transposed {
                shape.reverse();
            }
            if let Some(other) = tensors.insert(name, Renamed { tensor: tensor.clone(), shape, change }) {
                return Err(gguf.fault(format!("`{tensor}` and `{}` are the same tensor", other.tensor)));
            }
        }
        Ok(Self { gguf, tensors })
    }

    /// For messages.
    pub fn name(&self) -> &str {
        &self.gguf.name
    }

    /// The names and shapes of all tensors.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.tensors.iter().map(|(name, renamed)| (name.as_str(), renamed.shape.as_slice()))
    }

    /// The numbers of a tensor, row-major, as f32.
    ///
    /// # Errors
    /// In words without the tensor's name, if there is none.
    pub fn values(&self, name: &str) -> Result<Vec<f32>, String> {
        let renamed = self.tensors.get(name).ok_or("is not in the file")?;
        let mut values = self.gguf.values(&renamed.tensor)?;
        match renamed.change {
            Change::None => {}
            Change::Halves(n_heads) => return halves(&values, renamed.shape[0], n_heads),
            Change::Minus1 => values.iter_mut().for_each(|value| *value -= 1.0),
            Change::Transposed => {
                let [rows, columns] = renamed.shape[..] else {
                    return Err(format!("has {} axes (expected: 2)", renamed.shape.len()));
                };
                return Ok(crate::model::weights::account::transpose(&values, columns, rows));
            }
        }
        Ok(values)
    }

    /// Gives back the memory that holds what was read so far.
    pub fn release(&self) {
        self.gguf.bytes.release();
    }

    /// All bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.gguf.bytes
    }
}

/// The part of a name behind the block's number.
fn leaf(tensor: &str) -> &str {
    block(tensor).map_or(tensor, |(_, leaf)| leaf)
}

/// `blk.7.attn_q.weight` is (7, `attn_q.weight`).
fn block(tensor: &str) -> Option<(&str, &str)> {
    let (number, leaf) = tensor.strip_prefix("blk.")?.split_once('.')?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some((number, leaf))
}

fn hugging_face(tensor: &str, architecture: Architecture) -> Option<String> {
    let (number, leaf) = match block(tensor) {
        Some((number, leaf)) => (Some(number), leaf),
        None => (None, tensor),
    };
    let (part, end) = leaf.rsplit_once('.')?;
    let part = match architecture {
        Architecture::Gpt2 => gpt2(part),
        other => decoder(part, other),
    }?;
    let layers = if architecture == Architecture::Gpt2 { "transformer.h" } else { "model.layers" };
    // A part of a block belongs in a block, and one of the model outside.
    match (number, part) {
        (Some(number), Part::Block(part)) => Some(format!("{layers}.{number}.{part}.{end}")),
        (None, Part::Model(part)) => Some(format!("{part}.{end}")),
        _ => None,
    }
}

enum Part {
    Model(&'static str),
    Block(&'static str),
}

fn gpt2(part: &str) -> Option<Part> {
    Some(match part {
        "token_embd" => Part::Model("transformer.wte"),
        "position_embd" => Part::Model("transformer.wpe"),
        "output_norm" => Part::Model("transformer.ln_f"),
        "output" => Part::Model("lm_head"),
        "attn_norm" => Part::Block("ln_1"),
        "attn_qkv" => Part::Block("attn.c_attn"),
        "attn_output" => Part::Block("attn.c_proj"),
        "ffn_norm" => Part::Block("ln_2"),
        "ffn_up" => Part::Block("mlp.c_fc"),
        "ffn_down" => Part::Block("mlp.c_proj"),
        _ => return None,
    })
}

fn decoder(part: &str, architecture: Architecture) -> Option<Part> {
    Some(match (part, architecture) {
        ("token_embd", _) => Part::Model("model.embed_tokens"),
        ("output_norm", _) => Part::Model("model.norm"),
        ("output", _) => Part::Model("lm_head"),
        ("attn_norm", _) => Part::Block("input_layernorm"),
        ("attn_q", _) => Part::Block("self_attn.q_proj"),
        ("attn_k", _) => Part::Block("self_attn.k_proj"),
        ("attn_v", _) => Part::Block("self_attn.v_proj"),
        ("attn_output", _) => Part::Block("self_attn.o_proj"),
        ("attn_q_norm", _) => Part::Block("self_attn.q_norm"),
        ("attn_k_norm", _) => Part::Block("self_attn.k_norm"),
        ("ffn_down", _) => Part::Block("mlp.down_proj"),
        ("ffn_up", Architecture::Glm4) => Part::Block("mlp.gate_up_proj"),
        ("ffn_up", _) => Part::Block("mlp.up_proj"),
        ("ffn_gate", _) => Part::Block("mlp.gate_proj"),
        ("ffn_norm", Architecture::Gemma3) => Part::Block("pre_feedforward_layernorm"),
        ("ffn_norm", _) => Part::Block("post_attention_layernorm"),
        ("post_attention_norm", Architecture::Gemma3) => Part::Block("post_attention_layernorm"),
        ("post_attention_norm", Architecture::Glm4) => Part::Block("post_self_attn_layernorm"),
        ("post_ffw_norm", Architecture::Gemma3) => Part::Block("post_feedforward_layernorm"),
        ("post_ffw_norm", Architecture::Glm4) => Part::Block("post_mlp_layernorm"),
        _ => return None,
    })
}

/// In each head, rows 0, 1, 2, 3, ... become 0, 2, ..., 1, 3, ...
fn halves(values: &[f32], n_rows: usize, n_heads: usize) -> Result<Vec<f32>, String> {
    if !n_rows.is_multiple_of(2 * n_heads) {
        return Err(format!("has {n_rows} rows, which {n_heads} heads of pairs cannot share"));
    }
    let (d_head, row) = (n_rows / n_heads, values.len() / n_rows);
    let mut turned = Vec::with_capacity(values.len());
    for head in values.chunks_exact(d_head * row) {
        for first in 0..2 {
            for pair in 0..d_head / 2 {
                turned.extend_from_slice(&head[(2 * pair + first) * row..][..row]);
            }
        }
    }
    Ok(turned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_those_of_hugging_face() {
        for (architecture, tensor, name) in [
            (Architecture::Llama, "token_embd.weight", "model.embed_tokens.weight"),
            (Architecture::Llama, "blk.11.ffn_norm.weight", "model.layers.11.post_attention_layernorm.weight"),
            (Architecture::Gemma3, "blk.0.ffn_norm.weight", "model.layers.0.pre_feedforward_layernorm.weight"),
            (Architecture::Glm4, "blk.0.ffn_up.weight", "model.layers.0.mlp.gate_up_proj.weight"),
            (Architecture::Gpt2, "blk.3.attn_qkv.bias", "transformer.h.3.attn.c_attn.bias"),
        ] {
            assert_eq!(hugging_face(tensor, architecture).as_deref(), Some(name));
        }
        for stray in ["attn_q.weight", "blk.0.token_embd.weight", "blk.x.attn_q.weight", "blk.0.ssm_a", "mm.0.weight"] {
            assert_eq!(hugging_face(stray, Architecture::Llama), None, "{stray}");
        }
    }

    #[test]
    fn pairs_of_rows_become_halves_head_by_head() {
        // Two heads of four rows of two numbers.
        let values: Vec<f32> = (0..16).map(|n| n as f32).collect();
        let turned = halves(&values, 8, 2).unwrap();
        let rows: Vec<f32> = turned.chunks(2).map(|row| row[0] / 2.0).collect();
        assert_eq!(rows, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
        assert!(halves(&values, 8, 3).unwrap_err().contains("3 heads"));
    }
}
