//! Activation functions, number by number.
//!
//! # Decisions
//!
//! - 2026-11: burn-flex 0.22.1 calls a scalar libm erf on one thread, which was 35-40 % of an encoder's time; a rational
//!   approximation that the compiler turns into vector code, spread over threads, is within 5e-7 of it. The same holds for silu
//!   and gelu by tanh, with an exponential of our own.

use burn::Tensor;
use pulp::Arch;

use super::operator::{Gradients, Rule, operate};
use super::threads::by_rows;

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// `x / 2 (1 + erf(x / sqrt 2))`
    Gelu,
    /// Its approximation by tanh.
    GeluTanh,
    /// `max(x, 0)`
    Relu,
    /// `x / (1 + exp(-x))`
    Silu,
}

/// A curve of every number.
///
/// # Shapes
///
/// - input, output: `[batch_size, n, width]`
pub fn curve(input: Tensor<3>, curve: Curve) -> Tensor<3> {
    let shape = input.dims();
    let width = shape[2];
    operate(
        [input],
        shape,
        |[rows]| {
            let mut output = vec![0f32; rows.len()];
            by_rows(&mut output, width, |first, chunk| {
                chunk.copy_from_slice(&rows[first * width..][..chunk.len()]);
                curve.apply(chunk);
            });
            output
        },
        |[rows]| Box::new(CurveRule { curve, rows: rows.to_vec(), width }),
    )
}

impl Curve {
    /// The function of every number, in place, on this thread.
    pub(super) fn apply(self, numbers: &mut [f32]) {
        match self {
            Self::Gelu => each(numbers, gelu_number),
            Self::GeluTanh => each(numbers, gelu_tanh_number),
            Self::Relu => each(numbers, |x| if x < 0.0 { 0.0 } else { x }),
            Self::Silu => each(numbers, silu_number),
        }
    }

    /// Its slope at every number, in place.
    pub(super) fn slope(self, numbers: &mut [f32]) {
        match self {
            Self::Gelu => each(numbers, gelu_slope),
            Self::GeluTanh => each(numbers, gelu_tanh_slope),
            Self::Relu => each(numbers, |x| if x > 0.0 { 1.0 } else { 0.0 }),
            Self::Silu => each(numbers, silu_slope),
        }
    }
}

#[inline(always)]
fn each(numbers: &mut [f32], function: impl Fn(f32) -> f32) {
    Arch::new().dispatch(|| {
        for number in numbers {
            *number = function(*number);
        }
    });
}

#[derive(Debug)]
struct CurveRule {
    curve: Curve,
    rows: Vec<f32>,
    width: usize,
}

impl Rule<1> for CurveRule {
    fn backward(&self, gradient: &[f32], wanted: [bool; 1]) -> Gradients<1> {
        [wanted[0].then(|| {
            let mut output = vec![0f32; gradient.len()];
            by_rows(&mut output, self.width, |first, chunk| {
                let place = first * self.width..first * self.width + chunk.len();
                chunk.copy_from_slice(&self.rows[place.clone()]);
                self.curve.slope(chunk);
                multiply_each(chunk, &gradient[place]);
            });
            output
        })]
    }
}

/// Multiplies `numbers` by `other`, one by one.
pub(super) fn multiply_each(numbers: &mut [f32], other: &[f32]) {
    Arch::new().dispatch(|| {
        for (number, other) in numbers.iter_mut().zip(other) {
            *number *= other;
        }
    });
}

#[inline(always)]
fn gelu_number(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// `Phi(x) + x phi(x)`.
#[inline(always)]
fn gelu_slope(x: f32) -> f32 {
    const FRAC_1_SQRT_2_PI: f32 = 0.398_942_3;
    let below = 0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
    below + x * FRAC_1_SQRT_2_PI * exp(-0.5 * x * x)
}

/// `x / (1 + exp(-x))`.
#[inline(always)]
fn silu_number(x: f32) -> f32 {
    x * logistic(x)
}

#[inline(always)]
fn silu_slope(x: f32) -> f32 {
    let open = logistic(x);
    open + x * open * (1.0 - open)
}

/// `sqrt(2 / pi)`, twice.
const STEEPNESS: f32 = 1.595_769;
const CUBIC: f32 = 0.044_715;

/// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`, with the logistic function in place of tanh.
#[inline(always)]
fn gelu_tanh_number(x: f32) -> f32 {
    x * logistic(STEEPNESS * x * (1.0 + CUBIC * x * x))
}

#[inline(always)]
fn gelu_tanh_slope(x: f32) -> f32 {
    let open = logistic(STEEPNESS * x * (1.0 + CUBIC * x * x));
    open + x * open * (1.0 - open) * STEEPNESS * (1.0 + 3.0 * CUBIC * x * x)
}

#[inline(always)]
fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The exponential function as a power of two times a polynomial, without branches so that the compiler makes vector code of
/// it; within 2 units in the last place. Beyond what f32 can hold it stays at the largest and smallest normal number.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
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
#[inline(always)]
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
    use burn::tensor::activation::{gelu, gelu_approximate, relu, silu};
    use burn::tensor::{Device, TensorData};

    fn numbers() -> Vec<f32> {
        (-1200..=1200).map(|n| n as f32 / 100.0).chain([-1e4, 1e4, 1e-20]).collect()
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
    fn curves_have_burns_values_and_gradients() {
        type Function = fn(Tensor<3>) -> Tensor<3>;
        let cases: [(Curve, Function); 4] =
            [(Curve::Gelu, gelu), (Curve::GeluTanh, gelu_approximate), (Curve::Relu, relu), (Curve::Silu, silu)];
        for (ours, theirs) in cases {
            let device = Device::flex().autodiff();
            let (a, b) = (tensor(&device).require_grad(), tensor(&device).require_grad());
            let (value, burns) = (curve(a.clone(), ours), theirs(b.clone()));
            close(curve(tensor(&Device::flex()), ours), burns.clone().inner(), 2e-6);
            close(value.clone().inner(), burns.clone().inner(), 2e-6);
            let (value, burns) = (value.sum().backward(), burns.sum().backward());
            close(a.grad(&value).unwrap(), b.grad(&burns).unwrap(), 3e-6);
        }
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
}
