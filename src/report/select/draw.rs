//! Draws of dev examples, and the orders in which racing goes through them.

use super::error::SelectError;
use super::matrix::{Examples, Matrix};
use crate::task::statistics::Resampler;

/// The dev examples by class, in an order that depends on neither the file nor the names of the labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes {
    members: Vec<Vec<u32>>,
}

/// One draw: dev examples in the order in which they are scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// Indices of dev examples.
    pub order: Vec<u32>,
    /// Where each block of `order` ends. Blocks hold the classes as evenly as their sizes allow, and every order of the
    /// blocks is equally likely: what is still to come is a sample without replacement from what is left.
    pub block_ends: Vec<usize>,
}

impl Classes {
    /// Of the examples, each class sorted by example name.
    pub fn new(examples: &Examples) -> Self {
        let n_labels = examples.gold.iter().max().map_or(0, |&largest| largest as usize + 1);
        let mut members = vec![Vec::new(); n_labels];
        for (example, gold) in examples.gold.iter().enumerate() {
            members[*gold as usize].push(example as u32);
        }
        members.retain(|class: &Vec<u32>| !class.is_empty());
        let name = |example: u32| &examples.names[example as usize];
        members.iter_mut().for_each(|class| class.sort_by(|a, b| name(*a).cmp(name(*b))));
        members.sort_by(|a, b| name(a[0]).cmp(name(b[0])));
        Self { members }
    }

    /// Checks that every class has `shots` examples.
    ///
    /// # Errors
    /// Names the first class that has too few.
    pub fn check(&self, matrix: &Matrix, shots: usize) -> Result<(), SelectError> {
        match self.members.iter().find(|class| class.len() < shots) {
            Some(class) => Err(SelectError::Shots {
                shots,
                label: matrix.labels[matrix.dev.gold[class[0] as usize] as usize].clone(),
                n: class.len(),
            }),
            None => Ok(()),
        }
    }

    /// Draw `number` under `seed`: `shots` examples of each class without replacement, or all of them, in blocks.
    pub fn draw(&self, shots: Option<usize>, seed: u64, number: usize) -> Draw {
        let mut numbers = Resampler::new(seed, "select draw", &(number as u64).to_le_bytes());
        let mut classes = self.members.clone();
        for class in &mut classes {
            let taken = shots.unwrap_or(class.len());
            numbers.draw(class, taken);
            class.truncate(taken);
        }
        let n: usize = classes.iter().map(Vec::len).sum();
        // One example of the rarest class a block; a few more blocks where that would leave too few to race over.
        let rarest = classes.iter().map(Vec::len).min().unwrap_or(0);
        let n_blocks = rarest.max(16.min(n));
        let mut blocks: Vec<Vec<u32>> = vec![Vec::new(); n_blocks];
        let mut fullest_first: Vec<usize> = (0..n_blocks).collect();
        for class in &classes {
            let each = class.len() / n_blocks;
            let (even, rest) = class.split_at(each * n_blocks);
            for (place, example) in even.iter().enumerate() {
                blocks[place % n_blocks].push(*example);
            }
            // What does not divide goes to the emptiest blocks, so that blocks differ by one at most.
            fullest_first.sort_by_key(|&block| (blocks[block].len(), block));
            for (example, &block) in rest.iter().zip(&fullest_first) {
                blocks[block].push(*example);
            }
        }
        numbers.draw(&mut blocks, n_blocks);
        let mut draw = Draw { order: Vec::with_capacity(n), block_ends: Vec::with_capacity(n_blocks) };
        for mut block in blocks {
            let size = block.len();
            numbers.draw(&mut block, size);
            draw.order.extend(block);
            draw.block_ends.push(draw.order.len());
        }
        draw
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::select::matrix::{MatrixBuilder, Needs, Row};

    fn matrix(sizes: &[(&str, usize)], reversed: bool) -> Matrix {
        let mut rows: Vec<(String, &str)> =
            sizes.iter().flat_map(|(label, n)| (0..*n).map(move |i| (format!("{label}{i:04}"), *label))).collect();
        if reversed {
            rows.reverse();
        }
        let mut builder = MatrixBuilder::new(Needs::default(), Vec::new());
        for (example, label) in &rows {
            let row = Row {
                candidate: "a",
                example,
                split: "dev",
                label,
                correct: true,
                predicted: None,
                margin: None,
                logprobs: &[],
            };
            builder.push(&row).expect("good");
        }
        builder.finish().expect("complete")
    }

    #[test]
    fn shots_are_drawn_of_each_class_and_balanced_in_every_block() {
        let matrix = matrix(&[("a", 40), ("b", 90), ("c", 25)], false);
        let classes = Classes::new(&matrix.dev);
        for number in 0..20 {
            let draw = classes.draw(Some(20), 1, number);
            let mut distinct = draw.order.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!((draw.order.len(), distinct.len(), draw.block_ends.len()), (60, 60, 20));
            for end in draw.block_ends {
                let mut labels: Vec<u32> =
                    draw.order[end - 3..end].iter().map(|&e| matrix.dev.gold[e as usize]).collect();
                labels.sort_unstable();
                assert_eq!(labels, [0, 1, 2]);
            }
        }
    }

    #[test]
    fn whole_splits_keep_the_classes_near_their_shares_in_every_prefix() {
        let matrix = matrix(&[("a", 428), ("b", 444)], false);
        let draw = Classes::new(&matrix.dev).draw(None, 1, 0);
        let mut first = 0;
        for (n, &example) in draw.order.iter().enumerate() {
            first += usize::from(matrix.dev.gold[example as usize] == 0);
            let expected = (n + 1) as f64 * 428.0 / 872.0;
            assert!((first as f64 - expected).abs() < 10.0, "{n}: {first}");
        }
        assert_eq!(first, 428);
    }

    #[test]
    fn the_order_of_the_file_does_not_matter() {
        let sizes = [("a", 30), ("b", 30)];
        let (one, other) = (matrix(&sizes, false), matrix(&sizes, true));
        let named = |matrix: &Matrix| -> Vec<String> {
            let draw = Classes::new(&matrix.dev).draw(Some(8), 3, 5);
            draw.order.iter().map(|&e| matrix.dev.names[e as usize].clone()).collect()
        };
        assert_eq!(named(&one), named(&other));
    }

    #[test]
    fn too_many_shots_name_the_class() {
        let matrix = matrix(&[("a", 30), ("b", 7)], false);
        let error = Classes::new(&matrix.dev).check(&matrix, 16).expect_err("too few").to_string();
        assert!(error.contains("--shots 16") && error.contains("7 examples of label `b`"), "{error}");
    }
}
