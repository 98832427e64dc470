//! What is handed to an engine.

use std::path::PathBuf;

/// An experiment in shards, and their merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name in the queue: that of the experiment.
    pub name: String,
    /// Shards.
    pub shards: usize,
    /// This program.
    pub program: PathBuf,
    /// The working directory.
    pub directory: PathBuf,
    /// Where scripts and logs are.
    pub folder: PathBuf,
    /// The arguments of every shard but the number of threads and `--shard`.
    pub run: Vec<String>,
    /// The arguments of the merge.
    pub merge: Vec<String>,
    /// What each task gets.
    pub resources: Resources,
}

/// What a task asks the engine for, in the engine's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// Time.
    pub time: Option<String>,
    /// The part of the cluster.
    pub partition: Option<String>,
    /// Processors.
    pub cpus: Option<u16>,
    /// Memory.
    pub memory: Option<String>,
    /// GPUs.
    pub gpus: Option<String>,
    /// Other options of the engine, with their values where they have one.
    pub options: Vec<(String, Option<String>)>,
}

/// A script and where it is to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Where.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// The scripts of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scripts {
    /// That of the shards.
    pub shards: Script,
    /// That of the merge.
    pub merge: Script,
    /// The commands that submit them, for people.
    pub commands: [String; 2],
}

/// A job that was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The engine's name of the shards' job.
    pub shards: String,
    /// That of the merge's.
    pub merge: String,
    /// How to see how far it is, and how to stop it, a command each.
    pub follow: String,
    /// The command that stops it.
    pub stop: String,
}
