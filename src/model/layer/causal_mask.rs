//! What each asking position of a causal model sees.

use burn::Tensor;
use burn::tensor::{Device, TensorData};

use super::padding::UNSEEN;

/// What hides the positions to the right, and with a `window` those that lie that far to the left; nothing where every asking
/// position sees all. `asking` are positions of the input, one row for each row of the batch or one for all; before the input
/// there are `n_past` positions, which all see. Padding is on the right, so it needs no hiding of its own.
///
/// # Shapes
///
/// - output: `[asking.len(), 1, n_asking, n_past + seq_length]`
pub fn causal_bias(
    asking: &[Vec<usize>],
    n_past: usize,
    seq_length: usize,
    window: Option<usize>,
    device: &Device,
) -> Option<Tensor<4>> {
    let n_seen = n_past + seq_length;
    let mut hidden = false;
    let mut bias = Vec::with_capacity(asking.iter().map(Vec::len).sum::<usize>() * n_seen);
    for position in asking.iter().flatten() {
        let end = n_past + position + 1;
        let start = window.map_or(0, |window| end.saturating_sub(window));
        hidden |= start > 0 || end < n_seen;
        bias.extend((0..n_seen).map(|other| if (start..end).contains(&other) { 0.0 } else { UNSEEN }));
    }
    let n_asking = asking.first().map_or(0, Vec::len);
    hidden.then(|| Tensor::from_data(TensorData::new(bias, [asking.len(), 1, n_asking, n_seen]), device))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(asking: &[Vec<usize>], n_past: usize, seq_length: usize, window: Option<usize>) -> Option<String> {
        let bias = causal_bias(asking, n_past, seq_length, window, &Device::flex())?;
        let numbers = bias.into_data().try_into_vec::<f32>().unwrap();
        Some(numbers.iter().map(|&number| if number == 0.0 { '1' } else { '0' }).collect())
    }

    #[test]
    fn a_position_sees_itself_and_what_is_to_its_left() {
        assert_eq!(seen(&[vec![0, 1, 2]], 0, 3, None).unwrap(), "100110111");
        assert_eq!(seen(&[vec![0, 2], vec![1, 1]], 1, 3, None).unwrap(), "1100111111101110");
    }

    #[test]
    fn a_window_counts_the_position_itself() {
        assert_eq!(seen(&[vec![0, 1, 2]], 1, 3, Some(2)).unwrap(), "110001100011");
    }

    #[test]
    fn nothing_is_made_where_nothing_is_hidden() {
        assert_eq!(seen(&[vec![2], vec![2]], 4, 3, None), None);
        assert_eq!(seen(&[vec![0]], 4, 1, Some(5)), None);
    }
}
