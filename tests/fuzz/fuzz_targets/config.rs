//! Any bytes as a `config.json`: refused, without a panic and without memory for what it only describes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| drop(promptmine::model::inspect::config(bytes)));
