//! What a training moves, and the prompt that it makes of it.

use std::sync::Arc;

use crate::prompt::{LabelVectors, Prefix, PrefixShape, Prompt, SoftPrompt, TunedTensor, TunedWeights, Vectors};

use super::Encoder;

/// What the vectors of an encoder are in a prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Virtual tokens of this width.
    Soft {
        /// Numbers in each.
        d_model: usize,
    },
    /// A prefix.
    Prefix(PrefixShape),
    /// Virtual tokens, and behind them a vector for each label.
    SoftAndLabels {
        /// Numbers in each.
        d_model: usize,
        /// Labels.
        n_labels: usize,
    },
    /// Weights of the model, and virtual tokens behind them.
    Weights {
        /// The weights, with their first numbers.
        like: Arc<TunedWeights>,
        /// Numbers in a virtual token.
        d_model: usize,
        /// What the parameters of virtual tokens are multiplied by. They move at the learning rate of the weights, and the virtual
        /// tokens so many times as fast.
        scale: f64,
    },
}

impl Part {
    /// `prompt` with these numbers as its vectors.
    ///
    /// # Panics
    /// If there are not as many as the part has.
    pub fn put_into(&self, prompt: &Prompt, values: Vec<f32>) -> Prompt {
        let vectors = match *self {
            Self::Weights { ref like, d_model, scale } => return put_weights(prompt, like, &values, (d_model, scale)),
            Self::Soft { d_model } => {
                Vectors { soft: Some(Arc::new(SoftPrompt::new(values, d_model))), ..Vectors::default() }
            }
            Self::SoftAndLabels { d_model, n_labels } => {
                let mut values = values;
                let labels = values.split_off(values.len() - n_labels * d_model);
                Vectors {
                    soft: Some(Arc::new(SoftPrompt::new(values, d_model))),
                    labels: Some(Arc::new(LabelVectors::new(labels, d_model))),
                    ..Vectors::default()
                }
            }
            Self::Prefix(shape) => Vectors { prefix: Some(Arc::new(Prefix::new(values, shape))), ..Vectors::default() },
        };
        vectors.put_into(prompt)
    }
}

/// Parameters, the encoder that makes vectors of them, and what those are in the prompt.
#[derive(Debug, Clone)]
pub struct Trained {
    part: Part,
    encoder: Encoder,
    parameters: Vec<f32>,
}

impl Trained {
    /// `parameters` of `encoder`, whose vectors are `part` of the prompt.
    ///
    /// # Panics
    /// If the encoder has not as many parameters.
    pub fn new(part: Part, encoder: Encoder, parameters: Vec<f32>) -> Self {
        assert_eq!(parameters.len(), encoder.n_parameters(), "parameters of {encoder:?}");
        Self { part, encoder, parameters }
    }

    /// Virtual tokens `[n_soft, d_model]` themselves.
    pub fn soft(values: Vec<f32>, d_model: usize) -> Self {
        let encoder = Encoder::Plain { n_rows: values.len() / d_model, width: d_model };
        Self::new(Part::Soft { d_model }, encoder, values)
    }

    /// Virtual tokens and vectors for labels themselves.
    pub fn soft_and_labels(values: Vec<f32>, labels: &LabelVectors) -> Self {
        let (d_model, n_labels) = (labels.d_model(), labels.n_labels());
        let encoder = Encoder::Plain { n_rows: values.len() / d_model + n_labels, width: d_model };
        Self::new(Part::SoftAndLabels { d_model, n_labels }, encoder, [values.as_slice(), labels.values()].concat())
    }

    /// A prefix itself.
    pub fn prefix(prefix: &Prefix) -> Self {
        let shape = prefix.shape();
        let encoder = Encoder::Plain { n_rows: shape.n_prefix, width: shape.width() };
        Self::new(Part::Prefix(shape), encoder, prefix.values().to_vec())
    }

    /// Weights of the model from `start`, and virtual tokens `[n_soft, d_model]` that move `scale` times as fast; there may be none.
    /// (So it is with AdamW and Adafactor, whose steps do not depend on the gradient's size.)
    pub fn weights(start: TunedWeights, soft: Vec<f32>, d_model: usize, scale: f64) -> Self {
        let weights = start.tensors().iter().flat_map(|tensor| tensor.values.iter().copied());
        let parameters: Vec<f32> = weights.chain(soft.iter().map(|&x| (f64::from(x) / scale) as f32)).collect();
        let encoder = Encoder::Plain { n_rows: 1, width: parameters.len() };
        Self::new(Part::Weights { like: Arc::new(start), d_model, scale }, encoder, parameters)
    }

    /// The numbers that are trained.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// How many numbers its vectors have.
    pub fn n_numbers(&self) -> usize {
        self.encoder.n_numbers()
    }

    /// Puts others in their place.
    ///
    /// # Panics
    /// If there are not as many.
    pub fn set(&mut self, parameters: Vec<f32>) {
        assert_eq!(parameters.len(), self.parameters.len(), "as many parameters as before");
        self.parameters = parameters;
    }

    /// The shapes of the parameters, which lie one after the other.
    pub fn shapes(&self) -> Vec<[usize; 2]> {
        let Part::Weights { like, d_model, .. } = &self.part else { return self.encoder.shapes() };
        let n_soft = (self.parameters.len() - like.n_parameters()) / d_model;
        let weights = like.tensors().iter().map(|tensor| match tensor.shape[..] {
            [rows, columns] => [rows, columns],
            _ => [1, tensor.values.len()],
        });
        weights.chain((n_soft > 0).then_some([n_soft, *d_model])).collect()
    }

    /// `prompt` with the vectors of the parameters.
    pub fn put_into(&self, prompt: &Prompt) -> Prompt {
        self.part.put_into(prompt, self.encoder.encode(&self.parameters))
    }

    /// What the vectors are in the prompt.
    pub fn part(&self) -> Part {
        self.part.clone()
    }

    /// The gradient with respect to the parameters from that with respect to the vectors.
    pub fn gradient(&self, of_vectors: &[f32]) -> Vec<f32> {
        let Part::Weights { like, scale, .. } = &self.part else {
            return self.encoder.pull_back(&self.parameters, of_vectors);
        };
        let (weights, soft) = of_vectors.split_at(like.n_parameters().min(of_vectors.len()));
        weights.iter().copied().chain(soft.iter().map(|&x| (f64::from(x) * scale) as f32)).collect()
    }
}

/// `prompt` with the trained numbers: tensor after tensor of weights like these, then virtual tokens.
fn put_weights(prompt: &Prompt, like: &TunedWeights, parameters: &[f32], (d_model, scale): (usize, f64)) -> Prompt {
    let mut rest = parameters;
    let tensors = like.tensors().iter().map(|tensor| {
        let (values, after) = rest.split_at(tensor.values.len());
        rest = after;
        TunedTensor { values: values.to_vec(), ..tensor.clone() }
    });
    let tuned = TunedWeights::new(like.tuning().clone(), like.n_classes(), tensors.collect());
    let soft: Vec<f32> = rest.iter().map(|&x| (f64::from(x) * scale) as f32).collect();
    let soft = (!soft.is_empty()).then(|| Arc::new(SoftPrompt::new(soft, d_model)));
    Prompt { tuned: Some(Arc::new(tuned)), soft, ..prompt.clone() }
}
