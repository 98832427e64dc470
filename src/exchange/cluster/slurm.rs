//! Slurm: an array job of the shards, and a job that merges them when it is over.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::quote::{directive, quoted};
use super::{ClusterError, Job, Script, Scripts, Submitted};

/// Slurm's command.
const SBATCH: &str = "sbatch";
/// Seconds before its time is over at which a task is told to stop: enough for the step under way.
const NOTICE: u32 = 60;
/// The threads of a task: what it asked for, else what it was given.
const THREADS: &str = r#"--threads "${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}""#;

/// The scripts of a job.
pub(super) fn scripts(job: &Job) -> Result<Scripts, ClusterError> {
    let shards = job.shards;
    let array = [format!("--array=1-{shards}")];
    let run = format!("{} {THREADS} --shard \"$SLURM_ARRAY_TASK_ID/{shards}\"", command(job, &job.run)?);
    let merge = format!("{} {THREADS}", command(job, &job.merge)?);
    let about = format!("The shards of {}: each task of the array runs one of {shards}.", job.name);
    let shards = script(job, "shards", &about, &job.name, "shards-%A_%a.log", &array, &run)?;
    let about = format!("Puts together the shards of {} when they are over.", job.name);
    let merge = script(job, "merge", &about, &format!("{}-merge", job.name), "merge-%j.log", &[], &merge)?;
    let commands = [
        format!("{SBATCH} --parsable {}", quoted(text("the script", &shards.path)?)),
        format!("{SBATCH} --parsable --dependency=afterany:JOB {}", quoted(text("the script", &merge.path)?)),
    ];
    Ok(Scripts { shards, merge, commands })
}

fn script(
    job: &Job,
    file: &str,
    about: &str,
    name: &str,
    log: &str,
    own: &[String],
    run: &str,
) -> Result<Script, ClusterError> {
    // In a file's name Slurm puts something in the place of % and a letter.
    let folder = text("the folder of logs", &job.folder)?.replace('%', "%%");
    let mut lines = vec![format!("--job-name={}", directive(name))];
    lines.extend(own.iter().cloned());
    lines.extend([
        format!("--chdir={}", directive(text("the working directory", &job.directory)?)),
        format!("--output={}", directive(&format!("{folder}/{log}"))),
        // A task that begins again goes on in the same log.
        "--open-mode=append".into(),
        "--requeue".into(),
        format!("--signal=B:TERM@{NOTICE}"),
    ]);
    let asked = &job.resources;
    let cpus = asked.cpus.map(|cpus| cpus.to_string());
    for (option, value) in [
        ("time", &asked.time),
        ("partition", &asked.partition),
        ("cpus-per-task", &cpus),
        ("mem", &asked.memory),
        ("gpus", &asked.gpus),
    ] {
        lines.extend(value.iter().map(|value| format!("--{option}={}", directive(value))));
    }
    for (option, value) in &asked.options {
        lines.push(match value {
            Some(value) => format!("--{option}={}", directive(one_line(&format!("--option {option}={value}"), value)?)),
            None => format!("--{option}"),
        });
    }
    let mut out = format!("#!/bin/sh\n# {about}\n");
    for line in lines {
        // Writing to a String cannot fail.
        writeln!(out, "#SBATCH {line}").unwrap_or_default();
    }
    write!(out, "# In the shell's place, so that a request to terminate reaches it.\nexec {run}\n").unwrap_or_default();
    Ok(Script { path: job.folder.join(format!("{file}.sh")), text: out })
}

fn command(job: &Job, arguments: &[String]) -> Result<String, ClusterError> {
    let mut words = vec![quoted(text("this program", &job.program)?)];
    words.extend(arguments.iter().map(|argument| quoted(argument)));
    Ok(words.join(" "))
}

/// A path as text that a line can hold.
fn text<'p>(what: &str, path: &'p Path) -> Result<&'p str, ClusterError> {
    let shown = || format!("{what} ({})", path.display());
    let text = path.to_str().ok_or_else(|| ClusterError::Unwritable { what: shown(), why: "its path is no UTF-8" })?;
    one_line(&shown(), text)
}

fn one_line<'t>(what: &str, text: &'t str) -> Result<&'t str, ClusterError> {
    match text.contains(['\n', '\r', '\0']) {
        true => Err(ClusterError::Unwritable { what: what.into(), why: "it has a line break" }),
        false => Ok(text),
    }
}

/// Submits both, the second to begin when the first is over.
pub(super) fn submit(scripts: &Scripts) -> Result<Submitted, ClusterError> {
    let shards = sbatch("job of the shards", &[], &scripts.shards.path, String::new())?;
    let after = format!(
        "; the shards are job {}: `scancel {}` stops them, or submit {} when they are over",
        shards.id,
        shards.id,
        scripts.merge.path.display()
    );
    let mut options = vec![format!("--dependency=afterany:{}", shards.id)];
    options.extend(shards.cluster.iter().map(|cluster| format!("--clusters={cluster}")));
    let merge = sbatch("job of the merge", &options, &scripts.merge.path, after)?;
    let on = shards.cluster.iter().map(|cluster| format!(" --clusters={cluster}")).collect::<String>();
    Ok(Submitted {
        follow: format!("squeue{on} --jobs={},{}", shards.id, merge.id),
        stop: format!("scancel{on} {} {}", shards.id, merge.id),
        shards: shards.id,
        merge: merge.id,
    })
}

/// What `sbatch --parsable` answers: `123`, or `123;cluster`.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    id: String,
    cluster: Option<String>,
}

impl Answer {
    fn parse(text: &str) -> Option<Self> {
        let line = text.trim();
        let (id, cluster) = line.split_once(';').map_or((line, None), |(id, cluster)| (id, Some(cluster.to_owned())));
        let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Self { id: id.into(), cluster })
    }
}

fn sbatch(what: &'static str, options: &[String], script: &Path, after: String) -> Result<Answer, ClusterError> {
    let mut command = Command::new(SBATCH);
    command.arg("--parsable").args(options).arg(script);
    let ran = command.output().map_err(|source| ClusterError::NoEngine { command: SBATCH, source })?;
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if ran.status.success()
        && let Some(answer) = Answer::parse(&out)
    {
        return Ok(answer);
    }
    let says =
        [err.trim(), out.trim()].into_iter().find(|text| !text.is_empty()).unwrap_or("it said nothing").to_owned();
    let words: Vec<String> = std::iter::once("--parsable".to_owned()).chain(options.iter().cloned()).collect();
    Err(ClusterError::Refused {
        command: format!("{SBATCH} {} {}", words.join(" "), quoted(&script.to_string_lossy())),
        what,
        status: ran.status.to_string(),
        says,
        after,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Resources;
    use super::*;

    fn job() -> Job {
        Job {
            name: "影评".into(),
            shards: 3,
            program: "/opt/my tools/promptmine".into(),
            directory: "/home/a \"b\"".into(),
            folder: "/home/100%/.slurm/影评".into(),
            run: ["run", "/home/it's.yaml", "--set", "shots=[0, 8]"].map(str::to_owned).to_vec(),
            merge: ["merge", "/home/results/影评"].map(str::to_owned).to_vec(),
            resources: Resources {
                time: Some("1-00:30".into()),
                partition: Some("gpu,long".into()),
                cpus: Some(4),
                memory: Some("8G".into()),
                gpus: Some("a100:1".into()),
                options: vec![("account".into(), Some("my lab".into())), ("exclusive".into(), None)],
            },
        }
    }

    #[test]
    fn the_scripts_are_exactly_these() {
        let scripts = scripts(&job()).unwrap();
        let shared = r#"#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:TERM@60
#SBATCH --time=1-00:30
#SBATCH --partition=gpu,long
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --gpus=a100:1
#SBATCH --account="my lab"
#SBATCH --exclusive
# In the shell's place, so that a request to terminate reaches it.
exec '/opt/my tools/promptmine' "#;
        let threads = r#"--threads "${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}""#;
        let shards = r#"#!/bin/sh
# The shards of 影评: each task of the array runs one of 3.
#SBATCH --job-name="影评"
#SBATCH --array=1-3
#SBATCH --chdir="/home/a \"b\""
#SBATCH --output="/home/100%%/.slurm/影评/shards-%A_%a.log"
"#;
        let run = r#"run '/home/it'\''s.yaml' --set 'shots=[0, 8]' "#;
        assert_eq!(scripts.shards.text, format!("{shards}{shared}{run}{threads} --shard \"$SLURM_ARRAY_TASK_ID/3\"\n"));
        assert_eq!(scripts.shards.path, Path::new("/home/100%/.slurm/影评/shards.sh"));
        let merge = r#"#!/bin/sh
# Puts together the shards of 影评 when they are over.
#SBATCH --job-name="影评-merge"
#SBATCH --chdir="/home/a \"b\""
#SBATCH --output="/home/100%%/.slurm/影评/merge-%j.log"
"#;
        assert_eq!(scripts.merge.text, format!("{merge}{shared}merge /home/results/影评 {threads}\n"));
        assert_eq!(scripts.commands[1], "sbatch --parsable --dependency=afterany:JOB /home/100%/.slurm/影评/merge.sh");
    }

    #[test]
    fn what_no_line_can_hold_is_refused_with_its_name() {
        let error = scripts(&Job { directory: "/a\nb".into(), ..job() }).unwrap_err().to_string();
        assert!(error.starts_with("the working directory (/a\nb) cannot stand in a job's script: it has"), "{error}");
        let mut other = job();
        other.resources.options = vec![("comment".into(), Some("a\n#SBATCH --uid=0".into()))];
        assert!(scripts(&other).unwrap_err().to_string().contains("--option comment=a"));
    }

    #[test]
    fn answers_are_numbers_with_or_without_a_cluster() {
        let answer = |text: &str| Answer::parse(text).map(|answer| (answer.id, answer.cluster));
        assert_eq!(answer("123\n"), Some(("123".into(), None)));
        assert_eq!(answer("123;big\n"), Some(("123".into(), Some("big".into()))));
        for text in ["", "Submitted batch job 12", ";big", "12a"] {
            assert_eq!(answer(text), None, "{text}");
        }
    }
}
