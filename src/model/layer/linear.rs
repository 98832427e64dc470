//! A linear map, frozen or tuned.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::module::linear;
use burn::tensor::{DType, FloatDType, TensorData, assert_shape};

use super::tuned_linear::{Orientation, TunedLinear};
use crate::model::kernel::{FrozenMap, is_cpu, map};
use crate::model::tuning::{Weight, alike};
use crate::model::weights::{Weights, transpose};

/// `output = input x weight + bias`, or without the bias.
#[derive(Debug, Clone)]
pub struct Linear {
    form: Form,
    d_input: usize,
}

/// How the map is stored.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one a layer, beside the weights that it holds")]
enum Form {
    /// For operators of our own on the CPU.
    Frozen(Arc<FrozenMap>),
    /// For burn's: the weight `[d_input, d_output]`, row-major.
    Plain { weight: Tensor<2>, bias: Option<Tensor<1>> },
    /// With weights that are tuned, or a low-rank step beside it.
    Tuned(Box<TunedLinear>),
}

impl Linear {
    /// Takes `<name>.weight` and `<name>.bias`.
    pub fn load(weights: &mut Weights, name: &str, d_input: usize, d_output: usize) -> Self {
        Self::load_with(weights, name, d_input, d_output, true)
    }

    /// Takes `<name>.weight` and, where there is a bias, `<name>.bias`.
    pub fn load_with(weights: &mut Weights, name: &str, d_input: usize, d_output: usize, bias: bool) -> Self {
        Self::take(weights, name, Orientation::Outputs, [d_input, d_output], bias)
    }

    /// Takes `<name>.weight`, which the file stores as it is used (`Conv1D` of GPT-2), and `<name>.bias`.
    pub fn load_upright(weights: &mut Weights, name: &str, d_input: usize, d_output: usize) -> Self {
        Self::take(weights, name, Orientation::Upright, [d_input, d_output], true)
    }

    fn take(
        weights: &mut Weights,
        name: &str,
        orientation: Orientation,
        [d_input, d_output]: [usize; 2],
        bias: bool,
    ) -> Self {
        let stored = orientation.stored([d_input, d_output]);
        let weight = weights.numbers(&format!("{name}.weight"), &stored);
        let bias = bias.then(|| weights.numbers(&format!("{name}.bias"), &[d_output]));
        // The stand-ins for what is missing are of size 1, and never used: the account is refused.
        let (Some(weight), Some(bias)) = (weight, bias.map_or(Some(None), |bias| bias.map(Some))) else {
            return Self::frozen_of(weights, Orientation::Upright, &[0.0], None, [1, 1]);
        };
        match TunedLinear::take(weights, name, orientation, (&weight, bias.as_deref()), [d_input, d_output]) {
            Some(tuned) => Self { form: Form::Tuned(Box::new(tuned)), d_input },
            None => Self::frozen_of(weights, orientation, &weight, bias.as_deref(), [d_input, d_output]),
        }
    }

    /// A map of a tuned matrix `[d_output, d_input]` that no checkpoint need have.
    pub fn tuned(weight: Weight<2>, bias: Option<Weight<1>>) -> Self {
        let [_, d_input] = weight.dims();
        Self { form: Form::Tuned(Box::new(TunedLinear::of(weight, bias))), d_input }
    }

    /// A frozen map of numbers as a checkpoint stores them.
    pub(super) fn frozen_of(
        weights: &Weights,
        orientation: Orientation,
        weight: &[f32],
        bias: Option<&[f32]>,
        [d_input, d_output]: [usize; 2],
    ) -> Self {
        let device = weights.device();
        if is_cpu(device) {
            return Self::panels(orientation.panels(weight, bias, [d_input, d_output]));
        }
        let upright = match orientation {
            Orientation::Outputs => transpose(weight, d_output, d_input),
            Orientation::Upright => weight.to_vec(),
        };
        let form = Form::Plain {
            weight: Tensor::<2>::from_data(TensorData::new(upright, [d_input, d_output]), device)
                .cast(weights.precision().dtype()),
            bias: bias.map(|bias| Tensor::from_data(TensorData::new(bias.to_vec(), [d_output]), device)),
        };
        Self { form, d_input }
    }

    /// A frozen map for the CPU's operators.
    pub(super) fn panels(frozen: FrozenMap) -> Self {
        Self { d_input: frozen.d_input(), form: Form::Frozen(Arc::new(frozen)) }
    }

    /// The maps to `N` equal parts of the output.
    pub fn split<const N: usize>(self) -> [Self; N] {
        match &self.form {
            Form::Plain { weight, bias } => std::array::from_fn(|number| Self {
                form: Form::Plain {
                    weight: part(weight, number, N),
                    bias: bias.as_ref().map(|bias| part(bias, number, N)),
                },
                d_input: self.d_input,
            }),
            Form::Frozen(all) => {
                let (matrix, bias) = all.unpack();
                let (whole, width) = (all.d_output(), (all.d_output() / N).max(1));
                std::array::from_fn(|number| {
                    let first = (number * width).min(whole - width);
                    let columns: Vec<f32> =
                        matrix.chunks_exact(whole).flat_map(|row| &row[first..first + width]).copied().collect();
                    let bias = &bias[first..first + width];
                    let frozen = FrozenMap::upright(&columns, Some(bias), [self.d_input, width]);
                    Self { form: Form::Frozen(Arc::new(frozen)), d_input: self.d_input }
                })
            }
            Form::Tuned(tuned) => {
                tuned.split::<N>().map(|tuned| Self { form: Form::Tuned(Box::new(tuned)), d_input: self.d_input })
            }
        }
    }

    /// The map as the CPU's operators take it; nothing on other devices, and where it is tuned.
    pub fn frozen(&self) -> Option<&Arc<FrozenMap>> {
        match &self.form {
            Form::Frozen(frozen) => Some(frozen),
            Form::Plain { .. } | Form::Tuned(_) => None,
        }
    }

    /// Takes what is tuned of it from `values`, and is frozen again where they are not tracked.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        let Form::Tuned(tuned) = &mut self.form else { return };
        tuned.bind(values);
        if let Some(frozen) = tuned.freeze() {
            *self = frozen;
        }
    }

    /// Applies the map.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, seq_length, d_input]`
    /// - output: `[batch_size, seq_length, d_output]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        assert_shape!(input, [_, _, self.d_input]);
        match &self.form {
            Form::Frozen(frozen) => map(input, std::slice::from_ref(frozen), None),
            Form::Plain { weight, bias } => plain(input, weight, bias.as_ref()),
            Form::Tuned(tuned) => tuned.forward(input),
        }
    }

    /// Applies the map and adds the result to `residual`.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, seq_length, d_input]`
    /// - residual, output: `[batch_size, seq_length, d_output]`
    pub fn add_to(&self, residual: Tensor<3>, input: Tensor<3>) -> Tensor<3> {
        match &self.form {
            Form::Frozen(frozen) => map(input, std::slice::from_ref(frozen), Some(residual)),
            Form::Plain { .. } => residual + self.forward(input),
            Form::Tuned(_) => {
                let (residual, output) = alike(residual, self.forward(input));
                residual + output
            }
        }
    }
}

/// Keys and values, or other maps of one input, side by side: in one product where both are frozen.
///
/// # Shapes
///
/// - input: `[batch_size, seq_length, d_input]`
/// - output: `[batch_size, seq_length, sum of both d_output]`
pub fn side_by_side(input: Tensor<3>, first: &Linear, second: &Linear) -> Tensor<3> {
    if let (Some(first), Some(second)) = (first.frozen(), second.frozen()) {
        return map(input, &[first.clone(), second.clone()], None);
    }
    let (first, second) = alike(first.forward(input.clone()), second.forward(input));
    Tensor::cat(vec![first, second], 2)
}

/// The map by burn's operators. A weight of a half type meets an input of that type, and the sum with the bias is one of f32.
fn plain(input: Tensor<3>, weight: &Tensor<2>, bias: Option<&Tensor<1>>) -> Tensor<3> {
    let dtype = weight.dtype();
    if dtype == DType::F32 {
        return linear(input, weight.clone(), bias.cloned());
    }
    let product = linear(input.cast(FloatDType::from(dtype)), weight.clone(), None).cast(FloatDType::F32);
    match bias {
        Some(bias) => product + bias.clone().unsqueeze(),
        None => product,
    }
}

/// Part `number` of `n` along the last axis, with memory of its own, because a product with a view into a wider matrix is slower.
fn part<const D: usize>(tensor: &Tensor<D>, number: usize, n: usize) -> Tensor<D> {
    let width = tensor.dims()[D - 1];
    // The stand-in for a missing tensor has no parts.
    let length = (width / n).max(1);
    let view = tensor.clone().narrow(D - 1, (number * length).min(width - length), length);
    let part = Tensor::<D>::from_data(view.into_data(), &tensor.device());
    part.cast(FloatDType::from(tensor.dtype()))
}
