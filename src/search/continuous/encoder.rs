//! What stands between trained parameters and the vectors that the model sees: nothing, or a small network (a reparameterisation)
//! whose outputs are kept and which itself is thrown away after the training.
//!
//! With `e` a row of the embedding, `[.]` an affine map and `n` rows, as Hugging Face PEFT's encoders compute it:
//!
//! ```text
//! none        v = e
//! projection  v = [tanh [e]]                        prefix tuning (arXiv 2101.00190): d_input -> d_hidden -> d_output
//! mlp         v = [relu [relu [e]]]                 P-tuning (arXiv 2103.10385): d -> d_hidden -> d_hidden -> d
//! lstm        v = [relu [bilstm e]]                 the same: d -> 2 d_hidden -> 2 d_hidden -> d
//! ```
//!
//! A layer of the LSTM computes from left to right, and another from right to left, with `*` element by element:
//!
//! ```text
//! i, f, g, o = sigma, sigma, tanh, sigma of [x_t] + [h_(t-1)]      c_t = f * c_(t-1) + i * g      h_t = o * tanh c_t
//! ```
//!
//! # Decisions
//!
//! - 2026-11: computed on the CPU whatever the model's device: it is small, and its numbers are then the same everywhere.
//! - 2026-11: gradients by burn's tape. Refused: backward passes of our own, for which nothing is gained at this size.

use burn::tensor::activation::{relu, sigmoid, tanh};
use burn::tensor::{Tensor, TensorData};

use crate::model::ResolvedDevice;
use crate::seed::Stream;

/// A network from parameters to vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoder {
    /// None: the parameters are the vectors `[n_rows, width]`.
    Plain {
        /// Vectors.
        n_rows: usize,
        /// Numbers in each.
        width: usize,
    },
    /// Two layers with a tanh between them (PEFT's `PrefixEncoder` with `prefix_projection`).
    Projection {
        /// Vectors.
        n_rows: usize,
        /// The width of the embedding.
        d_input: usize,
        /// Between the layers.
        d_hidden: usize,
        /// The width of a vector.
        d_output: usize,
    },
    /// Three layers with ReLU between them (PEFT's `PromptEncoder`, MLP).
    Mlp {
        /// Vectors.
        n_rows: usize,
        /// The width of a vector and of the embedding.
        d_model: usize,
        /// Between the layers.
        d_hidden: usize,
    },
    /// A bidirectional LSTM and two layers with a ReLU between them (PEFT's `PromptEncoder`, LSTM).
    Lstm {
        /// Vectors.
        n_rows: usize,
        /// The width of a vector and of the embedding.
        d_model: usize,
        /// The state of each direction.
        d_hidden: usize,
        /// Layers of the LSTM.
        n_layers: usize,
    },
}

impl Encoder {
    /// The shapes of its parameters, which lie one after the other: the embedding, then weights `[d_output, d_input]`, each with its
    /// bias `[1, d_output]`, in the order of PyTorch's state. An LSTM has for each layer and direction the weights of the input, of
    /// the state, and both biases; the gates stand in the order i, f, g, o.
    pub fn shapes(&self) -> Vec<[usize; 2]> {
        let affine = |d_input: usize, d_output: usize| [[d_output, d_input], [1, d_output]];
        match *self {
            Self::Plain { n_rows, width } => vec![[n_rows, width]],
            Self::Projection { n_rows, d_input, d_hidden, d_output } => {
                [&[[n_rows, d_input]][..], &affine(d_input, d_hidden), &affine(d_hidden, d_output)].concat()
            }
            Self::Mlp { n_rows, d_model, d_hidden } => [
                &[[n_rows, d_model]][..],
                &affine(d_model, d_hidden),
                &affine(d_hidden, d_hidden),
                &affine(d_hidden, d_model),
            ]
            .concat(),
            Self::Lstm { n_rows, d_model, d_hidden, n_layers } => {
                let mut shapes = vec![[n_rows, d_model]];
                for layer in 0..n_layers {
                    let d_input = if layer == 0 { d_model } else { 2 * d_hidden };
                    for _ in 0..2 {
                        let gates = 4 * d_hidden;
                        shapes.extend([[gates, d_input], [gates, d_hidden], [1, gates], [1, gates]]);
                    }
                }
                shapes.extend(affine(2 * d_hidden, 2 * d_hidden));
                shapes.extend(affine(2 * d_hidden, d_model));
                shapes
            }
        }
    }

    /// How many parameters it has.
    pub fn n_parameters(&self) -> usize {
        self.shapes().iter().map(|[rows, columns]| rows * columns).sum()
    }

    /// How many numbers its vectors have.
    pub fn n_numbers(&self) -> usize {
        match *self {
            Self::Plain { n_rows, width } => n_rows * width,
            Self::Projection { n_rows, d_output, .. } => n_rows * d_output,
            Self::Mlp { n_rows, d_model, .. } | Self::Lstm { n_rows, d_model, .. } => n_rows * d_model,
        }
    }

    /// Parameters to start from: the embedding as given, or normal numbers of deviation 1 where none is given; the rest uniform
    /// within the inverse root of the layer's inputs (of the state's width in the LSTM), as PyTorch draws them.
    ///
    /// # Panics
    /// If an embedding is given that has not as many numbers as the encoder's.
    pub fn start(&self, embedding: Option<Vec<f32>>, stream: &mut Stream) -> Vec<f32> {
        let shapes = self.shapes();
        let n_embedding = shapes[0][0] * shapes[0][1];
        let mut parameters = match embedding {
            Some(embedding) => {
                assert_eq!(embedding.len(), n_embedding, "numbers of the embedding");
                embedding
            }
            None => (0..n_embedding).map(|_| stream.normal() as f32).collect(),
        };
        let n_recurrent = match *self {
            Self::Lstm { n_layers, .. } => 8 * n_layers,
            _ => 0,
        };
        let mut d_input = 1;
        for (index, &[rows, columns]) in shapes[1..].iter().enumerate() {
            match *self {
                Self::Lstm { d_hidden, .. } if index < n_recurrent => d_input = d_hidden,
                // A bias is drawn as the weight before it.
                _ if rows > 1 => d_input = columns,
                _ => {}
            }
            let bound = 1.0 / (d_input.max(1) as f64).sqrt();
            parameters.extend((0..rows * columns).map(|_| ((2.0 * stream.uniform() - 1.0) * bound) as f32));
        }
        parameters
    }

    /// The vectors that parameters give, row by row.
    ///
    /// # Panics
    /// If there are not [`Encoder::n_parameters`].
    pub fn encode(&self, parameters: &[f32]) -> Vec<f32> {
        match self {
            Self::Plain { .. } => parameters.to_vec(),
            _ => floats(self.forward(&self.tensors(parameters))),
        }
    }

    /// The gradient with respect to the parameters from that with respect to the vectors.
    ///
    /// # Panics
    /// If there are not as many numbers as there are parameters and vectors.
    pub fn pull_back(&self, parameters: &[f32], gradient: &[f32]) -> Vec<f32> {
        if matches!(self, Self::Plain { .. }) {
            assert_eq!(parameters.len(), gradient.len(), "a gradient for each number");
            return gradient.to_vec();
        }
        let leaves: Vec<Tensor<2>> =
            self.tensors(parameters).into_iter().map(|tensor| tensor.autodiff().require_grad()).collect();
        let output = self.forward(&leaves);
        let shape = output.dims();
        let weights = Tensor::<2>::from_data(TensorData::new(gradient.to_vec(), shape), &ResolvedDevice::cpu().device);
        let gradients = (output * weights.autodiff()).sum().backward();
        leaves
            .iter()
            .flat_map(|leaf| match leaf.grad(&gradients) {
                Some(gradient) => floats(gradient.inner()),
                None => vec![0.0; leaf.dims().iter().product()],
            })
            .collect()
    }

    fn tensors(&self, parameters: &[f32]) -> Vec<Tensor<2>> {
        assert_eq!(parameters.len(), self.n_parameters(), "parameters of {self:?}");
        let device = ResolvedDevice::cpu().device;
        let mut rest = parameters;
        self.shapes()
            .into_iter()
            .map(|shape| {
                let (own, after) = rest.split_at(shape[0] * shape[1]);
                rest = after;
                Tensor::from_data(TensorData::new(own.to_vec(), shape), &device)
            })
            .collect()
    }

    fn forward(&self, parameters: &[Tensor<2>]) -> Tensor<2> {
        let embedding = parameters[0].clone();
        let weights = &parameters[1..];
        match *self {
            Self::Plain { .. } => embedding,
            Self::Projection { .. } => affine(tanh(affine(embedding, &weights[..2])), &weights[2..]),
            Self::Mlp { .. } => {
                let hidden = relu(affine(embedding, &weights[..2]));
                affine(relu(affine(hidden, &weights[2..4])), &weights[4..])
            }
            Self::Lstm { d_hidden, n_layers, .. } => {
                let mut states = embedding;
                for layer in weights[..8 * n_layers].chunks_exact(8) {
                    let right = direction(states.clone(), &layer[..4], d_hidden, false);
                    let left = direction(states, &layer[4..], d_hidden, true);
                    states = Tensor::cat(vec![right, left], 1);
                }
                let head = &weights[8 * n_layers..];
                affine(relu(affine(states, &head[..2])), &head[2..])
            }
        }
    }
}

/// `input x weight' + bias` of a pair.
fn affine(input: Tensor<2>, weights: &[Tensor<2>]) -> Tensor<2> {
    input.matmul(weights[0].clone().transpose()) + weights[1].clone()
}

/// One direction of an LSTM's layer.
///
/// # Shapes
/// - input: `[n_rows, d_input]`
/// - output: `[n_rows, d_hidden]`
fn direction(input: Tensor<2>, weights: &[Tensor<2>], d_hidden: usize, backward: bool) -> Tensor<2> {
    let [n_rows, _] = input.dims();
    let inputs = input.matmul(weights[0].clone().transpose()) + weights[2].clone() + weights[3].clone();
    let recurrent = weights[1].clone().transpose();
    let mut states: Vec<Option<Tensor<2>>> = vec![None; n_rows];
    let mut before: Option<(Tensor<2>, Tensor<2>)> = None;
    for step in 0..n_rows {
        let row = if backward { n_rows - 1 - step } else { step };
        let own = inputs.clone().narrow(0, row, 1);
        let gates = match &before {
            Some((state, _)) => own + state.clone().matmul(recurrent.clone()),
            None => own,
        };
        let gate = |number: usize| gates.clone().narrow(1, number * d_hidden, d_hidden);
        let kept = sigmoid(gate(0)) * tanh(gate(2));
        let cell = match before {
            Some((_, cell)) => sigmoid(gate(1)) * cell + kept,
            None => kept,
        };
        let state = sigmoid(gate(3)) * tanh(cell.clone());
        states[row] = Some(state.clone());
        before = Some((state, cell));
    }
    Tensor::cat(states.into_iter().flatten().collect(), 0)
}

fn floats(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().expect("converted to f32 before")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoder; 4] = [
        Encoder::Plain { n_rows: 3, width: 4 },
        Encoder::Projection { n_rows: 3, d_input: 4, d_hidden: 5, d_output: 6 },
        Encoder::Mlp { n_rows: 3, d_model: 4, d_hidden: 5 },
        Encoder::Lstm { n_rows: 3, d_model: 4, d_hidden: 2, n_layers: 2 },
    ];

    #[test]
    fn gradients_are_those_of_differences() {
        for encoder in ALL {
            let mut stream = Stream::new(7, "test", b"encoder");
            let parameters = encoder.start(None, &mut stream);
            assert_eq!(parameters.len(), encoder.n_parameters());
            assert_eq!(encoder.encode(&parameters).len(), encoder.n_numbers());
            let weights: Vec<f32> = (0..encoder.encode(&parameters).len()).map(|_| stream.normal() as f32).collect();
            let value = |parameters: &[f32]| -> f64 {
                let vectors = encoder.encode(parameters);
                vectors.iter().zip(&weights).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum()
            };
            let found = encoder.pull_back(&parameters, &weights);
            for place in (0..parameters.len()).step_by(3) {
                let moved = |by: f32| {
                    let mut moved = parameters.clone();
                    moved[place] += by;
                    value(&moved)
                };
                let difference = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                let exact = f64::from(found[place]);
                assert!(
                    (difference - exact).abs() < 1e-2 * (1.0 + exact.abs()),
                    "{encoder:?} {place}: {difference} {exact}"
                );
            }
        }
    }

    #[test]
    fn an_embedding_is_taken_as_given_and_weights_are_within_their_bound() {
        let encoder = ALL[1];
        let start = encoder.start(Some(vec![9.0; 12]), &mut Stream::new(1, "test", b""));
        assert_eq!(start[..12], [9.0; 12]);
        assert!(start[12..].iter().all(|x| x.abs() <= 0.5 && *x != 0.0));
        assert!(start[12..12 + 25].iter().any(|x| x.abs() > 1.0 / 5f32.sqrt()), "the first layer has 4 inputs");
    }
}
