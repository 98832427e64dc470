//! Tasks whose answers are references, a text of its own for each example: their keys, and what does not go with them.
//!
//! # Decisions
//!
//! - 2026-11: `target` names the column and says what kind of task it is. What is made of label words (their search, vectors for labels,
//!   calibration, ensembles, label-free scores) is refused with it by name, since there is none to make it of.
//! - 2026-11: texts are written where the metric looks at them, or where `generate` is there: of a target_log_likelihood they are only
//!   shown, and cost time.

use super::error::SpecError;
use super::method::{Choose, Method, SearchItem, SoftInit};
use super::multi_token::MultiToken;
use super::reader::{At, Fields, Reader};
use super::strategy::Strategy;
use super::task::TaskSpec;
use crate::prompt::Template;
use crate::task::{Basis, LABEL, Metric, Writing};

/// The most tokens that a text may be asked to have.
const MOST_TOKENS: u64 = 100_000;

/// The column of the references, with what contradicts it in the task; told where a metric needs one and it is absent.
pub(super) fn target(
    reader: &mut Reader,
    fields: &Fields,
    template: Option<&Template>,
    metric: Metric,
) -> Result<Option<String>, SpecError> {
    let Some(at) = fields.get("target") else {
        if metric.is_of_references()
            && let Some(at) = fields.get("metric")
        {
            reader.value(&at, format!("{metric} is for tasks with references: name their column with `target`"));
        }
        return Ok(None);
    };
    let target = reader.text(&at)?.trim().to_owned();
    if target.is_empty() {
        reader.value(&at, "it is empty; the column of the references is expected, as in `target: summary`");
    } else if target == LABEL {
        reader
            .value(&at, "a column `label` holds labels: give it another name with `columns`, as in { summary: label }");
    }
    if template.is_some_and(|template| template.columns().contains(&target.as_str())) {
        reader.value(&at, format!("the template shows {{{target}}}, so that the prompt would hold the answer"));
    }
    if let Some(at) = fields.get("verbalizer") {
        reader.value(&at, "with `target` the answers are references, and there are no label words: leave it out");
    }
    if !metric.is_of_references()
        && let Some(at) = fields.get("metric")
    {
        let known: Vec<&str> = Metric::ALL.into_iter().filter(|m| m.is_of_references()).map(Metric::name).collect();
        reader.value(&at, format!("{metric} is for tasks with labels (with `target`: {})", known.join(", ")));
    }
    if let Some(at) = fields.get("multi_token") {
        let text = reader.text(&at)?;
        if refused(MultiToken::ALL.into_iter().find(|rule| rule.name() == text)) {
            reader.value(&at, format!("{text} is for models that fill masks (with `target`: joint, mean)"));
        }
    }
    Ok(Some(target))
}

fn refused(rule: Option<MultiToken>) -> bool {
    matches!(rule, Some(MultiToken::Independent | MultiToken::PseudoLikelihood))
}

/// How texts are written; `None` where nobody looks at them.
pub(super) fn generate(reader: &mut Reader, fields: &Fields, metric: Metric) -> Result<Option<Writing>, SpecError> {
    let Some(at) = fields.get("generate") else {
        return Ok((metric.basis() == Basis::Texts).then(Writing::default));
    };
    if fields.get("target").is_none() {
        reader.value(&at, "texts are written where the task has references: name their column with `target`");
    }
    let keys = reader.fields(at, &["max_new_tokens", "stop"])?;
    let mut writing = Writing::default();
    if let Some(at) = keys.get("max_new_tokens") {
        writing.max_new_tokens = reader.whole(&at, 1..=MOST_TOKENS)? as usize;
    }
    if let Some(at) = keys.get("stop") {
        let items = at.items();
        writing.stop = items.iter().map(|item| reader.text(item)).collect::<Result<_, _>>()?;
        for (item, stop) in items.iter().zip(&writing.stop) {
            if stop.is_empty() {
                reader.value(item, "an empty text, which every text holds ([] for none but the end of text)");
            }
        }
        reader.distinct(&items, &writing.stop);
    }
    Ok(Some(writing))
}

/// Tells of everything in an experiment with references that is made of label words; `fields` are those of the experiment.
pub(super) fn check(
    reader: &mut Reader,
    fields: &Fields,
    task: &TaskSpec,
    search: &[SearchItem],
) -> Result<(), SpecError> {
    let target = task.target.as_deref().unwrap_or_default();
    if let Some(at) = fields.get("calibration") {
        for item in at.items() {
            let way = reader.text(&item)?;
            if way != "none" {
                let what =
                    format!("{way} corrects the scores of labels, and `target` has none (allowed with it: none)");
                reader.value(&item, what);
            }
        }
    }
    if let Some(at) = fields.get("ensembles") {
        reader.value(&at, "they put label distributions together, and `target` has none: leave them out");
    }
    if let Some(at) = fields.get("shots") {
        for item in at.items() {
            if reader.text(&item)? == "0" {
                let what = "0 shots choose by how labels are spread, and `target` has none: 1 or more, full or given";
                reader.value(&item, what);
            }
        }
    }
    let items = fields.get("search").as_ref().map(At::items).unwrap_or_default();
    for (item, at) in search.iter().filter(|item| !item.added).zip(&items) {
        if let Some(what) = item.cells.iter().find_map(|method| made_of_words(method, target)) {
            reader.value(at, what);
        }
        if let Some(rule) = item.multi_token.filter(|rule| refused(Some(*rule))) {
            reader.value(
                at,
                format!("multi_token {} is for models that fill masks (with `target`: joint, mean)", rule.name()),
            );
        }
    }
    Ok(())
}

/// What in a method is made of label words.
fn made_of_words(method: &Method, target: &str) -> Option<String> {
    let refuse = |what: &str| Some(format!("{what}, and the task's answers are the texts of `{target}`"));
    let by_labels = |init: &SoftInit| *init == SoftInit::Labels;
    match method {
        Method::Mining(_) => refuse("it mines the contexts of label words"),
        Method::LabelWords(_) | Method::TemplateAndWords(_) => refuse("it searches label words"),
        Method::Warp(_) => refuse("warp trains a vector for each label"),
        method if method.has_soft_verbalizer() => refuse("a soft verbalizer is a vector for each label"),
        Method::FineTune(method) if method.strategy == Strategy::Promptless => {
            refuse("promptless tuning trains a head that tells labels apart")
        }
        Method::Demonstrations(method) if method.choose == Choose::Nearest => {
            refuse("`choose: nearest` shows examples with their label words")
        }
        Method::SoftPrompt(method) if by_labels(&method.init) => refuse("`init: labels` starts from label words"),
        Method::Bbt(method) if by_labels(&method.init) => refuse("`init: labels` starts from label words"),
        Method::FineTune(method) if method.soft.as_ref().is_some_and(|soft| by_labels(&soft.init)) => {
            refuse("`init: labels` starts from label words")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Experiment, SpecError};
    use super::*;

    fn read(task: &str, rest: &str) -> Result<Experiment, SpecError> {
        let yaml = format!(
            "format: 1\nname: x\ntask:\n  dataset: datasets/headlines\n  template: \"{{text}} TL;DR: {{mask}}\"\n{task}\nmodels: [a]\n{rest}\n"
        );
        Experiment::from_yaml(&yaml, Path::new("x.yaml"), &[])
    }

    fn message(task: &str, rest: &str) -> String {
        read(task, rest).unwrap_err().to_string()
    }

    #[test]
    fn a_task_with_references_gets_its_metric_and_its_way_of_writing() {
        let plain = read("  target: summary", "").unwrap();
        assert_eq!((plain.task.metric, plain.task.generate.as_ref()), (Metric::TargetLogLikelihood, None));
        assert_eq!(plain.select.by.name(), "target_log_likelihood");
        let rouge = read("  target: summary\n  metric: rouge_l", "").unwrap();
        assert_eq!(rouge.task.generate, Some(Writing::default()));
        let written = "  target: summary\n  generate: { max_new_tokens: 8, stop: [\"\\n\", 。] }";
        let written = read(written, "select: { by: mean_log_likelihood }").unwrap();
        assert_eq!(written.task.generate, Some(Writing { max_new_tokens: 8, stop: vec!["\n".into(), "。".into()] }));
        for experiment in [plain, rouge, written] {
            let again = Experiment::from_yaml(&experiment.to_yaml(), Path::new("x.yaml"), &[]).unwrap();
            assert_eq!(experiment, again, "{}", experiment.to_yaml());
        }
    }

    #[test]
    fn what_contradicts_the_kind_of_task_is_named() {
        assert_eq!(
            message("  verbalizer: { a: [x], b: [y] }\n  metric: rouge_l", ""),
            "x.yaml:7:11: task.metric: rouge_l is for tasks with references: name their column with `target`"
        );
        assert_eq!(
            message("  target: summary\n  metric: accuracy", ""),
            "x.yaml:7:11: task.metric: accuracy is for tasks with labels (with `target`: target_log_likelihood, exact_match, rouge_l)"
        );
        let both = message("  target: summary\n  verbalizer: { a: [x], b: [y] }", "");
        assert!(both.contains("task.verbalizer: with `target` the answers are references"), "{both}");
        assert!(
            message("  target: text", "")
                .contains("the template shows {text}, so that the prompt would hold the answer")
        );
        let braces = message("  verbalizer: \"{summary}\"", "");
        assert!(
            braces.contains("task.verbalizer: answers that stand in a column are asked for by `target: summary`"),
            "{braces}"
        );
        assert!(message("  target: label", "").contains("a column `label` holds labels"));
        assert!(message("  generate: { stop: [] }", "").contains("texts are written where the task has references"));
        assert!(
            message("  target: s\n  generate: { max_new_tokens: 0 }", "").contains("0 is not allowed (1 to 100000)")
        );
        assert!(
            message("  target: s\n  multi_token: independent", "")
                .contains("independent is for models that fill masks")
        );
        let by = message("  target: s\n  metric: exact_match", "select: { by: rouge_l }");
        assert!(by.contains("known: target_log_likelihood, exact_match, mean_log_likelihood"), "{by}");
    }

    #[test]
    fn what_is_made_of_label_words_is_refused_all_in_one_go() {
        let message = message(
            "  target: summary",
            "shots: [0, 4]\ncalibration: [none, pmi_dc]\nensembles: { kinds: [vote] }\nsearch:\n  - { method: warp, n_soft: 3 }\n  \
             - { method: fine_tune, strategy: promptless }\n  - { method: soft_prompt, n_soft: 3, init: labels }\n  \
             - { method: demonstrations, choose: nearest, k: 2 }\n  - { method: label_words }",
        );
        for expected in [
            "shots[0]: 0 shots choose by how labels are spread",
            "calibration[1]: pmi_dc corrects the scores of labels",
            "ensembles: they put label distributions together",
            "search[0]: warp trains a vector for each label, and the task's answers are the texts of `summary`",
            "search[1]: promptless tuning trains a head",
            "search[2]: `init: labels` starts from label words",
            "search[3]: `choose: nearest` shows examples with their label words",
            "search[4]: it searches label words",
        ] {
            assert!(message.contains(expected), "{expected} in {message}");
        }
    }
}
