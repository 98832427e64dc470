//! An operator of our own as a node of burn's tape.

use std::fmt::Debug;
use std::sync::Arc;

use burn::Tensor;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients as Tape;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Device, TensorData};
use burn_flex::FlexTensor;

/// The gradient with respect to each input, for those that were wanted.
pub(super) type Gradients<const N: usize> = [Option<Vec<f32>>; N];

/// How an operator's gradient goes back to its inputs.
pub(super) trait Rule<const N: usize>: Debug + Send + Sync {
    /// From the gradient with respect to the output, row-major, to those with respect to the inputs that are `wanted`.
    fn backward(&self, gradient: &[f32], wanted: [bool; N]) -> Gradients<N>;
}

/// Whether operators of this room can take a tensor: it lies on the CPU.
pub fn is_cpu(device: &Device) -> bool {
    #[cfg(test)]
    if ELSEWHERE.get() {
        return false;
    }
    device.clone().inner() == Device::flex()
}

#[cfg(test)]
thread_local! {
    static ELSEWHERE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    static GIVEN: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Does what would be done on another device than the CPU, with the CPU's numbers: padded rows and burn's operators.
#[cfg(test)]
pub fn elsewhere<T>(work: impl FnOnce() -> T) -> T {
    ELSEWHERE.set(true);
    let done = work();
    ELSEWHERE.set(false);
    done
}

/// How many numbers of gradients operators give to their inputs on this thread while `work` is done.
#[cfg(test)]
pub fn gradients_given<T>(work: impl FnOnce() -> T) -> (T, usize) {
    GIVEN.set(0);
    let done = work();
    (done, GIVEN.get())
}

/// Applies an operator. `forward` gets the inputs' numbers, row-major, and gives the output's; `rule` gets them as well, and is
/// asked for only where an input is tracked.
///
/// # Shapes
///
/// - output: `shape`
pub(super) fn operate<const N: usize>(
    inputs: [Tensor<3>; N],
    shape: [usize; 3],
    forward: impl FnOnce([&[f32]; N]) -> Vec<f32>,
    rule: impl FnOnce([&[f32]; N]) -> Box<dyn Rule<N>>,
) -> Tensor<3> {
    if !inputs.iter().any(Tensor::is_autodiff) {
        let plain = inputs.map(|input| contiguous(flex(input)));
        return from_numbers(forward(plain.each_ref().map(slice)), shape);
    }
    let shapes = inputs.each_ref().map(Tensor::dims);
    let inputs = inputs.map(|input| {
        let input = if input.is_autodiff() { input } else { Tensor::from_inner(input) };
        input.try_into_primitive::<Autodiff<Flex>>().expect("an operator of the CPU gets tensors of the CPU")
    });
    let plain = inputs.each_ref().map(|input| contiguous(input.primitive().clone()));
    let slices = plain.each_ref().map(slice);
    let output = FlexTensor::from_data(TensorData::new(forward(slices), shape));
    let output = match Node.prepare::<NoCheckpointing>(inputs.map(|input| input.node())).compute_bound().stateful() {
        OpsKind::Tracked(node) => node.finish(Kept { rule: Arc::from(rule(slices)), shapes }, output),
        OpsKind::UnTracked(node) => node.finish(output),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

fn flex(tensor: Tensor<3>) -> FlexTensor {
    tensor.try_into_primitive::<Flex>().expect("an operator of the CPU gets tensors of the CPU")
}

fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() }
}

fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("a contiguous tensor of f32")
}

fn from_numbers(numbers: Vec<f32>, shape: [usize; 3]) -> Tensor<3> {
    Tensor::from_primitive::<Flex>(FlexTensor::from_data(TensorData::new(numbers, shape)))
}

#[derive(Debug)]
struct Node;

/// What a node keeps until the way back.
#[derive(Debug)]
struct Kept<const N: usize> {
    rule: Arc<dyn Rule<N>>,
    shapes: [[usize; 3]; N],
}

impl<const N: usize> Clone for Kept<N> {
    fn clone(&self) -> Self {
        Self { rule: Arc::clone(&self.rule), shapes: self.shapes }
    }
}

impl<const N: usize> Backward<Flex, N> for Node {
    type State = Kept<N>;

    fn backward(self, ops: Ops<Self::State, N>, tape: &mut Tape, _: &mut Checkpointer) {
        let gradient = contiguous(tape.consume::<Flex>(&ops.node));
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let gradients = ops.state.rule.backward(slice(&gradient), wanted);
        for ((parent, numbers), shape) in ops.parents.into_iter().zip(gradients).zip(ops.state.shapes) {
            if let (Some(parent), Some(numbers)) = (parent, numbers) {
                #[cfg(test)]
                GIVEN.set(GIVEN.get() + numbers.len());
                tape.register::<Flex>(parent.id, FlexTensor::from_data(TensorData::new(numbers, shape)));
            }
        }
    }
}
