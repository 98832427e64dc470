//! Tasks of EleutherAI's lm-evaluation-harness: a folder with a YAML file, the data as JSON lines and a few lines of Python.
//!
//! # Decisions
//!
//! - 2026-11: the harness tokenizes text, and ours are ids: trigger tokens, special tokens, the place of a space. So what the harness
//!   will read of every row and every label word is computed while the task is written, and a prompt of which one id would differ is
//!   refused with the row. Refused: a warning, since a task that says other numbers is another prompt.
//! - 2026-11: the space before `{mask}` belongs to the word here and to the context there, which moves white space at a context's end
//!   to the continuation. The exported context ends without it, the choices begin with it, and `target_delimiter` is empty.
//! - 2026-11: label words are choices. The harness takes the likeliest choice for the answer; where a label has several words their
//!   probabilities are summed, for which the folder's Python has `process_results`. Whoever wants plain YAML takes the first word of
//!   each label, which is another prompt and has to be asked for.
//! - 2026-11: the data lie in the folder as the prompt reads them: the template's columns alone, inputs that do not fit already cut where
//!   promptmine cuts them (the harness cuts the template's beginning), under names that Jinja can say. Demonstrations are text of the
//!   template; those that a row leaves out, because they do not fit or are the row itself, are switched off by a field of the row.
//! - 2026-11: rows are loaded by `custom_dataset`, which finds them beside the YAML file wherever the harness is started; `dataset_path:
//!   json` wants paths from the working directory, and its reader guesses types (a column of dates becomes one of times).
//! - 2026-11: not expressible, and refused: what a masked model or an encoder-decoder answers in its text, vectors and trained weights,
//!   calibration, words of several tokens by their mean (the harness divides by characters or bytes), demonstrations nearest to each
//!   text. Of prompts with references the likelihood is exported; what they write is not, since the harness ends a text at a line break
//!   that it begins with.

mod check;
mod data;
mod error;
mod folder;
mod jinja;
mod python;
mod readme;
mod task;
mod yaml;

pub use data::Data;
pub use error::LmEvalError;
pub use task::{Task, Words};
