//! Whether a trial ended because the device had too little memory.

/// What the reason of a failure begins with that was a panic, and so no message that may quote the user's texts.
pub(super) const PANIC: &str = "internal error: ";

/// How the GPU's runtime says so, in lower case: cubecl 0.11's `IoError`, in words and as it is printed for debugging, and wgpu's.
const SAYINGS: [&str; 6] = [
    "out of memory",
    "out of device memory",
    "outofmemory",
    "not enough memory",
    "buffertoobig",
    "can't allocate buffer",
];

/// Whether the reason of a failure is that memory ran out, so that smaller batches may do.
pub(super) fn ran_out_of_memory(reason: &str) -> bool {
    let Some(panic) = reason.strip_prefix(PANIC) else { return false };
    let panic = panic.to_lowercase();
    SAYINGS.iter().any(|saying| panic.contains(saying))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_panics_about_memory_ask_for_smaller_batches() {
        for reason in [
            "internal error: out of device memory allocating 1024 bytes",
            "internal error: Error while reading data: ServerError(Io(OutOfMemory { size: 5 }))",
            "internal error: can't allocate buffer of size: 17179869184",
        ] {
            assert!(ran_out_of_memory(reason), "{reason}");
        }
        for reason in
            ["internal error: index out of bounds", "the prompt `out of memory {mask}` has a score that is no number"]
        {
            assert!(!ran_out_of_memory(reason), "{reason}");
        }
    }
}
