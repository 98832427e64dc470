//! What is ranked together: rows of one model, shots and calibration (contract, definition 2).

use std::cmp::Ordering;

use crate::record::TrialKey;
use crate::task::Shots;

/// One (model, shots, calibration). Nothing is ranked across groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The model's source as written.
    pub model: String,
    /// The shots as written.
    pub shots: String,
    /// The calibration as written.
    pub calibration: String,
}

impl Group {
    /// The group of a trial.
    pub(super) fn of(key: &TrialKey) -> Self {
        Self { model: key.model.clone(), shots: key.shots.clone(), calibration: key.calibration.clone() }
    }

    /// `builtin:reviews-en, 16 shots`, with the calibration where there is one.
    pub fn words(&self) -> String {
        let shots = match self.shots.as_str() {
            "1" => "1 shot".into(),
            shots => format!("{shots} shots"),
        };
        match self.calibration.as_str() {
            "none" | "" => format!("{}, {shots}", self.model),
            calibration => format!("{}, {shots}, calibration {calibration}", self.model),
        }
    }
}

/// Models by name, shots from few to full, no calibration before any.
impl Ord for Group {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |group: &Self| {
            let shots = group.shots.parse::<Shots>();
            (group.model.clone(), shots.is_err(), shots.ok(), group.calibration != "none", group.calibration.clone())
        };
        key(self).cmp(&key(other)).then_with(|| self.shots.cmp(&other.shots))
    }
}

impl PartialOrd for Group {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(shots: &str, calibration: &str) -> Group {
        Group { model: "builtin:toy".into(), shots: shots.into(), calibration: calibration.into() }
    }

    #[test]
    fn groups_stand_from_few_shots_to_full_and_uncalibrated_first() {
        let mut groups = [group("full", "none"), group("16", "contextual"), group("16", "none"), group("4", "none")];
        groups.sort();
        let names: Vec<String> = groups.iter().map(Group::words).collect();
        assert_eq!(
            names,
            [
                "builtin:toy, 4 shots",
                "builtin:toy, 16 shots",
                "builtin:toy, 16 shots, calibration contextual",
                "builtin:toy, full shots"
            ]
        );
    }
}
