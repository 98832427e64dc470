//! A prefix: keys and values in every layer, that a continuous method trains.

use std::hash::{Hash, Hasher};

/// The numbers of a prefix, in what order: those of Hugging Face PEFT's `prompt_embeddings`,
/// `[n_prefix, n_layers, keys then values, n_heads, d_head]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PrefixShape {
    /// Positions before the input, PEFT's `num_virtual_tokens`.
    pub n_prefix: usize,
    /// Layers of the model.
    pub n_layers: usize,
    /// Heads of keys and values: in grouped-query models fewer than those of the queries.
    pub n_heads: usize,
    /// Dimensions of a head.
    pub d_head: usize,
}

impl PrefixShape {
    /// The width of a layer's keys: PEFT's `token_dim`.
    pub fn d_keys(&self) -> usize {
        self.n_heads * self.d_head
    }

    /// Numbers of one position, keys and values of all layers.
    pub fn width(&self) -> usize {
        2 * self.n_layers * self.d_keys()
    }

    /// Numbers in all.
    pub fn n_numbers(&self) -> usize {
        self.n_prefix * self.width()
    }
}

/// Trained keys and values before the input (prefix tuning, arXiv 2101.00190; P-tuning v2, arXiv 2110.07602). Keys are as the
/// attention uses them, so rotated already where the model rotates.
///
/// Two are equal if their bits are.
#[derive(Debug, Clone)]
pub struct Prefix {
    values: Vec<f32>,
    shape: PrefixShape,
}

impl Prefix {
    /// From numbers in PEFT's layout, see [`PrefixShape`].
    ///
    /// # Panics
    /// If there are not as many as the shape has.
    pub fn new(values: Vec<f32>, shape: PrefixShape) -> Self {
        assert_eq!(values.len(), shape.n_numbers(), "numbers of a prefix {shape:?}");
        Self { values, shape }
    }

    /// From each layer's keys and values, first layer first.
    ///
    /// # Shapes
    /// each `[n_heads, n_prefix, d_head]`
    ///
    /// # Panics
    /// If there are not as many as the shape has.
    pub fn from_layers(layers: &[(Vec<f32>, Vec<f32>)], shape: PrefixShape) -> Self {
        assert_eq!(layers.len(), shape.n_layers, "layers of a prefix");
        let mut values = vec![0.0; shape.n_numbers()];
        for (layer, (keys, of_values)) in layers.iter().enumerate() {
            for (part, numbers) in [keys, of_values].into_iter().enumerate() {
                assert_eq!(numbers.len(), shape.n_prefix * shape.d_keys(), "numbers of layer {layer}");
                for (line, numbers) in numbers.chunks_exact(shape.d_head).enumerate() {
                    let (head, position) = (line / shape.n_prefix, line % shape.n_prefix);
                    let at = place(shape, position, 2 * layer + part, head);
                    values[at..at + shape.d_head].copy_from_slice(numbers);
                }
            }
        }
        Self { values, shape }
    }

    /// A layer's keys and values.
    ///
    /// # Shapes
    /// each `[n_heads, n_prefix, d_head]`
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn layer(&self, layer: usize) -> (Vec<f32>, Vec<f32>) {
        assert!(layer < self.shape.n_layers, "layer {layer} of {}", self.shape.n_layers);
        let part = |part: usize| -> Vec<f32> {
            let lines = (0..self.shape.n_heads).flat_map(|head| (0..self.shape.n_prefix).map(move |at| (head, at)));
            lines
                .flat_map(|(head, position)| {
                    let at = place(self.shape, position, 2 * layer + part, head);
                    self.values[at..at + self.shape.d_head].iter().copied()
                })
                .collect()
        };
        (part(0), part(1))
    }

    /// How many of what.
    pub fn shape(&self) -> PrefixShape {
        self.shape
    }

    /// The numbers in PEFT's layout `[n_prefix, n_layers * 2 * d_keys]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The numbers as they are written in a file, little-endian.
    pub fn bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
}

/// Where a line of `d_head` numbers begins.
fn place(shape: PrefixShape, position: usize, part: usize, head: usize) -> usize {
    position * shape.width() + part * shape.d_keys() + head * shape.d_head
}

impl PartialEq for Prefix {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.values.iter().zip(&other.values).all(|(a, b)| a.to_bits() == b.to_bits())
    }
}

impl Eq for Prefix {}

impl Hash for Prefix {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.shape.hash(state);
        self.values.iter().for_each(|value| value.to_bits().hash(state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: PrefixShape = PrefixShape { n_prefix: 2, n_layers: 3, n_heads: 2, d_head: 2 };

    #[test]
    fn layers_come_back_from_the_layout_of_peft() {
        let flat: Vec<f32> = (0..SHAPE.n_numbers()).map(|x| x as f32).collect();
        let prefix = Prefix::new(flat.clone(), SHAPE);
        // Of one position 24 numbers: in each layer the keys of both heads, then their values.
        assert_eq!(SHAPE.width(), 24);
        let (keys, values) = prefix.layer(1);
        assert_eq!(keys, [8.0, 9.0, 32.0, 33.0, 10.0, 11.0, 34.0, 35.0]);
        assert_eq!(values, [12.0, 13.0, 36.0, 37.0, 14.0, 15.0, 38.0, 39.0]);
        let layers: Vec<_> = (0..3).map(|layer| prefix.layer(layer)).collect();
        assert_eq!(Prefix::from_layers(&layers, SHAPE), prefix);
        assert_eq!(prefix.values(), flat);
    }

    #[test]
    fn equality_is_of_bits_and_shape() {
        let of = |first: f32, shape| Prefix::new([vec![first], vec![0.0; 23 + 24]].concat(), shape);
        assert_ne!(of(0.0, SHAPE), of(-0.0, SHAPE));
        assert_eq!(of(f32::NAN, SHAPE), of(f32::NAN, SHAPE));
        assert_ne!(of(1.0, SHAPE), of(1.0, PrefixShape { n_heads: 1, d_head: 4, ..SHAPE }));
    }
}
