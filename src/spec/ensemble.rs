//! `ensembles:` which prompts together are scored beside each alone.

use super::error::SpecError;
use super::reader::{At, Reader};

/// How the members of an ensemble are weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EnsembleKind {
    /// The mean of their label distributions.
    Uniform,
    /// The mean weighted by each member's accuracy on train.
    Accuracy,
    /// The mean with the weights that make the training labels likeliest.
    Learned,
    /// One vote each; the mean decides between equals.
    Vote,
}

impl EnsembleKind {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Uniform, Self::Accuracy, Self::Learned, Self::Vote];

    /// The name in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Accuracy => "accuracy",
            Self::Learned => "learned",
            Self::Vote => "vote",
        }
    }

    /// The method's name in tables.
    pub fn method(self) -> &'static str {
        match self {
            Self::Uniform => "ensemble_uniform",
            Self::Accuracy => "ensemble_accuracy",
            Self::Learned => "ensemble_learned",
            Self::Vote => "ensemble_vote",
        }
    }
}

/// The ensembles of an experiment: one row a kind for each model, shots and calibration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ensembles {
    /// Default none.
    pub kinds: Vec<EnsembleKind>,
    /// The most members; dev chooses how many, from two on. Default 5.
    pub members: usize,
}

impl Default for Ensembles {
    fn default() -> Self {
        Self { kinds: Vec::new(), members: 5 }
    }
}

pub(super) fn ensembles(reader: &mut Reader, at: Option<At>) -> Result<Ensembles, SpecError> {
    let mut ensembles = Ensembles::default();
    let Some(at) = at else { return Ok(ensembles) };
    let kinds = match at.entries() {
        None => Some(at),
        Some(_) => {
            let fields = reader.fields(at, &["kinds", "members"])?;
            if let Some(at) = fields.get("members") {
                ensembles.members = reader.whole(&at, 2..=100)? as usize;
            }
            fields.get("kinds")
        }
    };
    let known = EnsembleKind::ALL.map(|kind| (kind.name(), kind));
    match kinds {
        None => ensembles.kinds = EnsembleKind::ALL.to_vec(),
        Some(at) => {
            let items = at.items();
            let faults = reader.n_faults();
            for item in &items {
                ensembles.kinds.push(reader.choice(item, "ensemble", &known, &["boosting", "stacking"])?);
            }
            if reader.n_faults() == faults {
                reader.distinct(&items, &ensembles.kinds);
            }
        }
    }
    Ok(ensembles)
}
