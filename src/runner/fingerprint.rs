//! What decides a trial's result, in one hash: by it an edited experiment finds the trials that stay.

use crate::record::TrialKey;
use crate::scoring::{BATCH_TEXTS, Scorer};
use crate::spec::{Calibration, SearchItem};

use super::corpora::corpus_hashes;
use super::oracle::set_hash;
use super::plan::Plan;
use super::rewordings::deciding;
use super::template_lists::written_templates;
use super::trial::TrialData;

impl Plan {
    /// Hashes all that decides a trial's result.
    pub(super) fn fingerprint(
        &self,
        key: &TrialKey,
        item: &SearchItem,
        scorer: &Scorer,
        data: &TrialData<'_>,
    ) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 trial");
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(env!("CARGO_PKG_VERSION").as_bytes());
        part(format!("{:?}", deciding(&item.cells)).as_bytes());
        part(self.task.template.to_string().as_bytes());
        part(self.task.verbalizer.to_string().as_bytes());
        for method in &item.cells {
            if let Some(path) = method.synonyms() {
                part(format!("{:?}", self.task.synonyms.get(path).map(|list| list.groups())).as_bytes());
            }
        }
        for method in &item.cells {
            let Some(manual) = method.written() else { continue };
            for template in
                written_templates(manual, &self.task.lists).iter().filter(|_| !manual.templates_from.is_empty())
            {
                part(template.to_string().as_bytes());
            }
        }
        for method in &item.cells {
            for hash in corpus_hashes(&self.task.corpora, method) {
                part(hash.as_bytes());
            }
        }
        for method in &item.cells {
            for (_, model) in method.second_models() {
                let loaded = self.task.second_models.get(&model.to_string());
                part(loaded.map_or(&b""[..], |loaded| loaded.weights_hash.as_bytes()));
            }
        }
        // Whose winner it starts from decides as much; seed, data and model are the same.
        if let Some(other) = self.starts_from(key.item) {
            let other = &self.experiment.search[other];
            part(format!("{:?} {:?}", other.cells, other.multi_token).as_bytes());
        }
        if let Some(control) = &key.control {
            part(control.as_bytes());
        }
        let experiment = &self.experiment;
        part(format!("{:?} {:?} {:?}", experiment.task.metric, experiment.select, experiment.budget).as_bytes());
        part(format!("{:?} {}", scorer.settings(), self.device.kind).as_bytes());
        part(format!("{} {:?}", self.n_diagnosed(), self.rules_compared(key.item)).as_bytes());
        part(self.device.precision.name().as_bytes());
        part(format!("{} {} {} {:?} {}", key.item, key.model, key.shots, key.seeds, key.calibration).as_bytes());
        if key.calibration == Calibration::Batch.name() {
            part(format!("{:?}", experiment.limits.calibration.unwrap_or(BATCH_TEXTS)).as_bytes());
        }
        part(scorer.loaded().weights_hash.as_bytes());
        part(scorer.loaded().tokenizer_hash.as_bytes());
        part(self.dataset.columns.join("\n").as_bytes());
        part(self.dataset.labels.join("\n").as_bytes());
        for (split, examples) in
            [("train", &data.train), ("dev", &data.dev), ("unlabelled", &data.unlabelled), ("test", &data.test)]
        {
            part(&set_hash(split, examples).0);
        }
        hasher.finalize().to_hex().to_string()
    }
}
