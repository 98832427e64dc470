//! `promptmine explain`

use clap::Args;

use crate::error::Result;
use crate::scoring::{Calibrated, Explanation, NearToken};
use crate::task::Example;

use super::CliError;
use super::calibration_option::CalibrationOptions;
use super::fill::{Format, tables};
use super::log::Log;
use super::model_option::Opened;
use super::output::{print, print_json};
use super::prompt_option::PromptOptions;
use super::text_table::TextTable;

const EXAMPLES: &str = "\
Examples:
  promptmine explain --model builtin:reviews-en --template \"{text} It was {mask}.\" \\
      --verbalizer negative=terrible,positive=great \"A film I would watch again.\"
  promptmine explain --prompt results/my/trials/<trial>/prompt.json \"A film to watch again.\"
  promptmine explain --model M --template \"{text_a}? {mask}, {text_b}\" \\
      --verbalizer no=No,yes=Yes \"A dog runs.\" --text-b \"An animal moves.\"

The four steps: the prompt with the text in its slot; its tokens; the model's likeliest answers at the mask; the label \
words' log-probabilities, and what they make of the labels.";

/// The arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    prompt: PromptOptions,
    #[command(flatten)]
    calibration: CalibrationOptions,
    /// The text for the template's slot
    text: String,
    /// The text for the template's second slot
    #[arg(long, value_name = "TEXT")]
    text_b: Option<String>,
    /// How many tokens to show at each mask
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    top_k: u32,
    /// How to print it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

/// Does it.
///
/// # Errors
/// What is wrong with the prompt, the model or the text.
pub fn run(arguments: &Arguments, log: Log) -> Result<()> {
    let (opened, mut asked) = arguments.prompt.ready_one(log)?;
    arguments.calibration.apply(std::slice::from_mut(&mut asked))?;
    if let Some(column) = asked.prompt.verbalizer.reference_column() {
        let what = format!(
            "`explain` shows label words, and the answers are the texts of `{column}`: take `predict` or `score`"
        );
        return Err(CliError::Usage(what).into());
    }
    let columns: Vec<String> = asked.prompt.template.columns().into_iter().map(str::to_owned).collect();
    let texts: Vec<String> =
        [Some(&arguments.text), arguments.text_b.as_ref()].into_iter().flatten().cloned().collect();
    if columns.len() != texts.len() {
        let slots: Vec<String> = columns.iter().map(|column| format!("{{{column}}}")).collect();
        let what = format!(
            "the template `{}` has {} slots for texts ({}), and {} are given; the second is given by --text-b",
            asked.prompt.template,
            slots.len(),
            slots.join(", "),
            texts.len()
        );
        return Err(CliError::Usage(what).into());
    }
    let example = Example { row: 0, fields: texts, label: None };
    let mut explanation = asked.scorer.explain(&asked.prompt, &columns, &example, arguments.top_k as usize)?;
    if let Some(prior) = &asked.prior {
        let scores =
            asked.scorer.score(&[prior.asked(&asked.prompt)], &columns, &[&example])?.scores.remove(0).remove(0);
        explanation.calibrate(prior, &asked.prompt.verbalizer, &scores);
    }
    match arguments.format {
        Format::Json => print_json(&explanation),
        Format::Table => print(&as_text(&explanation, &opened)),
    }
}

/// `film 0.53, movie 0.61`
fn neighbours(tokens: &[NearToken]) -> String {
    tokens.iter().map(|near| format!("{} {:.4}", near.token, near.distance)).collect::<Vec<_>>().join(", ")
}

fn as_text(explanation: &Explanation, opened: &Opened) -> String {
    let mut words = TextTable::new(&["label", "word", "tokens", ">logprob", ">probability"]);
    for word in &explanation.words {
        words.row([
            word.label.clone(),
            word.word.clone(),
            word.tokens.join(" "),
            format!("{:.4}", word.logprob),
            format!("{:.4}", word.logprob.exp()),
        ]);
    }
    let calibrated = match &explanation.calibration {
        None => String::new(),
        Some(Calibrated { name, prior, .. }) => {
            let mut table = TextTable::new(&["", ">prior"]);
            for (what, logprob) in prior {
                table.row([what.clone(), format!("{logprob:.4}")]);
            }
            format!("their priors, by {name} calibration\n{}\n", table.print())
        }
    };
    let mut labels = TextTable::new(&["label", ">logprob", ">probability", ""]);
    let best = explanation.labels.iter().map(|(_, logprob)| *logprob).fold(f64::NEG_INFINITY, f64::max);
    let predicted = explanation.labels.iter().position(|(_, logprob)| *logprob == best);
    for (index, (label, logprob)) in explanation.labels.iter().enumerate() {
        let mark = if Some(index) == predicted { "<- predicted" } else { "" };
        labels.row([label.clone(), format!("{logprob:.4}"), format!("{:.4}", logprob.exp()), mark.to_owned()]);
    }
    let mut nearest = TextTable::new(&[">virtual token", "nearest by Euclidean distance", "by cosine distance"]);
    for (index, tokens) in explanation.nearest.iter().enumerate() {
        nearest.row([(index + 1).to_string(), neighbours(&tokens.euclidean), neighbours(&tokens.cosine)]);
    }
    let nearest = match explanation.nearest.is_empty() {
        true => String::new(),
        false => format!("\nwhat its virtual tokens are nearest to\n{}", nearest.print()),
    };
    let truncated = explanation.truncated.as_deref().unwrap_or("nothing");
    let passes = match explanation.passes {
        1 => "1 forward pass".to_owned(),
        n => format!("{n} forward passes; the tokens and answers shown are those of the first"),
    };
    format!(
        "1. the prompt ({})\n{}\ncut off: {truncated}\n\n2. its {} tokens ({passes})\n{}\n\n\
         3. the likeliest answers over the whole vocabulary\n{}\n\
         4. the label words over the whole vocabulary\n{}\n{calibrated}the labels among each other\n{}{nearest}",
        opened.loaded.source,
        explanation.rendered,
        explanation.tokens.len(),
        explanation.tokens.join(" "),
        tables(&explanation.masks),
        words.print(),
        labels.print(),
    )
}
