//! How methods that train vectors do so.

use crate::search::continuous::TrainingConfig;
use crate::spec::{OptimiserKind, TrainingParameters};

/// How it trains.
pub(super) fn config(training: &TrainingParameters) -> TrainingConfig {
    TrainingConfig {
        learning_rate: training.learning_rate,
        optimiser: training.optimiser,
        weight_decay: training.weight_decay,
        warm_up: training.warm_up,
        decay: training.decay,
        clip_norm: training.clip_norm,
        accumulate: training.accumulate,
        batch_size: training.batch_size,
        eval_every: training.eval_every,
        patience: training.patience,
        steps: training.steps,
    }
}

/// What tells a cell's training from those of the others of its item.
pub(super) fn describe(training: &TrainingParameters) -> String {
    let steps = training.steps.map(|steps| format!(", steps {steps}")).unwrap_or_default();
    let optimiser = match training.optimiser {
        OptimiserKind::Sgd { momentum } => format!("sgd with momentum {momentum}"),
        kind => kind.name().to_owned(),
    };
    let clip = training.clip_norm.map(|norm| format!(", clip_norm {norm}")).unwrap_or_default();
    let accumulate = if training.accumulate > 1 { format!(" x {}", training.accumulate) } else { String::new() };
    format!(
        "learning_rate {}, optimiser {optimiser}, weight_decay {}, warm_up {}, decay {}{clip}, batch_size {}{accumulate}, eval_every \
         {}, patience {}{steps}",
        training.learning_rate,
        training.weight_decay,
        training.warm_up,
        training.decay.name(),
        training.batch_size,
        training.eval_every,
        training.patience
    )
}
