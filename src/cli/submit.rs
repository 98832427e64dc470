//! `promptmine submit`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::error::Result;
use crate::exchange::cluster::{Engine, Job, Resources, Scripts};
use crate::record::{RecordError, write_atomically};

use super::CliError;
use super::experiment_option::ExperimentOptions;
use super::log::Log;
use super::output::print_block;

const EXAMPLES: &str = "\
Examples:
  promptmine submit experiments/quickstart.yaml --engine slurm --shards 8 --dry-run
  promptmine submit my.yaml --engine slurm --shards 8 --time 2:00:00 --partition gpu --gpus 1 --option account=lab
  promptmine submit my.yaml --engine slurm --shards 4 --cpus 8 --mem 16G --set seeds=[1,2,3]

Submits an array job whose tasks run one shard each (`promptmine run --shard I/N`), all in one results folder, which every machine has \
to see under the same path, and a job that merges them (`promptmine merge`) when all are over, however they ended: where trials are \
missing it names them and exits with 7. A task that is pre-empted, or whose time is nearly over, is told a minute before and \
stops cleanly; one that goes back to the queue goes on where it was. Submitted again, the same command goes on: what is \
complete stays.

The scripts and the logs are in DIR/.slurm/<name>/.";

/// The arguments of `submit`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    experiment: ExperimentOptions,
    /// What runs the jobs
    #[arg(long, value_name = "ENGINE", value_enum)]
    engine: EngineName,
    /// In how many parts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    shards: u16,
    /// Print the scripts and submit nothing
    #[arg(long)]
    dry_run: bool,
    /// The folder of results folders
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Time for each task: MINUTES, H:MM:SS, D-HH, D-HH:MM
    #[arg(long, value_name = "TIME", value_parser = time)]
    time: Option<String>,
    /// The partition
    #[arg(long, value_name = "PARTITION", value_parser = word)]
    partition: Option<String>,
    /// Processors of each task
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    cpus: Option<u16>,
    /// Memory of each task: 16G, 4000M
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    mem: Option<String>,
    /// GPUs of each task: 1, a100:2
    #[arg(long, value_name = "GPUS", value_parser = gpus)]
    gpus: Option<String>,
    /// Trials at a time in each task, as `run --jobs`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Any other option of the engine: account=lab, qos=long, exclusive
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = option)]
    options: Vec<(String, Option<String>)>,
    /// When all is merged, score every candidate on all of dev and test into matrix.parquet, as `run --keep-matrix`
    #[arg(long)]
    keep_matrix: bool,
}

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineName {
    /// Slurm, by its `sbatch`.
    Slurm,
}

impl From<EngineName> for Engine {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Slurm => Self::Slurm,
        }
    }
}

/// Options of the engine that this command gives itself, and what to give instead.
const OWN: [(&str, &str); 16] = [
    ("array", "--shards"),
    ("time", "--time"),
    ("partition", "--partition"),
    ("cpus-per-task", "--cpus"),
    ("mem", "--mem"),
    ("gpus", "--gpus"),
    ("dependency", "nothing: the merge waits for the shards"),
    ("chdir", "nothing: it is the working directory"),
    ("output", "nothing: logs are in DIR/.slurm/<name>/"),
    ("open-mode", "nothing: logs are appended to"),
    ("signal", "nothing: a task is told a minute before its end"),
    ("job-name", "nothing: it is the experiment's name"),
    ("parsable", "nothing: its answer is read"),
    ("wrap", "nothing: there are scripts"),
    ("test-only", "--dry-run"),
    ("wait", "nothing: the command does not wait"),
];

/// `KEY=VALUE` or `KEY`.
fn option(text: &str) -> std::result::Result<(String, Option<String>), String> {
    let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value.to_owned())));
    let key = key.strip_prefix("--").unwrap_or(key);
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !key.starts_with(|c: char| c.is_ascii_lowercase()) || !key.chars().all(allowed) {
        return Err("KEY=VALUE is expected, the key a long option of the engine, as in account=lab".into());
    }
    match OWN.iter().find(|(own, _)| *own == key) {
        Some((_, instead)) => Err(format!("`{key}` is given by this command (instead: {instead})")),
        None => Ok((key.into(), value)),
    }
}

/// A time as Slurm writes it.
fn time(text: &str) -> std::result::Result<String, String> {
    let fault = || Err("a time is expected: MINUTES, MM:SS, H:MM:SS, D-HH, D-HH:MM, D-HH:MM:SS, UNLIMITED".to_owned());
    let number = |part: &str| (1..=6).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let (days, rest) = text.split_once('-').map_or((None, text), |(days, rest)| (Some(days), rest));
    let parts: Vec<&str> = rest.split(':').collect();
    let sound = days.is_none_or(number) && parts.len() <= 3 && parts.iter().all(|part| number(part));
    match sound || text == "UNLIMITED" {
        true => Ok(text.into()),
        false => fault(),
    }
}

fn word(text: &str) -> std::result::Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.,+".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => Ok(text.into()),
        false => Err("a name is expected (letters, digits, _ - . +; several with commas)".into()),
    }
}

fn memory(text: &str) -> std::result::Result<String, String> {
    let digits = text.trim_end_matches(['K', 'M', 'G', 'T']);
    match !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && text.len() - digits.len() <= 1 {
        true => Ok(text.into()),
        false => Err("a whole number is expected, with K, M, G or T (without: megabytes), as in 16G".into()),
    }
}

fn gpus(text: &str) -> std::result::Result<String, String> {
    let (kind, n) = text.rsplit_once(':').map_or((None, text), |(kind, n)| (Some(kind), n));
    let sound = kind.is_none_or(|kind| word(kind).is_ok()) && n.parse::<u16>().is_ok_and(|n| n > 0);
    if sound { Ok(text.into()) } else { Err("a number is expected, or KIND:NUMBER, as in 1 or a100:2".into()) }
}

/// Does it.
///
/// # Errors
/// [`crate::spec::SpecError`]; [`crate::exchange::cluster::ClusterError`]; [`crate::record::RecordError`] if the scripts cannot be
/// written.
pub fn run(arguments: &Arguments, log: Log) -> Result<()> {
    let name = arguments.experiment.load()?.name;
    let engine = Engine::from(arguments.engine);
    let job = job(arguments, &name)?;
    let scripts = engine.scripts(&job)?;
    if arguments.dry_run {
        print_block(&shown(&scripts))?;
        log.note("nothing was written and nothing submitted");
        return Ok(());
    }
    std::fs::create_dir_all(&job.folder).map_err(RecordError::io("create folder", &job.folder))?;
    for script in [&scripts.shards, &scripts.merge] {
        write_atomically(&script.path, script.text.as_bytes())?;
    }
    let submitted = engine.submit(&scripts)?;
    print_block(&format!(
        "shards: job {}, {} tasks\nmerge: job {}, when they are over\nfollow: {}\nlogs: {}\nstop: {}",
        submitted.shards,
        job.shards,
        submitted.merge,
        submitted.follow,
        job.folder.display(),
        submitted.stop
    ))
}

fn job(arguments: &Arguments, name: &str) -> Result<Job> {
    let here = |source| CliError::Usage(format!("the working directory cannot be found: {source}"));
    let absolute = |path: &Path| std::path::absolute(path).map_err(here);
    let text = |path: &Path| -> Result<String> {
        let absolute = absolute(path)?;
        let text = absolute.to_str().map(str::to_owned);
        Ok(text.ok_or_else(|| CliError::Usage(format!("{}: a path that is no UTF-8", path.display())))?)
    };
    let ExperimentOptions { file, overrides, batch_size, device } = &arguments.experiment;
    let results = absolute(&arguments.results)?;
    let mut run = vec!["run".to_owned(), text(file)?, "--results".into(), text(&results)?];
    run.extend(overrides.iter().flat_map(|set| ["--set".to_owned(), set.clone()]));
    run.extend(batch_size.iter().flat_map(|size| ["--batch-size".to_owned(), size.to_string()]));
    run.extend(device.words());
    run.extend(arguments.jobs.iter().flat_map(|jobs| ["--jobs".to_owned(), jobs.to_string()]));
    let mut merge = vec!["merge".to_owned(), text(&results.join(name))?];
    merge.extend(arguments.keep_matrix.then(|| "--keep-matrix".to_owned()));
    Ok(Job {
        name: name.into(),
        shards: usize::from(arguments.shards),
        program: std::env::current_exe()
            .map_err(|e| CliError::Usage(format!("the path of this program cannot be found: {e}")))?,
        directory: std::env::current_dir().map_err(here)?,
        folder: results.join(".slurm").join(name),
        run,
        merge,
        resources: Resources {
            time: arguments.time.clone(),
            partition: arguments.partition.clone(),
            cpus: arguments.cpus,
            memory: arguments.mem.clone(),
            gpus: arguments.gpus.clone(),
            options: arguments.options.clone(),
        },
    })
}

/// Both scripts, each behind the command that would submit it.
fn shown(scripts: &Scripts) -> String {
    let [shards, merge] = &scripts.commands;
    format!("# {shards}\n{}\n# {merge}\n{}", scripts.shards.text, scripts.merge.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_slurm_writes_them_and_others_are_refused() {
        for sound in ["90", "10:30", "2:00:00", "1-12", "1-12:30", "1-12:30:00", "UNLIMITED"] {
            assert_eq!(time(sound), Ok(sound.into()));
        }
        for wrong in ["", "2h", "1-", "-5", "1:2:3:4", "1--2", " 5", "5\n"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert!(["16G", "4000", "1T"].iter().all(|sound| memory(sound).is_ok()));
        assert!(["", "G", "1.5G", "16GB", "16 G", "1GM"].iter().all(|wrong| memory(wrong).is_err()));
        assert!(["1", "a100:2"].iter().all(|sound| gpus(sound).is_ok()));
        assert!(["0", "", "a100", ":1", "a b:1"].iter().all(|wrong| gpus(wrong).is_err()));
        assert!(word("gpu,long").is_ok() && word("a b").is_err() && word("").is_err());
    }

    #[test]
    fn an_option_that_the_command_gives_itself_is_refused_with_what_to_give_instead() {
        assert_eq!(option("account=my lab"), Ok(("account".into(), Some("my lab".into()))));
        assert_eq!(option("--exclusive"), Ok(("exclusive".into(), None)));
        assert!(option("array=1-9").unwrap_err().contains("instead: --shards"));
        for wrong in ["", "=x", "a b=1", "-x=1", "Account=x"] {
            assert!(option(wrong).unwrap_err().contains("KEY=VALUE"), "{wrong}");
        }
    }
}
