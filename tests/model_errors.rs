//! Damaged, incomplete and unsupported models: one clear error with the file's name, never a panic.

use std::path::{Path, PathBuf};

use promptmine::error::{ExitCode, Fault};
use promptmine::model::{LoadedModel, ModelError, ResolvedDevice, load_folder};
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model").join(name)
}

/// A copy of a fixture that a test may damage.
fn copy(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(fixture(name)).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    folder
}

fn load(folder: &Path) -> Result<LoadedModel, ModelError> {
    load_folder(folder, &ResolvedDevice::cpu())
}

fn message(folder: &Path) -> String {
    let error = load(folder).unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Model);
    error.to_string()
}

fn message_with(name: &str, change: impl FnOnce(&Path)) -> String {
    let folder = copy(name);
    change(folder.path());
    message(folder.path()).replace(&folder.path().display().to_string(), "M")
}

fn edit_json(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(path, value.to_string()).unwrap();
}

type Tensors = Vec<(String, Dtype, Vec<usize>, Vec<u8>)>;

fn edit_tensors(path: &Path, change: impl FnOnce(&mut Tensors)) {
    let bytes = std::fs::read(path).unwrap();
    let mut tensors: Tensors = SafeTensors::deserialize(&bytes)
        .unwrap()
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        .collect();
    change(&mut tensors);
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, data)| (name.clone(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn edit_weights(name: &str, change: impl FnOnce(&mut Tensors)) -> (TempDir, Result<LoadedModel, ModelError>) {
    let folder = copy(name);
    edit_tensors(&folder.path().join("model.safetensors"), change);
    let loaded = load(folder.path());
    (folder, loaded)
}

fn refusal(name: &str, change: impl FnOnce(&mut Tensors)) -> String {
    let (folder, loaded) = edit_weights(name, change);
    loaded.unwrap_err().to_string().replace(&folder.path().display().to_string(), "M")
}

fn rename(tensors: &mut Tensors, from: &str, to: impl Fn(&str) -> String) {
    for (name, ..) in tensors.iter_mut().filter(|(name, ..)| name.contains(from)) {
        *name = to(name);
    }
}

fn add(tensors: &mut Tensors, name: &str, shape: &[usize]) {
    let n: usize = shape.iter().product();
    tensors.push((name.into(), Dtype::F32, shape.to_vec(), vec![0; 4 * n]));
}

#[test]
fn folders_that_are_no_model_say_what_is_missing() {
    assert!(message(Path::new("/no/such/folder")).contains("no such folder"));
    let remove = |file: &'static str| move |folder: &Path| std::fs::remove_file(folder.join(file)).unwrap();
    assert_eq!(
        message_with("bert", remove("config.json")),
        "M: has no config.json, so it is no model in Hugging Face layout"
    );
    assert_eq!(
        message_with("bert", remove("model.safetensors")),
        "M: no weights found (supported: model.safetensors, or model.safetensors.index.json and its shards)"
    );
    let pickled = |folder: &Path| {
        std::fs::rename(folder.join("model.safetensors"), folder.join("pytorch_model.bin")).unwrap();
    };
    assert!(message_with("bert", pickled).starts_with("M: has pytorch_model.bin, which cannot be read yet"));
    assert_eq!(
        message_with("bert", remove("tokenizer.json")),
        "M: no tokenizer found (supported: tokenizer.json, or vocab.txt)"
    );
}

#[test]
fn unsupported_configurations_name_what_was_found_and_what_is_known() {
    for (field, value, says) in [
        (
            "model_type",
            json!("mamba"),
            "M/config.json: unknown `model_type` \"mamba\" (known: bert, ernie, gemma3_text, glm, glm4, gpt2, llama, mistral, qwen2, qwen3)",
        ),
        (
            "model_type",
            Value::Null,
            "M/config.json: `model_type` is missing (known: bert, ernie, gemma3_text, glm, glm4, gpt2, llama, mistral, qwen2, qwen3)",
        ),
        (
            "hidden_size",
            json!("wide"),
            "M/config.json: `hidden_size` is \"wide\" (allowed: a whole number from 1 to 268435456)",
        ),
        (
            "num_attention_heads",
            json!(5),
            "M/config.json: `hidden_size` 32 is not a multiple of `num_attention_heads` 5",
        ),
        ("is_decoder", json!(true), "M/config.json: `is_decoder` is true, which is not supported (supported: false)"),
        (
            "position_embedding_type",
            json!("relative_key"),
            "M/config.json: `position_embedding_type` is \"relative_key\", which is not supported (supported: \"absolute\")",
        ),
    ] {
        let found = message_with("bert", |folder| {
            edit_json(&folder.join("config.json"), |config| config[field] = value);
        });
        assert_eq!(found, says);
    }
}

#[test]
fn every_tensor_is_accounted_for_by_name() {
    let missing = refusal("bert", |tensors| tensors.retain(|(name, ..)| !name.contains("layer.1.attention.self")));
    assert!(
        missing.starts_with(
            "M/model.safetensors: missing tensors: `bert.encoder.layer.1.attention.self.query.weight` [32, 32]"
        ),
        "{missing}"
    );
    assert_eq!(missing.matches("layer.1").count(), 6);

    let unused = refusal("bert", |tensors| add(tensors, "bert.encoder.layer.3.output.dense.bias", &[32]));
    assert_eq!(
        unused,
        "M/model.safetensors: tensors that the model has no place for: `bert.encoder.layer.3.output.dense.bias`"
    );

    let wrong = refusal("bert", |tensors| {
        tensors.retain(|(name, ..)| name != "cls.predictions.bias");
        add(tensors, "cls.predictions.bias", &[7]);
    });
    assert!(wrong.contains("unfit tensors: `cls.predictions.bias` has the shape [7] (expected: ["), "{wrong}");

    let twice = refusal("bert", |tensors| add(tensors, "embeddings.word_embeddings.weight", &[1]));
    assert!(twice.contains("are the same tensor"), "{twice}");
}

#[test]
fn a_family_may_carry_its_pooler_next_sentence_head_and_buffers() {
    let (_folder, loaded) = edit_weights("ernie", |tensors| {
        add(tensors, "ernie.pooler.dense.weight", &[32, 32]);
        add(tensors, "ernie.pooler.dense.bias", &[32]);
        add(tensors, "cls.seq_relationship.weight", &[2, 32]);
        tensors.push(("ernie.embeddings.position_ids".into(), Dtype::I64, vec![1, 2], vec![0; 16]));
    });
    loaded.unwrap();
}

#[test]
fn old_and_bare_names_give_the_same_model() {
    let plain = load(&fixture("bert")).unwrap();
    let (_folder, renamed) = edit_weights("bert", |tensors| {
        rename(tensors, "LayerNorm.weight", |name| name.replace("LayerNorm.weight", "LayerNorm.gamma"));
        rename(tensors, "LayerNorm.bias", |name| name.replace("LayerNorm.bias", "LayerNorm.beta"));
        rename(tensors, "bert.", |name| name.replacen("bert.", "", 1));
    });
    let renamed = renamed.unwrap();
    assert_eq!(renamed.model.shape(), plain.model.shape());
    assert_ne!(renamed.weights_hash, plain.weights_hash);
}

#[test]
fn a_tied_decoder_may_be_there_if_it_is_the_same() {
    let with_decoder = |flip: bool| {
        edit_weights("bert", move |tensors| {
            let copy_of =
                |tensors: &Tensors, name: &str| tensors.iter().find(|tensor| tensor.0 == name).unwrap().clone();
            let mut decoder = copy_of(tensors, "bert.embeddings.word_embeddings.weight");
            decoder.0 = "cls.predictions.decoder.weight".into();
            if flip {
                decoder.3[0] ^= 1;
            }
            let mut bias = copy_of(tensors, "cls.predictions.bias");
            bias.0 = "cls.predictions.decoder.bias".into();
            tensors.extend([decoder, bias]);
        })
        .1
    };
    with_decoder(false).unwrap();
    let error = with_decoder(true).unwrap_err().to_string();
    assert!(
        error.contains("`cls.predictions.decoder.weight` differs from `bert.embeddings.word_embeddings.weight`"),
        "{error}"
    );
}

#[test]
fn numbers_that_are_none_and_types_that_are_not_read_are_refused() {
    let nan = refusal("bert", |tensors| {
        let bias = tensors.iter_mut().find(|tensor| tensor.0 == "cls.predictions.bias").unwrap();
        bias.3[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    assert_eq!(nan, "M/model.safetensors: unfit tensors: `cls.predictions.bias` holds the number NaN");
    let doubles = refusal("bert", |tensors| {
        let bias = tensors.iter_mut().find(|tensor| tensor.0 == "cls.predictions.bias").unwrap();
        bias.1 = Dtype::F64;
        bias.3.resize(bias.3.len() * 2, 0);
    });
    assert!(doubles.contains("is of type F64 (supported: F32, F16, BF16)"), "{doubles}");
}

#[test]
fn files_that_are_something_else_say_so() {
    let with = |bytes: &'static [u8]| {
        message_with("bert", move |folder| std::fs::write(folder.join("model.safetensors"), bytes).unwrap())
    };
    assert_eq!(with(b""), "M/model.safetensors: the file is empty");
    assert_eq!(
        with(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n"),
        "M/model.safetensors: a Git LFS pointer instead of the weights (`git lfs pull` fetches them)"
    );
    assert!(with(b"<!DOCTYPE html><html><body>Not found</body></html>").contains("(it looks like text)"));
    assert!(with(b"\x08\0").contains("only 2 bytes long"));
    assert!(with(b"\x07\0\0\0\0\0\0\0{\"a\": 1").contains("M/model.safetensors: not a safetensors file, or damaged"));
}

#[test]
fn shards_are_read_by_name_and_never_from_outside_the_folder() {
    load(&fixture("bert-sharded")).unwrap();
    let index = "model.safetensors.index.json";
    for name in ["../x.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", "c:\\x"] {
        let found = message_with("bert-sharded", |folder| {
            edit_json(&folder.join(index), |index| index["weight_map"]["cls.predictions.bias"] = json!(name));
        });
        assert!(found.contains("is not a plain file name within the folder"), "{found}");
    }
    let elsewhere = message_with("bert-sharded", |folder| {
        edit_json(&folder.join(index), |index| {
            index["weight_map"]["no.such.tensor"] = json!("model-00001-of-00003.safetensors");
        });
    });
    assert!(elsewhere.contains("`no.such.tensor` is not in `model-00001-of-00003.safetensors`"), "{elsewhere}");
    let gone = message_with("bert-sharded", |folder| {
        std::fs::remove_file(folder.join("model-00002-of-00003.safetensors")).unwrap();
    });
    assert!(gone.starts_with("M/model-00002-of-00003.safetensors: "), "{gone}");
    let empty = message_with("bert-sharded", |folder| std::fs::write(folder.join(index), "{}").unwrap());
    assert!(empty.contains("not a shard index"), "{empty}");
}

#[test]
fn damaged_tokenizers_are_refused_with_their_file() {
    let json = message_with("bert", |folder| std::fs::write(folder.join("tokenizer.json"), "{\"a\": 1}").unwrap());
    assert!(json.starts_with("M/tokenizer.json: not a tokenizer that can be read"), "{json}");
    let bytes = message_with("bert-sharded", |folder| std::fs::write(folder.join("vocab.txt"), b"\xff\xfe").unwrap());
    assert!(bytes.starts_with("M/vocab.txt: not UTF-8 text"), "{bytes}");
    let longer = message_with("bert-sharded", |folder| {
        let mut vocabulary = std::fs::read_to_string(folder.join("vocab.txt")).unwrap();
        vocabulary.push_str("onemore\n");
        std::fs::write(folder.join("vocab.txt"), vocabulary).unwrap();
    });
    assert!(longer.starts_with("M/vocab.txt: has ids up to "), "{longer}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let folder = copy("ernie");
    let path = folder.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    let lengths = (1..64).chain((64..whole.len()).step_by(997)).chain([whole.len() - 1]);
    for length in lengths {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(message(folder.path()).contains("model.safetensors: "), "cut at {length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_in_the_header_never_panic(places in proptest::collection::vec((0usize..5000, any::<u8>()), 1..4)) {
        let folder = copy("ernie");
        let path = folder.path().join("model.safetensors");
        let mut bytes = std::fs::read(&path).unwrap();
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for (place, byte) in places {
            bytes[place % header] = byte;
        }
        std::fs::write(&path, &bytes).unwrap();
        if let Err(error) = load(folder.path()) {
            prop_assert!(error.to_string().contains("model.safetensors"), "{error}");
        }
    }
}
