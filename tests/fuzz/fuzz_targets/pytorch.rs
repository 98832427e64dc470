//! Any bytes as a `pytorch_model.bin`: read or refused, without a panic, without running anything, and without more memory than
//! the file has bytes for.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| drop(promptmine::model::inspect::pytorch(bytes.to_vec())));
