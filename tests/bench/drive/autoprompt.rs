//! Steps per second of AutoPrompt, from mask tokens, as the published program begins.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use promptmine::prompt::{Prompt, Template, Verbalizer};
use promptmine::scoring::trigger_vocabulary;
use promptmine::search::discrete::{Autoprompt, AutopromptConfig, Objective};
use promptmine::search::{Proposal, Search};
use promptmine::seed::Stream;
use promptmine::spec::VocabularyFilter;
use serde_json::{Value, json};

use super::Failure;
use super::job::{examples, scorer};
use super::search::Bench;

#[derive(Debug, Args)]
pub struct Arguments {
    #[arg(long)]
    model: String,
    #[arg(long, default_value = "{text} {trigger:3} {mask}")]
    template: String,
    #[arg(long)]
    verbalizer: String,
    #[arg(long)]
    train: PathBuf,
    #[arg(long)]
    dev: PathBuf,
    #[arg(long, default_value_t = 0)]
    dev_limit: usize,
    #[arg(long, default_value_t = 10)]
    n_candidates: usize,
    #[arg(long, default_value_t = 20)]
    steps: usize,
    #[arg(long, default_value_t = 32)]
    batch: usize,
    #[arg(long, default_value_t = 13)]
    seed: u64,
}

pub fn run(arguments: &Arguments) -> Result<Value, Failure> {
    let scorer = scorer(&arguments.model, 32)?;
    let verbalizer = Arc::new(Verbalizer::parse(&arguments.verbalizer)?);
    let (columns, mut train) = examples(&arguments.train, &verbalizer, 0)?;
    let (_, dev) = examples(&arguments.dev, &verbalizer, arguments.dev_limit)?;
    let stream = |purpose: &str| Stream::new(arguments.seed, purpose, b"bench");
    stream("order of train").shuffle(&mut train);
    let prompt = Prompt::plain(Template::parse(&arguments.template)?, verbalizer.clone());
    let tokenizer = &scorer.loaded().tokenizer;
    let n_trigger = prompt.template.n_trigger();
    let initial = tokenizer.mask_id().map_or_else(Vec::new, |mask| vec![mask; n_trigger]);
    let config = AutopromptConfig {
        n_candidates: arguments.n_candidates,
        positions: 1,
        beam: 1,
        batch_size: arguments.batch,
        patience: usize::MAX,
        restarts: Some(0),
        objective: Objective { fluency: 0.0, n_texts: 1 },
    };
    let mut search = Autoprompt::new(config, prompt, initial, stream("search"));
    let mut bench = Bench::new(&scorer, &columns, &train, &dev);
    let filter = VocabularyFilter { words_only: false, ..VocabularyFilter::default() };
    bench.vocabulary = trigger_vocabulary(tokenizer, &verbalizer, &filter);

    // The start is scored before the clock runs, as in the program that it is compared with.
    let mut best = 0f64;
    let mut start = None;
    let (mut steps, mut moves) = (0, 0);
    let mut begun = Instant::now();
    let mut before = 0;
    while steps < arguments.steps {
        let proposal = search.propose(&mut bench.oracle())?;
        steps += usize::from(start.is_some());
        match proposal {
            Proposal::Candidates { candidates, .. } => {
                let scored = bench.select(&candidates)?;
                search.observe(&scored);
                best = scored.iter().map(|scored| scored.score).fold(best, f64::max);
                moves += usize::from(start.is_some());
                if start.is_none() {
                    start = scored.first().map(|scored| scored.score);
                    before = bench.ledger.spent().evaluations;
                    begun = Instant::now();
                }
            }
            Proposal::Nothing { .. } => {}
            Proposal::Done | Proposal::OutOfBudget => break,
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    // A gradient is counted as 3 evaluations by us and as one by the program that this is compared with.
    let gradients = (steps * arguments.batch) as u64;
    let evaluations = bench.ledger.spent().evaluations - before - 2 * gradients;
    Ok(json!({
        "steps": steps, "moves": moves, "seconds": seconds, "steps_per_second": steps as f64 / seconds,
        "evaluations_per_second": evaluations as f64 / seconds,
        "start_accuracy": start, "best_dev_accuracy": best,
    }))
}
