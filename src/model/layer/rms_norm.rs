//! A frozen normalisation by the root mean square.

use burn::Tensor;

use crate::model::weights::Weights;

/// `x / sqrt(mean(x^2) + epsilon) * gamma` over the last axis (Zhang and Sennrich, arXiv:1910.07467).
#[derive(Debug, Clone)]
pub struct RmsNorm {
    gamma: Tensor<1>,
    epsilon: f64,
    width: usize,
}

impl RmsNorm {
    /// Takes `<name>.weight`. Where it is `centred`, the file holds gamma - 1 (Gemma).
    pub fn load(weights: &mut Weights, name: &str, width: usize, epsilon: f64, centred: bool) -> Self {
        let gamma = weights.tensor(&format!("{name}.weight"), [width]);
        Self { gamma: if centred { gamma + 1.0 } else { gamma }, epsilon, width }
    }

    /// Normalises the last axis.
    ///
    /// # Shapes
    ///
    /// - input: `[..., width]`
    /// - output: that of the input
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        assert_eq!(input.dims()[D - 1], self.width, "states of another width than the norm's");
        let scale = (input.clone().square().mean_dim(D - 1) + self.epsilon).sqrt().recip();
        input * scale * self.gamma.clone().unsqueeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn the_root_mean_square_becomes_one() {
        let device = Device::flex();
        let norm = RmsNorm { gamma: Tensor::ones([4], &device), epsilon: 1e-12, width: 4 };
        let input: Tensor<2> =
            Tensor::from_data(TensorData::new(vec![1f32, 2.0, 3.0, 4.0, 0.0, 0.0, -5.0, 0.0], [2, 4]), &device);
        let squares = norm.forward(input).square().mean_dim(1).into_data().try_into_vec::<f32>().unwrap();
        assert!(squares.iter().all(|square| (square - 1.0).abs() < 1e-5), "{squares:?}");
    }
}
