//! Where the time of scoring goes, by phase.

use std::time::Instant;

use burn::tensor::activation::log_softmax;
use promptmine::model::Inputs;
use promptmine::scoring::Passes;
use serde_json::{Value, json};

use super::Failure;
use super::job::Job;

/// Token ids, the places that are read, the rows of the output map that are, and whether the whole vocabulary counts.
type Sequence = (Vec<u32>, Vec<usize>, Vec<u32>, bool);

/// Does what scoring does, phase by phase, with batches of one length group each, and then lets the scorer do it.
pub fn run(job: &Job) -> Result<Value, Failure> {
    let ready = job.ready()?;
    let examples = ready.examples();
    let model = &ready.scorer.loaded().model;
    let begun = Instant::now();
    ready.scorer.score(&ready.prompts, &ready.columns, &examples)?;
    let cold = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    ready.scorer.score(&ready.prompts, &ready.columns, &examples)?;
    let whole = begun.elapsed().as_secs_f64();

    let begun = Instant::now();
    let mut sequences: Vec<Sequence> = Vec::new();
    for prompt in &ready.prompts {
        let Passes { passes, whole_vocabulary, .. } = ready.scorer.passes(prompt)?;
        for pass in passes {
            let encoder = ready.scorer.encoder(&prompt.template, &ready.columns, pass.filled.len())?;
            let mut rows: Vec<u32> = pass.reads.iter().map(|read| read.token).collect();
            rows.sort_unstable();
            rows.dedup();
            for example in &examples {
                let encoded = encoder.encode(example)?;
                let mut places: Vec<usize> = pass.reads.iter().map(|read| encoded.read_at + read.mask).collect();
                places.sort_unstable();
                places.dedup();
                sequences.push((encoded.filled(&[], &pass.filled), places, rows.clone(), whole_vocabulary));
            }
        }
    }
    let tokenising = begun.elapsed().as_secs_f64();
    sequences.sort_by_key(|(ids, places, ..)| (places.len(), ids.len()));
    let (mut embedding, mut body, mut head) = (0.0, 0.0, 0.0);
    let (mut padded, mut tokens) = (0, 0);
    for batch in sequences.chunk_by(|a, b| a.1.len() == b.1.len()).flat_map(|alike| alike.chunks(job.batch)) {
        let ids: Vec<Vec<u32>> = batch.iter().map(|(ids, ..)| ids.clone()).collect();
        let lengths: Vec<usize> = ids.iter().map(Vec::len).collect();
        tokens += lengths.iter().sum::<usize>();
        padded += lengths.iter().max().unwrap_or(&0) * lengths.len();
        let clock = Instant::now();
        let embeddings = model.embed(&ids);
        embedding += clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let states = model.predict(Inputs {
            embeddings,
            lengths,
            predict_positions: batch.iter().map(|(_, places, ..)| places.clone()).collect(),
            token_types: None,
            past: None,
            parents: None,
        });
        let [batch_size, n_predict, d_model] = states.dims();
        let states = states.reshape([batch_size * n_predict, d_model]);
        body += clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let logits = match batch[0].3 {
            true => log_softmax(model.logits(states, None), 1),
            false => model.logits(states, Some(&batch[0].2)),
        };
        std::hint::black_box(logits.into_data());
        head += clock.elapsed().as_secs_f64();
    }
    Ok(json!({
        "seconds": whole, "seconds_cold": cold, "tokenising": tokenising, "embedding": embedding, "layers": body, "head": head,
        "padding": 1.0 - tokens as f64 / padded.max(1) as f64, "tokens": tokens,
    }))
}
