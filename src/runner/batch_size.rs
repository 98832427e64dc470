//! How many sequences a batch has (contract, definition 12): chosen once, from the memory that is free at the first start.

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
}

/// What a batch is sized for.
pub(super) struct Load<'a> {
    pub(super) scorers: Vec<&'a Scorer>,
    pub(super) prompts: &'a [Prompt],
    pub(super) dataset: &'a Dataset,
    /// Whether a method passes backward.
    pub(super) backward: bool,
}

impl Load<'_> {
    /// The batch for `device`: `fixed` where somebody or an earlier start has fixed it, else the largest power of two up to the
    /// device's usual one for which half of the free memory, shared by the trials that run at a time, suffices.
    pub(super) fn batch_size(&self, device: &ResolvedDevice, fixed: Option<usize>) -> BatchSize {
        let mut chosen =
            BatchSize { size: fixed.unwrap_or(usize::MAX), longest: 0, bytes: 0, free: device.free_memory() };
        let references = self.prompts.iter().any(|prompt| prompt.verbalizer.reference_column().is_some());
        let n_read = if references { N_READ_OF_REFERENCES } else { N_READ };
        for scorer in &self.scorers {
            let longest = self.longest(scorer);
            let footprint = Footprint::of(&*scorer.loaded().model);
            let each = match self.backward {
                true => footprint.backward(longest, n_read),
                false => footprint.forward(longest, n_read),
            };
            if fixed.is_none() {
                let jobs = at_once(device.kind, scorer.loaded().model.shape().n_parameters);
                let size = fitting(device, jobs, each, footprint.largest_tensor(longest, n_read));
                chosen.size = chosen.size.min(size);
            }
            chosen.longest = chosen.longest.max(longest);
            chosen.bytes = chosen.bytes.max(each);
        }
        BatchSize { bytes: chosen.bytes * chosen.size as u64, ..chosen }
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
    let batch_size = fitting(device, 1, footprint.forward(longest, N_READ), footprint.largest_tensor(longest, N_READ));
    Settings { batch_size, length_step: if gpu { GPU_LENGTH_STEP } else { 1 }, ..Settings::default() }
}

/// The largest power of two up to the device's usual batch for which half of the free memory, shared by `jobs`, and the device's
/// buffers suffice, at `each` bytes a sequence and `largest` bytes in its largest tensor.
fn fitting(device: &ResolvedDevice, jobs: usize, each: u64, largest: u64) -> usize {
    let memory = device.free_memory().map(|free| free / (SHARE * jobs.max(1) as u64));
    let fits = |size: usize, bytes: u64, most: Option<u64>| most.is_none_or(|most| bytes * size as u64 <= most);
    let mut size = if device.kind == DeviceChoice::Wgpu { GPU_BATCH } else { CPU_BATCH };
    while size > 1 && !(fits(size, each, memory) && fits(size, largest, device.largest_buffer())) {
        size /= 2;
    }
    size
}

/// Whether a method passes backward through the model.
pub(super) fn takes_gradients(method: &Method) -> bool {
    !matches!(method, Method::Manual(_) | Method::Random(_) | Method::Paraphrase(_) | Method::Bbt(_))
}
