//! Activation functions.
//!
//! # Decisions
//!
//! - 2026-11: on the CPU the exact gelu is our own loop. burn-flex 0.22.1 calls a scalar libm erf on one thread, which was 35-40 %
//!   of an encoder's time; a rational approximation that the compiler turns into vector code, spread over threads, is within
//!   5e-7 of it. The same holds for silu and gelu by tanh, with an exponential of our own. Refused: burn's backend extension, which would need a kernel a backend for one function.

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
            Self::GeluTanh => number_by_number(input, gelu_tanh_number, gelu_tanh_slope, gelu_approximate),
            Self::Relu => relu(input),
            Self::Silu => number_by_number(input, silu_number, silu_slope, silu),
        }
    }
}

fn exact_gelu(input: Tensor<3>) -> Tensor<3> {
    number_by_number(input, gelu_number, gelu_slope, gelu)
}

/// On the CPU, `function` of each number and for gradients its `slope`; elsewhere `otherwise`.
fn number_by_number(
    input: Tensor<3>,
    function: impl Fn(f32) -> f32 + Sync,
    slope: impl Fn(f32) -> f32 + Sync,
    otherwise: impl Fn(Tensor<3>) -> Tensor<3>,
) -> Tensor<3> {
    if input.device().inner() != Device::flex() {
        return otherwise(input);
    }
    if !input.is_tracked() {
        let device = input.device();
        let mut data = input.inner().into_data();
        apply(&mut data, function);
        return Tensor::from_data(data, &device);
    }
    // A line through each number with the slope of the function there: its value and its gradient are the function's, and the
    // tape holds one product instead of an operation without a fast form.
    let plain = input.clone().inner();
    let mut slopes = plain.clone().into_data();
    apply(&mut slopes, slope);
    let slope: Tensor<3> = Tensor::from_data(slopes, &plain.device());
    let mut value = plain.clone().into_data();
    apply(&mut value, function);
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

/// `x / (1 + exp(-x))`.
#[inline]
fn silu_number(x: f32) -> f32 {
    x * logistic(x)
}

#[inline]
fn silu_slope(x: f32) -> f32 {
    let open = logistic(x);
    open + x * open * (1.0 - open)
}

/// `sqrt(2 / pi)`, twice.
const STEEPNESS: f32 = 1.595_769;
const CUBIC: f32 = 0.044_715;

/// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`, with the logistic function in place of tanh.
#[inline]
fn gelu_tanh_number(x: f32) -> f32 {
    x * logistic(STEEPNESS * x * (1.0 + CUBIC * x * x))
}

#[inline]
fn gelu_tanh_slope(x: f32) -> f32 {
    let open = logistic(STEEPNESS * x * (1.0 + CUBIC * x * x));
    open + x * open * (1.0 - open) * STEEPNESS * (1.0 + 3.0 * CUBIC * x * x)
}

#[inline]
fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The exponential function as a power of two times a polynomial, without branches so that the compiler makes vector code of
/// it; within 2 units in the last place. Beyond what f32 can hold it stays at the largest and smallest normal number.
#[inline]
fn exp(x: f32) -> f32 {
    // The sum with it has no digits after the point, and the rounded number in its lowest bits.
    const ROUNDER: f32 = 12_582_912.0;
    // ln 2 in two parts, so that the product with a whole number is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUNDER;
    let whole = shifted - ROUNDER;
    let rest = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
    // The series to the sixth power: |rest| is at most ln 2 / 2.
    let mut sum = 1.0 / 720.0;
    for coefficient in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * rest + coefficient;
    }
    let exponent = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()).wrapping_add(127);
    sum * f32::from_bits(exponent << 23)
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
    fn our_exponential_is_exact_to_a_few_last_places() {
        for step in -8_700..8_800 {
            let x = step as f32 / 100.0;
            let (ours, exact) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((ours / exact - 1.0).abs() < 3e-7, "at {x}: {ours:e} and {exact:e}");
        }
        assert!(exp(f32::NAN).is_nan() && silu_number(f32::NAN).is_nan());
        assert_eq!((silu_number(0.0), gelu_tanh_number(0.0)), (0.0, 0.0));
        assert_eq!((silu_number(1e4), gelu_tanh_number(1e4)), (1e4, 1e4));
    }

    #[test]
    fn silu_and_gelu_by_tanh_have_burns_values_and_gradients() {
        type Function = fn(Tensor<3>) -> Tensor<3>;
        let cases: [(Activation, Function); 2] = [(Activation::Silu, silu), (Activation::GeluTanh, gelu_approximate)];
        for (ours, theirs) in cases {
            let device = Device::flex().autodiff();
            let (a, b) = (tensor(&device).require_grad(), tensor(&device).require_grad());
            let (value, burns) = (ours.forward(a.clone()), theirs(b.clone()));
            close(ours.forward(tensor(&Device::flex())), burns.clone().inner(), 2e-6);
            close(value.clone().inner(), burns.clone().inner(), 2e-6);
            let (value, burns) = (value.sum().backward(), burns.sum().backward());
            close(a.grad(&value).unwrap(), b.grad(&burns).unwrap(), 3e-6);
        }
    }

    #[test]
    fn an_unknown_activation_is_refused_with_the_known_ones() {
        let config = ConfigFile::parse(br#"{"hidden_act": "swish"}"#, "config.json").unwrap();
        let message = Activation::from_config(&config).unwrap_err().to_string();
        assert!(message.contains("swish") && message.contains("gelu_new"), "{message}");
    }
}
