//! The room `runner`.
