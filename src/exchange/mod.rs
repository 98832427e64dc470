//! Other people's formats and services.

pub mod cluster;
pub mod endpoint;
pub mod hub;
pub mod lm_eval;
pub mod peft;
pub mod portable;
mod tls;
