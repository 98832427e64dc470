//! Damaged, incomplete and unsupported models: one clear error with the file's name, never a panic.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use promptmine::error::{ExitCode, Fault};
use promptmine::model::{LoadedModel, ModelError, ResolvedDevice, load_folder};
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

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
        "M: no weights found (supported: model.safetensors or pytorch_model.bin, or the shards of either with their index)"
    );
    let tensorflow = |folder: &Path| {
        std::fs::rename(folder.join("model.safetensors"), folder.join("tf_model.h5")).unwrap();
    };
    assert!(message_with("bert", tensorflow).starts_with("M: has tf_model.h5, which cannot be read (supported: "));
    assert_eq!(
        message_with("bert", remove("tokenizer.json")),
        "M: no tokenizer found (supported: tokenizer.json, or vocab.txt, or vocab.json and merges.txt, or spiece.model)"
    );
    assert_eq!(
        message_with("roberta", remove("merges.txt")),
        "M: has vocab.json without merges.txt (supported: tokenizer.json, or vocab.txt, or vocab.json and merges.txt, or spiece.model)"
    );
    let pieces = |folder: &Path| {
        std::fs::rename(folder.join("tokenizer.json"), folder.join("spiece.model")).unwrap();
    };
    let message = message_with("albert", pieces);
    assert!(
        message.starts_with("M/spiece.model: `tokenizer_class` is \"AlbertTokenizer\", which needs a tokenizer.json"),
        "{message}"
    );
    let pieces = |folder: &Path| {
        std::fs::rename(folder.join("tokenizer.json"), folder.join("tokenizer.model")).unwrap();
    };
    assert!(message_with("albert", pieces).starts_with("M: has tokenizer.model, which is not read (supported: "));
}

#[test]
fn unsupported_configurations_name_what_was_found_and_what_is_known() {
    for (field, value, says) in [
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
fn an_unknown_architecture_is_named_with_the_known_ones() {
    for (model_type, says) in [
        (json!("mamba"), "M/config.json: unknown `model_type` \"mamba\" (known: "),
        (Value::Null, "M/config.json: `model_type` is missing (known: "),
    ] {
        let found = message_with("bert", |folder| {
            edit_json(&folder.join("config.json"), |config| config["model_type"] = model_type);
        });
        assert!(found.starts_with(says), "{found}");
        for known in ["albert", "bert", "distilbert", "electra", "ernie", "roberta", "xlm-roberta"] {
            assert!(found.contains(&format!("{known},")) || found.contains(&format!("{known})")), "{known}: {found}");
        }
    }
}

#[test]
fn a_configuration_that_contradicts_the_tensors_is_refused() {
    for (folder, field, value, says) in [
        (
            "albert",
            "embedding_size",
            json!(17),
            "`albert.embeddings.word_embeddings.weight` has the shape [111, 16] (expected: [111, 17])",
        ),
        ("albert", "num_hidden_groups", json!(2), "no place for: `albert.encoder.albert_layer_groups.2."),
        ("albert", "num_hidden_groups", json!(4), "missing tensors: `albert.encoder.albert_layer_groups.3."),
        ("albert", "num_hidden_layers", json!(2), "`num_hidden_groups` 3 is more than `num_hidden_layers` 2"),
        (
            "albert",
            "num_hidden_layers",
            json!(200_000_000),
            "`num_hidden_layers` is 200000000 (allowed: a whole number from 1 to 1024)",
        ),
        ("albert", "hidden_size", json!(25), "`hidden_size` 25 is not a multiple of `num_attention_heads` 3"),
        (
            "electra-untied",
            "embedding_size",
            json!(16),
            "missing tensors: `electra.embeddings_project.weight` [24, 16]",
        ),
        ("electra-untied", "embedding_size", json!(0), "`embedding_size` is 0"),
        (
            "roberta",
            "pad_token_id",
            json!(65),
            "`max_position_embeddings` 66 leaves no position after `pad_token_id` 65",
        ),
        ("roberta", "pad_token_id", json!(-1), "`pad_token_id` is -1 (allowed: a whole number of at least 0)"),
        ("roberta", "pad_token_id", json!(331), "`pad_token_id` 331 is not below `vocab_size` 331"),
        (
            "roberta",
            "type_vocab_size",
            json!(2),
            "`roberta.embeddings.token_type_embeddings.weight` has the shape [1, 24]",
        ),
        ("roberta", "tie_word_embeddings", json!(false), "missing tensors: `lm_head.decoder.weight`"),
        ("distilbert", "n_heads", json!(5), "`dim` 24 is not a multiple of `n_heads` 5"),
        ("distilbert", "activation", json!("selu"), "`activation` is \"selu\" (known: "),
        ("xlm-roberta", "num_hidden_layers", json!(1), "no place for: `roberta.encoder.layer.1."),
    ] {
        let found = message_with(folder, |folder| {
            edit_json(&folder.join("config.json"), |config| config[field] = value);
        });
        assert!(found.contains(says) && !found.contains('\n'), "{found}");
    }
}

#[test]
fn a_discriminator_is_no_language_model() {
    let found = refusal("electra-untied", |tensors| {
        rename(tensors, "generator_predictions", |name| name.replace("generator", "discriminator"));
        tensors.retain(|(name, ..)| !name.starts_with("generator_lm_head"));
    });
    assert!(found.starts_with("M/model.safetensors: a discriminator, which tells replaced tokens"), "{found}");
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
fn every_family_understands_bare_names_copies_and_buffers() {
    for (family, prefix, words, decoder) in [
        ("roberta", "roberta", "word_embeddings", "lm_head.decoder.weight"),
        ("distilbert", "distilbert", "word_embeddings", "vocab_projector.weight"),
        ("albert", "albert", "word_embeddings", "predictions.decoder.weight"),
        ("ernie", "ernie", "word_embeddings", "cls.predictions.decoder.weight"),
    ] {
        let plain = load(&fixture(family)).unwrap();
        let (_folder, changed) = edit_weights(family, |tensors| {
            let full = format!("{prefix}.embeddings.{words}.weight");
            let mut copy = tensors.iter().find(|tensor| tensor.0 == full).unwrap().clone();
            copy.0 = decoder.into();
            rename(tensors, "LayerNorm.weight", |name| name.replace("LayerNorm.weight", "LayerNorm.gamma"));
            rename(tensors, "LayerNorm.bias", |name| name.replace("LayerNorm.bias", "LayerNorm.beta"));
            rename(tensors, &format!("{prefix}."), |name| name.replacen(&format!("{prefix}."), "", 1));
            tensors.push(copy);
            tensors.push(("embeddings.position_ids".into(), Dtype::I64, vec![1, 2], vec![0; 16]));
        });
        assert_eq!(changed.unwrap().model.shape(), plain.model.shape(), "{family}");
    }
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

/// A file as torch.save writes it, with this pickle and one storage of 8 numbers in f32.
fn torch_file(pickle: &[u8]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let storage = [0u8; 32];
    for (name, bytes) in [("m/data.pkl", pickle), ("m/byteorder", b"little"), ("m/data/0", &storage[..])] {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        writer.start_file(name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The message for a model whose only weights are these.
fn message_of_torch_file(bytes: &[u8]) -> String {
    message_with("bert", |folder| {
        std::fs::remove_file(folder.join("model.safetensors")).unwrap();
        std::fs::write(folder.join("pytorch_model.bin"), bytes).unwrap();
    })
}

#[test]
fn a_pickle_that_would_run_code_is_refused_by_name_and_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let witness = folder.path().join("ran");
    let command = format!("touch {}", witness.display());
    let system = [b"cposix\nsystem\n(S'", command.as_bytes(), b"'\ntR."].concat();
    let evaluated = [b"\x80\x02c__builtin__\neval\nX\x01\0\0\0".as_slice(), b"1\x85R."].concat();
    // As torch.save would write it beside real weights.
    let among = [b"\x80\x02}X\x01\0\0\0acos\nsystem\nX\x04\0\0\0true\x85Rs.".as_slice()].concat();
    for (pickle, name) in [(system, "posix.system"), (evaluated, "__builtin__.eval"), (among, "os.system")] {
        let found = message_of_torch_file(&torch_file(&pickle));
        assert!(
            found.starts_with(&format!(
                "M/pytorch_model.bin: asks for `{name}`, which is no part of a state dict; nothing was run"
            )),
            "{found}"
        );
    }
    assert!(!witness.exists());
}

#[test]
fn torch_files_that_are_something_else_say_so() {
    let found = message_of_torch_file;
    assert!(found(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.").contains("in the legacy format of torch before 1.6"));
    assert!(found(b"<!DOCTYPE html>").contains("it is no zip file"));
    assert_eq!(found(b""), "M/pytorch_model.bin: the file is empty");
    assert!(found(b"version https://git-lfs.github.com/spec/v1\n").contains("a Git LFS pointer"));
    assert!(found(&torch_file(b"\x80\x02]q\x00.")).contains("holds a tuple or list, not a state dict"));

    // A tensor of 2 x 4 numbers.
    let pickle = |function: &str, key: u8, n_numbers: u8, rows: u8, stride: u8| {
        let mut pickle =
            b"\x80\x02}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\n".to_vec();
        pickle.extend(function.bytes());
        pickle.extend([b"\nX\x01\0\0\0".as_slice(), &[key], b"X\x03\0\0\0cpuK", &[n_numbers]].concat());
        pickle.extend([b"tQK\0K".as_slice(), &[rows], b"K\x04\x86K", &[stride], b"K\x01\x86\x89}tRs."].concat());
        torch_file(&pickle)
    };
    assert!(found(&pickle("FloatStorage", b'0', 8, 2, 4)).contains("no place for: `a`"));
    for (file, says) in [
        (pickle("FloatStorage", b'7', 8, 2, 4), "`a` has its numbers in `7`, which is not there"),
        (pickle("FloatStorage", b'0', 8, 3, 4), "`a` [3, 4] reaches beyond its storage of 8 numbers"),
        (pickle("FloatStorage", b'0', 8, 2, 5), "`a` [2, 4] reaches beyond its storage of 8 numbers"),
        (pickle("FloatStorage", b'0', 9, 2, 4), "`a` has a storage of 9 numbers in 32 bytes, and one number is 4"),
        (pickle("HalfStorage", b'0', 8, 2, 4), "`a` has a storage of 8 numbers in 32 bytes, and one number is 2"),
        (pickle("QInt8Storage", b'0', 8, 2, 4), "asks for `torch.QInt8Storage`"),
    ] {
        let found = found(&file);
        assert!(found.starts_with("M/pytorch_model.bin: ") && found.contains(says), "{found}");
    }
}

#[test]
fn a_torch_file_cut_anywhere_or_without_numbers_is_refused() {
    let folder = copy("electra");
    let path = folder.path().join("pytorch_model.bin");
    let whole = std::fs::read(&path).unwrap();
    load(folder.path()).unwrap();
    for length in (1..64).chain((64..whole.len()).step_by(499)).chain([whole.len() - 1]) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let found = message(folder.path());
        assert!(found.contains("pytorch_model.bin: ") && !found.contains('\n'), "cut at {length}: {found}");
    }
    // The numbers of the first tensor, which are bf16.
    let start =
        ZipArchive::new(Cursor::new(&whole)).unwrap().by_name("pytorch_model/data/0").unwrap().data_start().unwrap();
    let mut bytes = whole.clone();
    bytes[start as usize..][..2].copy_from_slice(&[0xc0, 0x7f]);
    std::fs::write(&path, bytes).unwrap();
    let found = message(folder.path());
    assert!(
        found.ends_with("unfit tensors: `electra.embeddings.word_embeddings.weight` holds the number NaN"),
        "{found}"
    );
}

#[test]
fn safetensors_go_before_torch_files() {
    let folder = copy("bert");
    std::fs::write(folder.path().join("pytorch_model.bin"), "no weights").unwrap();
    load(folder.path()).unwrap();
    let folder = copy("bert-sharded");
    std::fs::write(folder.path().join("pytorch_model.bin"), "no weights").unwrap();
    load(folder.path()).unwrap();
}

#[test]
fn shards_of_torch_files_are_read_by_name_and_never_from_outside_the_folder() {
    let index = "pytorch_model.bin.index.json";
    let outside = message_with("xlm-roberta", |folder| {
        edit_json(&folder.join(index), |index| index["weight_map"]["lm_head.bias"] = json!("../x.bin"));
    });
    assert!(outside.contains("`../x.bin` is not a plain file name within the folder"), "{outside}");
    let elsewhere = message_with("xlm-roberta", |folder| {
        edit_json(&folder.join(index), |index| {
            index["weight_map"]["no.such.tensor"] = json!("pytorch_model-00001-of-00002.bin");
        });
    });
    assert!(elsewhere.contains("`no.such.tensor` is not in `pytorch_model-00001-of-00002.bin`"), "{elsewhere}");
    let gone = message_with("xlm-roberta", |folder| {
        std::fs::remove_file(folder.join("pytorch_model-00002-of-00002.bin")).unwrap();
    });
    assert!(gone.starts_with("M/pytorch_model-00002-of-00002.bin: "), "{gone}");
}

#[test]
fn byte_level_vocabularies_of_other_classes_need_a_tokenizer_file() {
    let found = message_with("roberta", |folder| {
        edit_json(&folder.join("tokenizer_config.json"), |config| {
            config["tokenizer_class"] = json!("CodeGenTokenizer")
        });
    });
    assert_eq!(
        found,
        "M/tokenizer_config.json: `tokenizer_class` is \"CodeGenTokenizer\", which needs a tokenizer.json (known without: \
         GPT2Tokenizer, RobertaTokenizer, BartTokenizer, Qwen2Tokenizer)"
    );
    let damaged = message_with("roberta", |folder| std::fs::write(folder.join("merges.txt"), "a b c\n").unwrap());
    assert!(damaged.starts_with("M/merges.txt: line 1: `a b c` is not two entries"), "{damaged}");
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
    fn flipped_bytes_in_a_torch_file_never_panic(places in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let folder = copy("electra");
        let path = folder.path().join("pytorch_model.bin");
        let mut bytes = std::fs::read(&path).unwrap();
        // The pickle is near the beginning and the directory at the end; half of the changes go to each.
        for (place, byte) in places {
            let at = if place % 2 == 0 { place % 6000 } else { bytes.len() - 1 - place % 4000 };
            bytes[at] = byte;
        }
        std::fs::write(&path, &bytes).unwrap();
        if let Err(error) = load(folder.path()) {
            prop_assert!(error.to_string().contains("pytorch_model.bin"), "{error}");
        }
    }

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
