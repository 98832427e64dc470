//! The `promptmine` binary: everything is in the room `cli`.

use std::process::ExitCode;

// A forward pass allocates and frees large tensors all the time; the system's allocator gives their pages back each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    quieten_graphics_drivers();
    promptmine::cli::main()
}

/// Mesa's Vulkan drivers ask for a Wayland display while adapters are listed, and where there is no session they complain
/// about a missing variable on standard error.
#[expect(unsafe_code, reason = "nothing else runs yet, so nothing reads the environment meanwhile")]
fn quieten_graphics_drivers() {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        unsafe { std::env::set_var("XDG_RUNTIME_DIR", std::env::temp_dir()) };
    }
}
