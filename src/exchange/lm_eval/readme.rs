//! `README.md` beside a task.

use super::data;
use super::task::Task;

/// What a person who has the folder alone needs to know.
pub(super) fn readme(task: &Task) -> String {
    let saved = &task.saved;
    let mut text = format!(
        "# {}\n\nA prompt mined with promptmine, as a task of lm-evaluation-harness (made for version 0.4.13).\n\n```sh\nlm_eval --model hf \
         --model_args pretrained=MODEL,dtype=float32 --include_path THIS_FOLDER --tasks {} --batch_size 1\n```\n\nIt was found by `{}` with the \
         model {} (weights blake3 {}), and every row was checked to become the same tokens as in promptmine with that model's tokenizer. With \
         another tokenizer it is another prompt.\n\n",
        task.name, task.name, saved.method, saved.model, saved.weights_blake3
    );
    text.push_str(&format!("Template: `{}`\n\n", saved.prompt));
    if task.has_references() {
        text.push_str(
            "The answers are each row's own text, `target`. `perplexity` is exp of minus the mean log-likelihood of a whole answer, in nats.\n\n",
        );
    } else {
        for (label, name) in task.labels.iter().enumerate() {
            let words = task.choices.iter().zip(&task.label_of).filter(|(_, of)| **of == label);
            let words: Vec<String> = words.map(|(choice, _)| format!("`{}`", choice.trim_start())).collect();
            text.push_str(&format!("- {name} ({label}): {}\n", words.join(", ")));
        }
        text.push_str("\n`acc` is accuracy, `f1` the mean of F1 over the labels, `mcc` Matthews' correlation.");
        if task.sums_words() {
            text.push_str(
                " A label is as likely as its words together: `process_results` sums them, and the harness's own `acc_norm` would not.",
            );
        }
        if task.first_words {
            text.push_str(
                " Of each label only the first word was exported (`--words first`), so scores differ from the prompt's own.",
            );
        }
        text.push_str("\n\n");
    }
    text.push_str(&format!("Rows from {}:\n\n", task.origin));
    for (split, rows) in &task.rows {
        text.push_str(&format!("- `{}.jsonl`: {} rows of {split}\n", data::name(*split), rows.len()));
    }
    for (column, field) in task.fields.iter().filter(|(column, field)| column != field) {
        text.push_str(&format!("- the column `{column}` is called `{field}` there\n"));
    }
    if task.truncated > 0 {
        text.push_str(&format!(
            "\n{} of these rows did not fit the model and were shortened as promptmine does, at the end of the text. The harness would cut the \
             beginning of the prompt.\n",
            task.truncated
        ));
    }
    text
}
