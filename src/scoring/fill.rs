//! The likeliest tokens at each mask of a text (contract, definition 11).

use burn::tensor::activation;
use serde::Serialize;

use crate::model::ModelKind;
use crate::prompt::Prompt;

use super::batch::Sequence;
use super::encode::FIRST_SENTINEL;
use super::scorer::floats;
use super::{AnswerWay, Scorer, ScoringError};

/// One token that could stand at a mask.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Filled {
    /// Its id.
    pub token_id: u32,
    /// The token as the vocabulary writes it: `##ing`.
    pub token: String,
    /// The token as text: `ing`.
    pub text: String,
    /// Its log-probability over the whole vocabulary, in nats.
    pub logprob: f64,
}

impl Scorer {
    /// The `top_k` likeliest tokens at each mask of `text`, each mask read with the others masked.
    ///
    /// `text` may hold `{mask}` or the tokenizer's own mask token or sentinels; the tokenizer's default special tokens are added. Of a
    /// model that continues text the likeliest next tokens: `{mask}` may stand at the end, and nowhere else. BART's decoder reads the
    /// text shifted right and is read at the mask; that of a model with sentinels reads its start token and the gap's sentinel.
    ///
    /// # Errors
    /// [`ScoringError::Fill`] if there is no mask or the text is longer than the model's positions;
    /// [`ScoringError::NotFinite`].
    pub fn fill(&self, text: &str, top_k: usize) -> Result<Vec<Vec<Filled>>, ScoringError> {
        if self.kind() == ModelKind::Causal {
            return self.next_tokens(text, top_k);
        }
        let tokenizer = &self.loaded().tokenizer;
        let gap = self.way().gap(tokenizer, &self.loaded().name)?;
        let ids = self.gapped_ids(text)?;
        let is_gap = |id: u32| match self.way() {
            AnswerWay::Sentinels { sentinels, .. } => sentinels.contains(&id),
            _ => Some(id) == gap,
        };
        let positions: Vec<usize> = (0..ids.len()).filter(|&i| is_gap(ids[i])).collect();
        if positions.is_empty() {
            let written = tokenizer.mask_token().unwrap_or(FIRST_SENTINEL);
            return Err(ScoringError::Fill(format!("the text has no mask; write {{mask}} or {written} in `{text}`")));
        }
        if !self.continues() {
            return self.top_tokens(&ids, &positions, top_k);
        }
        let mut filled = Vec::with_capacity(positions.len());
        for place in positions {
            let pair = [ids.as_slice(), &self.way().before_word(ids[place])].concat();
            let sequence = Sequence { decoder_from: Some(ids.len()), ..Sequence::of_tokens(&pair, &[pair.len() - 1]) };
            filled.extend(self.likeliest(&self.whole_vocabulary_of(sequence, None)?, top_k));
        }
        Ok(filled)
    }

    /// The ids of a text with the tokenizer's default special tokens, in which `{mask}` is the mask, or the next sentinel.
    ///
    /// # Errors
    /// [`ScoringError::Fill`] if it is longer than the model's positions, or a mask is asked for that the tokenizer does not have;
    /// [`ScoringError::NoSentinel`].
    pub(super) fn gapped_ids(&self, text: &str) -> Result<Vec<u32>, ScoringError> {
        let loaded = self.loaded();
        let tokenizer = &loaded.tokenizer;
        let ids = match self.way() {
            AnswerWay::Sentinels { sentinels, .. } => self.with_sentinels(text, sentinels)?,
            _ => match tokenizer.mask_token() {
                Some(mask) => tokenizer.encode_reference(&text.replace("{mask}", mask)),
                None if text.contains("{mask}") => return Err(ScoringError::NoMask { model: loaded.name.clone() }),
                None => tokenizer.encode_reference(text),
            },
        };
        let limit = loaded.model.shape().max_positions;
        if ids.len() > limit {
            return Err(ScoringError::Fill(format!(
                "the text is {} tokens long, {} has {limit} positions",
                ids.len(),
                loaded.name
            )));
        }
        Ok(ids)
    }

    /// The ids of a text whose gaps are sentinels: `{mask}` is the next of them.
    fn with_sentinels(&self, text: &str, sentinels: &[u32]) -> Result<Vec<u32>, ScoringError> {
        let loaded = self.loaded();
        let tokenizer = &loaded.tokenizer;
        let n_masks = text.matches("{mask}").count();
        if n_masks > sentinels.len() {
            let (model, found) = (loaded.name.clone(), sentinels.len());
            return Err(ScoringError::NoSentinel { model, found, wanted: n_masks });
        }
        let written = (0..n_masks)
            .fold(text.to_owned(), |text, number| text.replacen("{mask}", &format!("<extra_id_{number}>"), 1));
        if !tokenizer.has_ordinary_sentinels() {
            return Ok(tokenizer.encode_reference(&written));
        }
        // Sentinels that are ordinary pieces are found by the reference behind a space only.
        let mut ids = Vec::new();
        let mut rest = written.as_str();
        let mut behind = false;
        loop {
            let next = sentinels
                .iter()
                .enumerate()
                .filter_map(|(number, &id)| {
                    let name = format!("<extra_id_{number}>");
                    rest.find(&name).map(|at| (at, at + name.len(), id))
                })
                .min();
            let (end, after, sentinel) =
                next.map_or((rest.len(), rest.len(), None), |(at, end, id)| (at, end, Some(id)));
            let own = &rest[..end];
            let own = if behind { tokenizer.encode_behind_sentinel(own) } else { tokenizer.encode_text_places(own) };
            ids.extend(own.into_iter().map(|(id, _)| id));
            let Some(sentinel) = sentinel else { return Ok(tokenizer.wrap(ids)) };
            ids.push(sentinel);
            (rest, behind) = (&rest[after..], true);
        }
    }

    fn next_tokens(&self, text: &str, top_k: usize) -> Result<Vec<Vec<Filled>>, ScoringError> {
        let loaded = self.loaded();
        let text = text.strip_suffix("{mask}").map_or(text, |text| text.strip_suffix(' ').unwrap_or(text));
        if text.contains("{mask}") {
            return Err(ScoringError::Fill(format!(
                "{} continues text, so {{mask}} can stand only at the end of `{text}`",
                loaded.name
            )));
        }
        let ids = self.prefix_ids(text)?;
        self.top_tokens(&ids, &[ids.len() - 1], top_k)
    }

    /// The ids of a text that is to be continued: with the special tokens in front, without those at the end.
    ///
    /// # Errors
    /// [`ScoringError::Fill`] if nothing is left of it, or it is longer than the model's positions.
    pub(super) fn prefix_ids(&self, text: &str) -> Result<Vec<u32>, ScoringError> {
        let loaded = self.loaded();
        let mut ids = loaded.tokenizer.encode_reference(text);
        let (_, after) = loaded.tokenizer.around();
        if !after.is_empty() && ids.ends_with(after) {
            ids.truncate(ids.len() - after.len());
        }
        let limit = loaded.model.shape().max_positions;
        if ids.is_empty() {
            return Err(ScoringError::Fill("the text is empty: there is nothing to continue".into()));
        }
        if ids.len() > limit {
            let what = format!("the text is {} tokens long, {} has {limit} positions", ids.len(), loaded.name);
            return Err(ScoringError::Fill(what));
        }
        Ok(ids)
    }

    /// The log-probabilities of the whole vocabulary at `positions` of one sequence: `[position][token]`.
    pub(super) fn whole_vocabulary(&self, ids: &[u32], positions: &[usize]) -> Result<Vec<Vec<f32>>, ScoringError> {
        self.whole_vocabulary_of(Sequence::of_tokens(ids, positions), None)
    }

    /// [`Scorer::whole_vocabulary`] of a sequence that may have a prompt's virtual tokens and prefix.
    pub(super) fn whole_vocabulary_of(
        &self,
        sequence: Sequence,
        prompt: Option<&Prompt>,
    ) -> Result<Vec<Vec<f32>>, ScoringError> {
        let loaded = self.loaded();
        let batch = std::slice::from_ref(&sequence);
        let states = self.states(self.inputs(batch, |_| prompt), batch);
        let [_, n_predict, d_model] = states.dims();
        let logprobs = activation::log_softmax(loaded.model.logits(states.reshape([n_predict, d_model]), None), 1);
        let vocab_size = logprobs.dims()[1];
        let values = floats(logprobs);
        if values.iter().any(|x| x.is_nan()) {
            return Err(ScoringError::NotFinite { prompt: loaded.tokenizer.decode(&sequence.ids) });
        }
        Ok(values.chunks(vocab_size).map(<[f32]>::to_vec).collect())
    }

    /// The likeliest tokens at `positions` of one sequence.
    pub(super) fn top_tokens(
        &self,
        ids: &[u32],
        positions: &[usize],
        top_k: usize,
    ) -> Result<Vec<Vec<Filled>>, ScoringError> {
        Ok(self.likeliest(&self.whole_vocabulary(ids, positions)?, top_k))
    }

    /// The `top_k` tokens of each row of log-probabilities over the vocabulary.
    pub(super) fn likeliest(&self, rows: &[Vec<f32>], top_k: usize) -> Vec<Vec<Filled>> {
        let tokenizer = &self.loaded().tokenizer;
        rows.iter()
            .map(|row| {
                let mut order: Vec<u32> = (0..row.len() as u32).collect();
                order.sort_by(|&a, &b| row[b as usize].total_cmp(&row[a as usize]).then(a.cmp(&b)));
                order.truncate(top_k);
                order
                    .into_iter()
                    .map(|id| Filled {
                        token_id: id,
                        token: tokenizer.token(id).unwrap_or_default(),
                        text: tokenizer.token_text(id).map(|(text, _)| text).unwrap_or_default(),
                        logprob: f64::from(row[id as usize]),
                    })
                    .collect()
            })
            .collect()
    }
}
