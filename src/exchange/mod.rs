//! Other people's formats and services.

pub mod hub;
pub mod peft;
