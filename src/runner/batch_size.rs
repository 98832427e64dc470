//! How many sequences a batch has (contract, definition 12): chosen once, from the memory that is free at the first start.
//!
//! # Decisions
//!
//! - 2026-11: where the memory does not suffice for the tape of a usual batch, the inside of the blocks is computed again on the way
//!   back before batches get smaller (gradient checkpointing). The numbers are the same to the bit, so this is no setting and is not
//!   recorded: a run that goes on where more memory is free keeps its tapes. Refused: a key, which would ask of everybody what the machine
//!   knows; and always, which costs a pass forward. Weights that are trained (`fine_tune`) keep the whole tape.

use crate::model::{DeviceChoice, Footprint, LoadedModel, ResolvedDevice};
use crate::prompt::Prompt;
use crate::scoring::{Scorer, Settings};
use crate::spec::Method;
use crate::task::{Dataset, Example, Examples, Split};

use super::schedule::at_once;

/// Sequences in a batch on the CPU: large enough for the matrix products, small enough for the caches.
const CPU_BATCH: usize = 32;
/// Sequences in a batch on a GPU.
const GPU_BATCH: usize = 128;

/// On a GPU batches are padded to a multiple of so many tokens, so that there are few shapes to tune for.
pub(super) const GPU_LENGTH_STEP: usize = 16;

/// Tokens of a sequence that is long for a prompt, where the texts are not known.
const LONG: usize = 512;

/// Distributions over the vocabulary that a sequence is read for, at most: words of several tokens are read at each.
const N_READ: usize = 4;

/// The same of a reference, about: it is read at each of its tokens.
const N_READ_OF_REFERENCES: usize = 32;

/// The part of the free memory that batches may take: the data, the tables and other programs want some, too.
const SHARE: u64 = 2;

/// How a batch was sized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSize {
    /// Sequences.
    pub size: usize,
    /// Tokens of the longest sequence, about; at most the model's positions.
    pub longest: usize,
    /// Bytes that a batch of the longest sequences takes, about.
    pub bytes: u64,
    /// Bytes that were free; nothing where the device does not say.
    pub free: Option<u64>,
    /// Whether the inside of the blocks is computed again on the way back, because the memory does not suffice for all of the tape.
    pub recomputes: bool,
}

/// The batch that the memory suffices for, and the bytes of each of its sequences.
struct Sized {
    /// Tokens of the longest sequence, about.
    longest: usize,
    /// With the whole tape.
    kept: (usize, u64),
    /// Where the inside of the blocks is computed again, if it can be.
    again: (usize, u64),
}

/// What a batch is sized for.
pub(super) struct Load<'a> {
    pub(super) scorers: Vec<&'a Scorer>,
    pub(super) prompts: &'a [Prompt],
    pub(super) dataset: &'a Dataset,
    /// Whether a method passes backward.
    pub(super) backward: bool,
    /// Whether a method passes backward to weights.
    pub(super) tunes: bool,
}

impl Load<'_> {
    /// The batch for `device`: `fixed` where somebody or an earlier start has fixed it, else the largest power of two up to the
    /// device's usual one for which half of the free memory, shared by the trials that run at a time, suffices.
    pub(super) fn batch_size(&self, device: &ResolvedDevice, fixed: Option<usize>) -> BatchSize {
        let free = device.free_memory();
        let sized: Vec<Sized> = self.scorers.iter().map(|scorer| self.sized(scorer, device, free)).collect();
        let least = |size: fn(&Sized) -> usize| sized.iter().map(size).min().unwrap_or(usize::MAX);
        let (kept, again) = (least(|sized| sized.kept.0), least(|sized| sized.again.0));
        let size = fixed.unwrap_or(again);
        let recomputes = size > kept && again > kept;
        let bytes = |sized: &Sized| if recomputes { sized.again.1 } else { sized.kept.1 };
        BatchSize {
            size,
            longest: sized.iter().map(|sized| sized.longest).max().unwrap_or(0),
            bytes: sized.iter().map(bytes).max().unwrap_or(0).saturating_mul(size as u64),
            free,
            recomputes,
        }
    }

    /// What a model takes where `free` bytes are.
    fn sized(&self, scorer: &Scorer, device: &ResolvedDevice, free: Option<u64>) -> Sized {
        let longest = self.longest(scorer);
        let model = &scorer.loaded().model;
        let footprint = Footprint::of(&**model);
        let jobs = at_once(device.kind, model.shape().n_parameters);
        let references = self.prompts.iter().any(|prompt| prompt.verbalizer.reference_column().is_some());
        let n_read = if references { N_READ_OF_REFERENCES } else { N_READ };
        let largest = footprint.largest_tensor(longest, n_read);
        let sized = |each| (fitting(device, free, jobs, each, largest), each);
        let kept = sized(match self.backward {
            true => footprint.backward(longest, n_read),
            false => footprint.forward(longest, n_read),
        });
        let can = self.backward && !self.tunes && model.recomputing().is_some();
        let again = if can { sized(footprint.backward_recomputing(longest, n_read)) } else { kept };
        Sized { longest, kept, again }
    }

    /// Tokens of the longest sequence, about: that of the text with the most bytes in the longest prompt, and a quarter more for
    /// prompts that grow and texts that have fewer bytes and more tokens.
    fn longest(&self, scorer: &Scorer) -> usize {
        let most = scorer.loaded().model.shape().max_positions;
        let splits = [Split::Train, Split::Dev, Split::Test].into_iter().filter_map(|split| self.dataset.split(split));
        let bytes = |example: &&Example| example.fields.iter().map(String::len).sum::<usize>();
        let Some(example) = splits.filter_map(Examples::longest).max_by_key(bytes) else { return most };
        let tokens = self.prompts.iter().map(|prompt| {
            let n_mask = scorer
                .passes(prompt)
                .map_or(1, |passes| passes.passes.iter().map(|pass| pass.filled.len()).max().unwrap_or(1));
            let encoder = scorer.encoder(&prompt.template, &self.dataset.columns, n_mask);
            encoder.and_then(|encoder| encoder.encode(example)).map_or(most, |encoded| encoded.ids.len())
        });
        tokens.max().map_or(most, |longest| (longest + longest.div_ceil(4)).min(most))
    }
}

/// The settings for scoring on a device outside a run, where nothing is known of the texts yet: its usual batch, or less where
/// memory is short.
pub fn settings_for(loaded: &LoadedModel, device: &ResolvedDevice) -> Settings {
    let gpu = device.kind == DeviceChoice::Wgpu;
    let longest = loaded.model.shape().max_positions.min(LONG);
    let footprint = Footprint::of(&*loaded.model);
    let (each, largest) = (footprint.forward(longest, N_READ), footprint.largest_tensor(longest, N_READ));
    let batch_size = fitting(device, device.free_memory(), 1, each, largest);
    Settings { batch_size, length_step: if gpu { GPU_LENGTH_STEP } else { 1 }, ..Settings::default() }
}

/// The largest power of two up to the device's usual batch for which half of the `free` memory, shared by `jobs`, and the device's
/// buffers suffice, at `each` bytes a sequence and `largest` bytes in its largest tensor.
fn fitting(device: &ResolvedDevice, free: Option<u64>, jobs: usize, each: u64, largest: u64) -> usize {
    let memory = free.map(|free| free / (SHARE * jobs.max(1) as u64));
    let fits = |size: usize, bytes: u64, most: Option<u64>| most.is_none_or(|most| bytes * size as u64 <= most);
    let mut size = if device.kind == DeviceChoice::Wgpu { GPU_BATCH } else { CPU_BATCH };
    while size > 1 && !(fits(size, each, memory) && fits(size, largest, device.largest_buffer())) {
        size /= 2;
    }
    size
}

/// Whether a method passes backward through the model.
pub(super) fn takes_gradients(method: &Method) -> bool {
    !matches!(
        method,
        Method::Manual(_)
            | Method::Random(_)
            | Method::Paraphrase(_)
            | Method::Bbt(_)
            | Method::TemplateGeneration(_)
            | Method::Edits(_)
            | Method::Evolution(_)
            | Method::Mining(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::load_builtin;

    #[test]
    fn before_batches_get_smaller_the_inside_of_the_blocks_is_computed_again() {
        let device = ResolvedDevice::cpu();
        let scorer = Scorer::new(load_builtin("reviews-en", &device).unwrap(), Settings::default());
        let dataset = Dataset::load(&crate::task::DatasetSource::Builtin("film-reviews".into())).unwrap();
        let load = |backward, tunes| Load { scorers: vec![&scorer], prompts: &[], dataset: &dataset, backward, tunes };
        let whole = load(true, false).sized(&scorer, &device, None);
        assert_eq!((whole.kept.0, whole.again.0), (CPU_BATCH, CPU_BATCH), "where nothing is said of the memory");
        assert!(2 * whole.again.1 < whole.kept.1, "{} of {} bytes", whole.again.1, whole.kept.1);
        let jobs = at_once(device.kind, scorer.loaded().model.shape().n_parameters) as u64;
        let short = Some(SHARE * jobs * whole.again.1 * CPU_BATCH as u64);
        let trained = load(true, false).sized(&scorer, &device, short);
        assert_eq!((trained.kept.0 < CPU_BATCH, trained.again.0), (true, CPU_BATCH));
        let tuned = load(true, true).sized(&scorer, &device, short);
        assert_eq!((tuned.kept, tuned.again), (trained.kept, trained.kept), "trained weights keep the tape");
        let read = load(false, false).sized(&scorer, &device, short);
        assert_eq!(read.kept, read.again, "without a way back there is no tape");
    }
}
