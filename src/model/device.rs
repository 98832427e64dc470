//! Where a model runs.
//!
//! # Decisions
//!
//! - 2026-11: `auto` never takes a software adapter (lavapipe, llvmpipe, SwiftShader, WARP): it is exact but many times slower than
//!   the CPU backend. An explicit `wgpu` may, so that the GPU path can be tested anywhere.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use crate::model::ModelError;
use crate::model::memory::free_memory;
use crate::model::placement::{Placement, Precision};

/// What the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A real GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU, or where there is none a software adapter.
    Wgpu,
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
        })
    }
}

impl FromStr for DeviceChoice {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "wgpu" => Ok(Self::Wgpu),
            _ => Err(ModelError::Device { asked: text.into(), what: "unknown (known: auto, cpu, wgpu)".into() }),
        }
    }
}

/// A device that is there.
#[derive(Debug, Clone)]
pub struct ResolvedDevice {
    /// For burn, without autodiff.
    pub device: Device,
    /// What it is, for people and for `provenance.json`.
    pub description: String,
    /// [`DeviceChoice::Cpu`] or [`DeviceChoice::Wgpu`].
    pub kind: DeviceChoice,
    /// The adapter, on a GPU.
    pub adapter: Option<Adapter>,
    /// The type of number that products with weights are computed in.
    pub precision: Precision,
}

impl ResolvedDevice {
    /// The CPU, which is always there.
    pub fn cpu() -> Self {
        Self {
            device: Device::flex(),
            // Without the number of threads: no number depends on it, and records of runs on many and on few are the same.
            description: "cpu (burn-flex)".into(),
            kind: DeviceChoice::Cpu,
            adapter: None,
            precision: Precision::F32,
        }
    }

    /// The same device computing in another type of number.
    ///
    /// # Errors
    /// [`ModelError::Precision`] on the CPU, and on an adapter that does not have it.
    pub fn with_precision(self, precision: Precision) -> Result<Self, ModelError> {
        let fault = |what: String| ModelError::Precision { asked: precision.to_string(), what };
        match self.kind {
            _ if precision == self.precision => Ok(self),
            DeviceChoice::Wgpu if self.device.supports_dtype(precision.dtype()) => {
                let description = format!("{}, {precision}", self.description);
                Ok(Self { description, precision, ..self })
            }
            DeviceChoice::Wgpu => {
                Err(fault(format!("{} does not compute in it (f32 is always there)", self.description)))
            }
            _ => Err(fault(
                "the CPU computes in f32 only (use --dtype f32, or --device wgpu with a GPU that has it)".into(),
            )),
        }
    }

    /// Where weights go.
    pub fn placement(&self) -> Placement {
        Placement { device: self.device.clone(), precision: self.precision, tuner: None }
    }

    /// Bytes that are free for batches where they are computed: of the machine's memory for the CPU and for adapters that share
    /// it; nothing for a card with memory of its own, of which graphics interfaces do not tell how much is free.
    pub fn free_memory(&self) -> Option<u64> {
        match self.adapter.as_ref().map(|adapter| adapter.kind) {
            None | Some(AdapterKind::Integrated | AdapterKind::Software) => free_memory(),
            Some(AdapterKind::Discrete | AdapterKind::Virtual | AdapterKind::Other) => None,
        }
    }

    /// Bytes of the largest tensor that the device takes; nothing where it has no such limit.
    pub fn largest_buffer(&self) -> Option<u64> {
        self.adapter.as_ref().map(|adapter| adapter.largest_buffer)
    }
}

/// What an adapter is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdapterKind {
    /// A card of its own.
    Discrete,
    /// Part of the processor.
    Integrated,
    /// Passed through to a virtual machine.
    Virtual,
    /// A program that computes on the CPU.
    Software,
    /// The driver does not say.
    Other,
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Software => "software",
            Self::Other => "other",
        })
    }
}

/// A graphics adapter of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// As its driver calls it.
    pub name: String,
    /// What it is made of.
    pub kind: AdapterKind,
    /// The graphics interface that it is reached through.
    pub backend: String,
    /// Bytes of the largest buffer that a kernel can use.
    pub largest_buffer: u64,
}

impl Adapter {
    /// Whether it only imitates a GPU.
    pub fn is_software(&self) -> bool {
        self.kind == AdapterKind::Software
    }
}

/// Chooses a device.
///
/// # Errors
/// If `wgpu` is asked for and this build or this machine has none.
pub fn resolve(choice: DeviceChoice) -> Result<ResolvedDevice, ModelError> {
    match choice {
        DeviceChoice::Cpu => Ok(ResolvedDevice::cpu()),
        DeviceChoice::Auto => Ok(gpu::real().unwrap_or_else(ResolvedDevice::cpu)),
        DeviceChoice::Wgpu => gpu::any(),
    }
}

/// The adapters of this machine, for `doctor`; none in a build without the feature `wgpu`.
pub fn adapters() -> Vec<Adapter> {
    gpu::adapters()
}

#[cfg(not(feature = "wgpu"))]
mod gpu {
    use super::{Adapter, ModelError, ResolvedDevice};

    pub(super) fn adapters() -> Vec<Adapter> {
        Vec::new()
    }

    pub(super) fn real() -> Option<ResolvedDevice> {
        None
    }

    pub(super) fn any() -> Result<ResolvedDevice, ModelError> {
        Err(ModelError::Device {
            asked: "wgpu".into(),
            what: "this build has no GPU support (build with `--features wgpu`, or use --device cpu)".into(),
        })
    }
}

#[cfg(feature = "wgpu")]
mod gpu {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::{Mutex, OnceLock, PoisonError};
    use std::task::{Context, Poll, Waker};

    use burn::tensor::wgpu::WgpuBackend;
    use burn::tensor::{Device, DeviceKind};
    use burn_wgpu::wgpu;

    use super::{Adapter, AdapterKind, DeviceChoice, ModelError, Precision, ResolvedDevice};

    /// Graphics interfaces, best first. OpenGL is left out: a GPU that computes well has one of these, and asking costs time at
    /// every start.
    const INTERFACES: [wgpu::Backends; 3] = [wgpu::Backends::VULKAN, wgpu::Backends::METAL, wgpu::Backends::DX12];

    /// The adapters of the first graphics interface that has a GPU, else of the first that has any.
    pub(super) fn adapters() -> Vec<Adapter> {
        static FOUND: OnceLock<Vec<Adapter>> = OnceLock::new();
        FOUND.get_or_init(find).clone()
    }

    fn find() -> Vec<Adapter> {
        // A broken driver may panic while it is asked; then there is no adapter for us.
        let found = std::panic::catch_unwind(|| INTERFACES.map(list));
        let mut software = Vec::new();
        for adapters in found.into_iter().flatten() {
            if adapters.iter().any(|adapter| !adapter.is_software()) {
                return adapters;
            }
            if software.is_empty() {
                software = adapters;
            }
        }
        software
    }

    fn list(interface: wgpu::Backends) -> Vec<Adapter> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: interface,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let found = ready(instance.enumerate_adapters(interface)).unwrap_or_default();
        found
            .iter()
            .map(|adapter| {
                let (info, limits) = (adapter.get_info(), adapter.limits());
                Adapter {
                    kind: kind(&info),
                    name: info.name,
                    backend: info.backend.to_string(),
                    largest_buffer: limits.max_buffer_size.min(limits.max_storage_buffer_binding_size),
                }
            })
            .collect()
    }

    /// The result of a future that never waits, as wgpu's are outside a browser.
    fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    fn kind(info: &wgpu::AdapterInfo) -> AdapterKind {
        let name = info.name.to_lowercase();
        let imitates = ["llvmpipe", "lavapipe", "swiftshader", "microsoft basic render", "softpipe"];
        if imitates.iter().any(|program| name.contains(program)) {
            return AdapterKind::Software;
        }
        match info.device_type {
            wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
            wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
            wgpu::DeviceType::Cpu => AdapterKind::Software,
            wgpu::DeviceType::Other => AdapterKind::Other,
        }
    }

    /// The runtime's name of what [`Adapter::backend`] names.
    fn interface(backend: &str) -> Option<WgpuBackend> {
        [
            (wgpu::Backend::Vulkan, WgpuBackend::Vulkan),
            (wgpu::Backend::Metal, WgpuBackend::Metal),
            (wgpu::Backend::Dx12, WgpuBackend::Dx12),
        ]
        .into_iter()
        .find_map(|(known, interface)| (known.to_string() == backend).then_some(interface))
    }

    /// The best of the real GPUs, where one can be opened.
    pub(super) fn real() -> Option<ResolvedDevice> {
        let found = adapters();
        let wanted = [
            (AdapterKind::Discrete, DeviceKind::DiscreteGpu(0)),
            (AdapterKind::Integrated, DeviceKind::IntegratedGpu(0)),
            (AdapterKind::Virtual, DeviceKind::VirtualGpu(0)),
        ];
        wanted.into_iter().find_map(|(kind, selector)| {
            let adapter = found.iter().find(|adapter| adapter.kind == kind)?;
            open(adapter, selector).ok()
        })
    }

    /// A real GPU, else any adapter.
    pub(super) fn any() -> Result<ResolvedDevice, ModelError> {
        if let Some(device) = real() {
            return Ok(device);
        }
        let fault = |what: String| ModelError::Device { asked: "wgpu".into(), what };
        let found = adapters();
        let Some(adapter) = found.first() else {
            return Err(fault(
                "no Vulkan, Metal or DirectX 12 adapter found (install a Vulkan driver; on Debian a software one is \
                 `apt-get install mesa-vulkan-drivers libvulkan1`; or use --device cpu)"
                    .into(),
            ));
        };
        let selector = if adapter.is_software() { DeviceKind::Cpu } else { DeviceKind::DefaultDevice };
        open(adapter, selector)
            .map_err(|why| fault(format!("`{}` cannot be opened: {why} (use --device cpu)", adapter.name)))
    }

    /// Opens an adapter now, so that a failure is an error here and no panic at the first tensor; each selector only once,
    /// because a runtime cannot be opened twice.
    fn open(adapter: &Adapter, selector: DeviceKind) -> Result<ResolvedDevice, String> {
        static OPEN: Mutex<Vec<(DeviceKind, Device)>> = Mutex::new(Vec::new());
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let device = match open.iter().find(|(kind, _)| *kind == selector) {
            Some((_, device)) => device.clone(),
            None => {
                #[cfg(feature = "keep-autotune")]
                crate::model::autotune::keep();
                let mut options = Device::wgpu_options().device_kind(selector.clone());
                // Pinned, so that the runtime opens the adapter that was found and asks no other interface.
                if let Some(interface) = interface(&adapter.backend) {
                    options = options.graphics_api(interface);
                }
                let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| options.init()));
                let device = match opened {
                    Ok(Ok(device)) => device,
                    Ok(Err(error)) => return Err(error.to_string()),
                    Err(_) => return Err("its driver failed".into()),
                };
                open.push((selector, device.clone()));
                device
            }
        };
        Ok(ResolvedDevice {
            device,
            description: format!("wgpu ({}, {}, {})", adapter.name, adapter.kind, adapter.backend),
            kind: DeviceChoice::Wgpu,
            adapter: Some(adapter.clone()),
            precision: Precision::F32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_print_as_they_parse() {
        for choice in [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Wgpu] {
            assert_eq!(choice.to_string().parse::<DeviceChoice>().unwrap(), choice);
        }
        let message = "cuda".parse::<DeviceChoice>().unwrap_err().to_string();
        assert_eq!(message, "device `cuda`: unknown (known: auto, cpu, wgpu)");
    }

    #[test]
    fn auto_never_takes_a_software_adapter() {
        let chosen = resolve(DeviceChoice::Auto).unwrap();
        let real = adapters().iter().any(|adapter| !adapter.is_software());
        assert!(chosen.kind == DeviceChoice::Cpu || real, "{}", chosen.description);
    }

    #[test]
    fn the_cpu_computes_in_f32_only_and_says_so() {
        let cpu = || ResolvedDevice::cpu();
        assert_eq!(cpu().with_precision(Precision::F32).unwrap().precision, Precision::F32);
        for precision in [Precision::F16, Precision::Bf16] {
            let message = cpu().with_precision(precision).unwrap_err().to_string();
            assert!(message.starts_with(&format!("dtype `{precision}`: the CPU")), "{message}");
        }
    }

    #[test]
    fn wgpu_is_either_there_or_an_error_that_says_what_to_do() {
        match resolve(DeviceChoice::Wgpu) {
            Ok(found) => assert_eq!(found.kind, DeviceChoice::Wgpu),
            Err(error) => assert!(error.to_string().contains("--device cpu"), "{error}"),
        }
    }
}
