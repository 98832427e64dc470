//! An experiment file with `--set` and `--device`.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::model::ResolvedDevice;
use crate::spec::{Experiment, parse_override};

use super::model_option::DeviceOption;

/// An experiment and where it runs.
#[derive(Debug, Clone, Args)]
pub struct ExperimentOptions {
    /// The experiment file (YAML)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Put a value in place of the file's: budget.evaluations=100, search.1.n_trigger=5 (lists count from 0)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Sequences in a batch [default: as many as the free memory allows, up to 32 on the CPU and 128 on a GPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub batch_size: Option<u32>,
    /// Where to compute.
    #[command(flatten)]
    pub device: DeviceOption,
}

impl ExperimentOptions {
    /// The experiment, checked.
    ///
    /// # Errors
    /// [`crate::spec::SpecError`].
    pub fn load(&self) -> Result<Experiment> {
        let overrides =
            self.overrides.iter().map(|text| parse_override(text)).collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(Experiment::load(&self.file, &overrides)?)
    }

    /// The size of batches, where it is given.
    pub fn batch_size(&self) -> Option<usize> {
        self.batch_size.map(|size| size as usize)
    }

    /// The device.
    ///
    /// # Errors
    /// [`crate::model::ModelError`] if it is not there.
    pub fn resolve_device(&self) -> Result<ResolvedDevice> {
        self.device.resolve()
    }
}
