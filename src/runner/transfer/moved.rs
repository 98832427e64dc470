//! A chosen prompt as another model is asked it, or on another task; or why it cannot be.

use std::sync::Arc;

use crate::model::ModelKind;
use crate::prompt::{Piece, Prompt, Template, TriggerTokens, Vectors, Verbalizer};
use crate::record::SavedPrompt;
use crate::scoring::Scorer;

use super::task::TransferTask;

/// A chosen prompt with the model that it was found with.
pub(super) struct Source<'s> {
    /// The prompt as it was saved.
    pub saved: SavedPrompt,
    /// Its vectors.
    pub vectors: Vectors,
    /// The model.
    pub scorer: &'s Scorer,
}

impl Source<'_> {
    /// The prompt for `target`, on `task` or on its own. Trigger tokens stay as they are where the tokenizer is the same, and are the
    /// text that they stand for where it is another (RLPrompt, arXiv 2205.12548); vectors stay as they are.
    ///
    /// # Errors
    /// Why it has no meaning there, as a sentence.
    pub fn moved(&self, target: &Scorer, task: Option<&TransferTask>) -> Result<Prompt, String> {
        let Self { saved, vectors, scorer } = self;
        let (from, to) = (scorer.loaded(), target.loaded());
        if saved.tuned.is_some() {
            return Err(format!("weights of {} were trained with it", from.name));
        }
        if from.weights_hash != to.weights_hash && !vectors.is_empty() {
            let (from, to) = (from.model.shape(), to.model.shape());
            if from.kind != to.kind {
                return Err(format!(
                    "its vectors are of a model that {}, and this one {}",
                    does(from.kind),
                    does(to.kind)
                ));
            }
            if vectors.prefix.is_none() && from.d_model != to.d_model {
                let (from, to) = (from.d_model, to.d_model);
                return Err(format!("its vectors have {from} numbers, and those of this model {to}"));
            }
        }
        let text = match saved.tokenizer_blake3 == to.tokenizer_hash {
            true => &saved.template,
            false => &saved.prompt,
        };
        let template = Template::parse(text).map_err(|e| e.to_string())?;
        let triggers = TriggerTokens(if template.n_trigger() > 0 { saved.trigger_ids.clone() } else { Vec::new() });
        let verbalizer = match task {
            None => Arc::new(
                Verbalizer::new(saved.verbalizer.iter().map(|l| (l.label.clone(), l.words.clone())))
                    .map_err(|e| e.to_string())?,
            ),
            Some(task) => {
                if template.nearest().is_some() || template.pieces().iter().any(|p| matches!(p, Piece::Demo(_))) {
                    return Err("its demonstrations are examples of its own task".into());
                }
                if vectors.labels.is_some() {
                    return Err("its vectors stand for the labels of its own task".into());
                }
                task.verbalizer.clone()
            }
        };
        let prompt = Prompt {
            pool: saved.pool.clone().map(Arc::new),
            ..vectors.put_into(&Prompt::with_triggers(template, triggers, verbalizer))
        };
        Ok(prompt)
    }
}

fn does(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Masked => "fills masks",
        ModelKind::Causal => "continues text",
        ModelKind::Seq2Seq => "reads one text and writes another",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::{ResolvedDevice, load_builtin};
    use crate::prompt::{SoftPrompt, TunedWeights, Tuning};
    use crate::record::{SavedLabel, SavedTuning};
    use crate::scoring::Settings;
    use crate::spec::Experiment;
    use crate::task::{Dataset, DatasetSource};

    fn scorer(model: &str) -> Scorer {
        Scorer::new(load_builtin(model, &ResolvedDevice::cpu()).unwrap(), Settings::default())
    }

    fn source<'s>(scorer: &'s Scorer, template: &str, trigger_ids: &[u32], vectors: Vectors) -> Source<'s> {
        let loaded = scorer.loaded();
        let label = |label: &str, word: &str| SavedLabel { label: label.into(), words: vec![word.into()] };
        let template = Template::parse(template).unwrap();
        let triggers = TriggerTokens(trigger_ids.to_vec());
        let slots = triggers.by_slot(&template).into_iter().map(|ids| loaded.tokenizer.decode(ids));
        let saved = SavedPrompt {
            format: SavedPrompt::FORMAT,
            prompt: template.describe(&slots.collect::<Vec<_>>()),
            template: template.to_string(),
            trigger_ids: trigger_ids.to_vec(),
            trigger_tokens: Vec::new(),
            verbalizer: vec![label("no", "bad"), label("yes", "good")],
            multi_token: "joint".into(),
            truncate: true,
            calibration: None,
            model: loaded.source.clone(),
            weights_blake3: loaded.weights_hash.clone(),
            tokenizer_blake3: loaded.tokenizer_hash.clone(),
            method: "autoprompt".into(),
            pool: None,
            tuned: None,
            writing: None,
        };
        Source { saved, vectors, scorer }
    }

    fn films() -> TransferTask {
        let yaml = "format: 1\nname: x\ntask: { dataset: builtin:hotel-reviews-zh }\nmodels: [builtin:toy]\n\
                    transfer: { tasks: { films: { dataset: builtin:film-reviews } } }\n";
        let experiment = Experiment::from_yaml(yaml, Path::new("x.yaml"), &[]).unwrap();
        let own = Dataset::load(&DatasetSource::Builtin("hotel-reviews-zh".into())).unwrap();
        TransferTask::open_all(&experiment, &own, &[]).unwrap().remove(0)
    }

    fn soft(d_model: usize) -> Vectors {
        Vectors { soft: Some(Arc::new(SoftPrompt::new(vec![0.5; d_model], d_model))), ..Vectors::default() }
    }

    #[test]
    fn trigger_tokens_stay_for_their_tokenizer_and_are_text_for_another() {
        let (toy, reviews) = (scorer("toy"), scorer("reviews-en"));
        let id = toy.loaded().tokenizer.token_id("truly").unwrap();
        let source = source(&toy, "{text}{trigger:1}{mask}.", &[id], Vectors::default());
        let same = source.moved(&toy, None).unwrap();
        assert_eq!((same.template.to_string().as_str(), &same.triggers.0), ("{text}{trigger:1}{mask}.", &vec![id]));
        let moved = source.moved(&reviews, None).unwrap();
        assert_eq!((moved.template.n_trigger(), moved.triggers.0.len()), (0, 0));
        assert!(moved.template.to_string().contains("truly"), "{}", moved.template);
        assert_eq!(moved.verbalizer.to_string(), "no=bad,yes=good");
        reviews.check(&moved, &["text".to_owned()]).unwrap();
    }

    #[test]
    fn another_task_gives_its_words_and_the_vectors_stay() {
        let (toy, films) = (scorer("toy"), films());
        let moving = source(&toy, "{soft:1}{text} {mask}.", &[], soft(8));
        let moved = moving.moved(&toy, Some(&films)).unwrap();
        assert_eq!(moved.verbalizer.to_string(), "negative=terrible,positive=great");
        assert_eq!(Vectors::of(&moved), soft(8));
        let demonstrations =
            source(&toy, "{demo:\"bad\",\"text\"=\"a dull act\"}{text} {mask}", &[], Vectors::default());
        assert!(demonstrations.moved(&scorer("reviews-en"), None).is_ok());
        assert_eq!(
            demonstrations.moved(&toy, Some(&films)).unwrap_err(),
            "its demonstrations are examples of its own task"
        );
    }

    #[test]
    fn vectors_go_to_models_of_their_width_and_kind_and_trained_weights_nowhere() {
        let toy = scorer("toy");
        let mut source = source(&toy, "{soft:1}{text} {mask}", &[], soft(8));
        let causal = source.moved(&scorer("toy-causal"), None).unwrap_err();
        assert_eq!(causal, "its vectors are of a model that fills masks, and this one continues text");
        let wider = source.moved(&scorer("reviews-en"), None).unwrap_err();
        assert_eq!(wider, "its vectors have 8 numbers, and those of this model 256");
        source.vectors = Vectors::default();
        source.saved.tuned = Some(SavedTuning::of(&TunedWeights::new(Tuning::All, None, Vec::new())));
        for task in [None, Some(&films())] {
            assert!(source.moved(&toy, task).unwrap_err().ends_with("were trained with it"));
        }
    }
}
