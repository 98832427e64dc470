//! Predictions as text: JSON lines and CSV (contract, `predict`).

use serde_json::{Map, Value};

use crate::error::Result;
use crate::scoring::argmax;

use super::CliError;

/// What one prompt predicts.
pub struct Predictions {
    /// Its file; not written where it is the only prompt.
    pub prompt: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// Log-probabilities among the labels, in nats: `[example][label]`.
    pub logprobs: Vec<Vec<f64>>,
}

/// One JSON object a line: `id`, `prompt` where there are several, `label` where the input has one, `predicted`,
/// `logprob_<label>`. An id that is a whole number is written as one.
pub fn to_json_lines(ids: &[String], gold: &[Option<String>], predictions: &[Predictions]) -> String {
    let mut text = String::new();
    for (example, id) in ids.iter().enumerate() {
        for p in predictions {
            let mut object = Map::new();
            object.insert("id".into(), number_or_text(id));
            if predictions.len() > 1 {
                object.insert("prompt".into(), p.prompt.clone().into());
            }
            if let Some(label) = &gold[example] {
                object.insert("label".into(), label.clone().into());
            }
            object.insert("predicted".into(), p.labels[argmax(&p.logprobs[example])].clone().into());
            for (label, &logprob) in p.labels.iter().zip(&p.logprobs[example]) {
                object.insert(format!("logprob_{label}"), logprob.into());
            }
            text += &Value::Object(object).to_string();
            text.push('\n');
        }
    }
    text
}

/// The same as CSV; a label that a prompt does not have is an empty cell.
///
/// # Errors
/// [`CliError::Write`]: never for what stands in memory.
pub fn to_csv(ids: &[String], gold: &[Option<String>], predictions: &[Predictions]) -> Result<String> {
    let fault = |e: csv::Error| CliError::Write { what: "CSV".into(), source: e.into() };
    let mut labels: Vec<&String> = Vec::new();
    for label in predictions.iter().flat_map(|p| &p.labels) {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    let several = predictions.len() > 1;
    let labelled = gold.iter().any(Option::is_some);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut head = vec!["id".to_owned()];
    head.extend(several.then(|| "prompt".to_owned()));
    head.extend(labelled.then(|| "label".to_owned()));
    head.push("predicted".into());
    head.extend(labels.iter().map(|label| format!("logprob_{label}")));
    writer.write_record(&head).map_err(fault)?;
    for (example, id) in ids.iter().enumerate() {
        for p in predictions {
            let scores = &p.logprobs[example];
            let mut row = vec![id.clone()];
            row.extend(several.then(|| p.prompt.clone()));
            row.extend(labelled.then(|| gold[example].clone().unwrap_or_default()));
            row.push(p.labels[argmax(scores)].clone());
            row.extend(labels.iter().map(|label| {
                p.labels.iter().position(|l| l == *label).map(|index| scores[index].to_string()).unwrap_or_default()
            }));
            writer.write_record(&row).map_err(fault)?;
        }
    }
    let bytes = writer.into_inner().map_err(|e| fault(e.into_error().into()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn number_or_text(id: &str) -> Value {
    match id.parse::<u64>() {
        // `007` is a text: as a number it would lose its zeros.
        Ok(number) if number.to_string() == id => number.into(),
        _ => id.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentiment() -> Predictions {
        Predictions {
            prompt: "s.json".into(),
            labels: vec!["bad".into(), "good".into()],
            logprobs: vec![vec![-0.25, -1.5], vec![-2.0, -0.125]],
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn a_line_holds_what_the_contract_says_in_its_order() {
        let lines = to_json_lines(&texts(&["0", "b7"]), &[Some("good".into()), None], &[sentiment()]);
        assert_eq!(
            lines,
            "{\"id\":0,\"label\":\"good\",\"predicted\":\"bad\",\"logprob_bad\":-0.25,\"logprob_good\":-1.5}\n\
             {\"id\":\"b7\",\"predicted\":\"good\",\"logprob_bad\":-2.0,\"logprob_good\":-0.125}\n"
        );
    }

    #[test]
    fn prompts_of_different_tasks_stand_in_one_csv() {
        let topic =
            Predictions { prompt: "t.json".into(), labels: vec!["art".into()], logprobs: vec![vec![0.0], vec![0.0]] };
        let csv = to_csv(&texts(&["007", "1"]), &[None, None], &[sentiment(), topic]).unwrap();
        assert_eq!(
            csv,
            "id,prompt,predicted,logprob_bad,logprob_good,logprob_art\n\
             007,s.json,bad,-0.25,-1.5,\n007,t.json,art,,,0\n1,s.json,good,-2,-0.125,\n1,t.json,art,,,0\n"
        );
    }

    #[test]
    fn an_id_with_leading_zeros_stays_text() {
        assert_eq!(number_or_text("007"), Value::from("007"));
        assert_eq!(number_or_text("12"), Value::from(12));
    }
}
