//! One test binary for everything that goes through the public interface.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod agreed_batches;
mod causal_errors;
mod causal_parity;
mod cli;
mod cpu_batches;
mod facts_parity;
mod fuzz_corpus;
mod halved_batches;
mod layering;
mod model_errors;
mod model_gguf;
mod model_parity;
mod optimiser_parity;
mod peft_adapters;
mod peft_parity;
mod reference_parity;
mod seq2seq_parity;
mod soft_prompt_parity;
mod stopped;
mod tuning_parity;
