//! What a training moves, and the prompt that it makes of it.

use std::sync::Arc;

use crate::prompt::{LabelVectors, Prefix, PrefixShape, Prompt, SoftPrompt, Vectors};

use super::Encoder;

/// What the vectors of an encoder are in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

impl Part {
    /// `prompt` with these numbers as its vectors.
    ///
    /// # Panics
    /// If there are not as many as the part has.
    pub fn put_into(self, prompt: &Prompt, values: Vec<f32>) -> Prompt {
        let vectors = match self {
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
        self.encoder.shapes()
    }

    /// `prompt` with the vectors of the parameters.
    pub fn put_into(&self, prompt: &Prompt) -> Prompt {
        self.part.put_into(prompt, self.encoder.encode(&self.parameters))
    }

    /// What the vectors are in the prompt.
    pub fn part(&self) -> Part {
        self.part
    }

    /// The gradient with respect to the parameters from that with respect to the vectors.
    pub fn gradient(&self, of_vectors: &[f32]) -> Vec<f32> {
        self.encoder.pull_back(&self.parameters, of_vectors)
    }
}
