//! Batches of training examples, each epoch in a new order.

use crate::seed::Stream;

/// What is left of an epoch's order, last first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Batches {
    pub(super) order: Vec<usize>,
}

impl Batches {
    /// The next batch of `0..n_train`, which may reach over the end of an epoch.
    pub(super) fn next(&mut self, n_train: usize, size: usize, stream: &mut Stream) -> Vec<usize> {
        let size = size.min(n_train);
        let mut batch = Vec::with_capacity(size);
        while batch.len() < size {
            if self.order.is_empty() {
                self.order = (0..n_train).collect();
                stream.shuffle(&mut self.order);
            }
            batch.extend(self.order.pop());
        }
        batch
    }
}
