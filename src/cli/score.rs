//! `promptmine score`

use clap::Args;
use serde_json::json;

use crate::error::Result;
use crate::scoring::Outcome;
use crate::spec::Endpoint;
use crate::task::Metric;
use crate::task::statistics::{Interval, wilson};

use super::CliError;
use super::applied::{Applied, apply_together};
use super::calibration_option::CalibrationOptions;
use super::endpoint_option::EndpointOptions;
use super::fill::Format;
use super::input_option::InputOptions;
use super::log::Log;
use super::output::{print, print_json};
use super::prompt_option::{PromptOptions, Ready, needed};
use super::references;
use super::score_endpoint;
use super::text_table::{TextTable, counted, duration, thousands};

const EXAMPLES: &str = "\
Examples:
  promptmine score --model builtin:reviews-en --template \"{text} It was {mask}.\" \\
      --verbalizer negative=terrible,positive=great --input reviews.csv
  promptmine score --prompt results/quickstart/trials/<trial>/prompt.json --input reviews.tsv
  promptmine score --model M --template T --verbalizer 0=bad,1=good --input x.jsonl \\
      --columns text=sentence,label=gold
  promptmine score --ensemble results/my/trials/<trial>/ensemble.json --input reviews.csv
  promptmine score --model endpoint:gpt-4.1-nano@https://api.openai.com/v1 --key OPENAI_API_KEY --price 0.1,0.4 \\
      --max-cost 0.5 --template \"Is this review positive? {text} Answer: {mask}\" --verbalizer neg=no,pos=yes \\
      --paraphrases 8 --input dev.csv

A prompt with the verbalizer {column} is measured by the texts of that column: target_log_likelihood, exact_match, \
rouge_l. The labels of the file are those of the verbalizer; any other is refused. The interval of the accuracy is Wilson's at \
95 %. In the confusion table a row is a gold label, a column what the prompt made of it. A service that speaks OpenAI's \
chat completions answers with one of the label words; what its requests may cost is told, and refused above --max-cost, \
before the first. The prices in the example are no service's: give those of yours.";

/// The level of the interval.
pub(super) const LEVEL: f64 = 0.95;

/// The arguments of `score`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) prompt: PromptOptions,
    #[command(flatten)]
    pub(super) input: InputOptions,
    #[command(flatten)]
    pub(super) calibration: CalibrationOptions,
    /// How to print it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(super) format: Format,
    #[command(flatten)]
    pub(super) endpoint: EndpointOptions,
}

/// Does it.
///
/// # Errors
/// What is wrong with the prompt, the model or the file.
pub fn run(arguments: &Arguments, log: Log) -> Result<()> {
    match &arguments.prompt.model {
        Some(model) if model.trim().starts_with(Endpoint::PREFIX) => {
            return score_endpoint::run(arguments, model, log);
        }
        _ if arguments.endpoint.any() => {
            let what =
                "--key, --against, --paraphrases, --price and the like are of a service: --model endpoint:MODEL@URL";
            return Err(CliError::Usage(what.into()).into());
        }
        _ => {}
    }
    let mut ready = arguments.prompt.ready_together(log)?;
    arguments.calibration.apply(&mut ready.prompts)?;
    if let Some(column) = references::column(&ready)? {
        return of_references(arguments, &ready, &column, log);
    }
    let labels = ready.prompts[0].prompt.verbalizer.label_names();
    let needed = needed(&ready.prompts);
    let table = arguments.input.read(needed, Some(&labels), true)?;
    let gold: Vec<usize> = table.examples.iter().filter_map(|example| example.label).collect();
    let applied = apply_together(&ready, &table.columns, &table.examples, log)?;
    let outcome = Outcome::of(&applied.scores, &gold, labels.len(), Metric::Accuracy);
    match arguments.format {
        Format::Json => print_json(&as_json(&labels, &outcome, &applied)),
        Format::Table => print(&as_text(&labels, &outcome, &applied, &ready.opened.device.description)),
    }
}

/// Measures a prompt whose answers stand in a column of the file.
fn of_references(arguments: &Arguments, ready: &Ready, column: &str, log: Log) -> Result<()> {
    let asked = &ready.prompts[0];
    let mut needed = needed(&ready.prompts);
    needed.push(column.to_owned());
    let table = arguments.input.read(needed, None, false)?;
    let answered = references::answer(asked, column, &table, &references::writing(asked, None), log)?;
    match arguments.format {
        Format::Json => print_json(&answered.to_json()),
        Format::Table => print(&answered.to_text(&ready.opened.device.description)),
    }
}

fn interval(outcome: &Outcome) -> Interval {
    wilson(outcome.confusion.correct() as usize, outcome.confusion.total() as usize, LEVEL)
}

fn as_text(labels: &[String], outcome: &Outcome, applied: &Applied, device: &str) -> String {
    let confusion = &outcome.confusion;
    let Interval { low, high } = interval(outcome);
    let mut titles: Vec<&str> = vec!["gold"];
    let predicted: Vec<String> = labels.iter().map(|label| format!(">{label}")).collect();
    titles.extend(predicted.iter().map(String::as_str));
    titles.extend([">all", ">recall"]);
    let mut table = TextTable::new(&titles);
    for (gold, label) in labels.iter().enumerate() {
        let all = confusion.gold(gold);
        let recall =
            if all > 0 { format!("{:.4}", confusion.count(gold, gold) as f64 / all as f64) } else { String::new() };
        let counts = (0..labels.len()).map(|predicted| thousands(confusion.count(gold, predicted)));
        table.row([label.clone()].into_iter().chain(counts).chain([thousands(all), recall]));
    }
    let truncated = match applied.truncated {
        0 => String::new(),
        n => format!(", {} shortened to fit", thousands(n as u64)),
    };
    let cost = applied.cost;
    format!(
        "accuracy {:.4} [{low:.4}, {high:.4}] on {}{truncated}\nmacro_f1 {:.4}, matthews {:.4}\n\
         mean margin {:.4}, mean log-likelihood {:.4} nats\n\n{}\n\
         cost: {} evaluations, {} forwards, {} tokens, {} ({} evaluations/s) on {device}\n",
        outcome.metric,
        counted(confusion.total() as usize, "example"),
        Metric::MacroF1.of(confusion),
        Metric::Matthews.of(confusion),
        outcome.margin,
        outcome.log_likelihood,
        table.print(),
        thousands(cost.evaluations),
        thousands(cost.forwards),
        thousands(cost.tokens),
        duration(applied.seconds),
        thousands((cost.evaluations as f64 / applied.seconds.max(1e-9)) as u64),
    )
}

fn as_json(labels: &[String], outcome: &Outcome, applied: &Applied) -> serde_json::Value {
    let confusion = &outcome.confusion;
    let Interval { low, high } = interval(outcome);
    let n = labels.len();
    let counts: Vec<Vec<u64>> = (0..n).map(|gold| (0..n).map(|p| confusion.count(gold, p)).collect()).collect();
    json!({
        "n": confusion.total(),
        "accuracy": outcome.metric, "accuracy_low": low, "accuracy_high": high,
        "macro_f1": Metric::MacroF1.of(confusion), "matthews": Metric::Matthews.of(confusion),
        "margin": outcome.margin, "log_likelihood": outcome.log_likelihood,
        "labels": labels, "confusion": counts,
        "truncated": applied.truncated,
        "evaluations": applied.cost.evaluations, "forwards": applied.cost.forwards, "tokens": applied.cost.tokens,
        "seconds": applied.seconds,
        "evaluations_per_second": applied.cost.evaluations as f64 / applied.seconds.max(1e-9),
    })
}
