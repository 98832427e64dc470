//! Activation functions.

use burn::Tensor;
use burn::tensor::activation::{gelu, gelu_approximate, relu, silu};

use crate::model::ModelError;
use crate::model::config::ConfigFile;
use crate::model::kernel::{Curve, curve, is_cpu};

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
        if is_cpu(&input.device()) {
            return curve(input, self.curve());
        }
        match self {
            // burn's own gradient of the exact function is that of the approximation by tanh, a thousandth off.
            Self::Gelu if input.is_autodiff() => {
                let open = (input.clone() * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0;
                input * open * 0.5
            }
            Self::Gelu => gelu(input),
            Self::GeluTanh => gelu_approximate(input),
            Self::Relu => relu(input),
            Self::Silu => silu(input),
        }
    }

    /// The same for the CPU's operators.
    pub fn curve(self) -> Curve {
        match self {
            Self::Gelu => Curve::Gelu,
            Self::GeluTanh => Curve::GeluTanh,
            Self::Relu => Curve::Relu,
            Self::Silu => Curve::Silu,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_activation_is_refused_with_the_known_ones() {
        let config = ConfigFile::parse(br#"{"hidden_act": "swish"}"#, "config.json").unwrap();
        let message = Activation::from_config(&config).unwrap_err().to_string();
        assert!(message.contains("swish") && message.contains("gelu_new"), "{message}");
    }
}
