//! A model, prompts and a file of examples, as every measurement takes them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use promptmine::model::{DeviceChoice, load, resolve};
use promptmine::prompt::{Prompt, Template, Verbalizer};
use promptmine::scoring::{Scorer, Settings, trigger_vocabulary};
use promptmine::seed::Stream;
use promptmine::spec::VocabularyFilter;
use promptmine::task::{Columns, Example, Header, TableOptions, read_labelled};

use super::Failure;

#[derive(Debug, Args)]
pub struct Job {
    #[arg(long)]
    pub model: String,
    /// May be given several times.
    #[arg(long, required = true)]
    pub template: Vec<String>,
    #[arg(long)]
    pub verbalizer: String,
    /// Text TAB label, no header.
    #[arg(long)]
    pub input: PathBuf,
    /// Examples at most; 0 for all.
    #[arg(long, default_value_t = 0)]
    pub limit: usize,
    /// Sequences in a batch.
    #[arg(long, default_value_t = 32)]
    pub batch: usize,
}

/// A job with everything loaded.
pub struct Ready {
    pub scorer: Scorer,
    pub prompts: Vec<Prompt>,
    pub columns: Vec<String>,
    pub examples: Vec<Example>,
    pub load_seconds: f64,
}

impl Job {
    pub fn ready(&self) -> Result<Ready, Failure> {
        let begun = Instant::now();
        let scorer = scorer(&self.model, self.batch)?;
        let verbalizer = Arc::new(Verbalizer::parse(&self.verbalizer)?);
        let prompts = self
            .template
            .iter()
            .map(|text| Ok(Prompt::plain(Template::parse(text)?, verbalizer.clone())))
            .collect::<Result<_, Failure>>()?;
        let (columns, examples) = examples(&self.input, &verbalizer, self.limit)?;
        Ok(Ready { scorer, prompts, columns, examples, load_seconds: begun.elapsed().as_secs_f64() })
    }
}

impl Ready {
    /// The first prompt, which has `{trigger:N}`, with so many random triggers.
    pub fn candidates(&self, n: usize) -> Vec<Prompt> {
        let bare = &self.prompts[0];
        let filter = VocabularyFilter::default();
        let vocabulary = trigger_vocabulary(&self.scorer.loaded().tokenizer, &bare.verbalizer, &filter);
        let mut stream = Stream::new(13, "candidates", b"bench");
        let one = |_| {
            let mut prompt = bare.clone();
            prompt.triggers.0 = (0..bare.template.n_trigger()).map(|_| *stream.choose(&vocabulary)).collect();
            prompt
        };
        (0..n).map(one).collect()
    }

    pub fn examples(&self) -> Vec<&Example> {
        self.examples.iter().collect()
    }
}

/// A scorer on the CPU.
pub fn scorer(model: &str, batch_size: usize) -> Result<Scorer, Failure> {
    let loaded = load(&model.parse()?, &resolve(DeviceChoice::Cpu)?)?;
    Ok(Scorer::new(loaded, Settings { batch_size, ..Settings::default() }))
}

/// The first `limit` examples of a file, with its columns.
pub fn examples(path: &Path, verbalizer: &Verbalizer, limit: usize) -> Result<(Vec<String>, Vec<Example>), Failure> {
    let options = TableOptions {
        columns: Some(Columns::Order(vec!["text".into(), "label".into()])),
        header: Header::No,
        ..TableOptions::default()
    };
    let table = read_labelled(path, &options, Some(&verbalizer.label_names()), true)?;
    let n = if limit == 0 { table.examples.len() } else { limit.min(table.examples.len()) };
    Ok((table.columns, table.examples.into_iter().take(n).collect()))
}
