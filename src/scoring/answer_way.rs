//! How a model is asked for a word.
//!
//! # Decisions
//!
//! - 2026-11: a model with sentinels (T5) has its text in the encoder with a sentinel for the answer, and behind the text, in the
//!   same row of ids, what its decoder reads: the start token, the sentinel, and of a word all tokens but the last. So it is asked as
//!   one that continues text is, and its rows come and go as all others do. BART is asked as one that fills masks: its decoder reads
//!   the input itself (contract, definition 11).
//! - 2026-11: references are written as `generate` writes: what follows the text in a causal model, and in an encoder-decoder what the
//!   decoder begins with behind its start token, whichever family it is of. Neither a mask nor a sentinel stands for them.

use burn::tensor::Tensor;

use crate::model::{AnswerPlace, Inputs, LoadedModel, ModelKind, Tokenizer};

use super::batch::Sequence;
use super::encode::Encoded;
use super::{Scorer, ScoringError};

/// How a model is asked for a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerWay {
    /// In the places of masks, which the text is read round.
    Masks,
    /// As what follows the text.
    Continuation,
    /// In a decoder, behind the sentinel that stands for the answer in the text.
    Sentinels {
        /// What the decoder begins with.
        start: u32,
        /// The tokens that stand for gaps, the first gap's first.
        sentinels: Vec<u32>,
    },
    /// As what a decoder writes of the text, which nothing stands for in the text: references.
    Written {
        /// What the decoder begins with: its start token, and the token that always comes first where there is one.
        begins: Vec<u32>,
    },
}

impl AnswerWay {
    /// Of a model; one with sentinels may have a tokenizer without them, which is noticed where one is needed.
    pub fn of(loaded: &LoadedModel) -> Self {
        let kind = loaded.model.shape().kind;
        match loaded.model.seq2seq().filter(|model| model.answer_place() == AnswerPlace::Sentinel) {
            Some(model) => {
                Self::Sentinels { start: model.start_id(), sentinels: loaded.tokenizer.sentinel_ids().to_vec() }
            }
            None if kind == ModelKind::Causal => Self::Continuation,
            None => Self::Masks,
        }
    }

    /// How a model is asked for a reference; `None` for one that only fills masks.
    pub fn of_references(loaded: &LoadedModel) -> Option<Self> {
        if let Some(model) = loaded.model.seq2seq() {
            return Some(Self::Written { begins: std::iter::once(model.start_id()).chain(model.first_id()).collect() });
        }
        (loaded.model.shape().kind == ModelKind::Causal).then_some(Self::Continuation)
    }

    /// Whether nothing stands for the answer, which follows the text, or is written of it.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Continuation | Self::Written { .. })
    }

    /// Whether a word is read from left to right behind what is known of it.
    pub fn continues(&self) -> bool {
        !matches!(self, Self::Masks)
    }

    /// The token that stands for the answer in the text, where one does.
    ///
    /// # Errors
    /// [`ScoringError::NoMask`], [`ScoringError::NoSentinel`].
    pub fn gap(&self, tokenizer: &Tokenizer, model: &str) -> Result<Option<u32>, ScoringError> {
        match self {
            Self::Masks => match tokenizer.mask_id() {
                Some(id) => Ok(Some(id)),
                None => Err(ScoringError::NoMask { model: model.into() }),
            },
            Self::Continuation | Self::Written { .. } => Ok(None),
            Self::Sentinels { sentinels, .. } => match sentinels.first() {
                Some(&id) => Ok(Some(id)),
                None => Err(ScoringError::NoSentinel { model: model.into(), found: 0, wanted: 1 }),
            },
        }
    }

    /// What the decoder reads before a word in the gap of `sentinel`; nothing where there is no decoder to be told.
    pub fn before_word(&self, sentinel: u32) -> Vec<u32> {
        match self {
            Self::Sentinels { start, .. } => vec![*start, sentinel],
            Self::Written { begins } => begins.clone(),
            Self::Masks | Self::Continuation => Vec::new(),
        }
    }
}

/// A text with gaps of its own beside the answer's, as a model with sentinels reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gapped {
    /// The ids, what the decoder reads included.
    pub(super) ids: Vec<u32>,
    /// Where what the decoder reads begins.
    pub(super) decoder_from: usize,
    /// The places of the virtual tokens.
    pub(super) soft_at: Vec<usize>,
}

impl AnswerWay {
    /// The text `ids`, of which the answer's gap is at `answer`, with further gaps in the places `open`, ascending: each run of them
    /// one gap. The gaps are numbered from left to right, and the decoder is asked for that of the first open place.
    ///
    /// # Errors
    /// [`ScoringError::NoSentinel`] where there are more gaps than sentinels.
    pub(super) fn gapped(
        &self,
        ids: &[u32],
        (answer, soft_at): (usize, &[usize]),
        open: &[usize],
        model: &str,
    ) -> Result<Gapped, ScoringError> {
        let sentinels: &[u32] = if let Self::Sentinels { sentinels, .. } = self { sentinels } else { &[] };
        let mut gapped = Gapped { ids: Vec::with_capacity(ids.len() + 2), decoder_from: 0, soft_at: Vec::new() };
        let (mut n_gaps, mut asked) = (0, None);
        for (place, &id) in ids.iter().enumerate() {
            let begins = open.contains(&place) && !(place > 0 && open.contains(&(place - 1)));
            if open.contains(&place) && !begins {
                continue;
            }
            if soft_at.contains(&place) {
                gapped.soft_at.push(gapped.ids.len());
            }
            if !begins && place != answer {
                gapped.ids.push(id);
                continue;
            }
            asked = asked.or(begins.then_some(n_gaps));
            gapped.ids.push(sentinels.get(n_gaps).copied().unwrap_or_default());
            n_gaps += 1;
        }
        if n_gaps > sentinels.len() {
            return Err(ScoringError::NoSentinel { model: model.into(), found: sentinels.len(), wanted: n_gaps });
        }
        gapped.decoder_from = gapped.ids.len();
        gapped.ids.extend(self.before_word(sentinels[asked.unwrap_or(0)]));
        Ok(gapped)
    }
}

impl Scorer {
    /// The text with gaps in the places `open` beside the answer's, read for the first of them, for a model with sentinels; nothing
    /// for others.
    ///
    /// # Errors
    /// [`ScoringError::NoSentinel`].
    pub(super) fn open_gaps(&self, encoded: &Encoded, open: &[usize]) -> Result<Option<Sequence>, ScoringError> {
        let Some(end) = encoded.decoder_from else { return Ok(None) };
        let (ids, name) = (&encoded.ids[..end], &self.loaded().name);
        let gap = self.way().gap(&self.loaded().tokenizer, name)?;
        // The same token holds the places of virtual tokens and of triggers.
        let held = |place: &usize| encoded.soft_at.contains(place) || encoded.trigger_at.contains(place);
        let answer = (0..end).find(|place| Some(ids[*place]) == gap && !held(place)).unwrap_or(end);
        let gapped = self.way().gapped(ids, (answer, &encoded.soft_at), open, name)?;
        let last = gapped.ids.len() - 1;
        Ok(Some(Sequence {
            soft_at: gapped.soft_at,
            decoder_from: Some(gapped.decoder_from),
            ..Sequence::of_tokens(&gapped.ids, &[last])
        }))
    }

    /// The states of a batch where it is read.
    ///
    /// # Shapes
    /// - output: `[batch_size, n_predict, d_model]`
    pub(super) fn states(&self, inputs: Inputs, batch: &[Sequence]) -> Tensor<3> {
        let model = &self.loaded().model;
        let decoder_from: Option<Vec<usize>> = batch.iter().map(|sequence| sequence.decoder_from).collect();
        match (model.seq2seq(), decoder_from) {
            (Some(model), Some(decoder_from)) => model.predict_pairs(inputs, &decoder_from),
            _ => model.predict(inputs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENTINELS: [u32; 3] = [90, 91, 92];

    fn way() -> AnswerWay {
        AnswerWay::Sentinels { start: 0, sentinels: SENTINELS.to_vec() }
    }

    #[test]
    fn gaps_are_numbered_from_left_to_right_and_the_first_open_one_is_asked() {
        // 5 6 [7] answer 8 1
        let ids = [5, 6, 7, 90, 8, 1];
        let gapped = way().gapped(&ids, (3, &[0, 4]), &[2], "t5").unwrap();
        assert_eq!((gapped.ids, gapped.decoder_from, gapped.soft_at), (vec![5, 6, 90, 91, 8, 1, 0, 90], 6, vec![0, 4]));
        let after = way().gapped(&ids, (3, &[]), &[4], "t5").unwrap();
        assert_eq!(after.ids, [5, 6, 7, 90, 91, 1, 0, 91]);
    }

    #[test]
    fn open_places_in_a_row_are_one_gap() {
        let gapped = way().gapped(&[5, 6, 7, 90, 8, 1], (3, &[4]), &[0, 1, 4], "t5").unwrap();
        assert_eq!((gapped.ids, gapped.soft_at), (vec![90, 7, 91, 92, 1, 0, 90], vec![3]));
        let error = way().gapped(&[5, 6, 90, 8, 9, 4], (2, &[]), &[0, 3, 5], "t5").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the tokenizer of t5 has 3 sentinels, and 4 gaps need as many (<extra_id_0> and so on)"
        );
    }
}
