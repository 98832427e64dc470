//! How methods that train vectors do so.

use crate::search::continuous::TrainingConfig;
use crate::spec::TrainingParameters;

/// How it trains.
pub(super) fn config(training: &TrainingParameters) -> TrainingConfig {
    TrainingConfig {
        learning_rate: training.learning_rate,
        weight_decay: training.weight_decay,
        warm_up: training.warm_up,
        batch_size: training.batch_size,
        eval_every: training.eval_every,
        patience: training.patience,
        steps: training.steps,
    }
}

/// What tells a cell's training from those of the others of its item.
pub(super) fn describe(training: &TrainingParameters) -> String {
    let steps = training.steps.map(|steps| format!(", steps {steps}")).unwrap_or_default();
    format!(
        "learning_rate {}, weight_decay {}, warm_up {}, batch_size {}, eval_every {}, patience {}{steps}",
        training.learning_rate,
        training.weight_decay,
        training.warm_up,
        training.batch_size,
        training.eval_every,
        training.patience
    )
}
