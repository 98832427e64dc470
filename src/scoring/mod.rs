//! The room `scoring`.
