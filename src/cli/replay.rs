//! `promptmine replay`

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;

use crate::error::{ExitCode, Result};
use crate::exchange::hub::fetch_experiment;
use crate::model::{DeviceChoice, Precision, ResolvedDevice, resolve};
use crate::record::{Event, RecordError, TrialKey, copy_answers};
use crate::report::replay::Replayed;
use crate::runner::{self, Counterpart, Listener, Plan, RecordedRun, RunOptions};

use super::CliError;
use super::fill::Format;
use super::hub_watch::HubWatch;
use super::log::Log;
use super::model_option::{DeviceName, Dtype, prepare_line};
use super::output::{print_block, print_json};
use super::run::Stopping;
use super::text_table::{counted, duration};

const EXAMPLES: &str = "\
Examples:
  promptmine replay results/quickstart
  promptmine replay results/quickstart --trials 4
  promptmine replay results/quickstart --only autoprompt
  promptmine replay results/quickstart --only 3-autoprompt_reviews-en_16_none_13_b0dc515e
  promptmine replay results/quickstart --device wgpu --tolerance 1e-4

The experiment of a results folder is run again beside it, with the batches that it had and without any score of earlier runs, and \
every number of every trial is compared: proposals, dev scores, the choice, test predictions, log-probabilities, trained \
vectors. On the same device and version all are the same to the last bit; another processor may round otherwise, for which there is \
--tolerance. First the hashes of the data, the weights, the tokenizer and the experiment are checked, and nothing runs if one \
differs, unless --anyway. A damaged record is refused. The results folder is only read. Paths of the experiment are tried from \
the working directory, then from --paths-from.

Exit code 0: the same. 7: not the same, the first difference is named. 6: an input differs, or the record is damaged.";

/// The arguments of `replay`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A results folder: results/<name>
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Replay only this trial (the name of its folder), method or row; what it is made of is replayed with it
    #[arg(long, value_name = "TRIAL")]
    only: Option<String>,
    /// Replay so many trials, evenly spread
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    trials: Option<u32>,
    /// Where to compute [default: where the record was computed]
    #[arg(long, value_name = "DEVICE", value_enum)]
    device: Option<DeviceName>,
    /// What to multiply in [default: what the record was computed in]
    #[arg(long, value_name = "DTYPE", value_enum)]
    dtype: Option<Dtype>,
    /// Call numbers the same that differ by at most this share of the larger of 1 and the recorded one
    #[arg(long, value_name = "T", default_value_t = 0.0, value_parser = tolerance)]
    tolerance: f64,
    /// Run even if the data, the weights, the tokenizer or the experiment are not what they were
    #[arg(long)]
    anyway: bool,
    /// The folder that relative paths of the experiment are from, where they are not found from the working directory
    #[arg(long, value_name = "DIR")]
    paths_from: Option<PathBuf>,
    /// Keep the replay in this folder, which must not exist
    #[arg(long, value_name = "DIR2")]
    keep: Option<PathBuf>,
    /// Trials at a time [default: one for each thread with a small model on the CPU, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

fn tolerance(text: &str) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(tolerance) if (0.0..1.0).contains(&tolerance) => Ok(tolerance),
        _ => Err("a number from 0 to 1 is expected, as 1e-5".into()),
    }
}

/// Does it.
///
/// # Errors
/// What keeps it from being run. Numbers that differ are told of by [`ExitCode::Partial`].
pub fn run(arguments: &Arguments, log: Log) -> Result<ExitCode> {
    let stopping = Stopping::install(log);
    let recorded = RecordedRun::open(&arguments.folder)?;
    let mut experiment = recorded.experiment()?;
    if let Some(folder) = &arguments.paths_from {
        experiment.folder.clone_from(folder);
    }
    let device = device(arguments, &recorded)?;
    fetch_experiment(&mut experiment, &HubWatch::new(log))?;
    let check = |changed: Vec<runner::ChangedInput>| -> Result<()> {
        if !changed.is_empty() && !arguments.anyway {
            return Err(recorded.refusal(changed).into());
        }
        changed.iter().for_each(|input| log.note(&format!("not what it was: {input}")));
        Ok(())
    };
    check(recorded.changed_files(&experiment)?)?;
    let mut plan = Plan::new(experiment, device, Some(recorded.provenance().batch_size))?;
    check(recorded.changed_models(&plan))?;
    let n = arguments.trials.map(|n| n as usize);
    let chosen = recorded.choose(&plan, arguments.only.as_deref(), n)?;
    if chosen.is_empty() {
        let message = "has no trial that came to its end: there is nothing to replay".to_owned();
        return Err(RecordError::Foreign { path: arguments.folder.clone(), message }.into());
    }
    otherwise(&recorded, &plan, log);

    let place = Place::make(arguments)?;
    let name = plan.experiment.name.clone();
    copy_answers(&arguments.folder, &place.path.join(&name))?;
    plan.ask_endpoints(&place.path, None, &|text| log.note(text))?;
    let what = match chosen.len() {
        n if arguments.only.is_some() || arguments.trials.is_some() || recorded.n_open() > 0 => counted(n, "trial"),
        n => format!("all {}", counted(n, "trial")),
    };
    log.step(&format!("replaying {what} on {}", plan.device.description), serde_json::Map::new());
    prepare_line(&plan.device, log);
    let options = RunOptions {
        results: place.path.clone(),
        jobs: arguments.jobs.map(usize::from),
        trials: Some(chosen.iter().map(|pair| pair.replayed.clone()).collect()),
        ..RunOptions::default()
    };
    let begun = std::time::Instant::now();
    let watch = Watch { log, n: chosen.len(), over: AtomicUsize::new(0) };
    let summary = runner::run(&plan, &options, &watch, stopping.listen())?;
    if summary.interrupted {
        log.note("interrupted: nothing was compared");
        return Ok(ExitCode::Interrupted);
    }
    log.step(&format!("replayed in {}", duration(begun.elapsed().as_secs_f64())), serde_json::Map::new());
    let pairs = chosen.iter().map(|Counterpart { recorded, replayed }| (recorded.as_str(), replayed.as_str()));
    let found = Replayed::compare(&arguments.folder, &summary.folder, pairs, arguments.tolerance)?;
    match arguments.format {
        Format::Table => print_block(&found.to_text())?,
        Format::Json => print_json(&found.to_json())?,
    }
    Ok(if found.first().is_some() { ExitCode::Partial } else { ExitCode::Done })
}

/// The device that is asked for, or that of the record.
fn device(arguments: &Arguments, recorded: &RecordedRun) -> Result<ResolvedDevice> {
    let from = recorded.provenance();
    let kind = match arguments.device {
        Some(name) => name.into(),
        None => from.device_kind.parse::<DeviceChoice>()?,
    };
    let precision = match (arguments.dtype, from.dtype.as_str()) {
        (Some(dtype), _) => dtype.into(),
        (None, "f16") => Precision::F16,
        (None, "bf16") => Precision::Bf16,
        (None, _) => Precision::F32,
    };
    Ok(resolve(kind)?.with_precision(precision)?)
}

/// Says what of the way is another one, so that numbers may differ in their last bits.
fn otherwise(recorded: &RecordedRun, plan: &Plan, log: Log) {
    let from = recorded.provenance();
    let now = [
        ("version", from.promptmine.as_str(), env!("CARGO_PKG_VERSION").to_owned()),
        ("device", from.device.as_str(), plan.device.description.clone()),
        ("machine", from.machine.as_str(), format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
    ];
    for (what, before, now) in now.iter().filter(|(_, before, now)| before != now) {
        log.note(&format!("{what}: recorded {before}, now {now}; numbers may differ in their last digits"));
    }
    if recorded.n_open() > 0 {
        let n = counted(recorded.n_open(), "trial");
        log.note(&match recorded.n_open() {
            1 => format!("{n} of the record did not come to its end and is left out"),
            _ => format!("{n} of the record did not come to their end and are left out"),
        });
    }
}

/// Where the replay is run; removed at the end unless it is to be kept.
struct Place {
    path: PathBuf,
    kept: bool,
}

impl Place {
    fn make(arguments: &Arguments) -> Result<Self> {
        let place = match &arguments.keep {
            Some(path) if path.exists() => {
                let what = format!("--keep {}: it is there already; name a folder that is not", path.display());
                return Err(CliError::Usage(what).into());
            }
            Some(path) => Self { path: path.clone(), kept: true },
            None => {
                let whole =
                    std::path::absolute(&arguments.folder).map_err(RecordError::io("find", &arguments.folder))?;
                let beside = whole.parent().unwrap_or(Path::new(".")).to_path_buf();
                Self { path: beside.join(format!(".replay-{}", std::process::id())), kept: false }
            }
        };
        std::fs::create_dir_all(&place.path).map_err(RecordError::io("create folder", &place.path))?;
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing hangs on it: its name says what it is.
            std::fs::remove_dir_all(&self.path).ok();
        }
    }
}

/// Says which trials are over.
struct Watch {
    log: Log,
    n: usize,
    over: AtomicUsize,
}

impl Listener for Watch {
    fn event(&self, trial: &TrialKey, event: &Event) {
        if event.is_last() {
            let over = self.over.fetch_add(1, Ordering::Relaxed) + 1;
            self.log.step(&format!("{over} of {}: {}", self.n, trial.id()), serde_json::Map::new());
        }
    }
}
