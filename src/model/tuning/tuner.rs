//! What a model that is being loaded asks about each of its weights, and what it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use burn::Tensor;
use burn::tensor::{Device, TensorData};

use super::{ClassifierNames, Weight};
use crate::model::ModelError;
use crate::prompt::{Lora, Tuning};

/// The maps that have low-rank steps where none are named: those to the queries and values of attention, as the families call them.
const USUAL_TARGETS: [&str; 7] = ["query", "value", "q_lin", "v_lin", "q_proj", "v_proj", "c_attn"];

/// What a tuned tensor's numbers are before the first step.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one a tensor, beside the numbers that it holds")]
pub enum Start {
    /// Those of the checkpoint.
    Given(Tensor<1>),
    /// Drawn evenly between the bound and its negative.
    Uniform(f64),
    /// Drawn from a normal distribution of this standard deviation.
    Normal(f64),
    /// Zeros.
    Zero,
}

/// A tuned tensor.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its first numbers.
    pub start: Start,
}

/// Decides which weights are tuned and keeps account of them.
#[derive(Debug)]
pub struct Tuner {
    tuning: Tuning,
    /// The classification head that stands in place of the language model's own.
    classifier: Option<ClassifierNames>,
    account: Mutex<Account>,
}

/// What was found while a model was loaded.
#[derive(Debug, Default)]
pub struct Account {
    /// The tuned tensors, by number.
    pub parameters: Vec<Parameter>,
    /// The last parts of the names of all linear maps.
    pub maps: BTreeSet<String>,
    /// Names in the file that hold the numbers of another: copy -> original.
    pub copies: BTreeMap<String, String>,
    /// The targets that were met.
    met: BTreeSet<String>,
}

impl Tuner {
    /// One that has met nothing yet.
    pub fn new(tuning: Tuning, classifier: Option<ClassifierNames>) -> Self {
        Self { tuning, classifier, account: Mutex::default() }
    }

    /// What is tuned.
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    fn account(&self) -> std::sync::MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the tensor `name`, in the family's own spelling, is tuned as it is.
    pub fn tunes(&self, name: &str) -> bool {
        if self.classifier.is_some_and(|names| names.unused.iter().any(|part| name.starts_with(part))) {
            return false;
        }
        match self.tuning {
            Tuning::All => true,
            Tuning::Biases => name.ends_with(".bias"),
            Tuning::Lora(_) => false,
        }
    }

    /// Whether a tensor belongs to the classification head, for which a family has no place.
    pub fn sets_aside(&self, name: &str) -> bool {
        self.classifier.is_some_and(|names| names.owns(name))
    }

    /// The tensor that the file calls `name` as a tuned weight.
    pub fn weight<const D: usize>(&self, name: &str, tensor: Tensor<D>) -> Weight<D> {
        let shape = tensor.dims().to_vec();
        let n = shape.iter().product::<usize>();
        let start = Start::Given(tensor.clone().reshape([n]));
        Weight::tuned(tensor, self.add(name.to_owned(), shape, start))
    }

    /// The low-rank step of the map that the file calls `name`, where it has one: `A` `[rank, d_input]`, `B` `[d_output, rank]` and
    /// what their product is multiplied by. At first `B` is zero; `A` is drawn as the reference draws it, evenly up to
    /// `1 / sqrt(d_input)`.
    pub fn step(
        &self,
        name: &str,
        [d_input, d_output]: [usize; 2],
        device: &Device,
    ) -> Option<(Weight<2>, Weight<2>, f64)> {
        let last = name.rsplit_once('.').map_or(name, |(_, last)| last);
        self.account().maps.insert(last.to_owned());
        let Tuning::Lora(Lora { rank, alpha, targets }) = &self.tuning else { return None };
        let meant = if targets.is_empty() {
            USUAL_TARGETS.contains(&last)
        } else {
            targets.iter().any(|target| target == last)
        };
        if !meant {
            return None;
        }
        self.account().met.insert(last.to_owned());
        let zeros =
            |shape: [usize; 2]| Tensor::<2>::from_data(TensorData::new(vec![0f32; shape[0] * shape[1]], shape), device);
        let part = |which: &str, shape: [usize; 2], start: Start| {
            let number = self.add(format!("{name}.{which}.weight"), shape.to_vec(), start);
            Weight::tuned(zeros(shape), number)
        };
        let bound = (d_input as f64).sqrt().recip();
        let a = part("lora_A", [*rank, d_input], Start::Uniform(bound));
        let b = part("lora_B", [d_output, *rank], Start::Zero);
        Some((a, b, alpha / *rank as f64))
    }

    /// A tensor that the file need not have: of a classification head.
    pub fn fresh<const D: usize>(&self, name: String, shape: [usize; D], start: Start, device: &Device) -> Weight<D> {
        let tensor = Tensor::zeros(shape, device);
        let number = self.add(name, shape.to_vec(), start);
        Weight::tuned(tensor, number)
    }

    /// That the file holds the numbers of `original` a second time as `copy`.
    pub fn copied(&self, copy: &str, original: &str) {
        self.account().copies.insert(copy.to_owned(), original.to_owned());
    }

    fn add(&self, name: String, shape: Vec<usize>, start: Start) -> usize {
        let mut account = self.account();
        account.parameters.push(Parameter { name, shape, start });
        account.parameters.len() - 1
    }

    /// What was met, once the model is loaded.
    ///
    /// # Errors
    /// If a target is no map of the model, or nothing is tuned.
    pub fn close(&self, model: &str) -> Result<Account, ModelError> {
        let account = std::mem::take(&mut *self.account());
        let fault = |what: String| Err(ModelError::Tuning { model: model.to_owned(), what });
        let maps = || account.maps.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        if let Tuning::Lora(Lora { targets, .. }) = &self.tuning
            && let Some(target) = targets.iter().find(|target| !account.met.contains(*target))
        {
            return fault(format!("no linear map is called `{target}` (its maps: {})", maps()));
        }
        if account.parameters.is_empty() {
            return match self.tuning {
                Tuning::Lora(_) => {
                    fault(format!("name the maps that get low-rank steps in `targets` (its maps: {})", maps()))
                }
                _ => fault("it has no biases, so that none can be tuned (tune: all, lora)".into()),
            };
        }
        Ok(account)
    }
}
