//! The examples of every number of shots and seed.

use crate::error::{Error, Result};
use crate::scoring::BATCH_TEXTS;
use crate::spec::{Experiment, Method, SearchItem};
use crate::task::{Dataset, Draw, Example, Shots, Split, draw};

use super::RunnerError;
use super::pool::even_order;
use super::trial::{PERPLEXITY_TEXTS, TrialData};

/// Texts that prompts are chosen on at 0 shots where `limits.unlabelled` says nothing.
pub(super) const UNLABELLED: u64 = 256;
/// Where it says nothing, a budget is to cover so many candidates at 0 shots.
pub(super) const FEWEST_CANDIDATES: u64 = 16;
/// Fewer texts than these are not worth choosing on.
const FEWEST_TEXTS: u64 = 16;

/// The draw of each seed.
pub(super) type SeedDraws = Vec<(u64, Draw)>;

/// Draws for every seed at every number of shots.
///
/// # Errors
/// A split that is not there, and a class with fewer examples than shots.
pub(super) fn draws(experiment: &Experiment, dataset: &Dataset) -> Result<Vec<(Shots, SeedDraws)>> {
    let mut all = Vec::new();
    for shots in &experiment.shots {
        if dataset.split(Split::Train).is_none() {
            return Err(RunnerError::NoSplit {
                dataset: dataset.name.clone(),
                split: "train",
                what: format!("`shots: {shots}`"),
            }
            .into());
        }
        let mut limits = experiment.limits;
        if *shots == Shots::Count(0) {
            let affordable = (experiment.budget.evaluations / FEWEST_CANDIDATES).clamp(FEWEST_TEXTS, UNLABELLED);
            limits.unlabelled.get_or_insert(affordable as usize);
        } else if matches!(shots, Shots::Count(_)) && !experiment.search.iter().any(reads_all_texts) {
            // Nothing reads more: the others stay in their file.
            limits.unlabelled.get_or_insert(limits.calibration.unwrap_or(BATCH_TEXTS).max(PERPLEXITY_TEXTS));
        }
        let mut by_seed = Vec::new();
        for &seed in &experiment.seeds {
            let drawn = draw(dataset, *shots, seed, &limits);
            by_seed.push((seed, drawn.map_err(|e| Error::from(e).at(experiment.place("shots")))?));
        }
        all.push((*shots, by_seed));
    }
    Ok(all)
}

/// Whether an item goes through all texts of train at any number of shots: for the words that they have.
fn reads_all_texts(item: &SearchItem) -> bool {
    item.cells.iter().any(|cell| match cell {
        Method::LabelWords(_) | Method::TemplateAndWords(_) => true,
        Method::Mining(method) => method.corpus.is_empty(),
        _ => false,
    })
}

/// The examples of a draw, which the data set holds.
pub(super) fn examples<'a>(dataset: &'a Dataset, draw: &Draw) -> TrialData<'a> {
    let of = |split: Split, indices: &[usize]| -> Vec<&'a Example> {
        let all = dataset.split(split);
        indices.iter().filter_map(|&i| all?.get(i)).collect()
    };
    let dev = of(if draw.dev_from_train { Split::Train } else { Split::Dev }, &draw.dev);
    // Draws of k shots go round the classes; the others are in file order.
    let goes_round = draw.dev.windows(2).any(|pair| pair[0] > pair[1]);
    TrialData {
        train: of(Split::Train, &draw.train),
        dev: if goes_round { dev } else { even_order(dev) },
        unlabelled: of(Split::Train, &draw.unlabelled),
        test: of(Split::Test, &draw.test),
    }
}
