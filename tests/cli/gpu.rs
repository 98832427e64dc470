//! A run on the GPU backend gives the CPU's leaderboard within 1e-4 (contract, definition 12: another batch, another device, other
//! last bits). Without an adapter it skips and says so; CI installs a software one.

use super::workplace::Workplace;

/// Few and short texts of few lengths: every new shape costs seconds of tuning on a software adapter.
const EXPERIMENT: &str = r#"format: 1
name: gpu
task:
  dataset: { train: train.tsv, dev: dev.tsv, test: test.tsv }
  template: "{text} It was {mask}."
  verbalizer: { negative: [terrible], positive: [great] }
models: [builtin:reviews-en]
shots: [4]
seeds: [1]
search:
  - { method: manual, templates: ["{text} It was {mask}.", "{mask}. {text}"] }
  - { method: random, n_trigger: 1 }
budget: { evaluations: 16 }
limits: { test: 8 }
"#;

/// How far a score on the GPU may lie from the CPU's.
const TOLERANCE: f64 = 1e-4;

#[test]
fn a_run_on_the_gpu_gives_the_leaderboard_of_the_cpu() {
    if let Err(error) = promptmine::model::resolve(promptmine::model::DeviceChoice::Wgpu) {
        return eprintln!("skipped: {error}");
    }
    let workplace = Workplace::new();
    workplace.write("gpu.yaml", EXPERIMENT);
    workplace.done(&["run", "gpu.yaml", "--results", "cpu"]);
    let ran = workplace.done(&["run", "gpu.yaml", "--results", "wgpu", "--device", "wgpu"]);
    assert!(ran.stderr.contains("preparing wgpu (") && ran.stderr.contains("compile their kernels"), "{}", ran.stderr);
    for table in ["leaderboard.csv", "candidates.csv"] {
        let [cpu, wgpu] = ["cpu", "wgpu"].map(|device| {
            let mut reader = csv::Reader::from_path(workplace.path(device).join("gpu").join(table)).unwrap();
            let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
            let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            (names, rows)
        });
        assert_eq!((&cpu.0, cpu.1.len()), (&wgpu.0, wgpu.1.len()));
        for (ours, theirs) in cpu.1.iter().zip(&wgpu.1) {
            for (name, (a, b)) in cpu.0.iter().zip(ours.iter().zip(theirs)) {
                let close = || Some((a.parse::<f64>().ok()? - b.parse::<f64>().ok()?).abs() <= TOLERANCE);
                // The folders of trials are named by a fingerprint that holds the device.
                let other = matches!(name.as_str(), "seconds" | "prompt_file" | "trial");
                assert!(other || a == b || close() == Some(true), "{table}: {name}: cpu {a}, wgpu {b}");
            }
        }
    }
    // The record stays on the device that it was begun on.
    let other = workplace.run(&["run", "gpu.yaml", "--results", "wgpu"]);
    assert!(other.code == 6 && other.stderr.contains("`wgpu`"), "{}", other.stderr);
}

/// A line of the runtime's log for each kernel that a shape was not tried with: written while shapes are tuned, and only then.
#[cfg(feature = "keep-autotune")]
const TRIED: &str = "The autotune is skipped";

#[cfg(feature = "keep-autotune")]
#[test]
fn what_one_process_found_out_about_kernels_the_next_one_takes_over() {
    if let Err(error) = promptmine::model::resolve(promptmine::model::DeviceChoice::Wgpu) {
        return eprintln!("skipped: {error}");
    }
    let workplace = Workplace::new();
    let cache = workplace.path("caches");
    let tried = |log: &str| {
        let mut command = workplace.command(&["fill", "--model", "builtin:toy", "it was {mask}", "--device", "wgpu"]);
        command.env("XDG_CACHE_HOME", &cache).env("CUBECL_DEBUG_LOG", workplace.path(log));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (std::fs::read_to_string(workplace.path(log)).unwrap().matches(TRIED).count(), output.stdout)
    };
    let (first, said) = tried("first.log");
    assert!(first > 0 && cache.join("promptmine").join("autotune").join("default.db").exists());
    assert_eq!(tried("second.log"), (0, said));
}
