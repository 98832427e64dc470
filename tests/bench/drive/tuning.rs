//! Steps per second of prompt tuning, P-tuning and prefix tuning.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, ValueEnum};
use promptmine::prompt::{Prompt, SoftSlot, Template, Verbalizer};
use promptmine::search::continuous::{Encoder, Part, Trained, Training, TrainingConfig, prefix_start};
use promptmine::search::{Proposal, Search};
use promptmine::seed::Stream;
use promptmine::spec::{Decay, OptimiserKind, PrefixInit};
use serde_json::{Value, json};

use super::Failure;
use super::job::{examples, scorer};
use super::search::Bench;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Method {
    SoftPrompt,
    PTuning,
    Prefix,
}

#[derive(Debug, Args)]
pub struct Arguments {
    #[arg(long, value_enum, default_value = "soft-prompt")]
    method: Method,
    #[arg(long)]
    model: String,
    #[arg(long)]
    template: String,
    #[arg(long)]
    verbalizer: String,
    #[arg(long)]
    train: PathBuf,
    #[arg(long, default_value_t = 20)]
    n_soft: usize,
    #[arg(long, default_value_t = 20)]
    steps: usize,
    #[arg(long, default_value_t = 8)]
    batch: usize,
    #[arg(long, default_value_t = 0.03)]
    lr: f64,
    #[arg(long, default_value_t = 13)]
    seed: u64,
}

pub fn run(arguments: &Arguments) -> Result<Value, Failure> {
    let scorer = scorer(&arguments.model, 32)?;
    let verbalizer = Arc::new(Verbalizer::parse(&arguments.verbalizer)?);
    let (columns, train) = examples(&arguments.train, &verbalizer, 0)?;
    let stream = |purpose: &str| Stream::new(arguments.seed, purpose, b"bench");
    let template = Template::parse(&arguments.template)?;
    let template = match arguments.method {
        Method::Prefix => template.with_prefix(arguments.n_soft),
        Method::SoftPrompt | Method::PTuning => template.with_soft(SoftSlot::Count(arguments.n_soft)),
    };
    let d_model = scorer.loaded().model.shape().d_model;
    let mut numbers = stream("vectors");
    let trained = match arguments.method {
        // As PEFT's random start: rows of a fresh embedding.
        Method::SoftPrompt => {
            Trained::soft((0..arguments.n_soft * d_model).map(|_| numbers.normal() as f32).collect(), d_model)
        }
        Method::PTuning => {
            let encoder = Encoder::Mlp { n_rows: arguments.n_soft, d_model, d_hidden: d_model };
            Trained::new(Part::Soft { d_model }, encoder, encoder.start(None, &mut numbers))
        }
        Method::Prefix => {
            let shape = scorer.prefix_shape(arguments.n_soft);
            Trained::prefix(&prefix_start(shape, &PrefixInit::Random, scorer.loaded(), &mut numbers)?)
        }
    };
    let config = TrainingConfig {
        learning_rate: arguments.lr,
        optimiser: OptimiserKind::AdamW,
        weight_decay: 0.01,
        warm_up: 0.0,
        decay: Decay::Linear,
        clip_norm: None,
        accumulate: 1,
        batch_size: arguments.batch,
        eval_every: arguments.steps,
        patience: usize::MAX,
        steps: Some(arguments.steps),
    };
    let prompt = Prompt::plain(template, verbalizer);
    let mut search = Training::new("tuning", config, prompt, trained, "random".into(), stream("search"));
    // One example stands for dev: its one look is made before the clock runs.
    let mut bench = Bench::new(&scorer, &columns, &train, &train[..1]);
    if let Proposal::Candidates { candidates, .. } = search.propose(&mut bench.oracle())? {
        let scored = bench.select(&candidates)?;
        search.observe(&scored);
    }
    let begun = Instant::now();
    let proposal = search.propose(&mut bench.oracle())?;
    let seconds = begun.elapsed().as_secs_f64();
    let Proposal::Candidates { trace: Some(trace), .. } = proposal else {
        return Err("the training ended before its last step".into());
    };
    let losses = trace["losses"].as_array().cloned().unwrap_or_default();
    Ok(json!({
        "steps": losses.len(), "seconds": seconds, "steps_per_second": losses.len() as f64 / seconds,
        "first_loss": losses.first(), "last_loss": losses.last(),
    }))
}
