//! A soft verbalizer: a vector a label in place of label words.

use super::SoftPrompt;

/// Vectors that stand for the labels, in their order (WARP, arXiv 2101.00121): a label's score is the product of its vector with the
/// model's state where the answer stands, and its probability the softmax over the labels.
///
/// Two are equal if their bits are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LabelVectors(SoftPrompt);

impl LabelVectors {
    /// Vectors `[n_labels, d_model]`, row by row.
    ///
    /// # Panics
    /// If `values` is no whole number of rows, or `d_model` is 0.
    pub fn new(values: Vec<f32>, d_model: usize) -> Self {
        Self(SoftPrompt::new(values, d_model))
    }

    /// Labels.
    pub fn n_labels(&self) -> usize {
        self.0.n_soft()
    }

    /// The width of each: that of the states that the model's head scores.
    pub fn d_model(&self) -> usize {
        self.0.d_model()
    }

    /// The numbers, row by row.
    pub fn values(&self) -> &[f32] {
        self.0.values()
    }

    /// The vectors.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.0.rows()
    }

    /// The numbers as they are written in a file, little-endian.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.bytes()
    }
}
