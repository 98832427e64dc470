//! The train examples on which the templates of a trial are compared.

use crate::seed::Stream;

/// `batch_size` of `n_train` examples: runs of as many as there are labels, since the order drawn goes round the classes.
pub fn train_batch(n_labels: usize, batch_size: usize, n_train: usize, stream: &mut Stream) -> Vec<usize> {
    let run = n_labels.clamp(1, n_train.max(1));
    let mut runs: Vec<usize> = (0..n_train.div_ceil(run)).collect();
    stream.shuffle(&mut runs);
    let mut batch: Vec<usize> =
        runs.into_iter().flat_map(|r| r * run..((r + 1) * run).min(n_train)).take(batch_size).collect();
    batch.sort_unstable();
    batch
}
