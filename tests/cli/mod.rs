//! The binary from end to end, with the toy model and small files.

mod bad_input;
mod causal;
mod commands;
mod damage;
mod disk;
mod gpu;
mod help;
mod killed;
mod paraphrase;
mod real_model;
mod runs;
mod saved_prompts;
mod signals;
mod soft_prompts;
mod terminal;
mod words;
mod workplace;
mod zero_shots;
