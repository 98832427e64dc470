//! The binary from end to end, with the toy model and small files.

mod bad_input;
mod causal;
mod commands;
mod controls;
mod damage;
mod demonstrations;
mod disk;
mod gpu;
mod gradient_searches;
mod help;
mod killed;
mod pairs;
mod paraphrase;
mod racing;
mod real_model;
mod runs;
mod saved_prompts;
mod score_cache;
mod signals;
mod soft_prompts;
mod terminal;
mod words;
mod workplace;
mod zero_shots;
