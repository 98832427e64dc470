//! Every file of the fuzz targets' corpus, on stable: read or refused in one line, and no panic.

use std::fs;
use std::path::{Path, PathBuf};

use promptmine::model::{ModelError, inspect};

/// A reader that a target drives.
type Read = fn(Vec<u8>) -> Result<(), ModelError>;

/// What each target does with a file.
const TARGETS: [(&str, Read); 4] = [
    ("gguf", inspect::gguf),
    ("safetensors", inspect::safetensors),
    ("pytorch", inspect::pytorch),
    ("config", |bytes| inspect::config(&bytes)),
];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(fuzz().join("corpus").join(target))
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn every_file_of_the_corpus_is_read_or_refused_in_one_line() {
    for (target, read) in TARGETS {
        let files = corpus(target);
        assert!(files.len() >= 20, "{target} has {} files", files.len());
        for (name, bytes) in files {
            // Sound configurations are refused too: there are no tensors.
            match read(bytes) {
                Ok(()) => assert!(name.starts_with("sound") || name == "half", "{target}/{name} was read"),
                Err(error) => {
                    let message = error.to_string();
                    assert!(!message.contains('\n') && message.len() < 2000, "{target}/{name}: {message}");
                    assert!(message.starts_with("model.") || message.starts_with("config.json"), "{message}");
                    assert!(
                        !name.starts_with("sound-")
                            || message.contains("missing tensors")
                            || message.contains("unknown"),
                        "{target}/{name}: {message}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_file_cut_short_is_read_or_refused() {
    for (target, read) in TARGETS {
        for (_, bytes) in corpus(target) {
            for length in (0..bytes.len().min(600)).step_by(7) {
                let _ = read(bytes[..length].to_vec());
            }
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_is_replayed() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for file in fs::read_dir(fuzz().join("fuzz_targets")).unwrap() {
        let name = file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(TARGETS.iter().any(|(target, _)| *target == name), "{name} is not replayed");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in the manifest");
        assert!(!corpus(&name).is_empty(), "{name} has no corpus");
    }
}
