//! Other people's formats and services.

pub mod cluster;
pub mod endpoint;
pub mod hub;
pub mod peft;
mod tls;
