//! The room `task`.

pub mod statistics;
