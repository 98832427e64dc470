//! From `label_words` and `template_and_words` to their state machines.

use std::sync::Arc;

use crate::prompt::{Prompt, Template};
use crate::runner::RunnerError;
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::discrete::{
    LabelWords as Words, LabelWordsConfig, Paraphrase as Rounds, TemplateAndWords as InTurn, WordScore,
};
use crate::seed::Stream;
use crate::spec::{LabelWords, TemplateAndWords, WordRanking, WordSearch};

use super::{TaskPrompt, back_translation, paraphrase};

/// The template of a method, or the task's.
pub(super) fn template(own: Option<&Template>, task: &TaskPrompt) -> Vec<Template> {
    vec![own.unwrap_or(&task.template).clone()]
}

/// The search of words.
pub(super) fn search(method: &LabelWords, prompt: Prompt) -> Box<dyn Search> {
    Box::new(Words::new(config(&method.words), prompt))
}

/// The search of both. `stream` gives a turn's random stream, `place` is the item's key path.
pub(super) fn search_both(
    method: &TemplateAndWords,
    prompt: Prompt,
    task: &TaskPrompt,
    scorer: &Scorer,
    stream: impl Fn(usize) -> Stream + Send + 'static,
    place: &str,
) -> Result<Box<dyn Search>, RunnerError> {
    let thesaurus = Arc::new(paraphrase::thesaurus(&method.paraphrase, task, place)?);
    let rounds = paraphrase::config(&method.paraphrase);
    let round_trip = back_translation::round_trip(&method.paraphrase, task, scorer, place)?;
    let rewriter = move |prompt: Prompt, turn: usize| -> Box<dyn Search> {
        let rounds = Rounds::new(rounds, Arc::clone(&thesaurus), &[prompt], stream(turn));
        Box::new(rounds.with_round_trip(round_trip.clone()))
    };
    Ok(Box::new(InTurn::new(config(&method.words), prompt, Box::new(rewriter))))
}

/// Its parameters.
pub(in crate::runner) fn config(words: &WordSearch) -> LabelWordsConfig {
    LabelWordsConfig {
        score: match words.ranking {
            WordRanking::LmBff => WordScore::Likelihood,
            WordRanking::Autoprompt => WordScore::Classifier,
            WordRanking::Petal => WordScore::LikelihoodRatio,
        },
        per_label: words.per_label,
        known_words: words.known_words,
        n_tokens: words.n_tokens.clone(),
        pool: words.pool,
        beam: words.beam,
        n_likely: words.n_likely,
        batch_size: words.batch_size,
        n_candidates: words.n_candidates,
    }
}

/// What tells a cell from the others of its item.
pub(super) fn describe(words: &WordSearch, template: Option<&Template>) -> String {
    let template = template.map(|template| format!(", `{template}`")).unwrap_or_default();
    format!("{}, per_label {}{template}", words.ranking.name(), words.per_label)
}
