//! Where weights go, and what type of number the products with them are computed in.
//!
//! # Decisions
//!
//! - 2026-11: in f16 and bf16 the matrices of linear maps are stored and multiplied in that type, and everything round them stays
//!   f32: states and their sums, norms, rotations, attention, softmax, the embedding table, the head and its log-softmax, losses.
//!   That is where the time goes, and sums of many small numbers keep their bits. Refused: states in half types, which overflow
//!   (f16) or lose a score's second decimal (bf16) in deep models; half types on the CPU, where they would be slower.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use burn::tensor::{Device, FloatDType};

use crate::model::ModelError;
use crate::model::tuning::Tuner;

/// The type of number that products with weights are computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, of which 10 are of the fraction: to about 1e-3, up to 65504.
    F16,
    /// The upper half of an f32: to about 1e-2, as far as f32 reaches.
    Bf16,
}

impl Precision {
    /// All, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// Its name: `f32`, `f16`, `bf16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// As burn calls it.
    pub(super) fn dtype(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::F16 => FloatDType::F16,
            Self::Bf16 => FloatDType::BF16,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.name() == text)
            .ok_or_else(|| ModelError::Precision { asked: text.into(), what: "unknown (known: f32, f16, bf16)".into() })
    }
}

/// Where weights go.
#[derive(Debug, Clone)]
pub struct Placement {
    /// The device, without autodiff.
    pub device: Device,
    /// The type of the matrices of linear maps.
    pub precision: Precision,
    /// Which of the weights are to be tuned; none where absent.
    pub tuner: Option<Arc<Tuner>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precisions_print_as_they_parse() {
        for precision in Precision::ALL {
            assert_eq!(precision.to_string().parse::<Precision>().unwrap(), precision);
        }
        let message = "f64".parse::<Precision>().unwrap_err().to_string();
        assert_eq!(message, "dtype `f64`: unknown (known: f32, f16, bf16)");
    }
}
