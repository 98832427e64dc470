//! Leaving one example out: what lets F1 and Matthews be compared example by example.

/// A confusion table that remembers which example fell into which cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionCells {
    n_labels: usize,
    cell_of: Vec<usize>,
    counts: Vec<usize>,
}

impl ConfusionCells {
    /// Of the `gold` and `predicted` labels of the same examples, as indices. A prediction of `n_labels` or more (none of
    /// the labels) goes into one more column.
    ///
    /// Cell `gold * (n_labels + 1) + predicted` holds the count.
    pub fn new(gold: &[usize], predicted: &[usize], n_labels: usize) -> Self {
        let width = n_labels + 1;
        let cell_of: Vec<usize> = gold
            .iter()
            .zip(predicted)
            .map(|(&gold, &predicted)| gold.min(n_labels) * width + predicted.min(n_labels))
            .collect();
        let mut counts = vec![0; width * width];
        cell_of.iter().for_each(|&cell| counts[cell] += 1);
        Self { n_labels, cell_of, counts }
    }

    /// The number of examples.
    pub fn n_examples(&self) -> usize {
        self.cell_of.len()
    }

    /// The counts, row-major by gold label, `n_labels + 1` a side.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// The cells and their counts, in an order that does not change when the labels are renamed.
    pub(crate) fn canonical(&self) -> (Vec<usize>, Vec<usize>) {
        let width = self.n_labels + 1;
        let mut labels: Vec<usize> = (0..width).collect();
        labels.sort_by_cached_key(|&label| {
            let mut row: Vec<usize> = (0..width).map(|other| self.counts[label * width + other]).collect();
            let mut column: Vec<usize> = (0..width).map(|other| self.counts[other * width + label]).collect();
            row.sort_unstable();
            column.sort_unstable();
            (label == self.n_labels, self.counts[label * width + label], row, column)
        });
        let cells: Vec<usize> =
            labels.iter().flat_map(|gold| labels.iter().map(move |predicted| gold * width + predicted)).collect();
        let counts = cells.iter().map(|&cell| self.counts[cell]).collect();
        (cells, counts)
    }
}

/// The metric with one example of each cell left out; where the cell is empty, the metric itself.
pub(crate) fn leave_one_out(cells: &ConfusionCells, metric: &impl Fn(&[usize]) -> f64) -> Vec<f64> {
    let mut counts = cells.counts.clone();
    let whole = metric(&counts);
    (0..counts.len())
        .map(|cell| {
            if counts[cell] == 0 {
                return whole;
            }
            counts[cell] -= 1;
            let without = metric(&counts);
            counts[cell] += 1;
            without
        })
        .collect()
}

/// The jackknife pseudo-value of each example: n θ - (n - 1) θ(without it).
///
/// Their mean estimates the metric with its bias of order 1/n taken out, and they may be treated as if the metric were a
/// mean over examples; of accuracy they are exactly right and wrong as 1 and 0. `metric` reads the counts of
/// [`ConfusionCells::counts`].
///
/// Source: Tukey, Annals of Mathematical Statistics 29 (1958) 614.
pub fn pseudo_values(cells: &ConfusionCells, metric: impl Fn(&[usize]) -> f64) -> Vec<f64> {
    let n = cells.n_examples() as f64;
    let whole = metric(&cells.counts);
    let without = leave_one_out(cells, &metric);
    cells.cell_of.iter().map(|&cell| n * whole - (n - 1.0) * without[cell]).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Macro F1 of counts with one more column and row than labels; a label without any example or prediction counts 0.
    pub(crate) fn macro_f1(counts: &[usize], n_labels: usize) -> f64 {
        let width = n_labels + 1;
        (0..n_labels)
            .map(|label| {
                let right = counts[label * width + label] as f64;
                let gold: usize = (0..width).map(|other| counts[label * width + other]).sum();
                let predicted: usize = (0..width).map(|other| counts[other * width + label]).sum();
                if right > 0.0 { 2.0 * right / (gold + predicted) as f64 } else { 0.0 }
            })
            .sum::<f64>()
            / n_labels as f64
    }

    #[test]
    fn pseudo_values_of_accuracy_are_right_and_wrong() {
        let gold = [0, 1, 1, 0, 2, 2, 1];
        let predicted = [0, 1, 0, 0, 2, 3, 1];
        let cells = ConfusionCells::new(&gold, &predicted, 3);
        let accuracy = |counts: &[usize]| {
            let right: usize = (0..3).map(|label| counts[label * 5]).sum();
            right as f64 / counts.iter().sum::<usize>() as f64
        };
        for ((gold, predicted), value) in gold.iter().zip(&predicted).zip(pseudo_values(&cells, accuracy)) {
            assert!((value - f64::from(u8::from(gold == predicted))).abs() < 1e-12);
        }
    }

    #[test]
    fn pseudo_values_average_close_to_the_metric() {
        let gold: Vec<usize> = (0..300).map(|i| i % 3).collect();
        let predicted: Vec<usize> = (0..300).map(|i| if i % 7 == 0 { (i + 1) % 3 } else { i % 3 }).collect();
        let cells = ConfusionCells::new(&gold, &predicted, 3);
        let values = pseudo_values(&cells, |c| macro_f1(c, 3));
        let mean = values.iter().sum::<f64>() / 300.0;
        assert!((mean - macro_f1(cells.counts(), 3)).abs() < 1e-3, "{mean}");
    }
}
