//! The identity of a trial: one cell of the grid x one seed.

use serde::{Deserialize, Serialize};

/// Which trial: everything that a table groups or sorts by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrialKey {
    /// The place of the item in `search:`, from 0, the added ones after the written ones.
    pub item: usize,
    /// Its method.
    pub method: String,
    /// What tells it from another item of the same method, for people: `autoprompt` or `autoprompt 2`.
    pub label: String,
    /// The model's source as written: `builtin:reviews-en`.
    pub model: String,
    /// The shots as written: `16`, `full`, `given`, `0`.
    pub shots: String,
    /// The calibration as written: `none`.
    pub calibration: String,
    /// The seeds that this trial stands for: one, or all where nothing in it depends on the seed.
    pub seeds: Vec<u64>,
    /// The control that it is, of the row of its item: `random_model`, `shuffled_labels`; absent for a trial that is ranked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// BLAKE3 (hex) of everything that decides its result: item, task, budget, model and data hashes.
    pub fingerprint: String,
}

impl TrialKey {
    /// The name of its folder: readable, safe on every file system, unique within an experiment.
    pub fn id(&self) -> String {
        let model: String = self.model.rsplit([':', '/']).next().unwrap_or_default().chars().map(safe).collect();
        let seed = match self.seeds.as_slice() {
            [seed] => seed.to_string(),
            _ => "all".into(),
        };
        let control = self.control.iter().map(|control| format!("-{control}")).collect::<String>();
        format!(
            "{}-{}{control}_{model}_{}_{}_{seed}_{}",
            self.item,
            self.method,
            self.shots,
            self.calibration,
            &self.fingerprint[..8]
        )
    }
}

fn safe(c: char) -> char {
    if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_name_is_safe_for_any_model_path() {
        let key = TrialKey {
            item: 2,
            method: "autoprompt".into(),
            label: "autoprompt".into(),
            model: "../模型/bert base".into(),
            shots: "16".into(),
            calibration: "none".into(),
            seeds: vec![13],
            control: None,
            fingerprint: "0123456789abcdef".into(),
        };
        assert_eq!(key.id(), "2-autoprompt_bert-base_16_none_13_01234567");
        let control = TrialKey { control: Some("random_model".into()), ..key };
        assert_eq!(control.id(), "2-autoprompt-random_model_bert-base_16_none_13_01234567");
    }
}
