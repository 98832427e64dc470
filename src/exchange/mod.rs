//! Other people's formats and services.

pub mod endpoint;
pub mod hub;
pub mod peft;
mod tls;
