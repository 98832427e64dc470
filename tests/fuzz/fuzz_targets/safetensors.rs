//! Any bytes as a safetensors file: read or refused, without a panic and without more memory than the file has bytes for.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| drop(promptmine::model::inspect::safetensors(bytes.to_vec())));
