//! A weight that a model holds, and where its numbers come from if it is tuned.

use burn::Tensor;

/// A tensor of a model, frozen or tuned.
#[derive(Debug, Clone)]
pub struct Weight<const D: usize> {
    tensor: Tensor<D>,
    place: Option<Place<D>>,
}

/// What of a tuned tensor a weight is.
#[derive(Debug, Clone)]
struct Place<const D: usize> {
    /// The tensor's number among those that are tuned.
    number: usize,
    /// Its shape in the checkpoint.
    shape: [usize; D],
    /// The part of it, as axis, first and length.
    part: Option<(usize, usize, usize)>,
    /// What it is multiplied by.
    scale: Option<f64>,
}

impl<const D: usize> Weight<D> {
    /// One that never changes.
    pub fn frozen(tensor: Tensor<D>) -> Self {
        Self { tensor, place: None }
    }

    /// The tuned tensor `number`, with the numbers that it has in the checkpoint.
    pub fn tuned(tensor: Tensor<D>, number: usize) -> Self {
        let shape = tensor.dims();
        Self { tensor, place: Some(Place { number, shape, part: None, scale: None }) }
    }

    /// The tensor as it is now.
    pub fn get(&self) -> Tensor<D> {
        self.tensor.clone()
    }

    /// Its sizes.
    pub fn dims(&self) -> [usize; D] {
        self.tensor.dims()
    }

    /// Whether it is tuned.
    pub fn is_tuned(&self) -> bool {
        self.place.is_some()
    }

    /// Part of it along an axis.
    pub fn narrow(&self, axis: usize, first: usize, length: usize) -> Self {
        let place = self.place.clone().map(|place| Place { part: Some((axis, first, length)), ..place });
        Self { tensor: self.tensor.clone().narrow(axis, first, length), place }
    }

    /// The same times a number.
    pub fn scaled(self, scale: f64) -> Self {
        let place = self.place.map(|place| Place { scale: Some(scale), ..place });
        Self { tensor: self.tensor * scale, place }
    }

    /// Takes its numbers from `values`, each tensor of those that are tuned in one row.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        let Some(Place { number, shape, part, scale }) = &self.place else { return };
        let mut tensor: Tensor<D> = values[*number].clone().reshape(*shape);
        if let Some((axis, first, length)) = *part {
            tensor = tensor.narrow(axis, first, length);
        }
        self.tensor = match scale {
            Some(scale) => tensor * *scale,
            None => tensor,
        };
    }

    /// Its numbers on the host, row by row.
    pub fn numbers(&self) -> Vec<f32> {
        self.get().into_data().convert::<f32>().try_into_vec().expect("converted to f32 before")
    }
}

/// Two tensors on one device: where one is tracked, the other is lifted as a constant.
pub fn alike<const A: usize, const B: usize>(a: Tensor<A>, b: Tensor<B>) -> (Tensor<A>, Tensor<B>) {
    match (a.is_autodiff(), b.is_autodiff()) {
        (true, false) => (a, Tensor::from_inner(b)),
        (false, true) => (Tensor::from_inner(a), b),
        _ => (a, b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn parts_and_scales_stay_when_the_numbers_change() {
        let device = Device::flex();
        let tensor = |numbers: [f32; 6]| Tensor::<1>::from_data(TensorData::new(numbers.to_vec(), [6]), &device);
        let whole = Weight::tuned(tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).reshape([3, 2]), 1);
        let mut part = whole.narrow(0, 1, 2).scaled(10.0);
        assert_eq!((part.numbers(), part.dims()), (vec![30.0, 40.0, 50.0, 60.0], [2, 2]));
        part.bind(&[tensor([0.0; 6]), tensor([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])]);
        assert_eq!(part.numbers(), [40.0, 30.0, 20.0, 10.0]);
        let mut frozen = Weight::frozen(tensor([7.0; 6]));
        frozen.bind(&[]);
        assert!(!frozen.is_tuned() && whole.is_tuned() && frozen.numbers() == [7.0; 6]);
    }
}
