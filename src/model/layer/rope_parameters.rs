//! The rotary part of a `config.json`.
//!
//! Reference: `modeling_rope_utils.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/modeling_rope_utils.py>.

use std::f64::consts::TAU;

use crate::model::ModelError;
use crate::model::config::ConfigFile;

/// The kinds of scaling that are known.
const KNOWN: &str = "default, linear, dynamic, llama3";

/// How fast each pair of dimensions turns.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeParameters {
    /// The base of the wavelengths.
    pub theta: f64,
    /// The share of a head that turns.
    pub partial: f64,
    /// What was done to make longer texts readable.
    pub scaling: RopeScaling,
}

/// A change of the frequencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// None. Dynamic scaling is none too, because it begins beyond the positions that a configuration allows, and so many are
    /// never read here.
    None,
    /// All divided by a factor (Chen et al., arXiv:2306.15595).
    Linear {
        /// It.
        factor: f64,
    },
    /// Low frequencies divided by a factor, high ones left, and between the two a line (Llama 3.1, arXiv:2407.21783).
    Llama3 {
        /// The factor.
        factor: f64,
        /// Where the low frequencies end: turns within the original positions.
        low: f64,
        /// Where the high frequencies begin.
        high: f64,
        /// The positions that the model was trained with at first.
        original: f64,
    },
}

impl RopeParameters {
    /// Reads `rope_parameters` (as transformers 5 writes it) or `rope_theta` and `rope_scaling` (as 4 did).
    ///
    /// # Errors
    /// If the kind of scaling is not supported, or a number is missing or out of bounds.
    pub fn parse(config: &ConfigFile, theta: f64, partial: f64, max_positions: usize) -> Result<Self, ModelError> {
        let section = match config.section("rope_scaling")? {
            Some(section) => Some(section),
            None => config.section("rope_parameters")?,
        };
        let theta = config.positive_or("rope_theta", theta)?;
        let partial = config.positive_or("partial_rotary_factor", partial)?;
        let mut this = Self::of_section(section.as_ref(), theta, partial, max_positions)?;
        // Where both say it, the outer one holds.
        if let RopeScaling::Llama3 { original, .. } = &mut this.scaling
            && config.get("original_max_position_embeddings").is_some()
        {
            *original = config.size("original_max_position_embeddings")? as f64;
        }
        this.check(config)
    }

    /// The same of one section, with what holds where it says nothing.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn of_section(
        section: Option<&ConfigFile>,
        theta: f64,
        partial: f64,
        max_positions: usize,
    ) -> Result<Self, ModelError> {
        let Some(section) = section else { return Ok(Self { theta, partial, scaling: RopeScaling::None }) };
        let theta = section.positive_or("rope_theta", theta)?;
        let kind = match section.text("rope_type")? {
            Some(kind) => Some(kind),
            None => section.text("type")?,
        };
        let scaling = match kind {
            None | Some("default" | "dynamic") => RopeScaling::None,
            Some("linear") => RopeScaling::Linear { factor: section.positive("factor")? },
            Some("llama3") => {
                let (low, high) = (section.positive("low_freq_factor")?, section.positive("high_freq_factor")?);
                if low >= high {
                    return Err(
                        section.fault(format!("`low_freq_factor` {low} is not below `high_freq_factor` {high}"))
                    );
                }
                RopeScaling::Llama3 {
                    factor: section.positive("factor")?,
                    low,
                    high,
                    original: section.size_or("original_max_position_embeddings", max_positions)? as f64,
                }
            }
            Some(other) => {
                return Err(
                    section.fault(format!("`rope_type` is \"{other}\", which is not supported (supported: {KNOWN})"))
                );
            }
        };
        let partial = section.positive_or("partial_rotary_factor", partial)?;
        Ok(Self { theta, partial, scaling })
    }

    /// Refuses numbers that no model has, and that would make something else than rotations.
    ///
    /// # Errors
    /// If there is one.
    pub fn check(self, config: &ConfigFile) -> Result<Self, ModelError> {
        if self.theta < 1.0 {
            return Err(config.fault(format!("`rope_theta` is {} (allowed: at least 1)", self.theta)));
        }
        if self.partial > 1.0 {
            return Err(config.fault(format!("`partial_rotary_factor` is {} (allowed: at most 1)", self.partial)));
        }
        Ok(self)
    }

    /// Radians a position of each turning pair of a head of `d_head` dimensions, in f32 as the reference keeps them.
    pub fn frequencies(&self, d_head: usize) -> Vec<f32> {
        let turning = (d_head as f64 * self.partial) as usize;
        (0..turning)
            .step_by(2)
            .map(|place| {
                let exponent = place as f32 / turning as f32;
                let frequency = 1.0 / self.theta.powf(f64::from(exponent)) as f32;
                self.scaling.apply(f64::from(frequency)) as f32
            })
            .collect()
    }
}

impl RopeScaling {
    fn apply(self, frequency: f64) -> f64 {
        match self {
            Self::None => frequency,
            Self::Linear { factor } => frequency / factor,
            Self::Llama3 { factor, low, high, original } => {
                let turns = original * frequency / TAU;
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                frequency * (kept + (1.0 - kept) / factor)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RopeParameters, ModelError> {
        RopeParameters::parse(&ConfigFile::parse(text.as_bytes(), "c").unwrap(), 1e4, 1.0, 64)
    }

    #[test]
    fn old_and_new_spellings_say_the_same() {
        let new = parse(r#"{"rope_parameters": {"rope_type": "linear", "factor": 4, "rope_theta": 500}}"#).unwrap();
        let old = parse(r#"{"rope_theta": 500.0, "rope_scaling": {"type": "linear", "factor": 4.0}}"#).unwrap();
        assert_eq!(new, old);
        assert_eq!(parse("{}").unwrap(), RopeParameters { theta: 1e4, partial: 1.0, scaling: RopeScaling::None });
    }

    #[test]
    fn unknown_kinds_and_wrong_numbers_are_refused_by_name() {
        for (text, says) in [
            (
                r#"{"rope_scaling": {"type": "yarn", "factor": 2}}"#,
                "\"yarn\", which is not supported (supported: default",
            ),
            (r#"{"rope_scaling": {"type": "linear"}}"#, "c: rope_scaling: `factor` is missing"),
            (
                r#"{"rope_parameters": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1}}"#,
                "is not below",
            ),
            (r#"{"rope_parameters": 3}"#, "`rope_parameters` is a number (allowed: an object)"),
            (r#"{"partial_rotary_factor": 1.5, "rope_parameters": {}}"#, "at most 1"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn llama_3_keeps_high_frequencies_and_divides_low_ones() {
        let scaling = RopeScaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 8192.0 };
        assert_eq!(scaling.apply(1.0), 1.0);
        assert_eq!(scaling.apply(1e-4), 1e-4 / 8.0);
        let middle = TAU * 2.5 / 8192.0;
        assert!((scaling.apply(middle) / middle - 0.5625).abs() < 1e-12);
    }
}
