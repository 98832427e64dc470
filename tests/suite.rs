//! One test binary for everything that goes through the public interface.

mod model_errors;
mod model_parity;
