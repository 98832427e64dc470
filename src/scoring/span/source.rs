//! A skeleton on one example as a sequence-to-sequence model reads it.

use crate::prompt::{Piece, Skeleton};
use crate::scoring::input::{Input, last_true};
use crate::scoring::{AnswerWay, Scorer, ScoringError};
use crate::task::Example;

/// Ids of both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanSource {
    /// What the encoder reads.
    pub encoder: Vec<u32>,
    /// What the decoder reads before the first gap.
    pub begins: Vec<u32>,
    /// What follows each gap in the decoder, at least one token.
    pub after: Vec<Vec<u32>>,
}

impl SpanSource {
    /// The most positions of its decoder with `room` tokens in the gaps.
    fn n_decoder(&self, room: usize) -> usize {
        self.begins.len() + self.after.iter().map(Vec::len).sum::<usize>() + room
    }
}

impl Scorer {
    /// A skeleton on `example`, with the word of its label in the answer's place, and room for `room` tokens in the gaps.
    ///
    /// # Errors
    /// [`ScoringError::Fill`] for a model that does not write; [`ScoringError::NoMask`], [`ScoringError::NoSentinel`];
    /// [`ScoringError::Column`]; [`ScoringError::TemplateTooLong`], [`ScoringError::InputTooLong`].
    pub fn span_source(
        &self,
        skeleton: &Skeleton,
        columns: &[String],
        (example, word): (&Example, &str),
        room: usize,
    ) -> Result<SpanSource, ScoringError> {
        let loaded = self.loaded();
        let positions = loaded.model.shape().max_positions;
        let mut texts: Vec<&str> = Vec::new();
        let mut fields: Vec<usize> = Vec::new();
        for column in skeleton.bare().columns() {
            let field = columns.iter().position(|own| own == column).ok_or_else(|| ScoringError::Column {
                template: skeleton.to_string(),
                column: column.to_owned(),
                known: columns.join(", "),
            })?;
            fields.push(field);
            texts.push(example.fields.get(field).map_or("", String::as_str));
        }
        let column = |name: &str| fields.iter().position(|&field| columns[field] == name).unwrap_or_default();
        let of = |texts: &[&str]| self.sides(segments(skeleton, |name| texts[column(name)], word));
        let found = |source: &SpanSource| match self.way() {
            AnswerWay::Sentinels { .. } => source.encoder.len(),
            _ => source.encoder.len().max(source.n_decoder(room)),
        };
        let whole = of(&texts)?;
        if found(&whole) <= positions {
            return Ok(whole);
        }
        let none = found(&of(&vec![""; texts.len()])?);
        if none >= positions {
            let (template, model) = (skeleton.to_string(), loaded.name.clone());
            return Err(ScoringError::TemplateTooLong { template, found: none, positions, model });
        }
        if !self.settings().truncate {
            let (row, model) = (format!("row {}", example.row + 1), loaded.name.clone());
            return Err(ScoringError::InputTooLong { row, found: found(&whole), positions, model });
        }
        // The texts with most tokens are cut first, each at a character.
        let inputs: Vec<Input> = texts.iter().map(|text| Input::new(text)).collect();
        let capped = |most: usize| -> Vec<&str> {
            let few = |text: &str| loaded.tokenizer.encode_text(text).len() <= most;
            inputs.iter().map(|input| input.beginning(input.longest(0, |k| few(input.beginning(k))))).collect()
        };
        let fits = |most: usize| of(&capped(most)).is_ok_and(|source| found(&source) <= positions);
        of(&match last_true(0, positions, fits) {
            0 => vec![""; texts.len()],
            most => capped(most),
        })
    }

    /// The ids of both sides of a text cut at its gaps.
    fn sides(&self, segments: Vec<String>) -> Result<SpanSource, ScoringError> {
        let loaded = self.loaded();
        let (tokenizer, n_gaps) = (&loaded.tokenizer, segments.len() - 1);
        let Some(model) = loaded.model.seq2seq() else {
            return Err(ScoringError::Fill(format!(
                "{} ({}) does not read one text and write another",
                loaded.name,
                loaded.model.shape().family
            )));
        };
        if let AnswerWay::Sentinels { sentinels, .. } = self.way() {
            let wanted = n_gaps + 1;
            if sentinels.len() < wanted {
                let (model, found) = (loaded.name.clone(), sentinels.len());
                return Err(ScoringError::NoSentinel { model, found, wanted });
            }
            let mut ids = Vec::new();
            for (number, segment) in segments.iter().enumerate() {
                ids.extend(number.checked_sub(1).map(|before| sentinels[before]));
                // A special token parts words as a space does; a sentinel that is an ordinary piece does not.
                let text = segment.trim_end();
                let text = if tokenizer.has_ordinary_sentinels() { text } else { text.trim_start() };
                if text.is_empty() {
                    continue;
                }
                match number {
                    0 => ids.extend(tokenizer.encode_text(text)),
                    _ => ids.extend(tokenizer.encode_behind_sentinel(text).into_iter().map(|(id, _)| id)),
                }
            }
            return Ok(SpanSource {
                encoder: tokenizer.wrap(ids),
                begins: self.way().before_word(sentinels[0]),
                after: (1..=n_gaps).map(|gap| vec![sentinels[gap]]).collect(),
            });
        }
        let mask = self.way().gap(tokenizer, &loaded.name)?;
        let ids_of: Vec<Vec<u32>> = segments
            .iter()
            .enumerate()
            .map(|(number, segment)| {
                let before = if number > 0 { mask } else { None };
                let text = tokenizer.between(before, segment, if number < n_gaps { mask } else { None });
                if text.is_empty() { Vec::new() } else { tokenizer.encode_text(text) }
            })
            .collect();
        let mut whole: Vec<u32> = Vec::new();
        for (number, ids) in ids_of.iter().enumerate() {
            whole.extend(mask.filter(|_| number > 0));
            whole.extend(ids);
        }
        // What is written is the text with the special tokens of its beginning and end, behind what the decoder begins with.
        let (front, back) = tokenizer.around();
        let begins = [&[model.start_id()], front, &ids_of[0]].concat();
        let mut after: Vec<Vec<u32>> = ids_of.into_iter().skip(1).collect();
        if let Some(last) = after.last_mut() {
            last.extend(back);
        }
        if after.iter().any(Vec::is_empty) {
            return Err(ScoringError::Fill(format!(
                "nothing stands between two gaps, or behind the last one, and {} tells the end of a gap by what follows it",
                loaded.name
            )));
        }
        Ok(SpanSource { encoder: tokenizer.wrap(whole), begins, after })
    }
}

/// The text of a skeleton, cut at its gaps.
fn segments<'t>(skeleton: &Skeleton, text_of: impl Fn(&str) -> &'t str, word: &str) -> Vec<String> {
    let mut segments = vec![String::new()];
    for piece in skeleton.pieces() {
        let Some(last) = segments.last_mut() else { continue };
        match piece {
            Piece::Text(text) => last.push_str(text),
            Piece::Column(name) => last.push_str(text_of(name)),
            Piece::Mask(_) => last.push_str(word),
            Piece::Trigger(_) => segments.push(String::new()),
            Piece::Soft(_) | Piece::Prefix(_) | Piece::Demos | Piece::Demo(_) | Piece::Nearest(_) => {}
        }
    }
    segments
}
