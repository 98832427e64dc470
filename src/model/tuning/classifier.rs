//! The classification heads of the families, under the names that the reference gives them.
//!
//! Reference: `*ForSequenceClassification` of transformers 5.23.

use burn::Tensor;
use burn::tensor::Device;

use super::tuner::{Start, Tuner};
use crate::model::layer::{Activation, Linear};

/// What a head is drawn from before its first step, where the checkpoint has none (the reference's `initializer_range`).
const SPREAD: f64 = 0.02;

/// What follows a head's first map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Squash {
    Tanh,
    Relu,
    Gelu,
}

/// How a family calls the parts of its classification head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassifierNames {
    /// The class of the reference, as `architectures` names it.
    pub architecture: &'static str,
    /// The map before the last one.
    dense: Option<(&'static str, Squash)>,
    /// The map to the labels, which has a bias where there is a map before it.
    output: &'static str,
    /// What the names of the language model's own head begin with: it is no part of a classifier.
    pub unused: &'static [&'static str],
}

impl ClassifierNames {
    /// Those of a family; nothing for one without a classifier.
    pub fn of(family: &str) -> Option<Self> {
        use Squash::{Gelu, Relu, Tanh};
        let causal = |architecture| Self { architecture, dense: None, output: "score", unused: &["lm_head."] };
        let masked = |architecture, dense, squash, output, unused| Self {
            architecture,
            dense: Some((dense, squash)),
            output,
            unused,
        };
        Some(match family {
            "bert" => masked("BertForSequenceClassification", "bert.pooler.dense", Tanh, "classifier", &["cls."]),
            "ernie" => masked("ErnieForSequenceClassification", "ernie.pooler.dense", Tanh, "classifier", &["cls."]),
            "albert" => {
                masked("AlbertForSequenceClassification", "albert.pooler", Tanh, "classifier", &["predictions."])
            }
            "distilbert" => {
                masked("DistilBertForSequenceClassification", "pre_classifier", Relu, "classifier", &["vocab_"])
            }
            "electra" => masked(
                "ElectraForSequenceClassification",
                "classifier.dense",
                Gelu,
                "classifier.out_proj",
                &["generator_predictions.", "generator_lm_head."],
            ),
            "roberta" => masked(
                "RobertaForSequenceClassification",
                "classifier.dense",
                Tanh,
                "classifier.out_proj",
                &["lm_head."],
            ),
            "xlm-roberta" => masked(
                "XLMRobertaForSequenceClassification",
                "classifier.dense",
                Tanh,
                "classifier.out_proj",
                &["lm_head."],
            ),
            "gemma3_text" => causal("Gemma3TextForSequenceClassification"),
            "glm" => causal("GlmForSequenceClassification"),
            "glm4" => causal("Glm4ForSequenceClassification"),
            "gpt2" => causal("GPT2ForSequenceClassification"),
            "llama" => causal("LlamaForSequenceClassification"),
            "mistral" => causal("MistralForSequenceClassification"),
            "qwen2" => causal("Qwen2ForSequenceClassification"),
            "qwen3" => causal("Qwen3ForSequenceClassification"),
            _ => return None,
        })
    }

    /// Whether a tensor is of a head of this kind.
    pub fn owns(&self, name: &str) -> bool {
        let of = |map: &str| name.strip_prefix(map).is_some_and(|rest| matches!(rest, ".weight" | ".bias"));
        of(self.output) || self.dense.is_some_and(|(dense, _)| of(dense))
    }
}

/// A classification head: the states of the first position, or of the last one of a model that continues text, to a score for each
/// label.
#[derive(Debug, Clone)]
pub struct Classifier {
    dense: Option<(Linear, Squash)>,
    output: Linear,
}

impl Classifier {
    /// One whose weights are tuned, each from what `stored` knows of it, else drawn.
    pub fn new(
        names: &ClassifierNames,
        tuner: &Tuner,
        (d_block, n_classes): (usize, usize),
        device: &Device,
        stored: impl Fn(&str, &[usize]) -> Option<Tensor<1>>,
    ) -> Self {
        let start = |name: &str, shape: &[usize], drawn: Start| stored(name, shape).map_or(drawn, Start::Given);
        let map = |map: &str, [d_output, d_input]: [usize; 2], has_bias: bool| {
            let (weight, bias) = (format!("{map}.weight"), format!("{map}.bias"));
            let shape = [d_output, d_input];
            let drawn = start(&weight, &shape, Start::Normal(SPREAD));
            let weight = tuner.fresh(weight, shape, drawn, device);
            let bias = has_bias.then(|| {
                let zero = start(&bias, &[d_output], Start::Zero);
                tuner.fresh(bias, [d_output], zero, device)
            });
            Linear::tuned(weight, bias)
        };
        let dense = names.dense.map(|(name, squash)| (map(name, [d_block, d_block], true), squash));
        let output = map(names.output, [n_classes, d_block], dense.is_some());
        Self { dense, output }
    }

    /// Takes its numbers from `values`.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        if let Some((dense, _)) = &mut self.dense {
            dense.bind(values);
        }
        self.output.bind(values);
    }

    /// # Shapes
    ///
    /// - states: `[batch_size, 1, d_block]`
    /// - output: `[batch_size, 1, n_classes]`
    pub fn forward(&self, states: Tensor<3>) -> Tensor<3> {
        let Some((dense, squash)) = &self.dense else { return self.output.forward(states) };
        let hidden = dense.forward(states);
        self.output.forward(match squash {
            Squash::Tanh => hidden.tanh(),
            Squash::Relu => Activation::Relu.forward(hidden),
            Squash::Gelu => Activation::Gelu.forward(hidden),
        })
    }
}
