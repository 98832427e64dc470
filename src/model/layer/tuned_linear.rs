//! A linear map with weights that are tuned, or with a low-rank step beside a frozen one.

use burn::Tensor;
use burn::tensor::TensorData;

use super::Linear;
use crate::model::kernel::{FrozenMap, is_cpu};
use crate::model::tuning::{Weight, alike};
use crate::model::weights::Weights;

/// How a checkpoint stores a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Orientation {
    /// `[d_output, d_input]`
    Outputs,
    /// `[d_input, d_output]`
    Upright,
}

impl Orientation {
    /// The shape of the matrix in the checkpoint.
    pub(super) fn stored(self, [d_input, d_output]: [usize; 2]) -> [usize; 2] {
        match self {
            Self::Outputs => [d_output, d_input],
            Self::Upright => [d_input, d_output],
        }
    }

    /// The axis of the output.
    fn output_axis(self) -> usize {
        match self {
            Self::Outputs => 0,
            Self::Upright => 1,
        }
    }

    /// The map of stored numbers, for the CPU's operators.
    pub(super) fn panels(self, weight: &[f32], bias: Option<&[f32]>, [d_input, d_output]: [usize; 2]) -> FrozenMap {
        match self {
            Self::Outputs => FrozenMap::of_outputs(weight, bias, [d_output, d_input]),
            Self::Upright => FrozenMap::upright(weight, bias, [d_input, d_output]),
        }
    }
}

/// A map of which something is tuned.
#[derive(Debug, Clone)]
pub(super) struct TunedLinear {
    /// The product.
    product: Product,
    /// What is added to it; nothing where the frozen map adds it, or there is none.
    bias: Option<Weight<1>>,
    /// The step beside it.
    step: Option<LowRankStep>,
}

/// What a [`TunedLinear`] multiplies by.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one a layer, beside the weights that it holds")]
enum Product {
    /// A map that stays as it is.
    Frozen(Linear),
    /// A tuned matrix as the checkpoint stores it.
    Tuned(Weight<2>, Orientation),
}

/// `x A^T B^T scale` (LoRA, arXiv 2106.09685).
#[derive(Debug, Clone)]
struct LowRankStep {
    /// `[rank, d_input]`
    a: Weight<2>,
    /// `[d_output, rank]`
    b: Weight<2>,
    scale: f64,
    /// Both as frozen maps, the scale within the second, once they are not tracked.
    thin: Option<[Linear; 2]>,
}

impl TunedLinear {
    /// A map of a tuned matrix `[d_output, d_input]`.
    pub(super) fn of(weight: Weight<2>, bias: Option<Weight<1>>) -> Self {
        Self { product: Product::Tuned(weight, Orientation::Outputs), bias, step: None }
    }

    /// The map `name` of these numbers where something of it is tuned.
    pub(super) fn take(
        weights: &Weights,
        name: &str,
        orientation: Orientation,
        (weight, bias): (&[f32], Option<&[f32]>),
        [d_input, d_output]: [usize; 2],
    ) -> Option<Self> {
        let tuner = weights.tuner()?;
        let device = weights.device();
        let step =
            tuner.step(name, [d_input, d_output], device).map(|(a, b, scale)| LowRankStep { a, b, scale, thin: None });
        let (weight_name, bias_name) = (format!("{name}.weight"), format!("{name}.bias"));
        let (tunes_weight, tunes_bias) = (tuner.tunes(&weight_name), bias.is_some() && tuner.tunes(&bias_name));
        if !tunes_weight && !tunes_bias && step.is_none() {
            return None;
        }
        let product = if tunes_weight {
            let stored = orientation.stored([d_input, d_output]);
            let tensor = Tensor::from_data(TensorData::new(weight.to_vec(), stored), device);
            Product::Tuned(weights.held(&weight_name, tensor), orientation)
        } else {
            let bias = bias.filter(|_| !tunes_bias);
            Product::Frozen(Linear::frozen_of(weights, orientation, weight, bias, [d_input, d_output]))
        };
        let bias = bias.filter(|_| tunes_weight || tunes_bias).map(|bias| {
            weights.held(&bias_name, Tensor::from_data(TensorData::new(bias.to_vec(), [d_output]), device))
        });
        Some(Self { product, bias, step })
    }

    /// The maps to `N` equal parts of the output, with steps that share `A`.
    pub(super) fn split<const N: usize>(&self) -> [Self; N] {
        let products: [Product; N] = match &self.product {
            Product::Frozen(linear) => linear.clone().split::<N>().map(Product::Frozen),
            Product::Tuned(weight, orientation) => std::array::from_fn(|number| {
                Product::Tuned(part(weight, orientation.output_axis(), number, N), *orientation)
            }),
        };
        let mut products = products.into_iter();
        std::array::from_fn(|number| Self {
            product: products.next().expect("as many products as parts"),
            bias: self.bias.as_ref().map(|bias| part(bias, 0, number, N)),
            step: self.step.as_ref().map(|step| LowRankStep { b: part(&step.b, 0, number, N), ..step.clone() }),
        })
    }

    /// Takes what is tuned from `values`.
    pub(super) fn bind(&mut self, values: &[Tensor<1>]) {
        if let Product::Tuned(weight, _) = &mut self.product {
            weight.bind(values);
        }
        if let Some(bias) = &mut self.bias {
            bias.bind(values);
        }
        if let Some(step) = &mut self.step {
            step.a.bind(values);
            step.b.bind(values);
            step.thin = step.freeze();
        }
    }

    /// The same map for the CPU's operators, where it is on the CPU, nothing of it is tracked and no step stands beside it.
    pub(super) fn freeze(&self) -> Option<Linear> {
        if self.step.is_some() || self.bias.as_ref().is_some_and(|bias| bias.get().is_autodiff()) {
            return None;
        }
        let bias = self.bias.as_ref().map(Weight::numbers);
        match &self.product {
            Product::Frozen(linear) => Some(Linear::panels(linear.frozen()?.with_bias(&bias?))),
            Product::Tuned(weight, orientation) => {
                let tensor = weight.get();
                if tensor.is_autodiff() || !is_cpu(&tensor.device()) {
                    return None;
                }
                let [d_input, d_output] = orientation.stored(weight.dims());
                Some(Linear::panels(orientation.panels(&weight.numbers(), bias.as_deref(), [d_input, d_output])))
            }
        }
    }

    /// # Shapes
    ///
    /// - input: `[batch_size, seq_length, d_input]`
    /// - output: `[batch_size, seq_length, d_output]`
    pub(super) fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let product = match &self.product {
            Product::Frozen(linear) => linear.forward(input.clone()),
            Product::Tuned(weight, Orientation::Outputs) => multiply(input.clone(), weight.get().transpose()),
            Product::Tuned(weight, Orientation::Upright) => multiply(input.clone(), weight.get()),
        };
        let output = match &self.bias {
            Some(bias) => {
                let (product, bias) = alike(product, bias.get());
                product + bias.unsqueeze()
            }
            None => product,
        };
        match &self.step {
            Some(step) => step.add_to(output, input),
            None => output,
        }
    }
}

impl LowRankStep {
    fn add_to(&self, output: Tensor<3>, input: Tensor<3>) -> Tensor<3> {
        if let Some([down, up]) = &self.thin {
            return up.add_to(output, down.forward(input));
        }
        let narrow = multiply(input, self.a.get().transpose());
        let (output, step) = alike(output, multiply(narrow, self.b.get().transpose()) * self.scale);
        output + step
    }

    fn freeze(&self) -> Option<[Linear; 2]> {
        let (a, b) = (self.a.get(), self.b.get());
        if a.is_autodiff() || b.is_autodiff() || !is_cpu(&a.device()) {
            return None;
        }
        let ([rank, d_input], [d_output, _]) = (a.dims(), b.dims());
        let scaled: Vec<f32> = self.b.numbers().into_iter().map(|number| number * self.scale as f32).collect();
        Some([
            Linear::panels(FrozenMap::of_outputs(&self.a.numbers(), None, [rank, d_input])),
            Linear::panels(FrozenMap::of_outputs(&scaled, None, [d_output, rank])),
        ])
    }
}

/// Rows times a matrix that may be tracked.
///
/// # Shapes
///
/// - input: `[batch_size, seq_length, d_input]`
/// - weight: `[d_input, d_output]`
/// - output: `[batch_size, seq_length, d_output]`
fn multiply(input: Tensor<3>, weight: Tensor<2>) -> Tensor<3> {
    let [batch_size, seq_length, d_input] = input.dims();
    let [_, d_output] = weight.dims();
    let (rows, weight) = alike(input.reshape([batch_size * seq_length, d_input]), weight);
    let rows: Tensor<2> = rows;
    rows.matmul(weight).reshape([batch_size, seq_length, d_output])
}

/// Part `number` of `n` along an axis.
fn part<const D: usize>(weight: &Weight<D>, axis: usize, number: usize, n: usize) -> Weight<D> {
    let length = weight.dims()[axis] / n;
    weight.narrow(axis, number * length, length)
}
