//! promptmine: a workbench for automatic prompt mining.
//!
//! A frozen language model can do a task if the input is rewritten as a prompt: a template with a slot for the input and a
//! slot for the answer, and a verbalizer that maps answer words to labels. promptmine searches such prompts, scores every
//! candidate on few-shot data over several seeds within an equal budget, and ranks them with intervals and ties.
//!
//! The rooms, lowest first; each imports only from rooms below it (a test enforces it):
//! `error, seed < task, prompt < spec < model < scoring < search < record < exchange < runner < report < cli`.

pub mod error;
pub mod seed;

pub mod prompt;
pub mod task;

pub mod spec;

pub mod model;
pub mod scoring;
pub mod search;

pub mod record;

pub mod exchange;

pub mod runner;

pub mod report;

pub mod cli;
