//! The tokens that scores need, where nothing is padded and nothing is computed twice.

use std::collections::{HashMap, HashSet};

use promptmine::model::ModelKind;
use serde_json::{Value, json};

use super::Failure;
use super::job::Job;

/// Counts the distinct sequences and their tokens; in a causal model a beginning that several sequences of an example share
/// is counted once. `attended` is the sum over counted tokens of the positions that each sees.
pub fn run(job: &Job) -> Result<Value, Failure> {
    let ready = job.ready()?;
    let causal = ready.scorer.loaded().model.shape().kind == ModelKind::Causal;
    let (mut sequences, mut tokens, mut attended, mut plain_tokens) = (0u64, 0u64, 0u64, 0u64);
    let mut encoders: Vec<_> = Vec::new();
    for prompt in &ready.prompts {
        for pass in ready.scorer.passes(prompt)?.passes {
            encoders.push((ready.scorer.encoder(&prompt.template, &ready.columns, pass.filled.len())?, pass.filled));
        }
    }
    for example in &ready.examples {
        let mut seen: HashSet<Vec<u32>> = HashSet::new();
        // A node of the tree of beginnings, by its parent and its token.
        let mut nodes: HashMap<(usize, u32), usize> = HashMap::new();
        for (encoder, filled) in &encoders {
            let ids = encoder.encode(example)?.filled(&[], filled);
            plain_tokens += ids.len() as u64;
            if !seen.insert(ids.clone()) {
                continue;
            }
            sequences += 1;
            if !causal {
                tokens += ids.len() as u64;
                attended += (ids.len() * ids.len()) as u64;
                continue;
            }
            let mut node = 0;
            for (place, id) in ids.iter().enumerate() {
                let next = nodes.len() + 1;
                node = *nodes.entry((node, *id)).or_insert_with(|| {
                    tokens += 1;
                    attended += place as u64 + 1;
                    next
                });
            }
        }
    }
    Ok(json!({
        "sequences": sequences, "tokens": tokens, "attended": attended, "plain_tokens": plain_tokens,
        "examples": ready.examples.len(), "prompts": ready.prompts.len(), "causal": causal,
    }))
}
