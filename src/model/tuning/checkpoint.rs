//! A model's files as they are, and as they are with other numbers.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Map, Value, json};

use crate::model::builtin;
use crate::model::config::ConfigFile;
use crate::model::weights::{self, WeightFile};
use crate::model::{ModelError, toy, toy_causal};
use crate::prompt::TunedTensor;
use crate::spec::ModelSource;

/// What a model's folder may hold beside its weights and that belongs to its tokenizer.
const COMPANIONS: [&str; 11] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "chat_template.jinja",
];

/// The files of a model in Hugging Face layout.
pub struct Checkpoint {
    /// What they came from, for messages.
    file: String,
    config: ConfigFile,
    source: ModelSource,
    weights: Vec<WeightFile>,
}

impl Checkpoint {
    /// Opens those of a built-in model or of a folder.
    ///
    /// # Errors
    /// As [`load`](crate::model::load); [`ModelError::Tuning`] for other kinds of models.
    pub fn open(source: &ModelSource) -> Result<Self, ModelError> {
        let fault = |what: &str| Err(ModelError::Tuning { model: source.to_string(), what: what.into() });
        let config = match source {
            of_gguf if of_gguf.gguf().is_some() => {
                return fault(
                    "a GGUF file holds no tensors to train (use the folder in Hugging Face layout that it was made of)",
                );
            }
            ModelSource::Builtin(name) if [toy::NAME, toy_causal::NAME].contains(&name.as_str()) => {
                return fault("its numbers are formulas");
            }
            ModelSource::Builtin(name) => {
                ConfigFile::parse(builtin::find(name)?.config(), format!("{source}: config.json"))?
            }
            ModelSource::Folder(folder) | ModelSource::Hub { snapshot: Some(folder), .. } => {
                let path = folder.join("config.json");
                let bytes = std::fs::read(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
                ConfigFile::parse(&bytes, path.display().to_string())?
            }
            ModelSource::Gguf(_) => return fault("a GGUF file holds no tensors to train"),
            ModelSource::Hub { name, snapshot: None } => {
                return Err(ModelError::NotFetched { name: name.to_string() });
            }
        };
        let (file, weights) = weight_files(source)?;
        Ok(Self { file, config, source: source.clone(), weights })
    }

    /// The configuration.
    pub fn config(&self) -> &ConfigFile {
        &self.config
    }

    /// What the weight files are called in messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The weight files, opened once more.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn files(&self) -> Result<Vec<WeightFile>, ModelError> {
        Ok(weight_files(&self.source)?.1)
    }

    /// A tensor of this name and shape in one row, where there is one.
    pub fn tensor(&self, name: &str, shape: &[usize], device: &Device) -> Option<Tensor<1>> {
        let file = self.weights.iter().find(|file| file.entries().any(|(own, size)| own == name && size == shape))?;
        let values = file.values(name).ok()?;
        let n = values.len();
        Some(Tensor::from_data(TensorData::new(values, [n]), device))
    }

    /// All files with the numbers of `tuned`, and of what `copies` says is stored twice, in place of the own ones. With a
    /// `classifier`, its class in the reference and the names of its labels, the configuration is that of one.
    ///
    /// # Errors
    /// If a file cannot be read any more.
    pub fn with(
        &self,
        tuned: &[TunedTensor],
        copies: &BTreeMap<String, String>,
        classifier: Option<(&str, &[String])>,
    ) -> Result<Vec<(String, Vec<u8>)>, ModelError> {
        let by_name: HashMap<&str, &TunedTensor> = tuned.iter().map(|tensor| (&*tensor.name, tensor)).collect();
        let mut tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        for file in &self.weights {
            for (name, shape) in file.entries() {
                let original = copies.get(name).map_or(name, String::as_str);
                let (dtype, numbers) = match (by_name.get(original), file.values(name)) {
                    (Some(tensor), _) => (Dtype::F32, bytes(&tensor.values)),
                    (None, Ok(values)) => (Dtype::F32, bytes(&values)),
                    // A buffer of whole numbers, which no model needs.
                    (None, Err(what)) => match file.stored(name) {
                        Some((dtype, stored)) => (dtype, stored.to_vec()),
                        None => {
                            let what = format!("`{name}` {what}");
                            return Err(ModelError::Weights { file: self.file.clone(), what });
                        }
                    },
                };
                tensors.insert(name.to_owned(), (dtype, shape.to_vec(), numbers));
            }
        }
        for tensor in tuned {
            let missing = || (Dtype::F32, tensor.shape.clone(), bytes(&tensor.values));
            tensors.entry(tensor.name.to_string()).or_insert_with(missing);
        }
        let fault = |what: String| ModelError::Weights { file: self.file.clone(), what };
        let views = tensors
            .iter()
            .map(|(name, (dtype, shape, numbers))| Ok((name, TensorView::new(*dtype, shape.clone(), numbers)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|error| fault(error.to_string()))?;
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let weights = safetensors::serialize(views, Some(metadata)).map_err(|error| fault(error.to_string()))?;
        let mut files = vec![("config.json".to_owned(), self.config_with(classifier))];
        files.extend(self.companions()?);
        files.push(("model.safetensors".to_owned(), weights));
        Ok(files)
    }

    fn config_with(&self, classifier: Option<(&str, &[String])>) -> Vec<u8> {
        let mut fields = self.config.fields().clone();
        fields.remove("torch_dtype");
        fields.insert("dtype".into(), "float32".into());
        if let Some((architecture, labels)) = classifier {
            fields.insert("architectures".into(), json!([architecture]));
            let named = labels.iter().enumerate();
            let names: Map<String, Value> =
                named.clone().map(|(n, label)| (n.to_string(), label.as_str().into())).collect();
            let numbers: Map<String, Value> = named.map(|(n, label)| (label.clone(), n.into())).collect();
            fields.insert("id2label".into(), names.into());
            fields.insert("label2id".into(), numbers.into());
            fields.insert("problem_type".into(), "single_label_classification".into());
        }
        let mut text = format!("{:#}", Value::Object(fields));
        text.push('\n');
        text.into_bytes()
    }

    fn companions(&self) -> Result<Vec<(String, Vec<u8>)>, ModelError> {
        match &self.source {
            ModelSource::Builtin(name) => Ok(builtin::find(name)?.tokenizer_files()),
            ModelSource::Folder(folder) | ModelSource::Hub { snapshot: Some(folder), .. } => {
                let found = COMPANIONS.into_iter().map(|name| (name, folder.join(name)));
                found
                    .filter(|(_, path)| path.exists())
                    .map(|(name, path): (_, std::path::PathBuf)| Ok((name.to_owned(), read(&path)?)))
                    .collect()
            }
            ModelSource::Gguf(_) | ModelSource::Hub { snapshot: None, .. } => Ok(Vec::new()),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    std::fs::read(path).map_err(|source| ModelError::Read { path: path.to_path_buf(), source })
}

fn weight_files(source: &ModelSource) -> Result<(String, Vec<WeightFile>), ModelError> {
    match source {
        ModelSource::Builtin(name) => builtin::find(name)?.weight_files(),
        ModelSource::Folder(folder) | ModelSource::Hub { snapshot: Some(folder), .. } => weights::open_folder(folder),
        ModelSource::Gguf(_) => {
            Err(ModelError::Tuning { model: source.to_string(), what: "a GGUF file holds no tensors to train".into() })
        }
        ModelSource::Hub { name, snapshot: None } => Err(ModelError::NotFetched { name: name.to_string() }),
    }
}
