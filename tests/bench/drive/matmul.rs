//! The best rate that burn's matrix product reaches here.

use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use serde_json::{Value, json};

use super::Failure;

/// Rows, inner, columns: those of the models measured, and larger ones.
const SHAPES: [(usize, usize, usize); 8] = [
    (1024, 256, 1024),
    (1024, 1024, 256),
    (1024, 768, 768),
    (1024, 768, 3072),
    (1024, 3072, 768),
    (1024, 576, 1536),
    (2048, 1024, 1024),
    (2048, 2048, 2048),
];
const SECONDS: f64 = 0.6;

pub fn run() -> Result<Value, Failure> {
    let device = Device::flex();
    let mut shapes = Vec::new();
    let mut best = 0f64;
    for (n, k, m) in SHAPES {
        let a = Tensor::<2>::random([n, k], Distribution::Default, &device);
        let b = Tensor::<2>::random([k, m], Distribution::Default, &device);
        let mut rate = 0f64;
        let begun = Instant::now();
        while begun.elapsed().as_secs_f64() < SECONDS {
            let one = Instant::now();
            let product = a.clone().matmul(b.clone());
            std::hint::black_box(product.into_data());
            rate = rate.max(2.0 * (n * k * m) as f64 / one.elapsed().as_secs_f64() / 1e9);
        }
        best = best.max(rate);
        shapes.push(json!({ "shape": [n, k, m], "gflops": rate }));
    }
    Ok(json!({ "gflops": best, "shapes": shapes }))
}
