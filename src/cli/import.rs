//! `promptmine import`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::error::Result;
use crate::exchange::peft;
use crate::prompt::{Prompt, Template, TunedWeights, Vectors};
use crate::record::{SavedLabel, SavedPrompt, SavedTuning, TUNED, adapter as low_rank_file, save_tuned};
use crate::scoring::Scorer;

use super::CliError;
use super::log::Log;
use super::model_option::DeviceOption;
use super::output::print;
use super::prompt_option::{MultiTokenName, PromptOptions};

const EXAMPLES: &str = "\
Examples:
  promptmine import --from peft adapter --model ./smollm2 --template \"{text} Sentiment: {mask}\" \\
      --verbalizer negative=terrible,positive=great --output prompt.safetensors
  promptmine import --from peft adapter-of-promptmine --output prompt.safetensors
  promptmine score --prompt prompt.safetensors --input dev.tsv

Read are prompt tuning, P-tuning, prefix tuning and low-rank steps, whose weights go into the folder `tuned` beside the file. An adapter that promptmine exported brings its prompt along; any other needs \
the template that its vectors stand before, in front of the special tokens, and label words.";

/// Where prompts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Hugging Face PEFT.
    Peft,
}

/// The arguments of `import`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The adapter's folder
    #[arg(value_name = "DIR")]
    adapter: PathBuf,
    /// The format
    #[arg(long, value_name = "FORMAT", value_enum)]
    from: Format,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// The model that the adapter was trained for
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// The template that the vectors stand before
    #[arg(long, value_name = "TEMPLATE", requires = "verbalizer")]
    template: Option<String>,
    /// The words that stand for the labels, as in negative=terrible|awful,positive=great
    #[arg(long, value_name = "WORDS", requires = "template")]
    verbalizer: Option<String>,
    /// How a label word of several tokens is scored
    #[arg(long, value_name = "RULE", value_enum, default_value_t)]
    multi_token: MultiTokenName,
    #[command(flatten)]
    device: DeviceOption,
}

/// Does it.
///
/// # Errors
/// What is wrong with the adapter, the model, the prompt or the file.
pub fn run(arguments: &Arguments, log: Log) -> Result<()> {
    let Format::Peft = arguments.from;
    let adapter = peft::Adapter::load(&arguments.adapter)?;
    let (mut saved, vectors, weights) = match (adapter.prompt(), &arguments.template) {
        (Some(_), Some(_)) => {
            return Err(CliError::Usage(
                "the adapter brings its prompt along (promptmine.json); leave --template and --verbalizer out".into(),
            )
            .into());
        }
        (None, None) => {
            return Err(CliError::Usage(
                "the adapter is of another program: --model, --template and --verbalizer say what its vectors are asked with"
                    .into(),
            )
            .into());
        }
        (Some(prompt), None) => own(arguments, &adapter, prompt, log)?,
        (None, Some(_)) => foreign(arguments, &adapter, log)?,
    };
    match &weights {
        None => saved.save_with(&vectors, &arguments.output)?,
        Some(weights) => {
            let tuning = SavedTuning::of(weights);
            let file = low_rank_file(weights, &tuning, &saved.model)?;
            saved.tuned = Some(tuning);
            save_tuned(folder(arguments), &[file])?;
            saved.save(&arguments.output)?;
        }
    }
    print(&format!(
        "{}: {} of {}, {}\nuse it: promptmine score --prompt {} --input FILE\n",
        arguments.output.display(),
        adapter.kind(),
        saved.model,
        saved.template,
        arguments.output.display()
    ))
}

/// The options of the prompt that the vectors stand before.
fn options(arguments: &Arguments) -> PromptOptions {
    PromptOptions {
        model: arguments.model.clone(),
        template: arguments.template.clone(),
        verbalizer: arguments.verbalizer.clone(),
        prompt: Vec::new(),
        ensemble: None,
        multi_token: arguments.multi_token,
        refuse_long: false,
        device: arguments.device,
    }
}

/// A prompt with what was trained of it, and of the model.
type Imported = (SavedPrompt, Vectors, Option<TunedWeights>);

/// The folder that the file lies in. The weights of low-rank steps lie beside it.
fn folder(arguments: &Arguments) -> &Path {
    arguments.output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn trained(
    arguments: &Arguments,
    adapter: &peft::Adapter,
    template: Template,
    scorer: &Scorer,
) -> Result<(Template, Vectors, Option<TunedWeights>)> {
    match adapter {
        peft::Adapter::Vectors(adapter) => {
            let peft::Foreign { template, vectors } = peft::import(adapter, &template, scorer.loaded())?;
            Ok((template, vectors, None))
        }
        peft::Adapter::Lora(adapter) => {
            if folder(arguments).join(TUNED).exists() {
                let what = "holds the weights of another prompt; name a file in another folder with --output";
                return Err(CliError::Usage(format!("{} {what}", folder(arguments).join(TUNED).display())).into());
            }
            Ok((template, Vectors::default(), Some(adapter.weights(scorer)?)))
        }
    }
}

fn foreign(arguments: &Arguments, adapter: &peft::Adapter, log: Log) -> Result<Imported> {
    let (opened, asked) = options(arguments).ready_one(log)?;
    let loaded = &opened.loaded;
    let (template, vectors, weights) = trained(arguments, adapter, asked.prompt.template.clone(), &asked.scorer)?;
    // More vectors than a slot may have could be written, and not be read again.
    let template = Template::parse(&template.to_string())?;
    let prompt = vectors.put_into(&Prompt { template, ..asked.prompt });
    let columns: Vec<String> = prompt.template.columns().into_iter().map(str::to_owned).collect();
    Scorer::new(loaded.clone(), *asked.scorer.settings()).check(&prompt, &columns)?;
    let labels = prompt.verbalizer.labels.iter();
    let saved = SavedPrompt {
        format: SavedPrompt::FORMAT,
        prompt: prompt.template.to_string(),
        template: prompt.template.to_string(),
        trigger_ids: Vec::new(),
        trigger_tokens: Vec::new(),
        verbalizer: labels.map(|l| SavedLabel { label: l.label.clone(), words: l.words.clone() }).collect(),
        multi_token: asked.scorer.settings().multi_token.name().into(),
        truncate: asked.scorer.settings().truncate,
        calibration: None,
        model: loaded.source.clone(),
        weights_blake3: loaded.weights_hash.clone(),
        tokenizer_blake3: loaded.tokenizer_hash.clone(),
        method: format!("peft_{}", adapter.kind().to_ascii_lowercase()),
        writing: None,
        pool: None,
        tuned: None,
    };
    Ok((saved, vectors, weights))
}

fn own(arguments: &Arguments, adapter: &peft::Adapter, saved: &SavedPrompt, log: Log) -> Result<Imported> {
    let model = arguments.model.as_deref().unwrap_or(&saved.model);
    let opened = super::model_option::open(model, arguments.device, log)?;
    super::model_option::prepare_line(&opened.device, log);
    let scorer = Scorer::new(opened.loaded.clone(), opened.settings());
    let (_, vectors, weights) = trained(arguments, adapter, Template::parse(&saved.template)?, &scorer)?;
    Ok((SavedPrompt { model: model.into(), ..saved.clone() }, vectors, weights))
}
