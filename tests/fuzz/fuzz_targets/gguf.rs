//! Any bytes as a GGUF file: read or refused, without a panic and without more memory than the file has bytes for.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| drop(promptmine::model::inspect::gguf(bytes.to_vec())));
