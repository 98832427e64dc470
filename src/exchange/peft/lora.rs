//! Low-rank steps beside the maps of a model (arXiv 2106.09685) as an adapter of PEFT.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::ModelKind;
use crate::prompt::{Lora, Prompt, TunedTensor, TunedWeights, Tuning};
use crate::record::SavedPrompt;
use crate::scoring::Scorer;

use super::adapter::{Files, WEIGHTS, numbers, read_file};
use super::error::PeftError;

/// What PEFT writes before the name of a map.
const PREFIX: &str = "base_model.model.";

/// Keys under which PEFT computes something else than low-rank steps.
const OTHERWISE: [&str; 6] =
    ["alora_invocation_tokens", "use_qalora", "use_bdlora", "kasa_config", "velora_config", "monteclora_config"];

/// What `adapter_config.json` says of low-rank steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoraConfig {
    /// `LORA`.
    pub peft_type: String,
    /// `CAUSAL_LM`; a masked model needs none.
    #[serde(default)]
    pub task_type: Option<String>,
    /// The model, as the exporter called it.
    #[serde(default)]
    pub base_model_name_or_path: Option<String>,
    /// Nothing is trained.
    #[serde(default)]
    pub inference_mode: bool,
    /// The rank.
    pub r: usize,
    /// The steps are scaled by `lora_alpha / r`.
    pub lora_alpha: f64,
    /// The last parts of the names of the maps.
    pub target_modules: Vec<String>,
    /// Whether the maps lie `[d_input, d_output]`, as GPT-2's do.
    #[serde(default)]
    pub fan_in_fan_out: bool,
    /// Which biases are trained too.
    #[serde(default = "none")]
    pub bias: String,
    /// Scaled by the root of the rank.
    #[serde(default)]
    pub use_rslora: bool,
    /// With magnitudes of their own.
    #[serde(default)]
    pub use_dora: bool,
    /// Ranks of some maps.
    #[serde(default)]
    pub rank_pattern: BTreeMap<String, usize>,
    /// Scales of some maps.
    #[serde(default)]
    pub alpha_pattern: BTreeMap<String, f64>,
    /// Other modules that were trained.
    #[serde(default)]
    pub modules_to_save: Option<Vec<String>>,
}

fn none() -> String {
    "none".into()
}

/// An adapter of low-rank steps.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraAdapter {
    /// What `adapter_config.json` says.
    pub config: LoraConfig,
    /// Its tensors, called as the maps of the model with `lora_A` or `lora_B` behind.
    pub tensors: Vec<TunedTensor>,
    /// The prompt, where promptmine wrote the adapter.
    pub prompt: Option<SavedPrompt>,
}

/// The adapter of a prompt that low-rank steps were trained with.
///
/// # Errors
/// [`PeftError::Inexpressible`] for one with virtual tokens, a classification head, or weights that are no low-rank steps.
pub fn export_lora(
    scorer: &Scorer,
    prompt: &Prompt,
    saved: &SavedPrompt,
    model: &str,
) -> Result<LoraAdapter, PeftError> {
    let refused =
        |reason: &str| Err(PeftError::Inexpressible { prompt: prompt.template.to_string(), reason: reason.to_owned() });
    let Some(tuned) = &prompt.tuned else { return refused("no weights were tuned with it") };
    let Tuning::Lora(Lora { rank, alpha, .. }) = tuned.tuning() else {
        return refused("its weights are a whole model in the folder `tuned`, which transformers opens as it is");
    };
    if tuned.n_classes().is_some() {
        return refused("it has a classification head, for which PEFT's adapter has no place");
    }
    if prompt.soft.is_some() || prompt.prefix.is_some() || prompt.label_vectors.is_some() {
        return refused("it has vectors and low-rank steps, and an adapter is one of both");
    }
    let shape = scorer.loaded().model.shape();
    let mut target_modules: Vec<String> = Vec::new();
    for tensor in tuned.tensors() {
        let map = tensor.name.split(".lora_").next().and_then(|map| map.rsplit('.').next()).unwrap_or_default();
        if !target_modules.iter().any(|known| known == map) {
            target_modules.push(map.into());
        }
    }
    let task_type = match shape.kind {
        ModelKind::Causal => Some("CAUSAL_LM".into()),
        ModelKind::Seq2Seq => Some("SEQ_2_SEQ_LM".into()),
        ModelKind::Masked => None,
    };
    let config = LoraConfig {
        peft_type: "LORA".into(),
        task_type,
        base_model_name_or_path: Some(model.into()),
        inference_mode: true,
        r: *rank,
        lora_alpha: *alpha,
        target_modules,
        fan_in_fan_out: shape.family == "gpt2",
        bias: none(),
        use_rslora: false,
        use_dora: false,
        rank_pattern: BTreeMap::new(),
        alpha_pattern: BTreeMap::new(),
        modules_to_save: None,
    };
    Ok(LoraAdapter { config, tensors: tuned.tensors().to_vec(), prompt: Some(saved.clone()) })
}

impl LoraAdapter {
    /// The weights for a model.
    ///
    /// # Errors
    /// [`PeftError::OtherModel`] if a step is missing, of another shape, or beside a map that the model does not have.
    pub fn weights(&self, scorer: &Scorer) -> Result<TunedWeights, PeftError> {
        let LoraConfig { r, lora_alpha, target_modules, .. } = &self.config;
        let tuning = Tuning::Lora(Lora { rank: *r, alpha: *lora_alpha, targets: target_modules.clone() });
        let tunable = scorer.tunable(&tuning, None)?;
        let model = &scorer.loaded().name;
        let other = |found: String, expected: String| PeftError::OtherModel { found, expected, model: model.clone() };
        let expected: Vec<(&str, &[usize])> = tunable.tensors().collect();
        let mut tensors = Vec::with_capacity(expected.len());
        for (name, shape) in &expected {
            let Some(tensor) = self.tensors.iter().find(|tensor| *tensor.name == **name) else {
                return Err(other(
                    format!("no tensor `{PREFIX}{name}`"),
                    format!("a map for it, of the targets {}", target_modules.join(", ")),
                ));
            };
            if tensor.shape != *shape {
                return Err(other(format!("`{PREFIX}{name}` {:?}", tensor.shape), format!("{shape:?}")));
            }
            tensors.push(tensor.clone());
        }
        match self.tensors.iter().find(|tensor| !expected.iter().any(|(name, _)| *name == &*tensor.name)) {
            Some(tensor) => Err(other(format!("`{PREFIX}{}`", tensor.name), "no map for it".into())),
            None => Ok(TunedWeights::new(tuning, None, tensors)),
        }
    }

    /// The files of its folder, all but what says how it is used.
    ///
    /// # Errors
    /// [`PeftError::File`] if the format does not take the numbers.
    pub(super) fn files(&self) -> Result<Files, PeftError> {
        let fault = |e: String| PeftError::file(Path::new(WEIGHTS), e);
        let bytes: Vec<Vec<u8>> = (self.tensors.iter())
            .map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect())
            .collect();
        let mut views = Vec::new();
        for (tensor, bytes) in self.tensors.iter().zip(&bytes) {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(|e| fault(e.to_string()))?;
            views.push((format!("{PREFIX}{}", tensor.name), view));
        }
        let weights = safetensors::serialize(views, None).map_err(|e| fault(e.to_string()))?;
        let config = serde_json::to_string_pretty(&self.config).map_err(|e| fault(e.to_string()))?;
        Ok(Files { weights, config, prompt: self.prompt.clone() })
    }

    pub(super) fn read(config: Value, at: (&Path, &Path), prompt: Option<SavedPrompt>) -> Result<Self, PeftError> {
        let (config_path, path) = at;
        let fault = |what: String| PeftError::file(config_path, what);
        if !config["target_modules"].is_array() {
            return Err(fault("`target_modules` is no list of names, and only a list is read".into()));
        }
        let said = config.clone();
        let is_set = |key: &&str| !matches!(&said[*key], Value::Null | Value::Bool(false));
        // These begin by changing the base, which the adapter's numbers then belong to.
        let moves_base =
            said["init_lora_weights"].as_str().is_some_and(|way| !["gaussian", "orthogonal"].contains(&way));
        let otherwise = OTHERWISE.into_iter().find(is_set).or(moves_base.then_some("init_lora_weights"));
        let config: LoraConfig = serde_json::from_value(config)
            .map_err(|e| fault(format!("not the configuration of low-rank steps: {e}")))?;
        if config.r == 0 {
            return Err(fault("`r` is 0, and a rank of at least 1 is expected".into()));
        }
        let plain = !config.use_rslora && !config.use_dora && config.bias == "none";
        let one = config.rank_pattern.is_empty() && config.alpha_pattern.is_empty();
        if !plain || !one || config.modules_to_save.as_ref().is_some_and(|modules| !modules.is_empty()) {
            return Err(fault(
                "low-rank steps of one rank and scale alone are read (use_rslora and use_dora false, bias none, no rank_pattern, \
                 alpha_pattern or modules_to_save)"
                    .into(),
            ));
        }
        if let Some(key) = otherwise {
            return Err(fault(format!("`{key}` is {}, and steps that are computed so are not read", said[key])));
        }
        let bytes = read_file(path)?;
        let damaged = |e| PeftError::file(path, format!("not a safetensors file, or a damaged one: {e}"));
        let stored = SafeTensors::deserialize(&bytes).map_err(damaged)?;
        let mut tensors = Vec::new();
        for (name, tensor) in stored.tensors() {
            let Some(own) = name.strip_prefix(PREFIX) else {
                return Err(PeftError::file(
                    path,
                    format!("has a tensor `{name}`, which does not begin with `{PREFIX}`"),
                ));
            };
            let values = numbers(path, &name, &tensor)?;
            tensors.push(TunedTensor { name: own.into(), shape: tensor.shape().to_vec(), values });
        }
        if tensors.is_empty() {
            return Err(PeftError::file(path, "has no tensor"));
        }
        Ok(Self { config, tensors, prompt })
    }
}
