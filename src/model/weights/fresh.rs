//! Weights drawn anew, of the names and shapes of a checkpoint: the same architecture that has learnt nothing.
//!
//! # Decisions
//!
//! - 2026-11: what a tensor is drawn from follows the reference's `_init_weights`: matrices and embeddings are normal with mean 0
//!   and the configuration's `initializer_range` (0.02 where it has none, which is the default of every family here), biases
//!   are 0, the gains of norms 1, and 0 where the file holds them less 1 (Gemma). GPT-2's projections into the residual stream are
//!   narrower by the root of twice the number of blocks; BART's `init_std` is its range, and T5 draws each kind of matrix by the
//!   widths on its two sides, so that its unscaled scores stay in bounds. A tensor of one axis is a gain if its name ends in `weight` or `gamma`,
//!   else a bias: no family has others. Rows of padding are drawn like any other; they are never read.
//! - 2026-11: each tensor has a random stream of its own, keyed by the seed and its name, so that the numbers depend neither on
//!   the file's format nor on the order of tensors.

use std::collections::BTreeMap;

use super::WeightFile;
use crate::model::ModelError;
use crate::model::config::ConfigFile;
use crate::seed::Stream;

/// The standard deviation where the configuration names none.
const SPREAD: f64 = 0.02;

/// How the numbers of a tensor are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    seed: u64,
    spread: f64,
    /// What the gains of norms are.
    gain: f32,
    /// The spread of projections into the residual stream.
    residual: f64,
    /// T5's own spreads.
    t5: Option<T5Spreads>,
}

/// The spreads of T5's `_init_weights`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct T5Spreads {
    factor: f64,
    d_model: f64,
    d_kv: f64,
    d_ff: f64,
    n_heads: f64,
}

impl T5Spreads {
    fn new(config: &ConfigFile) -> Result<Self, ModelError> {
        Ok(Self {
            factor: config.positive_or("initializer_factor", 1.0)?,
            d_model: config.size_or("d_model", 512)? as f64,
            d_kv: config.size_or("d_kv", 64)? as f64,
            d_ff: config.size_or("d_ff", 2048)? as f64,
            n_heads: config.size_or("num_heads", 8)? as f64,
        })
    }

    /// Of a matrix, by its name.
    fn of(&self, name: &str) -> f64 {
        let wide = match name.rsplit('.').nth(1) {
            Some("q") => self.d_model * self.d_kv,
            Some("o") => self.n_heads * self.d_kv,
            Some("wo") => self.d_ff,
            Some("shared" | "embed_tokens" | "lm_head") => 1.0,
            _ => self.d_model,
        };
        self.factor * wide.powf(-0.5)
    }
}

impl Recipe {
    /// The recipe of the architecture that `config` describes.
    ///
    /// # Errors
    /// If `initializer_range` is no positive number.
    pub fn new(config: &ConfigFile, seed: u64) -> Result<Self, ModelError> {
        let family = config.text("model_type")?.unwrap_or_default();
        let range = if matches!(family, "bart" | "mbart") { "init_std" } else { "initializer_range" };
        let spread = config.positive_or(range, SPREAD)?;
        let t5 = if matches!(family, "t5" | "mt5") { Some(T5Spreads::new(config)?) } else { None };
        let residual = match family {
            "gpt2" => spread / (2.0 * config.size_or("n_layer", 12)? as f64).sqrt(),
            _ => spread,
        };
        Ok(Self { seed, spread, gain: if family == "gemma3_text" { 0.0 } else { 1.0 }, residual, t5 })
    }

    /// The numbers of a tensor.
    fn values(&self, name: &str, shape: &[usize]) -> Vec<f32> {
        let n = shape.iter().product();
        if shape.len() < 2 {
            let is_gain = name.ends_with("weight") || name.ends_with("gamma");
            return vec![if is_gain { self.gain } else { 0.0 }; n];
        }
        if name == "final_logits_bias" {
            return vec![0.0; n];
        }
        let spread = match &self.t5 {
            Some(t5) => t5.of(name),
            None if name.ends_with("c_proj.weight") => self.residual,
            None => self.spread,
        };
        let mut stream = Stream::new(self.seed, "random model", name.as_bytes());
        (0..n).map(|_| (spread * stream.normal()) as f32).collect()
    }
}

/// Tables of which a checkpoint alone tells whether they are tied (T5).
const TABLES: [&str; 2] = ["shared.weight", "lm_head.weight"];

/// A weight file whose numbers are drawn anew.
pub struct FreshFile {
    name: String,
    shapes: BTreeMap<String, Vec<usize>>,
    recipe: Recipe,
    /// What the numbers of tables that may be tied were, so that copies stay copies.
    tables: BTreeMap<String, blake3::Hash>,
    /// What tells it from any other: the hash of the file that it has its shapes of, and the seed.
    id: Vec<u8>,
}

impl FreshFile {
    /// One of the names and shapes of `file`.
    pub fn new(file: &WeightFile, recipe: Recipe) -> Self {
        let shapes = file.entries().map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect();
        let tables = TABLES.iter().filter(|name| file.has(name)).filter_map(|name| {
            let values = file.values(name).ok()?;
            let mut hasher = blake3::Hasher::new();
            for value in values {
                hasher.update(&value.to_le_bytes());
            }
            Some(((*name).to_owned(), hasher.finalize()))
        });
        let tables = tables.collect();
        let id = [blake3::hash(file.bytes()).as_bytes(), &recipe.seed.to_le_bytes()[..]].concat();
        file.release();
        Self { name: file.name().to_owned(), shapes, recipe, tables, id }
    }

    /// For messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names and shapes of all tensors.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice()))
    }

    /// Whether there is a tensor `name`.
    pub fn has(&self, name: &str) -> bool {
        self.shapes.contains_key(name)
    }

    /// The numbers of a tensor.
    ///
    /// # Errors
    /// In words without the tensor's name: there is none.
    pub fn values(&self, name: &str) -> Result<Vec<f32>, String> {
        let shape = self.shapes.get(name).ok_or("is missing")?;
        Ok(self.recipe.values(name, shape))
    }

    /// What the numbers of `name` were, of a table that may be tied to another.
    pub fn table(&self, name: &str) -> Option<&blake3::Hash> {
        self.tables.get(name)
    }

    /// What identifies it.
    pub fn bytes(&self) -> &[u8] {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(config: &str) -> Recipe {
        Recipe::new(&ConfigFile::parse(config.as_bytes(), "config.json").unwrap(), 13).unwrap()
    }

    #[test]
    fn matrices_are_spread_gains_are_one_and_biases_nothing() {
        let recipe = recipe(r#"{"model_type": "bert", "initializer_range": 0.1}"#);
        let values = recipe.values("encoder.dense.weight", &[200, 100]);
        let deviation = (values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / 2e4).sqrt();
        assert!((deviation - 0.1).abs() < 0.002, "{deviation}");
        assert_eq!(recipe.values("LayerNorm.weight", &[3]), [1.0; 3]);
        assert_eq!(recipe.values("dense.bias", &[3]), [0.0; 3]);
        assert_eq!(values, recipe.values("encoder.dense.weight", &[200, 100]));
        assert_ne!(values, recipe.values("decoder.dense.weight", &[200, 100]));
    }

    #[test]
    fn families_have_their_own_gains_and_residuals() {
        assert_eq!(recipe(r#"{"model_type": "gemma3_text"}"#).values("norm.weight", &[2]), [0.0; 2]);
        let gpt2 = recipe(r#"{"model_type": "gpt2", "n_layer": 2}"#);
        assert_eq!((gpt2.spread, gpt2.residual), (0.02, 0.01));
        assert!(Recipe::new(&ConfigFile::parse(br#"{"initializer_range": 0}"#, "c").unwrap(), 1).is_err());
        let bart = recipe(r#"{"model_type": "bart", "init_std": 0.5}"#);
        assert_eq!((bart.spread, bart.values("final_logits_bias", &[1, 2])), (0.5, vec![0.0; 2]));
        let t5 = recipe(r#"{"model_type": "t5", "d_model": 16, "d_kv": 4, "d_ff": 64, "num_heads": 9}"#).t5.unwrap();
        let names = ["q", "k", "o", "wi_0", "wo", "relative_attention_bias"];
        let spreads = names.map(|name| t5.of(&format!("encoder.block.0.layer.0.{name}.weight")));
        assert_eq!(spreads, [1.0 / 8.0, 1.0 / 4.0, 1.0 / 6.0, 1.0 / 4.0, 1.0 / 8.0, 1.0 / 4.0]);
        assert_eq!(t5.of("shared.weight"), 1.0);
    }
}
