//! `submit`, with a script in the place of Slurm's `sbatch`.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use super::workplace::{EXPERIMENT, Ran, Workplace};

/// Answers as `sbatch --parsable` does, and keeps what it was asked.
const SBATCH: &str = r#"#!/bin/sh
here=$(dirname "$0")
n=$(($(cat "$here/jobs" 2>/dev/null || echo 40) + 1))
echo "$n" > "$here/jobs"
printf '%s\n' "$@" > "$here/asked-$n"
echo "$n"
"#;

/// A workplace whose paths have blanks and quotes, with a `sbatch` on PATH.
struct Cluster {
    workplace: Workplace,
}

const FOLDER: &str = "it's a \"dir\" $HOME";

impl Cluster {
    fn new(sbatch: &str) -> Self {
        let workplace = Workplace::new();
        workplace.write("bin/sbatch", sbatch);
        std::fs::set_permissions(workplace.path("bin/sbatch"), std::fs::Permissions::from_mode(0o755)).unwrap();
        workplace.write(&format!("{FOLDER}/toy.yaml"), EXPERIMENT);
        for split in ["train", "dev", "test"] {
            let text = workplace.read(&format!("{split}.tsv"));
            workplace.write(&format!("{FOLDER}/{split}.tsv"), text);
        }
        Self { workplace }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.workplace.command(arguments);
        command.current_dir(self.workplace.path(FOLDER));
        command.env("PATH", format!("{}:/usr/bin:/bin", self.workplace.path("bin").display()));
        Ran::from(command.output().unwrap())
    }

    /// Runs a script as a task of a job.
    fn task(&self, script: &str, number: Option<usize>) -> Output {
        let mut command = Command::new("/bin/sh");
        command.arg(self.workplace.path(script)).current_dir("/").env("SLURM_CPUS_ON_NODE", "1");
        command.env("HF_HUB_OFFLINE", "1");
        // Slurm goes to the folder that the script names.
        command.current_dir(self.workplace.path(FOLDER));
        if let Some(number) = number {
            command.env("SLURM_ARRAY_TASK_ID", number.to_string());
        }
        command.output().unwrap()
    }

    fn asked(&self, job: usize) -> Vec<String> {
        self.workplace.read(&format!("bin/asked-{job}")).lines().map(str::to_owned).collect()
    }
}

const SUBMIT: [&str; 7] = ["submit", "toy.yaml", "--engine", "slurm", "--shards", "3", "--device=cpu"];

#[test]
fn the_scripts_that_are_handed_over_make_the_tables_of_one_run() {
    let cluster = Cluster::new(SBATCH);
    let more = ["--set", "budget.evaluations=200", "--time", "1:00:00", "--cpus", "2", "--option", "account=a b"];
    let ran = cluster.run(&[&SUBMIT[..], &more].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for line in [
        "shards: job 41, 3 tasks",
        "merge: job 42, when they are over",
        "follow: squeue --jobs=41,42",
        "stop: scancel 41 42",
    ] {
        assert!(ran.stdout.lines().any(|found| found == line), "{line}\n{}", ran.stdout);
    }
    let folder = format!("{FOLDER}/results/.slurm/toy");
    let path = |file: &str| cluster.workplace.path(&format!("{folder}/{file}")).display().to_string();
    assert_eq!(cluster.asked(41), ["--parsable".to_owned(), path("shards.sh")]);
    assert_eq!(cluster.asked(42), ["--parsable".to_owned(), "--dependency=afterany:41".into(), path("merge.sh")]);

    for number in 1..=3 {
        let ran = Ran::from(cluster.task(&format!("{folder}/shards.sh"), Some(number)));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stdout.starts_with(&format!("shard {number}/3: ")), "{}", ran.stdout);
    }
    let ran = Ran::from(cluster.task(&format!("{folder}/merge.sh"), None));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let whole =
        cluster.run(&["run", "toy.yaml", "--device=cpu", "--set", "budget.evaluations=200", "--results", "whole"]);
    assert_eq!(whole.code, 0, "{}", whole.stderr);
    let whole = cluster.workplace.record(&format!("{FOLDER}/whole/toy"));
    cluster.workplace.assert_same_record(&whole, &format!("{FOLDER}/results/toy"), "merged");
}

#[test]
fn a_dry_run_prints_the_scripts_and_submits_and_writes_nothing() {
    let cluster = Cluster::new(SBATCH);
    let ran = cluster.run(&[&SUBMIT[..], &["--dry-run", "--jobs", "2", "--gpus", "a100:1", "--keep-matrix"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for line in ["#SBATCH --array=1-3", "#SBATCH --requeue", "#SBATCH --signal=B:TERM@60", "#SBATCH --gpus=a100:1"] {
        assert!(ran.stdout.lines().any(|found| found == line), "{line}\n{}", ran.stdout);
    }
    let merge = ran.stdout.lines().find(|line| line.starts_with("exec ") && line.contains(" merge ")).unwrap();
    assert!(merge.contains(" --keep-matrix "), "{merge}");
    let run = ran.stdout.lines().find(|line| line.starts_with("exec ") && line.contains(" run ")).unwrap();
    assert!(run.contains(r#"it'\''s a "dir" $HOME/toy.yaml'"#) && run.contains(" --jobs 2 "), "{run}");
    assert!(run.ends_with(r#" --shard "$SLURM_ARRAY_TASK_ID/3""#), "{run}");
    assert!(ran.stdout.contains("# sbatch --parsable --dependency=afterany:JOB "), "{}", ran.stdout);
    assert!(!cluster.workplace.path("bin/jobs").exists());
    assert!(!cluster.workplace.path(&format!("{FOLDER}/results")).exists());
}

#[test]
fn what_sbatch_says_when_it_refuses_is_told_and_what_was_submitted_before() {
    let refuses = "#!/bin/sh\necho 'sbatch: error: invalid partition specified: nowhere' >&2\nexit 1\n";
    let ran = Cluster::new(refuses).run(&[&SUBMIT[..], &["--partition", "nowhere"]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("invalid partition specified: nowhere")
            && ran.stderr.contains("refused the job of the shards"),
        "{}",
        ran.stderr
    );

    let second = format!("{SBATCH}test \"$n\" = 41 || {{ echo 'sbatch: error: too many jobs' >&2; exit 3; }}\n");
    let ran = Cluster::new(&second.replace("echo \"$n\"\n", "test \"$n\" = 42 || echo \"$n\"\n")).run(&SUBMIT);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("too many jobs") && ran.stderr.contains("the shards are job 41: `scancel 41`"),
        "{}",
        ran.stderr
    );

    let ran = Cluster::new("#!/bin/sh\necho 'Submitted batch job 7'\n").run(&SUBMIT);
    assert!(ran.code == 2 && ran.stderr.contains("Submitted batch job 7"), "{}", ran.stderr);
}

#[test]
fn a_machine_without_sbatch_and_wrong_values_are_told() {
    let cluster = Cluster::new(SBATCH);
    std::fs::remove_file(cluster.workplace.path("bin/sbatch")).unwrap();
    let mut command = cluster.workplace.command(&SUBMIT);
    let ran = Ran::from(command.env("PATH", cluster.workplace.path("bin")).output().unwrap());
    assert!(
        ran.code == 2 && ran.stderr.contains("cannot run `sbatch`") && ran.stderr.contains("--dry-run"),
        "{}",
        ran.stderr
    );
    for (wrong, says) in [
        (["--time", "soon"], "a time is expected"),
        (["--mem", "16GB"], "as in 16G"),
        (["--partition", "a b"], "a name is expected"),
        (["--gpus", "many"], "a100:2"),
        (["--option", "array=1-5"], "instead: --shards"),
        (["--option", "comment=a\nb"], "it has a line break"),
        (["--engine", "pbs"], "slurm"),
    ] {
        let base: Vec<&str> =
            if wrong[0] == "--engine" { vec!["submit", "toy.yaml", "--shards", "3"] } else { SUBMIT.to_vec() };
        let ran = cluster.run(&[&base[..], &wrong].concat());
        assert!(ran.code == 2 && ran.stderr.contains(says), "{wrong:?}\n{}", ran.stderr);
    }
    let ran = cluster.run(&[&SUBMIT[..], &["--set", "sede=[1]"]].concat());
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(!cluster.workplace.path("bin/jobs").exists());
}
