//! What a training moves, and the prompt that it makes of it.

use std::sync::Arc;

use crate::prompt::{Prefix, PrefixShape, Prompt, SoftPrompt, Vectors};

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
        let values = self.encoder.encode(&self.parameters);
        let vectors = match self.part {
            Part::Soft { d_model } => {
                Vectors { soft: Some(Arc::new(SoftPrompt::new(values, d_model))), ..Vectors::default() }
            }
            Part::Prefix(shape) => Vectors { prefix: Some(Arc::new(Prefix::new(values, shape))), ..Vectors::default() },
        };
        vectors.put_into(prompt)
    }

    /// The gradient with respect to the parameters from that with respect to the vectors.
    pub fn gradient(&self, of_vectors: &[f32]) -> Vec<f32> {
        self.encoder.pull_back(&self.parameters, of_vectors)
    }
}
