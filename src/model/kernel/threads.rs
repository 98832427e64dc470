//! How rows are shared out to threads.

use rayon::prelude::*;

/// The most rows that a thread takes at a time: what they need stays in its cache.
const MOST_ROWS: usize = 64;
/// Rows that a register tile computes together; a task has a multiple of them.
const TILE_ROWS: usize = 8;

/// Rows that a task takes, so that every thread has several tasks where there are rows enough. No number depends on it.
pub fn rows_per_task(n_rows: usize) -> usize {
    let threads = rayon::current_num_threads();
    if threads == 1 {
        return MOST_ROWS;
    }
    n_rows.div_ceil(2 * threads).next_multiple_of(TILE_ROWS).clamp(TILE_ROWS, MOST_ROWS)
}

/// Calls `task` with runs of `output`'s rows and the number of their first row, on all threads of the pool.
pub fn by_rows(output: &mut [f32], width: usize, task: impl Fn(usize, &mut [f32]) + Sync) {
    if width == 0 || output.is_empty() {
        return;
    }
    let rows = rows_per_task(output.len() / width);
    if output.len() <= rows * width || rayon::current_num_threads() == 1 {
        for (number, chunk) in output.chunks_mut(rows * width).enumerate() {
            task(number * rows, chunk);
        }
        return;
    }
    output.par_chunks_mut(rows * width).enumerate().for_each(|(number, chunk)| task(number * rows, chunk));
}
