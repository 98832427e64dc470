//! A prompt, whole and unscored, and where it came from.

use std::fmt;
use std::sync::Arc;

use super::{DemonstrationPool, LabelVectors, Prefix, SoftPrompt, Template, TriggerTokens, TunedWeights, Verbalizer};

/// Everything that decides what the model sees and how its answer is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prompt {
    /// The text with slots.
    pub template: Template,
    /// The tokens of its trigger slots; as many as [`Template::n_trigger`].
    pub triggers: TriggerTokens,
    /// The vectors of its soft slots; `None` where it has none.
    pub soft: Option<Arc<SoftPrompt>>,
    /// The keys and values of its `{prefix:N}`; `None` where it has none.
    pub prefix: Option<Arc<Prefix>>,
    /// The vectors that stand for the labels in place of their words; `None` where the words do.
    pub label_vectors: Option<Arc<LabelVectors>>,
    /// The words that stand for the labels.
    pub verbalizer: Arc<Verbalizer>,
    /// What the demonstrations nearest to a text are chosen from; `None` where the template has no such place.
    pub pool: Option<Arc<DemonstrationPool>>,
    /// The weights of the model that were trained for it; `None` where the model is as it was.
    pub tuned: Option<Arc<TunedWeights>>,
}

impl Prompt {
    /// A prompt of `template` alone, without trigger tokens.
    pub fn plain(template: Template, verbalizer: Arc<Verbalizer>) -> Self {
        Self::with_triggers(template, TriggerTokens::default(), verbalizer)
    }

    /// A prompt of `template` with these trigger tokens.
    pub fn with_triggers(template: Template, triggers: TriggerTokens, verbalizer: Arc<Verbalizer>) -> Self {
        Self { template, triggers, soft: None, prefix: None, label_vectors: None, verbalizer, pool: None, tuned: None }
    }

    /// The hash of its vectors, of its prefix and of those of its labels; `None` where it has none.
    pub fn vectors_hash(&self) -> Option<[u8; 32]> {
        let bare = Self {
            template: Template::merged([]),
            triggers: TriggerTokens::default(),
            pool: None,
            tuned: None,
            ..self.clone()
        };
        (self.soft.is_some() || self.prefix.is_some() || self.label_vectors.is_some()).then(|| bare.content_hash())
    }

    /// The BLAKE3 hash of the content: equal prompts have equal hashes, on every machine and in every version that reads
    /// templates as this one does.
    pub fn content_hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 prompt content");
        let mut part = |bytes: &[u8]| {
            // Lengths keep the parts apart: no two prompts share their bytes.
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(self.template.to_string().as_bytes());
        part(&self.triggers.0.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>());
        part(self.verbalizer.to_string().as_bytes());
        if let Some(soft) = &self.soft {
            part(&(soft.d_model() as u64).to_le_bytes());
            part(&soft.bytes());
        }
        if let Some(prefix) = &self.prefix {
            let shape = prefix.shape();
            part(format!("prefix {} {} {} {}", shape.n_prefix, shape.n_layers, shape.n_heads, shape.d_head).as_bytes());
            part(&prefix.bytes());
        }
        if let Some(labels) = &self.label_vectors {
            part(b"label vectors");
            part(&labels.bytes());
        }
        if let Some(pool) = &self.pool {
            part(b"demonstrations");
            part(&pool.content_hash());
        }
        if let Some(tuned) = &self.tuned {
            part(b"tuned weights");
            part(tuned.hash());
        }
        *hasher.finalize().as_bytes()
    }

    /// Whether a classification head tells the labels apart, and label words have no part in it.
    pub fn classifies(&self) -> bool {
        self.tuned.as_ref().is_some_and(|tuned| tuned.n_classes().is_some())
    }
}

/// The template's canonical text; trigger tokens need a tokenizer, see [`Template::describe`].
impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.template.fmt(f)
    }
}

/// A prompt that a search proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The prompt.
    pub prompt: Prompt,
    /// The number of the candidate that it was made from.
    pub parent: Option<u64>,
    /// How it arose, in words for a person.
    pub origin: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::{PrefixShape, Tuning};

    const SHAPE: PrefixShape = PrefixShape { n_prefix: 1, n_layers: 1, n_heads: 1, d_head: 1 };

    #[test]
    fn the_hash_depends_on_every_part() {
        let words = |text: &str| Arc::new(Verbalizer::parse(text).unwrap());
        let prompt = Prompt::with_triggers(
            Template::parse("{text} {trigger:1}{mask}").unwrap(),
            TriggerTokens(vec![5]),
            words("0=bad,1=good"),
        );
        let same = Prompt { verbalizer: words("0 = bad, 1 = good"), ..prompt.clone() };
        assert_eq!(prompt.content_hash(), same.content_hash());
        let others = [
            Prompt { template: Template::parse("{text}{trigger:1}{mask}").unwrap(), ..prompt.clone() },
            Prompt { triggers: TriggerTokens(vec![6]), ..prompt.clone() },
            Prompt { verbalizer: words("1=good,0=bad"), ..prompt.clone() },
            Prompt { soft: Some(Arc::new(SoftPrompt::new(vec![0.5], 1))), ..prompt.clone() },
            Prompt { tuned: Some(Arc::new(TunedWeights::new(Tuning::All, None, Vec::new()))), ..prompt.clone() },
            Prompt { prefix: Some(Arc::new(Prefix::new(vec![0.5; 2], SHAPE))), ..prompt.clone() },
            Prompt { label_vectors: Some(Arc::new(LabelVectors::new(vec![0.5; 2], 1))), ..prompt.clone() },
        ];
        for other in others {
            assert_ne!(prompt.content_hash(), other.content_hash());
        }
    }
}
