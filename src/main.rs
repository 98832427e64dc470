//! The `promptmine` binary.

fn main() {}
