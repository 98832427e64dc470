//! From a template and an example to token ids (contract, definition 9).
//!
//! # Decisions
//!
//! - 2026-11: both texts of a pair are one segment: token types are 0 throughout. In a prompt they are parts of one text with the
//!   mask somewhere among them, and models pretrained with two segments saw a separator between these. Refused: segment 1 from the
//!   second text on, which only BERT-like models have and which would make the order of slots matter twice.
//! - 2026-11: demonstrations that do not fit are left out whole, the one in front first, before any of the input is cut: the last
//!   stands next to the input, and with `choose: nearest` it is the nearest. What was left out stands in
//!   [`Encoded::shortened`] and counts as shortened. Where inputs must not be shortened, neither may demonstrations be left out.
//! - 2026-11: an example's own text is never one of its demonstrations, whichever split it is of: the encoder leaves it out.
//! - 2026-11: a template that begins with virtual tokens and goes on with the special tokens that the tokenizer begins with
//!   (`{soft:20}[CLS]{text}`) has them in front of these, which are then not added again: where Hugging Face PEFT puts them.
//!   Otherwise virtual tokens stand behind them (contract, definition 8).

use crate::model::Tokenizer;
use crate::prompt::{Demonstration, Piece, SoftSlot, Template};
use crate::task::Example;

use super::bit::{Bit, Slots};
use super::{AnswerWay, ScoringError};

/// A prompt on one example as token ids, with places for masks, triggers and virtual tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The ids with the special tokens at both ends; the mask's id in every place of a mask, a trigger and a virtual token. Behind
    /// them what a decoder reads, of a model that is asked in one.
    pub ids: Vec<u32>,
    /// Where the expanded `{mask}` begins.
    pub mask_at: usize,
    /// The position at which its first token is read: its own where a mask stands there, the one before it where the model
    /// continues text.
    pub read_at: usize,
    /// The places of the triggers, slot after slot.
    pub trigger_at: Vec<usize>,
    /// The places of the virtual tokens, slot after slot.
    pub soft_at: Vec<usize>,
    /// The inputs that were shortened: (column, characters kept); under [`DEMOS`] the demonstrations kept where some did not fit.
    pub shortened: Vec<(String, usize)>,
    /// Where what a decoder reads begins, of a model that is asked in one.
    pub decoder_from: Option<usize>,
}

/// Stands for demonstrations in [`Encoded::shortened`]: no column has the name of a slot.
pub const DEMOS: &str = "demos";

/// How sentinels begin.
const SENTINELS: &str = "<extra_id_";

/// How the first sentinel is written.
pub(super) const FIRST_SENTINEL: &str = "<extra_id_0>";

impl Encoded {
    /// The positions that the text takes: those of an encoder, where a decoder reads the rest.
    pub fn n_read(&self) -> usize {
        self.decoder_from.unwrap_or(self.ids.len())
    }

    /// The ids with triggers and the tokens of a pass filled in.
    pub fn filled(&self, triggers: &[u32], masks: &[Option<u32>]) -> Vec<u32> {
        let mut ids = self.ids.clone();
        for (&place, &id) in self.trigger_at.iter().zip(triggers) {
            ids[place] = id;
        }
        for (offset, id) in masks.iter().enumerate() {
            if let Some(id) = id {
                ids[self.mask_at + offset] = *id;
            }
        }
        ids
    }
}

/// Encodes examples for one template and one number of masks. For a model that continues text the masks are the tokens of a
/// label word that are read as input: all but its last, so that there may be none.
pub struct Encoder<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) model: &'a str,
    pub(super) template: &'a Template,
    pub(super) way: &'a AnswerWay,
    /// What stands where a token is filled in later.
    blank: u32,
    n_mask: usize,
    pub(super) max_positions: usize,
    pub(super) truncate: bool,
    parts: Vec<Part>,
    /// Whether the template names the special tokens that texts begin with, behind virtual tokens.
    names_beginning: bool,
    pub(super) columns: Vec<(String, usize)>,
    /// The demonstrations with their texts.
    pub(super) shown: Vec<(&'a Demonstration, String)>,
    pub(super) known_columns: Vec<String>,
}

/// The template cut where ids, not text, stand.
enum Part {
    /// Text of the template and of columns, encoded as one text.
    Text(Vec<Bit>),
    /// A special token that the template names.
    Special(u32),
    Mask,
    Trigger(usize),
}

/// Whether virtual tokens alone stand before the special tokens that texts begin with.
fn names_beginning(parts: &[Part], beginning: &[u32]) -> bool {
    let [Part::Text(bits), rest @ ..] = parts else { return false };
    let named = rest.iter().map_while(|part| if let Part::Special(id) = part { Some(*id) } else { None });
    !beginning.is_empty()
        && bits.iter().all(|bit| matches!(bit, Bit::Soft(_)))
        && named.take(beginning.len()).eq(beginning.iter().copied())
}

impl<'a> Encoder<'a> {
    /// An encoder for `template` with `{mask}` expanded to `n_mask` places.
    ///
    /// # Errors
    /// [`ScoringError::Template`] for a template that has no mask, an unknown column or a slot that needs another method;
    /// [`ScoringError::TemplateTooLong`].
    pub fn new(
        (tokenizer, way): (&'a Tokenizer, &'a AnswerWay),
        model: &'a str,
        template: &'a Template,
        columns: &[String],
        n_mask: usize,
        max_positions: usize,
        truncate: bool,
    ) -> Result<Self, ScoringError> {
        let fault = |reason: String| ScoringError::Template { template: template.to_string(), reason };
        let mask_id = tokenizer.mask_id();
        let blank = way.gap(tokenizer, model)?.unwrap_or_else(|| tokenizer.pad_id().unwrap_or_default());
        let specials: Vec<(String, u32)> =
            tokenizer.special_ids().iter().filter_map(|&id| Some((tokenizer.token(id)?, id))).collect();
        let mut parts: Vec<Part> = Vec::new();
        let mut used: Vec<(String, usize)> = Vec::new();
        let mut shown: Vec<(&Demonstration, String)> = Vec::new();
        // Demonstrations count on behind the columns, however many those are.
        let n_columns = template.columns().len();
        let mut n_masks = 0;
        let mut soft_lengths: Vec<usize> = Vec::new();
        let n_prefix = template.n_prefix();
        let positions = max_positions;
        let max_positions = positions.saturating_sub(n_prefix);
        let push_bit = |parts: &mut Vec<Part>, bit: Bit| match parts.last_mut() {
            Some(Part::Text(bits)) => bits.push(bit),
            _ => parts.push(Part::Text(vec![bit])),
        };
        for piece in template.pieces() {
            match piece {
                Piece::Text(text) => {
                    if matches!(way, AnswerWay::Sentinels { .. }) && text.contains(SENTINELS) {
                        return Err(fault(format!("write {{mask}} for the mask, not `{FIRST_SENTINEL}`")));
                    }
                    let mut rest = text.as_str();
                    // The earliest special token, the longest of those that begin there.
                    while let Some((at, token, id)) = specials
                        .iter()
                        .filter_map(|(token, id)| rest.find(token.as_str()).map(|at| (at, token, *id)))
                        .min_by_key(|(at, token, _)| (*at, usize::MAX - token.len()))
                    {
                        if at > 0 {
                            push_bit(&mut parts, Bit::Text(rest[..at].into()));
                        }
                        if Some(id) == mask_id {
                            return Err(fault(format!("write {{mask}} for the mask, not `{token}`")));
                        }
                        parts.push(Part::Special(id));
                        rest = &rest[at + token.len()..];
                    }
                    if !rest.is_empty() {
                        push_bit(&mut parts, Bit::Text(rest.into()));
                    }
                }
                Piece::Column(name) => {
                    let field = columns.iter().position(|c| c == name).ok_or_else(|| ScoringError::Column {
                        template: template.to_string(),
                        column: name.clone(),
                        known: columns.join(", "),
                    })?;
                    let index = used.iter().position(|(_, f)| *f == field).unwrap_or_else(|| {
                        used.push((name.clone(), field));
                        used.len() - 1
                    });
                    push_bit(&mut parts, Bit::Column(index));
                }
                Piece::Mask(_) => {
                    n_masks += 1;
                    parts.push(Part::Mask);
                }
                Piece::Trigger(n) => parts.push(Part::Trigger(*n)),
                Piece::Soft(slot) => {
                    let n = soft_length(slot, tokenizer, &soft_lengths);
                    soft_lengths.push(n);
                    if n == 0 {
                        return Err(fault(format!(
                            "the text of {} has no token for {model}",
                            Piece::Soft(slot.clone())
                        )));
                    }
                    push_bit(&mut parts, Bit::Soft(n));
                }
                Piece::Demo(demonstration) => {
                    push_bit(&mut parts, Bit::Column(n_columns + shown.len()));
                    shown.push((demonstration, template.demonstrated(demonstration)));
                }
                // No token stands there: the model's positions are fewer by it.
                Piece::Prefix(_) => {}
                // Those nearest to a text are put in for each text ([`super::Scorer::score`]).
                Piece::Nearest(_) => {}
                Piece::Demos => {
                    return Err(fault(
                        "{demos} has no demonstrations here: a `demonstrations` item of an experiment chooses them, and \
                         its prompt.json holds them"
                            .into(),
                    ));
                }
            }
        }
        if n_masks != 1 {
            return Err(fault(format!("needs exactly one {{mask}}, has {n_masks}")));
        }
        if way.is_last() && !matches!(parts.last(), Some(Part::Mask)) {
            let what =
                if *way == AnswerWay::Continuation { "continues text" } else { "writes its answer behind the text" };
            return Err(fault(format!("{model} {what}, so {{mask}} must come last, with nothing after it")));
        }
        let known_columns = columns.to_vec();
        let names_beginning = names_beginning(&parts, tokenizer.around().0);
        let encoder = Self {
            tokenizer,
            model,
            template,
            way,
            blank,
            n_mask,
            max_positions,
            truncate,
            parts,
            names_beginning,
            columns: used,
            shown,
            known_columns,
        };
        let empty = vec![""; encoder.columns.len() + encoder.shown.len()];
        let found = encoder.assemble(&empty).n_read();
        let room_for_input = usize::from(!encoder.columns.is_empty());
        if n_prefix > 0 && found + room_for_input > max_positions {
            let (template, model) = (template.to_string(), model.into());
            return Err(ScoringError::PrefixTooLong { template, n_prefix, found, positions, model });
        }
        if found + room_for_input > max_positions {
            return Err(ScoringError::TemplateTooLong {
                template: template.to_string(),
                found,
                positions: max_positions,
                model: model.into(),
            });
        }
        let fits_alone = |place: usize| {
            let mut one = empty.clone();
            one[encoder.columns.len() + place] = &encoder.shown[place].1;
            encoder.assemble(&one).n_read() + room_for_input <= max_positions
        };
        let n_shown = encoder.shown.len();
        if n_shown > 0 && !(0..n_shown).rev().any(fits_alone) {
            return Err(ScoringError::DemonstrationsTooLong {
                n: n_shown,
                positions: max_positions,
                model: model.into(),
            });
        }
        Ok(encoder)
    }

    /// The tokens of the template itself, virtual ones and demonstrations counted: no input, no masks, no special tokens at the
    /// ends.
    pub fn n_template_tokens(&self) -> usize {
        let shown = self.shown.iter().map(|(_, text)| text.as_str());
        let texts: Vec<&str> = std::iter::repeat_n("", self.columns.len()).chain(shown).collect();
        let (before, after) = self.around();
        self.assemble(&texts).n_read() - before.len() - after.len() - self.n_answer()
    }

    /// The places of the prompt's own tokens in [`Encoder::encode`]'s ids for `example`: template text and triggers, not the
    /// input, a demonstration, the mask, a virtual token or a special token.
    pub fn own_places(&self, example: &Example, encoded: &Encoded) -> Vec<usize> {
        let texts = self.kept_texts(example, encoded);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut place = self.around().0.len();
        let mut own = Vec::new();
        for (number, part) in self.parts.iter().enumerate() {
            match part {
                Part::Text(bits) => {
                    let mut whole = String::new();
                    let mut ours = Vec::new();
                    for bit in bits {
                        let start = whole.len();
                        whole.push_str(bit.of(&texts));
                        if matches!(bit, Bit::Text(_)) {
                            ours.push(start..whole.len());
                        }
                    }
                    let (text, cut) = self.text(number, bits, &texts);
                    let mut slots = Slots::of(bits, &texts);
                    for (_, start) in self.pieces(number, &text) {
                        let start = start + cut;
                        place += slots.up_to(start);
                        if ours.iter().any(|range| range.contains(&start)) {
                            own.push(place);
                        }
                        place += 1;
                    }
                    place += slots.up_to(usize::MAX);
                }
                Part::Special(_) => place += 1,
                Part::Mask => place += self.n_answer(),
                Part::Trigger(n) => {
                    own.extend(place..place + n);
                    place += n;
                }
            }
        }
        own
    }

    /// The text that is encoded, masks written as the tokenizer's mask and triggers as given; `texts` are those of
    /// [`Encoder::kept_texts`].
    pub fn render(&self, texts: &[&str], triggers: &[String]) -> String {
        let mut out = String::new();
        let mut trigger = triggers.iter();
        for part in &self.parts {
            match part {
                Part::Text(bits) => bits.iter().for_each(|bit| match bit {
                    Bit::Soft(n) => out.push_str(&Piece::Soft(SoftSlot::Count(*n)).to_string()),
                    _ => out.push_str(bit.of(texts)),
                }),
                Part::Special(id) => out.push_str(&self.tokenizer.token(*id).unwrap_or_default()),
                Part::Mask => (0..self.n_answer()).for_each(|_| match self.way {
                    AnswerWay::Sentinels { .. } => out.push_str(FIRST_SENTINEL),
                    _ => out.push_str(self.tokenizer.mask_token().unwrap_or("?")),
                }),
                Part::Trigger(n) => (0..*n).filter_map(|_| trigger.next()).for_each(|t| {
                    if !out.is_empty() && !out.ends_with(' ') {
                        out.push(' ');
                    }
                    out.push_str(t);
                    out.push(' ');
                }),
            }
        }
        out
    }

    /// The columns that the template uses, with `example`'s texts.
    pub fn named_texts<'e>(&'e self, example: &'e Example) -> Vec<(&'e str, &'e str)> {
        self.columns.iter().map(|(name, field)| (name.as_str(), example.fields[*field].as_str())).collect()
    }

    pub(super) fn assemble(&self, texts: &[&str]) -> Encoded {
        let mut ids = Vec::new();
        let mut mask_at = 0;
        let mut trigger_at = Vec::new();
        let mut soft_at = Vec::new();
        let (before, after) = self.around();
        ids.extend(before);
        for (number, part) in self.parts.iter().enumerate() {
            match part {
                Part::Text(bits) => {
                    let (text, cut) = self.text(number, bits, texts);
                    let mut slots = Slots::of(bits, texts);
                    let mut virtual_tokens = |ids: &mut Vec<u32>, n: usize| {
                        soft_at.extend(ids.len()..ids.len() + n);
                        ids.extend(std::iter::repeat_n(self.blank, n));
                    };
                    virtual_tokens(&mut ids, slots.up_to(0));
                    if slots.is_inside(text.len() + cut) {
                        for (id, start) in self.pieces(number, &text) {
                            virtual_tokens(&mut ids, slots.up_to(start + cut));
                            ids.push(id);
                        }
                    } else {
                        ids.extend(self.pieces(number, &text).into_iter().map(|(id, _)| id));
                    }
                    virtual_tokens(&mut ids, slots.up_to(usize::MAX));
                }
                Part::Special(id) => ids.push(*id),
                Part::Mask => {
                    mask_at = ids.len();
                    ids.extend(std::iter::repeat_n(self.blank, self.n_answer()));
                }
                Part::Trigger(n) => {
                    trigger_at.extend(ids.len()..ids.len() + n);
                    ids.extend(std::iter::repeat_n(self.blank, *n));
                }
            }
        }
        ids.extend(after);
        let mut decoder_from = None;
        if let AnswerWay::Sentinels { .. } | AnswerWay::Written { .. } = self.way {
            decoder_from = Some(ids.len());
            ids.extend(self.way.before_word(self.blank));
            mask_at = ids.len();
            ids.extend(std::iter::repeat_n(self.blank, self.n_mask));
        }
        let read_at = if self.way.continues() { mask_at.saturating_sub(1) } else { mask_at };
        Encoded { ids, mask_at, read_at, trigger_at, soft_at, shortened: Vec::new(), decoder_from }
    }

    /// The special tokens at both ends; what continues text has none at its end.
    fn around(&self) -> (&[u32], &[u32]) {
        let (before, after) = self.tokenizer.around();
        let before = if self.names_beginning { &[] } else { before };
        if *self.way == AnswerWay::Continuation { (before, &[]) } else { (before, after) }
    }

    /// The places of the answer within the text: in a decoder it is elsewhere, and the text has one sentinel for it, or nothing.
    fn n_answer(&self) -> usize {
        match self.way {
            AnswerWay::Sentinels { .. } => 1,
            AnswerWay::Written { .. } => 0,
            AnswerWay::Masks | AnswerWay::Continuation => self.n_mask,
        }
    }

    /// The tokens of part `number`, with the byte in `text` at which each begins.
    fn pieces(&self, number: usize, text: &str) -> Vec<(u32, usize)> {
        let behind_answer = number.checked_sub(1).is_some_and(|before| matches!(self.parts[before], Part::Mask));
        match self.way {
            AnswerWay::Sentinels { .. } if behind_answer => self.tokenizer.encode_behind_sentinel(text),
            _ => self.tokenizer.encode_text_places(text),
        }
    }

    /// The text of part `number` without the spaces that belong to the tokens beside it, and the bytes that it lost on its left.
    ///
    /// A special token may take the spaces beside it (RoBERTa's mask that on its left). Where a token that is chosen follows and
    /// the vocabulary writes the space before a word into the word's token, the template's space there belongs to that token.
    fn text(&self, number: usize, bits: &[Bit], texts: &[&str]) -> (String, usize) {
        let mut text: String = bits.iter().map(|bit| bit.of(texts)).collect();
        let causal = self.way.is_last();
        let chosen_follows = match self.parts.get(number + 1) {
            Some(Part::Trigger(_)) => true,
            Some(Part::Mask) => causal,
            _ => false,
        };
        let own_space = matches!(bits.last(), Some(Bit::Text(own)) if own.ends_with(' '));
        if chosen_follows && own_space && self.tokenizer.space_matters() {
            text.pop();
        }
        let special = |part: Option<&Part>| match part {
            Some(Part::Special(id)) => Some(*id),
            Some(Part::Mask) if !causal => Some(self.blank),
            _ => None,
        };
        let before = number.checked_sub(1).and_then(|before| self.parts.get(before));
        let trimmed = self.tokenizer.between(special(before), &text, special(self.parts.get(number + 1)));
        let cut = if text.starts_with(trimmed) { 0 } else { text.len() - text.trim_start().len() };
        (trimmed.to_owned(), cut)
    }

    /// The template.
    pub fn template(&self) -> &Template {
        self.template
    }
}

/// How many virtual tokens a slot has: as many as its text has tokens, where it has a text.
pub fn soft_length(slot: &SoftSlot, tokenizer: &Tokenizer, before: &[usize]) -> usize {
    match slot {
        SoftSlot::Count(n) => *n,
        SoftSlot::Init(text) => tokenizer.encode_text(text).len(),
        SoftSlot::Same(slot) => slot.checked_sub(1).and_then(|slot| before.get(slot)).copied().unwrap_or(0),
    }
}
