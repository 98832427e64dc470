//! A prompt as plain text.

use crate::record::SavedPrompt;

use super::{PortableError, written};

/// The rendered template with its slots marked, an empty line, and what goes with it, one `key: value` a line: the words of each label,
/// then what else changes its scores.
///
/// # Errors
/// [`PortableError`] where text cannot carry the prompt.
pub fn to_text(saved: &SavedPrompt) -> Result<String, PortableError> {
    let template = written(saved)?;
    let mut text = format!("{}\n\n", marked(&template)?);
    for label in &saved.verbalizer {
        text.push_str(&match label.words.is_empty() {
            true => format!("answer: {{{}}}\n", label.label),
            false => format!("label {}: {}\n", label.label, label.words.join(" | ")),
        });
    }
    let several = saved.multi_token != "joint";
    if several {
        text.push_str(&format!("multi_token: {}\n", saved.multi_token));
    }
    if let Some(prior) = &saved.calibration {
        let numbers: Vec<String> = prior.logprobs.iter().map(f64::to_string).collect();
        text.push_str(&format!("calibration: {} {}\n", prior.name, numbers.join(" ")));
    }
    if let Some(pool) = &saved.pool {
        text.push_str(&format!("demonstrations: the nearest of {} to each text\n", pool.0.len()));
    }
    text.push_str(&format!("model: {}\nfound by: {}\n", saved.model, saved.method));
    Ok(text)
}

/// The template as a prompt is rendered, with `{column}` and `{mask}` where an example's text and the answer stand.
pub(super) fn marked(template: &crate::prompt::Template) -> Result<String, PortableError> {
    let columns: Vec<String> = template.columns().into_iter().map(str::to_owned).collect();
    let slots: Vec<String> = columns.iter().map(|column| format!("{{{column}}}")).collect();
    Ok(template.render(&columns, &slots, "{mask}", &[])?)
}
