//! A folder with data and an experiment, in which the binary is run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The experiment of most tests: three methods, two seeds.
pub const EXPERIMENT: &str = r#"format: 1
name: toy
task:
  dataset: { train: train.tsv, dev: dev.tsv, test: test.tsv }
  template: "{text} it was {mask}."
  verbalizer: { negative: [bad], positive: [good] }
models: [builtin:toy]
shots: [8]
seeds: [1, 2]
search:
  - { method: manual, templates: ["{text} it was {mask}.", "{mask} film: {text}"] }
  - { method: random, n_trigger: 2 }
  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }
budget: { evaluations: 240 }
"#;

/// A temporary folder with `train.tsv`, `dev.tsv`, `test.tsv` and `toy.yaml`.
pub struct Workplace {
    folder: TempDir,
}

/// What the binary did.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Workplace {
    pub fn new() -> Self {
        let workplace = Self { folder: tempfile::tempdir().unwrap() };
        let (negative, positive) = (sentences(&NEGATIVE), sentences(&POSITIVE));
        for (split, range) in [("train", 0..20), ("dev", 20..40), ("test", 40..70)] {
            let rows: String =
                range.map(|i| format!("{}\tnegative\n{}\tpositive\n", negative[i], positive[i])).collect();
            workplace.write(&format!("{split}.tsv"), format!("text\tlabel\n{rows}"));
        }
        workplace.write("toy.yaml", EXPERIMENT);
        workplace
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// `toy.yaml` with `from` replaced.
    pub fn experiment(&self, name: &str, from: &str, to: &str) {
        assert!(EXPERIMENT.contains(from), "{from}");
        self.write(name, EXPERIMENT.replace(from, to));
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promptmine"));
        command.current_dir(self.folder.path()).args(arguments).stdin(Stdio::null());
        // What this machine has of the hub is no matter of a test.
        for name in ["HF_ENDPOINT", "HF_TOKEN", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"] {
            command.env_remove(name);
        }
        command.env("HF_HOME", self.path("hf")).env("HF_HUB_OFFLINE", "1");
        command
    }

    /// Runs the binary on the CPU where the command knows devices.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let devices = ["run", "plan", "explain", "score", "predict", "fill", "generate"];
        let mut command = self.command(arguments);
        if arguments.first().is_some_and(|name| devices.contains(name)) && !arguments.contains(&"--device") {
            command.args(["--device", "cpu"]);
        }
        Ran::from(command.output().unwrap())
    }

    /// Runs it and expects that all goes well.
    pub fn done(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}\n{}\n{}", ran.stdout, ran.stderr);
        ran
    }

    /// The tables of a results folder without what may differ from run to run.
    pub fn tables(&self, folder: &str) -> [String; 2] {
        ["leaderboard.csv", "candidates.csv"].map(|name| without_seconds(&self.path(folder).join(name)))
    }

    /// Everything that a results folder holds, by path, without what may differ from run to run: the seconds.
    pub fn record(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(folder);
        let mut record = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                if path.is_dir() {
                    folders.push(path);
                } else if name != ".lock" {
                    let bytes = match path.extension().and_then(|ending| ending.to_str()) {
                        Some("csv") => without_seconds(&path).into_bytes(),
                        Some("jsonl") => events_without_seconds(&path).into_bytes(),
                        _ => fs::read(&path).unwrap(),
                    };
                    record.insert(name, bytes);
                }
            }
        }
        record
    }

    /// Asserts that two results folders hold the same.
    #[track_caller]
    pub fn assert_same_record(&self, one: &BTreeMap<String, Vec<u8>>, other: &str, when: &str) {
        let other = self.record(other);
        assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{when}");
        for (name, bytes) in one {
            assert!(
                bytes == &other[name],
                "{when}: {name} differs\n{}\n{}",
                String::from_utf8_lossy(bytes),
                String::from_utf8_lossy(&other[name])
            );
        }
    }

    /// The folders of the trials.
    pub fn trials(&self, folder: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path(folder).join("trials")) else { return Vec::new() };
        let mut trials: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        trials.sort();
        trials
    }

    /// The prompt that the trial of a method saved.
    pub fn saved_prompt(&self, folder: &str, method: &str) -> String {
        let trial = self.trials(folder).into_iter().find(|trial| trial.to_string_lossy().contains(method)).unwrap();
        trial.join("prompt.json").display().to_string()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A CSV file without its column `seconds`.
pub fn without_seconds(path: &Path) -> String {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let seconds = rows[0].iter().position(|name| name == "seconds");
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<&str> = row.iter().enumerate().filter(|(i, _)| Some(*i) != seconds).map(|(_, c)| c).collect();
        text += &format!("{cells:?}\n");
    }
    text
}

/// The events of a trial without their seconds.
fn events_without_seconds(path: &Path) -> String {
    let mut text = String::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
        event.as_object_mut().unwrap().remove("seconds");
        text += &format!("{event}\n");
    }
    text
}

const POSITIVE: [&str; 5] = ["good", "great", "excellent", "fun", "wonderful"];
const NEGATIVE: [&str; 5] = ["bad", "terrible", "awful", "dull", "boring"];

/// 75 sentences of words that the toy knows, no two alike.
fn sentences(adjectives: &[&str]) -> Vec<String> {
    let mut sentences = Vec::new();
    for frame in ["the N was A", "this is a A N", "all the N is very A, but not fun"] {
        for noun in ["film", "movie", "story", "plot", "act"] {
            for adjective in adjectives {
                sentences.push(frame.replace('N', noun).replace('A', adjective));
            }
        }
    }
    // So that every split has every frame.
    let n = sentences.len();
    (0..n).map(|i| sentences[i * 31 % n].clone()).collect()
}
