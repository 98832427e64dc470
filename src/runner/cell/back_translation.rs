//! From `back_translation` to the models that translate.

use std::sync::Arc;

use crate::model::ModelKind;
use crate::runner::RunnerError;
use crate::scoring::Scorer;
use crate::search::discrete::{RoundTrip, Speech, Translate, Translator};
use crate::spec::{BackTranslation, ModelSource, Paraphrase};

use super::TaskPrompt;

/// The way by another language that `paraphrase` goes; `None` where it goes none. `place` is the item's key path.
pub(super) fn round_trip(
    method: &Paraphrase,
    task: &TaskPrompt,
    scorer: &Scorer,
    place: &str,
) -> Result<Option<RoundTrip>, RunnerError> {
    let Some(translation) = method.back_translation.as_deref() else { return Ok(None) };
    let BackTranslation { forward, backward, beams, forward_prefix, backward_prefix, languages } = translation;
    let languages = languages.as_ref().map(|(source, target)| (source.as_str(), target.as_str()));
    let place = format!("{place}.back_translation");
    let of =
        |key, source, prefix: &str, languages| translator((key, source), (prefix, languages), task, scorer, &place);
    Ok(Some(RoundTrip {
        forward: of("forward", forward, forward_prefix, languages)?,
        backward: of("backward", backward, backward_prefix, languages.map(|(source, target)| (target, source)))?,
        beams: *beams,
    }))
}

fn translator(
    (key, source): (&str, &ModelSource),
    (prefix, languages): (&str, Option<(&str, &str)>),
    task: &TaskPrompt,
    scorer: &Scorer,
    place: &str,
) -> Result<Arc<dyn Translate>, RunnerError> {
    let loaded = task.second_model(source, place, key)?;
    let fault =
        |what: String| RunnerError::Generator { place: format!("{place}.{key}"), model: loaded.name.clone(), what };
    if loaded.model.shape().kind != ModelKind::Seq2Seq {
        return Err(fault("a model with an encoder and a decoder translates (T5, mT5, BART, mBART)".into()));
    }
    let id = |language: &str| {
        loaded.tokenizer.token_id(language).ok_or_else(|| {
            fault(format!("its tokenizer has no token `{language}`; languages are written as its tokens, as en_XX"))
        })
    };
    let languages = match languages {
        Some((from, to)) => Some((id(from)?, id(to)?)),
        None => None,
    };
    let scorer = Scorer::new(loaded.clone(), *scorer.settings());
    Ok(Arc::new(Translator::new(scorer, Speech { prefix: prefix.to_owned(), languages })))
}
