//! `promptmine score --model endpoint:MODEL@URL`: which prompt a service answers best.

use serde_json::json;

use crate::error::Result;
use crate::exchange::endpoint::{Asking, By, Labelled, reword};
use crate::prompt::{Template, Verbalizer};
use crate::record::AnswerStore;
use crate::search::discrete::Rephrase;
use crate::spec::Endpoint;
use crate::task::statistics::{Interval, holm, mcnemar_mid_p, wilson};

use super::CliError;
use super::fill::Format;
use super::log::Log;
use super::output::{print, print_json};
use super::prompt_option::MultiTokenName;
use super::score::{Arguments, LEVEL};
use super::text_table::{TextTable, counted, thousands};

/// One prompt's labels.
struct Row {
    template: Template,
    /// Whether each example's label is its gold one.
    correct: Vec<bool>,
    labelled: Vec<Labelled>,
    /// McNemar's mid-p against the first template, by Holm over all of them; none of the first.
    p: Option<f64>,
}

/// Does it.
///
/// # Errors
/// What is wrong with the prompts, the file or the service.
pub fn run(arguments: &Arguments, model: &str, log: Log) -> Result<()> {
    let endpoint = arguments.endpoint.endpoint(model)?;
    let options = &arguments.prompt;
    let (Some(first), Some(verbalizer)) = (&options.template, &options.verbalizer) else {
        return Err(CliError::Usage(
            "a service is asked with --template and --verbalizer, not with a saved prompt".into(),
        )
        .into());
    };
    let of_models = options.refuse_long || options.multi_token != MultiTokenName::default();
    if of_models || arguments.calibration.any() {
        let what = "--calibration, --multi-token and --refuse-long are of models on this machine; a service tells no more than its answer";
        return Err(CliError::Usage(what.into()).into());
    }
    let mut templates: Vec<Template> = Vec::new();
    for text in std::iter::once(first).chain(arguments.endpoint.against()) {
        let template = Template::parse(text)?;
        template.check_mask()?;
        if !templates.contains(&template) {
            templates.push(template);
        }
    }
    let verbalizer = Verbalizer::parse(verbalizer)?;
    let labels = verbalizer.label_names();
    let mut needed: Vec<String> = Vec::new();
    for column in templates.iter().flat_map(Template::columns) {
        if !needed.iter().any(|known| known == column) {
            needed.push(column.to_owned());
        }
    }
    let table = arguments.input.read(needed, Some(&labels), true)?;
    let gold: Vec<usize> = table.examples.iter().filter_map(|example| example.label).collect();
    let store = AnswerStore::new(&arguments.endpoint.results(), None);
    let note = |text: &str| log.note(text);
    let for_labels = arguments.endpoint.for_labels(&endpoint);
    let asking =
        Asking { endpoint: &for_labels, verbalizer: &verbalizer, columns: &table.columns, examples: &table.examples };
    if arguments.endpoint.rewords() {
        asking.check_reworded(&templates, &store)?;
        let answering = reword(&endpoint, (&templates, &[]), &store, &note)?;
        for written in templates.clone() {
            for new in answering.rewordings(&written) {
                if !templates.contains(&new) {
                    templates.push(new);
                }
            }
        }
    }
    let all = asking.labels(&templates, &store, &note)?;
    let mut rows: Vec<Row> = Vec::new();
    for (template, labelled) in templates.into_iter().zip(all) {
        let right = |(label, gold): (&Labelled, &usize)| label.is_some_and(|(label, _)| label == *gold);
        let correct = labelled.iter().zip(&gold).map(right).collect();
        rows.push(Row { template, correct, labelled, p: None });
    }
    compare(&mut rows);
    let best = (0..rows.len()).rev().max_by_key(|&row| rows[row].n_correct()).unwrap_or(0);
    match arguments.format {
        Format::Json => print_json(&as_json(&endpoint, &labels, &gold, &rows, best)),
        Format::Table => print(&as_text(&endpoint, &labels, &gold, &rows, best)),
    }
}

impl Row {
    fn n_correct(&self) -> usize {
        self.correct.iter().filter(|&&right| right).count()
    }

    fn interval(&self) -> Interval {
        wilson(self.n_correct(), self.correct.len(), LEVEL)
    }

    fn accuracy(&self) -> f64 {
        self.n_correct() as f64 / self.correct.len().max(1) as f64
    }

    /// Answers that were read so.
    fn read(&self, by: Option<By>) -> usize {
        self.labelled.iter().filter(|label| label.map(|(_, by)| by) == by).count()
    }

    /// Examples of a gold label that got this one, or none.
    fn count(&self, gold: &[usize], of: usize, label: Option<usize>) -> usize {
        let fits = |(found, gold): &(&Labelled, &usize)| **gold == of && found.map(|(label, _)| label) == label;
        self.labelled.iter().zip(gold).filter(fits).count()
    }
}

/// Compares every row with the first.
fn compare(rows: &mut [Row]) {
    let Some((first, others)) = rows.split_first_mut() else { return };
    let p_value = |other: &Row| {
        let pairs = first.correct.iter().zip(&other.correct);
        let (b, c) =
            pairs.fold((0, 0), |(b, c), (&one, &two)| (b + usize::from(one && !two), c + usize::from(two && !one)));
        mcnemar_mid_p(b, c)
    };
    let p: Vec<f64> = others.iter().map(p_value).collect();
    others.iter_mut().zip(holm(&p)).for_each(|(row, p)| row.p = Some(p));
}

fn as_text(endpoint: &Endpoint, labels: &[String], gold: &[usize], rows: &[Row], best: usize) -> String {
    let mut table =
        TextTable::new(&["template", ">accuracy", ">low", ">high", ">p_first", ">logprobs", ">text", ">none"]);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&row| (std::cmp::Reverse(rows[row].n_correct()), row));
    for &place in &order {
        let row = &rows[place];
        let Interval { low, high } = row.interval();
        let counts = [Some(By::Logprobs), Some(By::Text), None].map(|by| thousands(row.read(by) as u64));
        let cells = [
            row.template.to_string(),
            format!("{:.4}", row.accuracy()),
            format!("{low:.4}"),
            format!("{high:.4}"),
            row.p.map(|p| format!("{p:.4}")).unwrap_or_default(),
        ];
        table.row(cells.into_iter().chain(counts));
    }
    let mut titles: Vec<String> = vec!["gold".into()];
    titles.extend(labels.iter().map(|label| format!(">{label}")));
    titles.push(">(none)".into());
    let mut confusion = TextTable::new(&titles.iter().map(String::as_str).collect::<Vec<_>>());
    for (of, label) in labels.iter().enumerate() {
        let found = (0..labels.len()).map(Some).chain([None]);
        let counts = found.map(|found| thousands(rows[best].count(gold, of, found) as u64));
        confusion.row([label.clone()].into_iter().chain(counts));
    }
    let chosen = match rows.len() {
        1 => String::new(),
        n => format!(
            "\nthe best of {n} was chosen on these {}: there its accuracy is flattered; score it on others\n",
            counted(gold.len(), "example")
        ),
    };
    format!(
        "{} at {}, {}\n\n{}\n{}{chosen}",
        endpoint.model,
        endpoint.base_url,
        counted(gold.len(), "example"),
        table.print(),
        confusion.print()
    )
}

fn as_json(endpoint: &Endpoint, labels: &[String], gold: &[usize], rows: &[Row], best: usize) -> serde_json::Value {
    let prompts: Vec<_> = rows
        .iter()
        .map(|row| {
            let Interval { low, high } = row.interval();
            let found = || (0..labels.len()).map(Some).chain([None]);
            let counts: Vec<Vec<usize>> = (0..labels.len())
                .map(|of| found().map(|found| row.count(gold, of, found)).collect())
                .collect();
            json!({
                "template": row.template.to_string(), "accuracy": row.accuracy(), "accuracy_low": low, "accuracy_high": high,
                "p_first": row.p, "by_logprobs": row.read(Some(By::Logprobs)), "by_text": row.read(Some(By::Text)),
                "none": row.read(None), "confusion": counts,
            })
        })
        .collect();
    json!({
        "model": endpoint.model, "base_url": endpoint.base_url, "n": gold.len(), "labels": labels, "prompts": prompts,
        "best": rows.get(best).map(|row| row.template.to_string()),
    })
}
