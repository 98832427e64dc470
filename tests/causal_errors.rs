//! Causal models that are damaged, incomplete, unsupported or spelled in an old way.

use std::path::Path;

use promptmine::error::{ExitCode, Fault};
use promptmine::model::{LoadedModel, ModelError, ResolvedDevice, load_folder};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

type Tensors = Vec<(String, Dtype, Vec<usize>, Vec<u8>)>;

/// A copy of a fixture with another configuration and other tensors.
fn changed(name: &str, config: impl FnOnce(&mut Value), tensors: impl FnOnce(&mut Tensors)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model/causal").join(name);
    for file in std::fs::read_dir(fixture).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    let path = folder.path().join("config.json");
    let mut fields: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config(&mut fields);
    std::fs::write(path, fields.to_string()).unwrap();

    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let views = SafeTensors::deserialize(&bytes).unwrap().tensors().into_iter();
    let mut found: Tensors =
        views.map(|(name, view)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec())).collect();
    tensors(&mut found);
    let views = found
        .iter()
        .map(|(name, dtype, shape, data)| (name.clone(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
    folder
}

fn load(folder: &TempDir) -> Result<LoadedModel, ModelError> {
    load_folder(folder.path(), &ResolvedDevice::cpu())
}

fn refusal(name: &str, config: impl FnOnce(&mut Value), tensors: impl FnOnce(&mut Tensors)) -> String {
    let folder = changed(name, config, tensors);
    let error = load(&folder).unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Model);
    error.to_string().replace(&folder.path().display().to_string(), "M")
}

fn add(tensors: &mut Tensors, name: &str, shape: &[usize]) {
    let n: usize = shape.iter().product();
    tensors.push((name.into(), Dtype::F32, shape.to_vec(), vec![0; 4 * n]));
}

fn unchanged(_: &mut Value) {}

#[test]
fn options_that_would_change_a_number_are_refused_by_name() {
    for (name, field, value, says) in [
        ("gemma3", "final_logit_softcapping", json!(30.0), "`final_logit_softcapping` is 30.0, which is not supported"),
        (
            "gemma3",
            "layer_types",
            json!(["full_attention", "chunked_attention", "full_attention"]),
            "chunked_attention",
        ),
        (
            "qwen2",
            "rope_scaling",
            json!({"type": "yarn", "factor": 4.0}),
            "M/config.json: rope_scaling: `rope_type` is \"yarn\"",
        ),
        ("mistral", "attention_bias", json!(true), "`attention_bias` is true"),
        ("glm", "hidden_act", json!("laplace"), "`hidden_act` is \"laplace\" (known: silu"),
        ("gpt2", "add_cross_attention", json!(true), "`add_cross_attention` is true"),
        ("gpt2", "n_head", json!(5), "`n_embd` 36 is not a multiple of `n_head` 5"),
        ("qwen3", "num_key_value_heads", json!(3), "4 is not a multiple of `num_key_value_heads` 3"),
        ("llama-tied", "quantization_config", json!({"bits": 4}), "quantised"),
    ] {
        let found = refusal(name, |config| config[field] = value, |_| ());
        assert!(found.starts_with("M/config.json: ") && found.contains(says), "{found}");
    }
}

#[test]
fn sizes_out_of_all_proportion_are_refused_before_anything_is_made() {
    for (name, field) in [
        ("llama-tied", "num_hidden_layers"),
        ("llama-tied", "head_dim"),
        ("gemma3", "num_hidden_layers"),
        ("gpt2", "n_layer"),
        ("gpt2", "n_positions"),
        ("glm", "intermediate_size"),
        ("qwen3", "num_attention_heads"),
        ("mistral", "hidden_size"),
        ("qwen2", "vocab_size"),
    ] {
        let found = refusal(name, |config| config[field] = json!(1 << 28), |_| ());
        assert!(found.contains(field) || found.contains("unfit tensors"), "{found}");
    }
}

#[test]
fn a_configuration_that_contradicts_the_tensors_is_refused_by_name() {
    let groups = refusal("qwen3", |config| config["num_key_value_heads"] = json!(4), |_| ());
    assert!(
        groups.contains("`model.layers.0.self_attn.k_proj.weight` has the shape [20, 28] (expected: [40, 28])"),
        "{groups}"
    );
    let missing = refusal("glm", unchanged, |tensors| tensors.retain(|(name, ..)| !name.contains("gate_up_proj")));
    assert!(
        missing.starts_with(
            "M/model.safetensors: missing tensors: `model.layers.0.mlp.gate_up_proj.weight` [80, 24], `model.layers.1"
        ),
        "{missing}"
    );
    let fused = refusal("gpt2", unchanged, |tensors| tensors.retain(|(name, ..)| !name.contains("h.1.attn.c_attn")));
    assert!(fused.contains("`transformer.h.1.attn.c_attn.weight` [36, 108]"), "{fused}");
    let deeper = refusal("mistral", |config| config["num_hidden_layers"] = json!(1), |_| ());
    assert!(deeper.contains("no place for: `model.layers.1.input_layernorm.weight`"), "{deeper}");
    let headless = refusal("qwen2", |config| config["tie_word_embeddings"] = json!(false), |_| ());
    assert!(headless.contains("missing tensors: `lm_head.weight` [289, 24]"), "{headless}");
}

#[test]
fn a_tied_head_may_be_there_if_it_is_the_same() {
    let with_head = |flip: bool| {
        changed("gemma3", unchanged, |tensors| {
            let words = tensors.iter().find(|tensor| tensor.0 == "model.embed_tokens.weight").unwrap();
            let mut head = words.clone();
            head.0 = "lm_head.weight".into();
            head.3[0] ^= u8::from(flip);
            tensors.push(head);
        })
    };
    load(&with_head(false)).unwrap();
    let error = load(&with_head(true)).unwrap_err().to_string();
    assert!(error.contains("`lm_head.weight` differs from `model.embed_tokens.weight`"), "{error}");
}

#[test]
fn bare_names_and_old_buffers_are_understood() {
    let plain = load(&changed("qwen2", unchanged, |_| ())).unwrap();
    let old = changed("qwen2", unchanged, |tensors| {
        for (name, ..) in tensors.iter_mut() {
            *name = name.replacen("model.", "", 1);
        }
        add(tensors, "layers.0.self_attn.rotary_emb.inv_freq", &[4]);
    });
    assert_eq!(load(&old).unwrap().model.shape(), plain.model.shape());
}
