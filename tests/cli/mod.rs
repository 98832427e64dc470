//! The binary from end to end, with the toy model and small files.

mod bad_input;
mod commands;
mod help;
mod paraphrase;
mod runs;
mod saved_prompts;
mod soft_prompts;
mod terminal;
mod workplace;
