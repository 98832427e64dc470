//! Llama 3's scaling of rotary frequencies, recovered from the factors that a GGUF file stores in its place.

use std::f64::consts::TAU;

use serde_json::{Value, json};

/// How far a factor may lie from the formula, relatively: they are stored as f32.
const TOLERANCE: f64 = 1e-4;
/// Llama 3's own context, where the file does not say another. Only its ratio to the two bounds counts.
const ORIGINAL: u64 = 8192;
/// The bounds that every published model has.
const USUAL: [f64; 2] = [1.0, 4.0];

/// The `rope_scaling` whose frequencies are the plain ones divided by `factors`, or null where they are all 1.
///
/// Between the bounds the reciprocal of a factor is linear in the frequency, so that two factors there say where both bounds lie.
///
/// # Errors
/// In words without the tensor's name, if no such scaling has these factors.
pub(super) fn llama3_scaling(
    factors: &[f32],
    base: f64,
    d_rotated: usize,
    original: Option<u64>,
) -> Result<Value, String> {
    let factors: Vec<f64> = factors.iter().map(|&factor| f64::from(factor)).collect();
    if factors.len() != d_rotated / 2 {
        return Err(format!("has {} numbers (expected: {})", factors.len(), d_rotated / 2));
    }
    if factors.iter().all(|&factor| factor == 1.0) {
        return Ok(Value::Null);
    }
    let largest = factors.iter().copied().fold(1.0, f64::max);
    let original = original.unwrap_or(ORIGINAL) as f64;
    // How many turns of each frequency fit in the original context.
    let turns: Vec<f64> =
        (0..factors.len()).map(|n| original / (TAU * base.powf(2.0 * n as f64 / d_rotated as f64))).collect();
    let fits = |&[low, high]: &[f64; 2]| {
        turns.iter().zip(&factors).all(|(&turns, &factor)| {
            let smooth = ((turns - low) / (high - low)).clamp(0.0, 1.0);
            let expected = 1.0 / ((1.0 - smooth) / largest + smooth);
            ((factor - expected) / expected).abs() < TOLERANCE
        })
    };
    let bounds = Some(USUAL).filter(&fits).or_else(|| bounds(&turns, &factors, largest).filter(&fits));
    let [low, high] = bounds.ok_or("is no scaling of Llama 3's kind (supported: that one)")?;
    Ok(json!({
        "rope_type": "llama3",
        "factor": largest,
        "low_freq_factor": low,
        "high_freq_factor": high,
        "original_max_position_embeddings": original as u64,
    }))
}

/// Bounds on which the factors between them lie. Where one factor or none lies there, many bounds give the same factors.
fn bounds(turns: &[f64], factors: &[f64], largest: f64) -> Option<[f64; 2]> {
    let is_largest = |factor: f64| factor >= largest * (1.0 - TOLERANCE);
    let is_one = |factor: f64| factor <= 1.0 + TOLERANCE;
    let pairs = || turns.iter().copied().zip(factors.iter().copied());
    let between: Vec<(f64, f64)> = pairs()
        .filter(|&(_, factor)| !is_one(factor) && !is_largest(factor))
        .map(|(turns, factor)| (turns, (1.0 / factor - 1.0 / largest) / (1.0 - 1.0 / largest)))
        .collect();
    let [low, high] = match between[..] {
        [] => {
            let low = pairs().filter(|&(_, factor)| is_largest(factor)).map(|(turns, _)| turns).fold(0.0, f64::max);
            let high = pairs().filter(|&(_, factor)| is_one(factor)).map(|(turns, _)| turns).fold(f64::MAX, f64::min);
            [low, high]
        }
        [(turns, smooth)] => {
            let [low, high] = USUAL;
            let unit = turns / (low + smooth * (high - low));
            [low * unit, high * unit]
        }
        [(first, smooth_first), .., (last, smooth_last)] => {
            let slope = (smooth_first - smooth_last) / (first - last);
            let low = first - smooth_first / slope;
            [low, low + 1.0 / slope]
        }
    };
    (low > 0.0 && high > low && high.is_finite()).then_some([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As llama.cpp's converter writes them.
    fn factors(base: f64, d_head: usize, factor: f64, [low, high]: [f64; 2], original: f64) -> Vec<f32> {
        (0..d_head / 2)
            .map(|n| {
                let wavelength = TAU * base.powf(2.0 * n as f64 / d_head as f64);
                if wavelength < original / high {
                    1.0
                } else if wavelength > original / low {
                    factor as f32
                } else {
                    let smooth = (original / wavelength - low) / (high - low);
                    (1.0 / ((1.0 - smooth) / factor + smooth)) as f32
                }
            })
            .collect()
    }

    #[test]
    fn the_published_scaling_is_recognised() {
        let found = llama3_scaling(&factors(5e5, 64, 32.0, [1.0, 4.0], 8192.0), 5e5, 64, None).unwrap();
        assert_eq!(
            found,
            json!({"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192})
        );
    }

    #[test]
    fn another_scaling_is_recovered_up_to_the_unit_of_its_context() {
        let found = llama3_scaling(&factors(1e4, 128, 8.0, [2.0, 6.0], 1024.0), 1e4, 128, None).unwrap();
        let ratio =
            |field: &str| found[field].as_f64().unwrap() / found["original_max_position_embeddings"].as_f64().unwrap();
        assert!((ratio("low_freq_factor") / (2.0 / 1024.0) - 1.0).abs() < 1e-3, "{found}");
        assert!((ratio("high_freq_factor") / (6.0 / 1024.0) - 1.0).abs() < 1e-3, "{found}");
        assert_eq!(found["factor"], 8.0);
    }

    #[test]
    fn few_factors_between_the_bounds_are_enough() {
        // One of eight lies between them, and none of four.
        for (d_head, n_between) in [(16, 1), (8, 0)] {
            let factors = factors(1e4, d_head, 8.0, [1.0, 4.0], 512.0);
            assert_eq!(factors.iter().filter(|&&factor| factor > 1.0 && factor < 8.0).count(), n_between);
            let found = llama3_scaling(&factors, 1e4, d_head, None).unwrap();
            assert!(found["factor"] == 8.0 && found["low_freq_factor"].as_f64() < found["high_freq_factor"].as_f64());
        }
    }

    #[test]
    fn factors_of_another_kind_are_refused() {
        let bent: Vec<f32> = (0..32).map(|n| 1.0 + n as f32).collect();
        assert!(llama3_scaling(&bent, 5e5, 64, None).unwrap_err().contains("no scaling of Llama 3's kind"));
        assert!(llama3_scaling(&bent, 5e5, 128, None).unwrap_err().contains("expected: 64"));
        assert_eq!(llama3_scaling(&[1.0; 32], 5e5, 64, None).unwrap(), Value::Null);
    }
}
