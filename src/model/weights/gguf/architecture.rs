//! The configuration of a GGUF file's model in the fields of Hugging Face's `config.json`.
//!
//! The keys: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>; what llama.cpp's converter makes of a checkpoint:
//! <https://github.com/ggml-org/llama.cpp/blob/master/convert_hf_to_gguf.py>.

use serde_json::{Map, Value, json};

use super::Gguf;
use super::rope::llama3_scaling;
use crate::model::ModelError;
use crate::model::config::ConfigFile;

/// The tensor of Llama 3's frequency factors.
pub(super) const ROPE_FACTORS: &str = "rope_freqs.weight";

/// The architectures that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Architecture {
    Llama,
    Qwen2,
    Qwen3,
    Gemma3,
    Gpt2,
    Glm4,
}

const KNOWN: [(&str, Architecture); 6] = [
    ("llama", Architecture::Llama),
    ("qwen2", Architecture::Qwen2),
    ("qwen3", Architecture::Qwen3),
    ("gemma3", Architecture::Gemma3),
    ("gpt2", Architecture::Gpt2),
    ("glm4", Architecture::Glm4),
];

/// Keys that change what a model computes in ways that none of the supported ones does.
const NOT_SUPPORTED: [&str; 9] = [
    "expert_count",
    "attention.scale",
    "attention.clamp_kqv",
    "attention.max_alibi_bias",
    "attn_logit_softcapping",
    "logit_scale",
    "residual_scale",
    "embedding_scale",
    "rope.scale_linear",
];

impl Architecture {
    pub(super) fn of(gguf: &Gguf) -> Result<Self, ModelError> {
        let known = || KNOWN.map(|(name, _)| name).join(", ");
        let name = gguf
            .text("general.architecture")?
            .ok_or_else(|| gguf.fault(format!("`general.architecture` is missing (known: {})", known())))?;
        if gguf.whole("split.count")?.is_some_and(|count| count > 1) {
            return Err(gguf.fault(
                "one of several parts of a model (supported: whole files; `llama-gguf-split --merge` makes one)",
            ));
        }
        KNOWN
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, architecture)| *architecture)
            .ok_or_else(|| gguf.fault(format!("unknown `general.architecture` \"{name}\" (known: {})", known())))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Gemma3 => "gemma3",
            Self::Gpt2 => "gpt2",
            Self::Glm4 => "glm4",
        }
    }
}

impl Gguf {
    /// The configuration that Hugging Face would have for this file's model.
    ///
    /// # Errors
    /// If the architecture is unknown, a key that it needs is missing, or one says what is not supported.
    pub fn config(&self) -> Result<ConfigFile, ModelError> {
        let architecture = Architecture::of(self)?;
        let keys = Keys { gguf: self, prefix: architecture.name() };
        keys.refuse_unsupported()?;
        let mut fields = match architecture {
            Architecture::Gpt2 => keys.gpt2()?,
            _ => keys.decoder(architecture)?,
        };
        fields.insert("tie_word_embeddings".into(), json!(self.is_tied()));
        for (field, key) in [("bos_token_id", "bos"), ("eos_token_id", "eos"), ("pad_token_id", "padding")] {
            if let Some(id) = self.whole(&format!("tokenizer.ggml.{key}_token_id"))? {
                fields.insert(field.into(), json!(id));
            }
        }
        Ok(ConfigFile::from_fields(fields, self.name()))
    }

    /// Whether the output is the word embeddings: no tensor of its own, or the same bytes again.
    pub(super) fn is_tied(&self) -> bool {
        let bytes = |name: &str| self.tensors.get(name).map(|info| (info.format, self.bytes.get(info.range.clone())));
        match bytes("output.weight") {
            None => true,
            output => output == bytes("token_embd.weight"),
        }
    }

    fn axis(&self, tensor: &str, axis: usize) -> Result<usize, ModelError> {
        let size = self.tensors.get(tensor).and_then(|info| info.shape.get(axis));
        size.copied()
            .ok_or_else(|| self.fault(format!("the tensor `{tensor}` is missing, or has no {} axes", axis + 1)))
    }
}

/// The keys of one architecture.
struct Keys<'a> {
    gguf: &'a Gguf,
    prefix: &'static str,
}

impl Keys<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    fn refuse_unsupported(&self) -> Result<(), ModelError> {
        for name in NOT_SUPPORTED {
            let key = self.key(name);
            if self.gguf.has(&key) && self.gguf.number(&key)? != Some(0.0) {
                return Err(self.gguf.fault(format!("`{key}` is not supported")));
            }
        }
        if self.gguf.flag(&self.key("attention.causal"))? == Some(false) {
            return Err(self.gguf.fault(format!("`{}` is false (supported: true)", self.key("attention.causal"))));
        }
        Ok(())
    }

    fn size_if_there(&self, name: &str) -> Result<Option<u64>, ModelError> {
        let key = self.key(name);
        // Per-layer counts are lists; one that says the same of all layers is as good as one number.
        let found = if self.gguf.metadata.is_list(&key) {
            let each = self.gguf.wholes(&key)?.unwrap_or_default();
            match each.split_first() {
                Some((first, rest)) if rest.iter().all(|other| other == first) => Some(*first),
                _ => return Err(self.gguf.fault(format!("`{key}` differs between layers, which is not supported"))),
            }
        } else {
            self.gguf.whole(&key)?
        };
        match found {
            None => Ok(None),
            Some(size) => match u64::try_from(size) {
                Ok(size) if size > 0 => Ok(Some(size)),
                _ => Err(self.gguf.fault(format!("`{key}` is {size} (allowed: a whole number of at least 1)"))),
            },
        }
    }

    fn size(&self, name: &str) -> Result<u64, ModelError> {
        let missing = || self.gguf.fault(format!("`{}` is missing (a whole number of at least 1)", self.key(name)));
        self.size_if_there(name)?.ok_or_else(missing)
    }

    /// The number of blocks, each of which has tensors.
    fn n_layers(&self) -> Result<u64, ModelError> {
        let (n_layers, n_tensors) = (self.size("block_count")?, self.gguf.tensors.len());
        if n_layers > n_tensors as u64 {
            let key = self.key("block_count");
            return Err(self.gguf.fault(format!("`{key}` is {n_layers}, and the file has {n_tensors} tensors")));
        }
        Ok(n_layers)
    }

    fn number(&self, name: &str) -> Result<f64, ModelError> {
        let missing = || self.gguf.fault(format!("`{}` is missing (a number)", self.key(name)));
        self.gguf.number(&self.key(name))?.ok_or_else(missing)
    }

    fn has_tensor(&self, name: &str) -> bool {
        self.gguf.tensors.contains_key(name)
    }

    fn gpt2(&self) -> Result<Map<String, Value>, ModelError> {
        Ok(object(json!({
            "model_type": "gpt2",
            "architectures": ["GPT2LMHeadModel"],
            "vocab_size": self.gguf.axis("token_embd.weight", 0)?,
            "n_positions": self.size("context_length")?,
            "n_embd": self.size("embedding_length")?,
            "n_inner": self.size("feed_forward_length")?,
            "n_layer": self.n_layers()?,
            "n_head": self.size("attention.head_count")?,
            "layer_norm_epsilon": self.number("attention.layer_norm_epsilon")?,
            "activation_function": "gelu_new",
        })))
    }

    /// The fields that Llama and its descendants share, and those that each has for itself.
    fn decoder(&self, architecture: Architecture) -> Result<Map<String, Value>, ModelError> {
        let (d_model, n_heads) = (self.size("embedding_length")?, self.size("attention.head_count")?);
        let n_layers = self.n_layers()?;
        let d_head = match self.size_if_there("attention.key_length")? {
            Some(size) => size,
            None if d_model.is_multiple_of(n_heads) => d_model / n_heads,
            None => {
                let what = format!(
                    "the width {d_model} is no multiple of {n_heads} heads, and `{}` is missing",
                    self.key("attention.key_length")
                );
                return Err(self.gguf.fault(what));
            }
        };
        if self.size_if_there("attention.value_length")?.is_some_and(|size| size != d_head) {
            return Err(self.gguf.fault("values of another width than the keys, which is not supported"));
        }
        let d_rotated = self.size_if_there("rope.dimension_count")?.unwrap_or(d_head);
        let max_positions = self.size("context_length")?;
        let rope_theta = match self.gguf.number(&self.key("rope.freq_base"))? {
            Some(base) => base,
            None if architecture == Architecture::Gemma3 => 1e6,
            None => 1e4,
        };
        let mut fields = object(json!({
            "vocab_size": self.gguf.axis("token_embd.weight", 0)?,
            "hidden_size": d_model,
            "intermediate_size": self.size("feed_forward_length")?,
            "num_hidden_layers": n_layers,
            "num_attention_heads": n_heads,
            "num_key_value_heads": self.size_if_there("attention.head_count_kv")?.unwrap_or(n_heads),
            "head_dim": d_head,
            "max_position_embeddings": max_positions,
            "rms_norm_eps": self.number("attention.layer_norm_rms_epsilon")?,
            "rope_theta": rope_theta,
            "rope_scaling": self.rope_scaling(rope_theta, d_rotated)?,
        }));
        let own = match architecture {
            Architecture::Llama => json!({
                "model_type": "llama",
                "architectures": ["LlamaForCausalLM"],
                "hidden_act": "silu",
                "attention_bias": self.has_tensor("blk.0.attn_q.bias"),
                "mlp_bias": self.has_tensor("blk.0.ffn_up.bias"),
            }),
            Architecture::Qwen2 => json!({
                "model_type": "qwen2",
                "architectures": ["Qwen2ForCausalLM"],
                "hidden_act": "silu",
            }),
            Architecture::Qwen3 => json!({
                "model_type": "qwen3",
                "architectures": ["Qwen3ForCausalLM"],
                "hidden_act": "silu",
                "attention_bias": self.has_tensor("blk.0.attn_q.bias"),
            }),
            Architecture::Glm4 => json!({
                "model_type": "glm4",
                "architectures": ["Glm4ForCausalLM"],
                "hidden_act": "silu",
                "attention_bias": self.has_tensor("blk.0.attn_q.bias"),
                "partial_rotary_factor": d_rotated as f64 / d_head as f64,
            }),
            Architecture::Gemma3 => self.gemma3(d_model, n_heads, n_layers, d_head)?,
            Architecture::Gpt2 => return self.gpt2(),
        };
        fields.append(&mut object(own));
        if architecture != Architecture::Glm4 && d_rotated != d_head {
            let key = self.key("rope.dimension_count");
            return Err(self
                .gguf
                .fault(format!("`{key}` is {d_rotated} where heads are {d_head} wide (supported: all of a head)")));
        }
        let window = self.size_if_there("attention.sliding_window")?;
        if architecture != Architecture::Gemma3 && window.is_some_and(|window| window < max_positions) {
            return Err(self.gguf.fault(format!("`{}` is not supported", self.key("attention.sliding_window"))));
        }
        Ok(fields)
    }

    /// Gemma 3, text: a window in most layers, which turn by a base of their own.
    fn gemma3(&self, d_model: u64, n_heads: u64, n_layers: u64, d_head: u64) -> Result<Value, ModelError> {
        /// The one size whose scores are scaled by the model's width instead of the head's: 27B, which no key says.
        const LAYERS_OF_27B: u64 = 62;
        let pattern = self.size_if_there("attention.sliding_window_pattern")?.unwrap_or(6);
        let local_base = self.gguf.number(&self.key("rope.freq_base_swa"))?.unwrap_or(1e4);
        let scalar = if n_layers == LAYERS_OF_27B { d_model / n_heads } else { d_head };
        let layer_types: Vec<&str> = (1..=n_layers)
            .map(|number| if number.is_multiple_of(pattern) { "full_attention" } else { "sliding_attention" })
            .collect();
        Ok(json!({
            "model_type": "gemma3_text",
            "architectures": ["Gemma3ForCausalLM"],
            "hidden_activation": "gelu_pytorch_tanh",
            "attention_bias": self.has_tensor("blk.0.attn_q.bias"),
            "query_pre_attn_scalar": scalar,
            "sliding_window": self.size("attention.sliding_window")?,
            "layer_types": layer_types,
            "rope_local_base_freq": local_base,
            "final_logit_softcapping": self.gguf.number(&self.key("final_logit_softcapping"))?,
        }))
    }

    fn rope_scaling(&self, rope_theta: f64, d_rotated: u64) -> Result<Value, ModelError> {
        let original = self.size_if_there("rope.scaling.original_context_length")?;
        if self.has_tensor(ROPE_FACTORS) {
            let factors = self.gguf.values(ROPE_FACTORS).map_err(|what| self.gguf.fault(what))?;
            return llama3_scaling(&factors, rope_theta, d_rotated as usize, original)
                .map_err(|what| self.gguf.fault(format!("the tensor `{ROPE_FACTORS}` {what}")));
        }
        let key = self.key("rope.scaling.type");
        match self.gguf.text(&key)? {
            None | Some("none") => Ok(Value::Null),
            Some("linear") => Ok(json!({"rope_type": "linear", "factor": self.number("rope.scaling.factor")?})),
            Some("yarn") => Ok(json!({
                "rope_type": "yarn",
                "factor": self.number("rope.scaling.factor")?,
                "original_max_position_embeddings": original,
            })),
            Some(other) => Err(self.gguf.fault(format!("unknown `{key}` \"{other}\" (known: none, linear, yarn)"))),
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
