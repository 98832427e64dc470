//! `--model` and `--device`.

use clap::{Args, ValueEnum};

use crate::error::Result;
use crate::exchange::hub::fetch_model;
use crate::model::{DeviceChoice, LoadedModel, Precision, ResolvedDevice, load, resolve};
use crate::runner::settings_for;
use crate::scoring::Settings;
use crate::spec::ModelSource;

use super::CliError;
use super::hub_watch::HubWatch;
use super::log::Log;

/// Where a model runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DeviceName {
    /// A real GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU; a software adapter where there is no other.
    Wgpu,
}

impl From<DeviceName> for DeviceChoice {
    fn from(name: DeviceName) -> Self {
        match name {
            DeviceName::Auto => Self::Auto,
            DeviceName::Cpu => Self::Cpu,
            DeviceName::Wgpu => Self::Wgpu,
        }
    }
}

/// `--device`.
#[derive(Debug, Clone, Copy, Args)]
pub struct DeviceOption {
    /// Where to compute
    #[arg(long, value_name = "DEVICE", value_enum, default_value_t)]
    pub device: DeviceName,
    /// What to multiply in; sums, norms and scores stay f32
    #[arg(long, value_name = "DTYPE", value_enum, default_value_t)]
    pub dtype: Dtype,
}

/// The type of number that products with weights are computed in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Dtype {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, on GPUs that have it.
    F16,
    /// 16 bits with the reach of 32, on GPUs that have it.
    Bf16,
}

impl From<Dtype> for Precision {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => Self::F32,
            Dtype::F16 => Self::F16,
            Dtype::Bf16 => Self::Bf16,
        }
    }
}

impl DeviceOption {
    /// The words of a command line that ask for the same.
    pub fn words(self) -> Vec<String> {
        let name = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
        let device = name(self.device.to_possible_value()).filter(|_| self.device != DeviceName::default());
        let dtype = name(self.dtype.to_possible_value()).filter(|_| self.dtype != Dtype::default());
        let words = [("--device", device), ("--dtype", dtype)];
        words.into_iter().filter_map(|(option, value)| Some([option.to_owned(), value?])).flatten().collect()
    }

    /// The device.
    ///
    /// # Errors
    /// [`crate::model::ModelError`] if it is not there, or does not compute in the type.
    pub fn resolve(self) -> Result<ResolvedDevice> {
        Ok(resolve(self.device.into())?.with_precision(self.dtype.into())?)
    }
}

/// Says, before the first batch on a GPU, why it takes so long: kernels are compiled and tuned for each new shape.
pub fn prepare_line(device: &ResolvedDevice, log: Log) {
    if device.kind == DeviceChoice::Wgpu {
        let line = format!(
            "preparing {}: the first batches compile their kernels, which may take a minute",
            device.description
        );
        log.step(&line, serde_json::Map::new());
    }
}

/// A model that was opened, and where it runs.
pub struct Opened {
    /// The model with its tokenizer.
    pub loaded: LoadedModel,
    /// The device.
    pub device: ResolvedDevice,
}

impl Opened {
    /// The settings for scoring with it.
    pub fn settings(&self) -> Settings {
        settings_for(&self.loaded, &self.device)
    }
}

/// Opens a model by its name on a command line.
///
/// # Errors
/// [`CliError::ModelName`] for what is no name; [`crate::exchange::hub::HubError`] for a model that the hub does not give;
/// [`crate::model::ModelError`] for a model or a device that is at fault.
pub fn open(model: &str, device: DeviceOption, log: Log) -> Result<Opened> {
    let mut source: ModelSource =
        model.parse().map_err(|e: crate::spec::SpecError| CliError::ModelName(e.to_string()))?;
    let device = device.resolve()?;
    fetch_model(&mut source, &HubWatch::new(log))?;
    Ok(Opened { loaded: load(&source, &device)?, device })
}
