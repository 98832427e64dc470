//! Activation functions.
//!
//! # Decisions
//!
//! - 2026-11: on the CPU the exact gelu is our own loop. burn-flex 0.22.1 calls a scalar libm erf on one thread, which was 35-40 %
//!   of an encoder's time; a rational approximation that the compiler turns into vector code, spread over threads, is within
//!   5e-7 of it. Refused: burn's backend extension, which would need a kernel a backend for one function.

use burn::Tensor;
use burn::tensor::activation::{gelu, gelu_approximate, relu, silu};
use burn::tensor::{Device, TensorData};
use rayon::prelude::*;

use crate::model::ModelError;
use crate::model::config::ConfigFile;

/// A model's `hidden_act`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x / 2 (1 + erf(x / sqrt 2))` (Hendrycks and Gimpel, arXiv:1606.08415).
    Gelu,
    /// Its approximation by tanh.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// `x / (1 + exp(-x))` (Elfwing et al., arXiv:1702.03118).
    Silu,
}

impl Activation {
    /// Reads `hidden_act`, exact gelu where it is missing.
    ///
    /// # Errors
    /// If it is unknown, naming those that are.
    pub fn from_config(config: &ConfigFile) -> Result<Self, ModelError> {
        match config.text("hidden_act")? {
            None | Some("gelu") => Ok(Self::Gelu),
            Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_approximate") => Ok(Self::GeluTanh),
            Some("relu") => Ok(Self::Relu),
            Some(other) => Err(config.fault(format!(
                "`hidden_act` is \"{other}\" (known: gelu, gelu_new, gelu_pytorch_tanh, gelu_approximate, relu)"
            ))),
        }
    }

    /// Reads a causal model's activation from `field`.
    ///
    /// # Errors
    /// If it is unknown, naming those that are.
    pub fn from_field(config: &ConfigFile, field: &str, default: Self) -> Result<Self, ModelError> {
        match config.text(field)? {
            None => Ok(default),
            Some("silu" | "swish") => Ok(Self::Silu),
            Some("gelu") => Ok(Self::Gelu),
            Some("gelu_new" | "gelu_pytorch_tanh") => Ok(Self::GeluTanh),
            Some("relu") => Ok(Self::Relu),
            Some(other) => Err(config.fault(format!(
                "`{field}` is \"{other}\" (known: silu, swish, gelu, gelu_new, gelu_pytorch_tanh, relu)"
            ))),
        }
    }

    /// Applies it to every number.
    ///
    /// # Shapes
    ///
    /// - input: any
    /// - output: that of the input
    pub fn forward(self, input: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Gelu => exact_gelu(input),
            Self::GeluTanh => gelu_approximate(input),
            Self::Relu => relu(input),
            Self::Silu => silu(input),
        }
    }
}

fn exact_gelu(input: Tensor<3>) -> Tensor<3> {
    if input.device().inner() != Device::flex() {
        return gelu(input);
    }
    if !input.is_tracked() {
        let device = input.device();
        let mut data = input.inner().into_data();
        apply(&mut data, gelu_number);
        return Tensor::from_data(data, &device);
    }
    // A line through each number with the slope of gelu there: its value and its gradient are gelu's, and the tape holds one
    // product instead of an operation without a fast form.
    let plain = input.clone().inner();
    let mut slope = plain.clone().into_data();
    apply(&mut slope, gelu_slope);
    let slope: Tensor<3> = Tensor::from_data(slope, &plain.device());
    let mut value = plain.clone().into_data();
    apply(&mut value, gelu_number);
    let value: Tensor<3> = Tensor::from_data(value, &plain.device());
    let height = value - plain * slope.clone();
    input * Tensor::from_inner(slope) + Tensor::from_inner(height)
}

/// Numbers a thread takes at a time: enough to be worth a task, few enough to stay in the cache.
const CHUNK: usize = 16 * 1024;

fn apply(data: &mut TensorData, function: impl Fn(f32) -> f32 + Sync) {
    let numbers = data.as_mut_slice::<f32>().expect("activations are f32");
    numbers.par_chunks_mut(CHUNK).for_each(|chunk| {
        for number in chunk {
            *number = function(*number);
        }
    });
}

#[inline]
fn gelu_number(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// `Phi(x) + x phi(x)`.
#[inline]
fn gelu_slope(x: f32) -> f32 {
    const FRAC_1_SQRT_2_PI: f32 = 0.398_942_3;
    let below = 0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
    below + x * FRAC_1_SQRT_2_PI * (-0.5 * x * x).exp()
}

/// The error function as a quotient of polynomials in `x^2` on [-4, 4], beyond which f32 knows only -1 and 1; the minimax
/// coefficients are those of Eigen (`generic_fast_erf_float`, MPL 2.0).
#[inline]
fn erf(x: f32) -> f32 {
    // Beyond 4 the quotient's last bit would be multiplied by however large the input is.
    let saturated = x.abs() >= 4.0;
    let square = x * x;
    let mut above = -2.726_142_4e-10;
    for coefficient in [2.770_681_4e-8, -2.101_024e-6, -5.692_506_4e-5, -7.349_906_3e-4, -2.954_6e-3, -1.609_603_4e-2] {
        above = above * square + coefficient;
    }
    let mut below = -1.456_607_2e-5;
    for coefficient in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329_2e-3, -1.426_473_9e-2] {
        below = below * square + coefficient;
    }
    if saturated { 1f32.copysign(x) } else { x * above / below }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> Vec<f32> {
        (-1200..=1200).map(|n| n as f32 / 100.0).chain([-1e4, 1e4, 0.0, 1e-20]).collect()
    }

    fn tensor(device: &Device) -> Tensor<3> {
        let numbers = numbers();
        let n = numbers.len();
        Tensor::from_data(TensorData::new(numbers, [1, 1, n]), device)
    }

    fn close(ours: Tensor<3>, theirs: Tensor<3>, within: f32) {
        let ours = ours.into_data().try_into_vec::<f32>().unwrap();
        let theirs = theirs.into_data().try_into_vec::<f32>().unwrap();
        for ((x, a), b) in numbers().iter().zip(ours).zip(theirs) {
            assert!((a - b).abs() <= within, "at {x}: {a} and {b}");
        }
    }

    #[test]
    fn our_gelu_is_burns_within_a_millionth() {
        let device = Device::flex();
        close(exact_gelu(tensor(&device)), gelu(tensor(&device)), 1e-6);
    }

    #[test]
    fn our_gelu_has_burns_gradient_and_value_on_the_autodiff_device() {
        let device = Device::flex().autodiff();
        let (ours, theirs) = (tensor(&device).require_grad(), tensor(&device).require_grad());
        let (a, b) = (exact_gelu(ours.clone()), gelu(theirs.clone()));
        close(a.clone().inner(), b.clone().inner(), 2e-6);
        let (a, b) = (a.sum().backward(), b.sum().backward());
        close(ours.grad(&a).unwrap(), theirs.grad(&b).unwrap(), 2e-6);
    }

    #[test]
    fn an_unknown_activation_is_refused_with_the_known_ones() {
        let config = ConfigFile::parse(br#"{"hidden_act": "swish"}"#, "config.json").unwrap();
        let message = Activation::from_config(&config).unwrap_err().to_string();
        assert!(message.contains("swish") && message.contains("gelu_new"), "{message}");
    }
}
