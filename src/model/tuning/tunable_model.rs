//! A model that can be tuned: what is trained of it, and the models that trained numbers make.

use std::fmt;
use std::sync::Arc;

use burn::Tensor;
use burn::tensor::{Gradients, TensorData};

use super::checkpoint::Checkpoint;
use super::classifier::{Classifier, ClassifierNames};
use super::tuner::{Account, Parameter, Start, Tuner};
use crate::model::loaded::with_fresh;
use crate::model::placement::{Placement, Precision};
use crate::model::{LoadedModel, ModelError, ModelKind, family};
use crate::prompt::{TunedTensor, TunedWeights, Tuning};
use crate::seed::Stream;
use crate::spec::ModelSource;

/// A model opened for tuning.
pub struct TunableModel {
    /// With the checkpoint's numbers.
    base: LoadedModel,
    tuning: Tuning,
    account: Account,
    head: Option<(ClassifierNames, Classifier, usize)>,
    checkpoint: Checkpoint,
}

impl fmt::Debug for TunableModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunableModel")
            .field("base", &self.base)
            .field("tuning", &self.tuning)
            .field("n_tensors", &self.account.parameters.len())
            .finish_non_exhaustive()
    }
}

/// A model of given numbers. Where they are tracked, its gradients can be asked for.
pub struct TunedModel {
    /// The model; its weights hash is that of the numbers it was made of.
    pub model: LoadedModel,
    /// Its classification head.
    head: Option<Classifier>,
    leaves: Vec<Tensor<1>>,
}

impl TunedModel {
    /// The gradient of a loss with respect to each tuned tensor, in their order; empty for one that the loss does not depend on.
    pub fn gradients(&self, gradients: &Gradients) -> Vec<Vec<f32>> {
        let numbers = |tensor: Tensor<1>| -> Vec<f32> {
            tensor.into_data().convert::<f32>().try_into_vec().expect("converted to f32 before")
        };
        self.leaves
            .iter()
            .map(|leaf| leaf.grad(gradients).map(|tensor| numbers(tensor.inner())).unwrap_or_default())
            .collect()
    }

    /// The scores of the labels by the classification head, not normalised; `None` where there is none.
    ///
    /// # Shapes
    ///
    /// - states: `[batch_size, 1, width of the blocks]`
    /// - output: `[batch_size, 1, n_classes]`
    pub fn classify(&self, states: Tensor<3>) -> Option<Tensor<3>> {
        self.head.as_ref().map(|head| head.forward(states))
    }
}

impl TunableModel {
    /// Opens a model that is loaded a second time, for tuning, on the same device and always in f32; with a new classification head
    /// where it is to tell so many classes apart.
    ///
    /// # Errors
    /// As [`load`](crate::model::load); [`ModelError::Tuning`] for a model that is not as its source has it, and for one that has nothing of what is to be tuned, no map that is
    /// called as a target says, no weights in Hugging Face layout, or no classifier in the reference.
    pub fn load(loaded: &LoadedModel, tuning: Tuning, n_classes: Option<usize>) -> Result<Self, ModelError> {
        let fault = |what: String| ModelError::Tuning { model: loaded.source.clone(), what };
        if loaded.model.shape().kind == ModelKind::Seq2Seq {
            return Err(fault(
                "models that read one text and write another are not tuned (masked and causal ones are)".into(),
            ));
        }
        let (source, fresh) = match &loaded.opened {
            Some(opened) => opened.clone(),
            None => (loaded.source.parse::<ModelSource>().map_err(|error| fault(error.to_string()))?, None),
        };
        let checkpoint = Checkpoint::open(&source)?;
        let names = match n_classes {
            None => None,
            Some(_) => {
                let name = checkpoint.config().text("model_type")?.unwrap_or_default();
                let names = ClassifierNames::of(name);
                Some(names.ok_or_else(|| fault(format!("`{name}` has no classification head in the reference")))?)
            }
        };
        let tuner = Arc::new(Tuner::new(tuning.clone(), names));
        let device = loaded.model.device();
        let place = Placement { device: device.clone(), precision: Precision::F32, tuner: Some(Arc::clone(&tuner)) };
        let weights = family::load(
            checkpoint.config(),
            checkpoint.file().to_owned(),
            with_fresh(checkpoint.files()?, checkpoint.config(), fresh)?,
            &place,
        )?;
        if weights.hash != loaded.weights_hash {
            return Err(fault("its weights are not those of its source".into()));
        }
        let shape = weights.model.shape().clone();
        let head = names.zip(n_classes).map(|(names, n_classes)| {
            let stored = |name: &str, shape: &[usize]| checkpoint.tensor(name, shape, &device);
            (names, Classifier::new(&names, &tuner, (shape.d_block, n_classes), &device, stored), n_classes)
        });
        let account = tuner.close(&loaded.source)?;
        let base = LoadedModel { model: weights.model, ..loaded.clone() };
        Ok(Self { base, tuning, account, head, checkpoint })
    }

    /// The model with the checkpoint's numbers.
    pub fn base(&self) -> &LoadedModel {
        &self.base
    }

    /// Names and shapes of what is tuned, in order.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = (&str, &[usize])> {
        self.account.parameters.iter().map(|parameter| (parameter.name.as_str(), parameter.shape.as_slice()))
    }

    /// How many numbers are tuned.
    pub fn n_parameters(&self) -> usize {
        self.tensors().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// The numbers before the first step: the checkpoint's, and what is new as drawn from `stream`.
    pub fn start(&self, stream: &mut Stream) -> TunedWeights {
        let tensors = self.account.parameters.iter().map(|Parameter { name, shape, start }| {
            let n: usize = shape.iter().product();
            let values = match start {
                Start::Given(tensor) => {
                    tensor.clone().into_data().convert::<f32>().try_into_vec().expect("converted to f32 before")
                }
                Start::Uniform(bound) => (0..n).map(|_| (bound * (2.0 * stream.uniform() - 1.0)) as f32).collect(),
                Start::Normal(spread) => (0..n).map(|_| (spread * stream.normal()) as f32).collect(),
                Start::Zero => vec![0.0; n],
            };
            TunedTensor { name: name.as_str().into(), shape: shape.clone(), values }
        });
        self.weights(tensors.collect())
    }

    /// Trained tensors of this model, in its order.
    pub fn weights(&self, tensors: Vec<TunedTensor>) -> TunedWeights {
        TunedWeights::new(self.tuning.clone(), self.head.as_ref().map(|(.., n_classes)| *n_classes), tensors)
    }

    /// The model of these numbers, for scoring.
    ///
    /// # Errors
    /// [`ModelError::Tuning`] if they are not this model's.
    pub fn plain(&self, weights: &TunedWeights) -> Result<TunedModel, ModelError> {
        self.bound(weights, self.rows(weights)?)
    }

    /// The model of these numbers, whose gradients can be asked for.
    ///
    /// # Errors
    /// [`ModelError::Tuning`] if they are not this model's.
    pub fn tracked(&self, weights: &TunedWeights) -> Result<TunedModel, ModelError> {
        let leaves = self.rows(weights)?.into_iter().map(|row| row.autodiff().require_grad()).collect();
        self.bound(weights, leaves)
    }

    fn fault(&self, what: impl Into<String>) -> ModelError {
        ModelError::Tuning { model: self.base.source.clone(), what: what.into() }
    }

    /// Each tensor in one row on the model's device.
    fn rows(&self, weights: &TunedWeights) -> Result<Vec<Tensor<1>>, ModelError> {
        let own = self.tensors().map(|(name, shape)| (name, shape.to_vec()));
        let given = weights.tensors().iter().map(|tensor| (&*tensor.name, tensor.shape.clone()));
        if !own.eq(given) || weights.tuning() != &self.tuning {
            return Err(self.fault("these tuned weights are of another model, or of another tuning"));
        }
        let device = self.base.model.device();
        let rows = weights
            .tensors()
            .iter()
            .map(|tensor| Tensor::from_data(TensorData::new(tensor.values.clone(), [tensor.values.len()]), &device));
        Ok(rows.collect())
    }

    fn bound(&self, weights: &TunedWeights, leaves: Vec<Tensor<1>>) -> Result<TunedModel, ModelError> {
        let bound = self.base.model.bound(&leaves);
        let model = bound.ok_or_else(|| self.fault("it has no layers that can be tuned"))?;
        let head = self.head.as_ref().map(|(_, head, _)| {
            let mut head = head.clone();
            head.bind(&leaves);
            head
        });
        let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 tuned model");
        hasher.update(self.base.weights_hash.as_bytes()).update(weights.hash());
        let weights_hash = hasher.finalize().to_hex().to_string();
        Ok(TunedModel { model: LoadedModel { model, weights_hash, ..self.base.clone() }, head, leaves })
    }

    /// The whole model as files in Hugging Face layout, by name: every tensor that the checkpoint has under its own name, in f32; the
    /// configuration; the tokenizer's files. `labels` are the names of the classes, where there is a classification head.
    ///
    /// # Errors
    /// If the weights are not this model's, or are low-rank steps, which are no weights of the checkpoint.
    pub fn folder(&self, weights: &TunedWeights, labels: &[String]) -> Result<Vec<(String, Vec<u8>)>, ModelError> {
        self.rows(weights)?;
        if matches!(self.tuning, Tuning::Lora(_)) {
            return Err(self.fault("low-rank steps are saved as an adapter"));
        }
        let classifier = self.head.as_ref().map(|(names, ..)| (names.architecture, labels));
        self.checkpoint.with(weights.tensors(), &self.account.copies, classifier)
    }
}
