//! A prompt with vectors as a file: `prompt.safetensors`.
//!
//! # Decisions
//!
//! - 2026-11: one tensor `prompt_embeddings` `[n_soft, d_model]` in f32, the name and shape that Hugging Face PEFT gives it, and
//!   what `prompt.json` says as text in the metadata (`promptmine`): one file is the whole prompt, and other programs find the
//!   vectors where they look for them. Refused: a file beside a file, of which one gets lost.
//! - 2026-11: a prefix is the tensor `prefix_key_values` `[n_prefix, n_layers, 2, n_heads, d_head]`: the numbers of PEFT's
//!   `prompt_embeddings` of a prefix in their order, whose shape says whose they are. Refused: PEFT's flat shape, from which the
//!   heads cannot be told.
//! - 2026-11: the metadata has one key, because the library writes them in no fixed order, and the same prompt is to give the
//!   same bytes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::prompt::{LabelVectors, Prefix, PrefixShape, SoftPrompt, Vectors};

use super::{RecordError, SavedPrompt, write_atomically};

/// The tensor of virtual tokens.
const SOFT: &str = "prompt_embeddings";
/// The tensor of a prefix.
const PREFIX: &str = "prefix_key_values";
/// The tensor of labels' vectors.
const LABELS: &str = "label_vectors";
/// The key of the metadata.
const KEY: &str = "promptmine";

impl SavedPrompt {
    /// Writes the prompt with its vectors.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn save_with(&self, vectors: &Vectors, path: &Path) -> Result<(), RecordError> {
        let corrupt = |what: String| RecordError::corrupt(path, None, what);
        let json = serde_json::to_string(self).map_err(|e| corrupt(e.to_string()))?;
        let mut parts = Vec::new();
        if let Some(soft) = &vectors.soft {
            parts.push((SOFT, vec![soft.n_soft(), soft.d_model()], soft.bytes()));
        }
        if let Some(prefix) = &vectors.prefix {
            let PrefixShape { n_prefix, n_layers, n_heads, d_head } = prefix.shape();
            parts.push((PREFIX, vec![n_prefix, n_layers, 2, n_heads, d_head], prefix.bytes()));
        }
        if let Some(labels) = &vectors.labels {
            parts.push((LABELS, vec![labels.n_labels(), labels.d_model()], labels.bytes()));
        }
        let mut tensors = Vec::new();
        for (name, shape, numbers) in &parts {
            let tensor = TensorView::new(Dtype::F32, shape.clone(), numbers).map_err(|e| corrupt(e.to_string()))?;
            tensors.push((*name, tensor));
        }
        let metadata = HashMap::from([(KEY.to_owned(), json)]);
        let bytes = safetensors::serialize(tensors, Some(metadata)).map_err(|e| corrupt(e.to_string()))?;
        write_atomically(path, &bytes)
    }

    /// Reads either file of a prompt, with its vectors where it has some.
    ///
    /// # Errors
    /// [`RecordError`] if it cannot be read, is no prompt of ours or a damaged one, or is of another format.
    pub fn open(path: &Path) -> Result<(Self, Vectors), RecordError> {
        let bytes = std::fs::read(path).map_err(RecordError::io("read", path))?;
        let named = path.extension().is_some_and(|ending| ending == "safetensors");
        // A safetensors file begins with the length of its header, whose first byte is a brace.
        if named || bytes.get(8) == Some(&b'{') && bytes[..8].contains(&0) {
            let (saved, vectors) = read(&bytes).map_err(|what| RecordError::corrupt(path, None, what))?;
            saved.check_format(path)?;
            return Ok((saved, vectors));
        }
        Ok((Self::parse(&bytes, path)?, Vectors::default()))
    }
}

fn read(bytes: &[u8]) -> Result<(SavedPrompt, Vectors), String> {
    let damaged = |e| format!("not a safetensors file, or a damaged one of {} bytes: {e}", bytes.len());
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let Some(json) = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY)) else {
        return Err(format!(
            "not a prompt that promptmine saved: its metadata has no `{KEY}` (a prompt.safetensors of a soft_prompt or prefix trial has)"
        ));
    };
    let saved: SavedPrompt =
        serde_json::from_str(json).map_err(|e| format!("not a saved prompt: `{KEY}` in its metadata: {e}"))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let names = tensors.names();
    if names.is_empty() || names.iter().any(|name| ![SOFT, PREFIX, LABELS].contains(name)) {
        return Err(format!("holds the tensors {names:?}, and `{SOFT}`, `{PREFIX}` and `{LABELS}` alone are expected"));
    }
    let mut vectors = Vectors::default();
    if names.contains(&SOFT) {
        let (values, [_, d_model]) = numbers(&tensors, SOFT, "[n_soft, d_model]")?;
        vectors.soft = Some(Arc::new(SoftPrompt::new(values, d_model)));
    }
    if names.contains(&PREFIX) {
        let expected = "[n_prefix, n_layers, 2, n_heads, d_head]";
        let (values, shape) = numbers(&tensors, PREFIX, expected)?;
        let [n_prefix, n_layers, 2, n_heads, d_head] = shape else {
            return Err(format!("`{PREFIX}` has the shape {shape:?}, and {expected} is expected"));
        };
        vectors.prefix = Some(Arc::new(Prefix::new(values, PrefixShape { n_prefix, n_layers, n_heads, d_head })));
    }
    if names.contains(&LABELS) {
        let (values, [_, d_model]) = numbers(&tensors, LABELS, "[n_labels, d_model]")?;
        vectors.labels = Some(Arc::new(LabelVectors::new(values, d_model)));
    }
    Ok((saved, vectors))
}

/// A tensor's numbers and its shape, of so many axes.
fn numbers<const D: usize>(
    tensors: &SafeTensors<'_>,
    name: &str,
    expected: &str,
) -> Result<(Vec<f32>, [usize; D]), String> {
    let tensor = tensors.tensor(name).map_err(|e| format!("`{name}`: {e}"))?;
    let (dtype, shape) = (tensor.dtype(), tensor.shape());
    let Ok(axes) = <[usize; D]>::try_from(shape) else {
        return Err(format!("`{name}` has the shape {shape:?}, and {expected} is expected"));
    };
    if dtype != Dtype::F32 || shape.contains(&0) {
        return Err(format!("`{name}` is {dtype:?} {shape:?}, and F32 with at least one number is expected"));
    }
    let values: Vec<f32> = tensor.data().as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(format!("`{name}` holds the number {value}")),
        None => Ok((values, axes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved() -> SavedPrompt {
        SavedPrompt {
            format: SavedPrompt::FORMAT,
            prompt: "{soft:2}{text} {mask}.".into(),
            template: "{soft:2}{text} {mask}.".into(),
            trigger_ids: Vec::new(),
            trigger_tokens: Vec::new(),
            verbalizer: Vec::new(),
            multi_token: "joint".into(),
            truncate: true,
            calibration: None,
            model: "builtin:toy".into(),
            weights_blake3: "w".into(),
            tokenizer_blake3: "t".into(),
            method: "soft_prompt".into(),
            writing: None,
            pool: None,
            tuned: None,
        }
    }

    #[test]
    fn vectors_come_back_bit_by_bit_and_the_same_prompt_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompt.safetensors");
        let soft = SoftPrompt::new(vec![1.5, -0.0, f32::MIN_POSITIVE, 3e8, 0.1, -7.0], 3);
        let shape = PrefixShape { n_prefix: 2, n_layers: 1, n_heads: 1, d_head: 2 };
        let prefix = Prefix::new((0..8).map(|x| x as f32).collect(), shape);
        for vectors in [
            Vectors { soft: Some(Arc::new(soft.clone())), ..Vectors::default() },
            Vectors { prefix: Some(Arc::new(prefix.clone())), ..Vectors::default() },
        ] {
            saved().save_with(&vectors, &path).unwrap();
            assert_eq!(SavedPrompt::open(&path).unwrap(), (saved(), vectors));
        }
        let labels = LabelVectors::new(vec![0.25, -1.0], 1);
        let vectors =
            Vectors { soft: Some(Arc::new(soft)), prefix: Some(Arc::new(prefix)), labels: Some(Arc::new(labels)) };
        saved().save_with(&vectors, &path).unwrap();
        let other = folder.path().join("renamed.bin");
        saved().save_with(&vectors, &other).unwrap();
        assert_eq!(SavedPrompt::open(&other).unwrap().1, vectors);
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&other).unwrap());
    }

    #[test]
    fn a_hard_prompt_has_no_vectors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompt.json");
        saved().save(&path).unwrap();
        assert_eq!(SavedPrompt::open(&path).unwrap(), (saved(), Vectors::default()));
    }

    #[test]
    fn what_is_no_prompt_is_refused_with_what_was_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompt.safetensors");
        let soft = Some(Arc::new(SoftPrompt::new(vec![0.5; 6], 3)));
        saved().save_with(&Vectors { soft, ..Vectors::default() }, &path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let message = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            SavedPrompt::open(&path).unwrap_err().to_string()
        };
        for cut in [0, 5, 100, whole.len() - 1] {
            assert!(message(&whole[..cut]).contains("not a safetensors file, or a damaged one"), "{cut}");
        }
        let numbers = vec![0; 24];
        let with = |name: &str, dtype, shape: &[usize], metadata| {
            let tensor = TensorView::new(dtype, shape.to_vec(), &numbers).unwrap();
            safetensors::serialize([(name, tensor)], metadata).unwrap()
        };
        let ours = || Some(HashMap::from([(KEY.to_owned(), serde_json::to_string(&saved()).unwrap())]));
        assert!(message(&with(SOFT, Dtype::F32, &[2, 3], None)).contains("its metadata has no `promptmine`"));
        assert!(
            message(&with("x", Dtype::F32, &[2, 3], ours()))
                .contains("`prompt_embeddings`, `prefix_key_values` and `label_vectors` alone are expected")
        );
        assert!(message(&with(SOFT, Dtype::F32, &[6], ours())).contains("has the shape [6]"));
        assert!(message(&with(SOFT, Dtype::F16, &[4, 3], ours())).contains("is F16 [4, 3]"));
        assert!(
            message(&with(PREFIX, Dtype::F32, &[6], ours())).contains("has the shape [6], and [n_prefix, n_layers, 2")
        );
        assert!(message(&with(PREFIX, Dtype::F32, &[1, 1, 3, 1, 2], ours())).contains("has the shape [1, 1, 3, 1, 2]"));
        let mut broken = whole.clone();
        let end = broken.len();
        broken[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(message(&broken).contains("holds the number NaN"));
    }
}
