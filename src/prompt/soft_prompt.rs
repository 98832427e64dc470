//! Virtual tokens: vectors that a continuous method trains.

use std::hash::{Hash, Hasher};

/// Vectors for a template's soft slots, concatenated over the slots in order (prompt tuning, arXiv 2104.08691).
///
/// Two are equal if their bits are.
#[derive(Debug, Clone)]
pub struct SoftPrompt {
    values: Vec<f32>,
    d_model: usize,
}

impl SoftPrompt {
    /// Vectors `[n_soft, d_model]`, row by row.
    ///
    /// # Panics
    /// If `values` is no whole number of rows, or `d_model` is 0.
    pub fn new(values: Vec<f32>, d_model: usize) -> Self {
        assert!(d_model > 0 && values.len().is_multiple_of(d_model), "{} numbers in rows of {d_model}", values.len());
        Self { values, d_model }
    }

    /// Virtual tokens.
    pub fn n_soft(&self) -> usize {
        self.values.len() / self.d_model
    }

    /// The width of each: that of the model's embeddings.
    pub fn d_model(&self) -> usize {
        self.d_model
    }

    /// The numbers, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The vectors.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.d_model)
    }

    /// The numbers as they are written in a file, little-endian.
    pub fn bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
}

impl PartialEq for SoftPrompt {
    fn eq(&self, other: &Self) -> bool {
        self.d_model == other.d_model
            && self.values.len() == other.values.len()
            && self.values.iter().zip(&other.values).all(|(a, b)| a.to_bits() == b.to_bits())
    }
}

impl Eq for SoftPrompt {}

impl Hash for SoftPrompt {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.d_model.hash(state);
        self.values.iter().for_each(|value| value.to_bits().hash(state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_vectors_and_equality_is_of_bits() {
        let soft = SoftPrompt::new(vec![1.0, 2.0, 3.0, 4.0], 2);
        assert_eq!((soft.n_soft(), soft.d_model()), (2, 2));
        assert_eq!(soft.rows().nth(1), Some(&[3.0, 4.0][..]));
        assert_ne!(soft, SoftPrompt::new(vec![1.0, 2.0, 3.0, 4.0], 4));
        assert_ne!(SoftPrompt::new(vec![0.0], 1), SoftPrompt::new(vec![-0.0], 1));
    }
}
