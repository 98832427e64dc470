//! Work that is done again on the way back, so that the tape keeps what went in and nothing of the inside.

use std::fmt;
use std::sync::Arc;

use burn::Tensor;
use burn::tensor::{Device, TensorData};

use super::operator::{Gradients, Rule, is_cpu, operate};

/// What gives states from tensors.
type Work<const N: usize> = dyn Fn([Tensor<3>; N]) -> Tensor<3> + Send + Sync;

/// Does `work` without a tape, and again with one when its gradient is asked for (gradient checkpointing; Chen et al. 2016, arXiv
/// 1604.06174): the same numbers, one more pass forward, and of all that happens inside nothing is kept meanwhile. `work` must be
/// a function of `inputs` alone: what else it holds is taken for a constant.
///
/// Where nothing is tracked, or the tensors are not on the CPU, `work` is simply done.
///
/// # Shapes
///
/// - output: that of `work`
pub fn recomputed<const N: usize>(
    inputs: [Tensor<3>; N],
    work: impl Fn([Tensor<3>; N]) -> Tensor<3> + Send + Sync + 'static,
) -> Tensor<3> {
    let tracked = inputs.iter().any(Tensor::is_autodiff);
    if !tracked || !inputs.iter().all(|input| is_cpu(&input.device())) {
        return work(inputs);
    }
    let plain = inputs.each_ref().map(|input| input.clone().inner());
    let output = work(plain.clone());
    let shape = output.dims();
    let again = Again { inputs: plain, work: Arc::new(work) };
    operate(inputs, shape, |_| numbers(output), |_| Box::new(again))
}

struct Again<const N: usize> {
    inputs: [Tensor<3>; N],
    work: Arc<Work<N>>,
}

impl<const N: usize> fmt::Debug for Again<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Again").field("inputs", &self.inputs.each_ref().map(Tensor::dims)).finish_non_exhaustive()
    }
}

impl<const N: usize> Rule<N> for Again<N> {
    fn backward(&self, gradient: &[f32], wanted: [bool; N]) -> Gradients<N> {
        let mut number = 0;
        let leaves = self.inputs.each_ref().map(|input| {
            number += 1;
            let input = input.clone().autodiff();
            if wanted[number - 1] { input.require_grad() } else { input }
        });
        // A tape of its own: nothing of it is part of the one that is being gone back.
        let output = (self.work)(leaves.clone());
        let given = Tensor::<3>::from_data(TensorData::new(gradient.to_vec(), output.dims()), &Device::flex());
        let found = (output * given.autodiff()).sum().backward();
        let mut number = 0;
        leaves.map(|leaf| {
            number += 1;
            let gradient = if wanted[number - 1] { leaf.grad(&found) } else { None };
            gradient.map(numbers)
        })
    }
}

fn numbers(tensor: Tensor<3>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("states are f32 on the CPU")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn leaf(seed: usize) -> Tensor<3> {
        let values: Vec<f32> = (0..24).map(|i| ((i * 5 + seed) % 13) as f32 * 0.1 - 0.5).collect();
        Tensor::<3>::from_data(TensorData::new(values, [2, 3, 4]), &Device::flex()).autodiff().require_grad()
    }

    #[test]
    fn work_that_is_done_again_has_the_gradients_of_work_whose_tape_is_kept() {
        static DONE: AtomicUsize = AtomicUsize::new(0);
        let work = |[a, b]: [Tensor<3>; 2]| {
            DONE.fetch_add(1, Ordering::Relaxed);
            (a.clone() * b).tanh() + a.exp()
        };
        let found = |recompute: bool| {
            let (a, b) = (leaf(1), leaf(4));
            let mut states = a.clone();
            for _ in 0..3 {
                let inputs = [states, b.clone()];
                states = if recompute { recomputed(inputs, work) } else { work(inputs) };
            }
            let loss = states.sum();
            let gradients = loss.clone().backward();
            [
                numbers(loss.inner().unsqueeze()),
                numbers(a.grad(&gradients).unwrap()),
                numbers(b.grad(&gradients).unwrap()),
            ]
        };
        let kept = found(false);
        assert_eq!(DONE.swap(0, Ordering::Relaxed), 3);
        assert_eq!(found(true), kept);
        assert_eq!(DONE.load(Ordering::Relaxed), 6, "once forward and once on the way back");
    }

    #[test]
    fn what_needs_no_gradient_gets_none_and_without_a_tape_nothing_is_done_twice() {
        let (a, b) = (leaf(2), leaf(3).inner());
        let output = recomputed([a.clone(), b.clone()], |[a, b]| a * b);
        let gradients = output.sum().backward();
        assert_eq!(numbers(a.grad(&gradients).unwrap()), numbers(b.clone()));
        assert!(!recomputed([b], |[b]| b.tanh()).is_autodiff());
    }
}
