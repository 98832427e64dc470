//! What `edits` and `evolution` make of their budget.

use crate::prompt::Prompt;
use crate::search::discrete::{Generators, Offer, Rewording, Thesaurus, has_han};
use crate::spec::{Generator, Method, Paraphrase};

use super::cell::wording::{edits_config, evolution_config};
use super::plan::PlannedTrial;

/// The note of an item by its first cell; `None` for other methods.
pub(super) fn wording_note(method: &Method, starts: &[Prompt], trial: &PlannedTrial, share: u64) -> Option<String> {
    let n_train = trial.draw.train.len();
    let offer = Offer {
        n_train,
        n_texts: if n_train > 0 { n_train } else { trial.draw.unlabelled.len() },
        n_selection: trial.n_selection(),
        passes: trial.passes,
        han: starts.iter().any(|start| has_han(&start.template)),
    };
    let rewording = rewording(method.rewriting()?)?;
    let n_starts = starts.len();
    let proposed = n_starts as u64 * trial.candidate_evaluations;
    let (unit, start, least, whole) = match method {
        Method::Edits(method) => {
            let config = edits_config(method);
            let of = |n| config.iteration(n, &rewording, offer);
            let start = proposed + config.first_comparison(n_starts, offer);
            ("an iteration", start, of(1), of(config.n_candidates * config.beam))
        }
        Method::Evolution(method) => {
            let config = evolution_config(method);
            let of = |n| config.generation(n, &rewording, offer);
            let first = of(config.population.saturating_sub(n_starts));
            let start = proposed + config.first_comparison(n_starts, offer) + first;
            ("a generation", start, of(1), of(config.population))
        }
        _ => return None,
    };
    let (label, shots) = (&trial.key.label, &trial.key.shots);
    Some(match start + least > share {
        true => format!(
            "{share} evaluations may not cover what `{label}` starts from and {unit} at {shots} shots, which cost at most {start} \
             and at least {least} (take fewer templates, smaller batch_size or n_texts, or a larger budget)"
        ),
        false => format!(
            "`{label}` at {shots} shots: what it starts from costs at most {start} evaluations and {unit} at most {whole}; {share} \
             cover {:.1} such {plural} or more",
            (share - start) as f64 / whole as f64,
            plural = if unit.ends_with("iteration") { "iterations" } else { "generations" },
        ),
    })
}

/// What other words cost.
fn rewording(method: &Paraphrase) -> Option<Rewording> {
    Some(Rewording {
        generators: Generators {
            thesaurus: method.generators.contains(&Generator::Thesaurus),
            mask_fill: method.generators.contains(&Generator::MaskFill),
        },
        thesaurus: Thesaurus::new(None).ok()?.into(),
        round_trip: None,
        rephrase: None,
        n_texts: method.n_texts,
        likelihood: method.likelihood,
    })
}
