//! `promptmine doctor`

use std::path::Path;

use clap::Args;

use crate::error::Result;
use crate::model::{DeviceChoice, adapters, autotune_folder, resolve};

use super::output::print;
use super::text_table::TextTable;

const EXAMPLES: &str = "\
Examples:
  promptmine doctor

Looks at this machine and this build, changes nothing, and says what to do where something could be better.";

/// The arguments of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {}

/// Does it.
///
/// # Errors
/// Only if standard output cannot be written.
pub fn run(_arguments: &Arguments) -> Result<()> {
    let mut facts = TextTable::new(&["", ""]);
    let mut advice: Vec<String> = Vec::new();
    facts.row(["promptmine", env!("CARGO_PKG_VERSION")]);
    facts.row(["system", &format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)]);
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    facts.row([
        "build",
        &format!("{build}, {}", if cfg!(feature = "wgpu") { "CPU and GPU (wgpu)" } else { "CPU only" }),
    ]);
    if cfg!(debug_assertions) {
        advice.push("this is a debug build and many times slower: build with `cargo build --release`".into());
    }
    facts.row(["processor", &processor(&mut advice)]);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    facts.row(["threads", &format!("{} of {processors} processors", rayon::current_num_threads())]);
    facts.row(["adapters", &gpu(&mut advice)]);
    if let Some(kept) = kept(&mut advice) {
        facts.row(["autotune results", &kept]);
    }
    match resolve(DeviceChoice::Auto) {
        Ok(device) => facts.row(["--device auto", &format!("takes {}", device.description)]),
        Err(error) => facts.row(["--device auto", &format!("fails: {error}")]),
    }
    facts.row(["results", &results(Path::new("results"), &mut advice)]);
    if advice.is_empty() {
        advice.push("nothing: this machine is ready".into());
    }
    let advice: String = advice.iter().map(|line| format!("  - {line}\n")).collect();
    print(&format!("{}\nwhat to do\n{advice}", facts.print()))
}

#[cfg(target_arch = "x86_64")]
fn processor(advice: &mut Vec<String>) -> String {
    let known = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ];
    let found: Vec<&str> = known.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    if !found.contains(&"avx2") {
        advice.push("this processor has no AVX2: expect a fraction of the usual speed".into());
    }
    let widest = match found.as_slice() {
        [.., "avx512f"] => "matrix products use AVX-512",
        ["avx2", "fma"] => "matrix products use AVX2",
        _ => "matrix products use what there is",
    };
    format!("{} ({widest})", if found.is_empty() { "x86-64 only".into() } else { found.join(", ") })
}

#[cfg(not(target_arch = "x86_64"))]
fn processor(_advice: &mut Vec<String>) -> String {
    std::env::consts::ARCH.into()
}

fn gpu(advice: &mut Vec<String>) -> String {
    if !cfg!(feature = "wgpu") {
        advice.push("for a GPU, build with the default features (without `--no-default-features`)".into());
        return "not looked for: built without the feature wgpu".into();
    }
    let adapters = adapters();
    if adapters.is_empty() {
        advice.push(
            "no graphics adapter was found: runs use the CPU; with a GPU, install its Vulkan (or Metal, DirectX 12) driver"
                .into(),
        );
        return "none".into();
    }
    if adapters.iter().all(crate::model::Adapter::is_software) {
        advice.push(
            "only a software adapter was found: --device auto uses the CPU, which is faster; --device wgpu tests the GPU path"
                .into(),
        );
    }
    let words: Vec<String> = adapters.iter().map(|a| format!("{} ({}, {})", a.name, a.backend, a.kind)).collect();
    words.join("; ")
}

/// Where what was found out about a GPU's kernels is kept; nothing to say where there is no GPU.
fn kept(advice: &mut Vec<String>) -> Option<String> {
    if let Some(folder) = autotune_folder() {
        return Some(format!("kept in {}", folder.display()));
    }
    if adapters().iter().all(crate::model::Adapter::is_software) {
        return None;
    }
    advice.push(
        "each run tries the kernels of the GPU anew: build with `--features keep-autotune` to keep what was found"
            .into(),
    );
    Some("not kept: built without the feature keep-autotune".into())
}

/// Whether results could be written, found out without writing.
fn results(folder: &Path, advice: &mut Vec<String>) -> String {
    let (place, what) = if folder.exists() { (folder, "is there") } else { (Path::new("."), "would be made") };
    match std::fs::metadata(place) {
        Ok(metadata) if metadata.permissions().readonly() => {
            advice.push("the results folder cannot be written here: give `run` another --results DIR".into());
            "cannot be written".into()
        }
        Ok(_) => format!("{}/ {what}", folder.display()),
        Err(error) => format!("{}: {error}", place.display()),
    }
}
