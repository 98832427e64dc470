//! What was asked: a YAML file, read into checked values. No tensor, no clock, and no file but the YAML itself.
//!
//! One way through: [`yaml`] reads text into a tree whose every node knows its place, [`overrides`] applies `--set`,
//! and [`experiment`], [`task`], [`method`] and [`choice`] read the tree through a [`reader`], which names place and key path in
//! every fault. [`emit`] and [`write`] go back: an experiment with every default filled in.
//!
//! # Decisions
//! - The tree is our own and not serde's, because serde knows no places: faults of value are reported all in one go, each
//!   with its line; verbalizer keys are read as written (`0`, `no`, `是`), which a typed scalar has lost.
//! - Anchors, aliases and tags are refused outright, so that no file is larger than it looks; nesting ends at 64 levels and a
//!   file at one mebibyte.
//! - An item's sweep is kept expanded, as the list of its cells; [`emit`] folds it again.
//! - What contract and papers name and this version does not do is refused by name, never ignored.

mod choice;
mod control;
mod emit;
mod emit_dataset;
mod emit_facts;
mod emit_method;
mod ensemble;
mod error;
mod experiment;
mod fact_task;
mod hub_data;
mod method;
mod model_source;
mod multi_token;
mod node;
mod overrides;
mod reader;
mod references;
mod shard;
mod strategy;
mod sweep;
mod task;
mod transfer;
mod tree;
mod write;
mod yaml;

pub use choice::{Budget, Calibration, Racing, Select, SelectBy, TieBreak};
pub use control::Control;
pub use ensemble::{EnsembleKind, Ensembles};
pub use error::{SpecError, ValueFault};
pub use experiment::{DEFAULT_SEEDS, DEFAULT_SHOTS, Experiment, FORMAT, resolve_path};
pub use fact_task::{FactTask, LeaveOut, Objects};
pub use method::{
    Autoprompt, BackTranslation, BbtParameters, Choose, CrossoverKind, Decay, Demonstrations, EditLevel, Edits,
    Endpoint, Evolution, EvolutionAlgorithm, FineTuneParameters, Gcg, Generator, LabelWords, METHODS, Manual, Method,
    MinedPlace, Mining, NO_VARIABLE, Nearness, OptimiserKind, OptipromptParameters, Order, PTuningParameters,
    Paraphrase, Pez, PrefixInit, PrefixParameters, Price, Probe, PromptEncoderKind, Random, Script, SearchItem,
    SoftInit, SoftPromptParameters, SpanFill, TemplateAndWords, TemplateGeneration, TrainingParameters, TriggerSlots,
    TunedSoft, VocabularyFilter, Walk, WordRanking, WordSearch,
};
pub use model_source::ModelSource;
pub use multi_token::MultiToken;
pub use overrides::parse_override;
pub use shard::Shard;
pub use strategy::Strategy;
pub use sweep::Sweep;
pub use task::TaskSpec;
pub use transfer::Transfer;
pub use yaml::MAX_BYTES;
