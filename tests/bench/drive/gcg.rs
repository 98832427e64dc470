//! Steps per second of GCG on one text, as the program that it is compared with has one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use promptmine::prompt::{Prompt, Template, Verbalizer};
use promptmine::scoring::trigger_vocabulary;
use promptmine::search::discrete::{Gcg, GcgConfig, Objective};
use promptmine::search::{Proposal, Search};
use promptmine::seed::Stream;
use promptmine::spec::{Script, VocabularyFilter};
use serde_json::{Value, json};

use super::Failure;
use super::job::{examples, scorer};
use super::search::Bench;

#[derive(Debug, Args)]
pub struct Arguments {
    #[arg(long)]
    model: String,
    #[arg(long, default_value = "{text}{trigger:5}{mask}")]
    template: String,
    #[arg(long)]
    verbalizer: String,
    /// Its first line is the text, with the label that is aimed at.
    #[arg(long)]
    input: PathBuf,
    #[arg(long, default_value_t = 10)]
    steps: usize,
    #[arg(long, default_value_t = 32)]
    search_width: usize,
    #[arg(long, default_value_t = 64)]
    top_k: usize,
    #[arg(long, default_value_t = 13)]
    seed: u64,
}

pub fn run(arguments: &Arguments) -> Result<Value, Failure> {
    let scorer = scorer(&arguments.model, 32)?;
    let verbalizer = Arc::new(Verbalizer::parse(&arguments.verbalizer)?);
    let (columns, texts) = examples(&arguments.input, &verbalizer, 1)?;
    let prompt = Prompt::plain(Template::parse(&arguments.template)?, verbalizer.clone());
    let tokenizer = &scorer.loaded().tokenizer;
    let initial = vec![tokenizer.encode_word("x", true)?[0]; prompt.template.n_trigger()];
    let config = GcgConfig {
        top_k: arguments.top_k,
        search_width: arguments.search_width,
        n_replace: 1,
        buffer_size: 1,
        stable: true,
        probe: None,
        batch_size: 1,
        patience: usize::MAX,
        restarts: Some(0),
        objective: Objective { fluency: 0.0, n_texts: 1 },
    };
    let mut search = Gcg::new(config, prompt, initial, Stream::new(arguments.seed, "search", b"bench"));
    let mut bench = Bench::new(&scorer, &columns, &texts, &texts);
    let filter = VocabularyFilter { words_only: false, script: Script::Latin, ..VocabularyFilter::default() };
    bench.vocabulary = trigger_vocabulary(tokenizer, &verbalizer, &filter);

    let (mut steps, mut moves, mut started) = (0, 0, false);
    let mut begun = Instant::now();
    let (mut first, mut last) = (None, None);
    while steps < arguments.steps {
        let proposal = search.propose(&mut bench.oracle())?;
        steps += usize::from(started);
        match proposal {
            Proposal::Candidates { candidates, .. } => {
                let scored = bench.select(&candidates)?;
                search.observe(&scored);
                moves += usize::from(started);
                last = scored.iter().map(|scored| scored.margin).reduce(f64::max).or(last);
                if !started {
                    (first, started, begun) = (last, true, Instant::now());
                }
            }
            Proposal::Nothing { .. } => {}
            Proposal::Done | Proposal::OutOfBudget => break,
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(json!({
        "steps": steps, "moves": moves, "seconds": seconds, "steps_per_second": steps as f64 / seconds,
        "first_margin": first, "last_margin": last,
    }))
}
