//! `controls:`: what a search must beat to have found anything.

use super::error::SpecError;
use super::reader::{At, Reader};

/// A rerun of every item under conditions in which there is nothing to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// On a model of the same shape whose weights are drawn anew: what it finds comes from train, not from the language model
    /// (Zhong et al. 2021, arXiv 2104.05240).
    RandomModel,
    /// With the labels of train and of dev permuted, each among themselves: what it finds comes from choosing among many.
    ShuffledLabels,
}

impl Control {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 2] = [Self::RandomModel, Self::ShuffledLabels];

    /// The name in YAML, records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::RandomModel => "random_model",
            Self::ShuffledLabels => "shuffled_labels",
        }
    }
}

pub(super) fn controls(reader: &mut Reader, at: Option<At>) -> Result<Vec<Control>, SpecError> {
    let Some(at) = at else { return Ok(Vec::new()) };
    let items = at.items();
    let known = Control::ALL.map(|control| (control.name(), control));
    let faults = reader.n_faults();
    let mut controls = Vec::new();
    for item in &items {
        controls.push(reader.choice(item, "control", &known, &[])?);
    }
    if reader.n_faults() == faults {
        reader.distinct(&items, &controls);
    }
    Ok(controls)
}
