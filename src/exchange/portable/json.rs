//! A prompt as JSON that other tools can load.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::prompt::{Demonstration, Piece, Template};
use crate::record::{SavedLabel, SavedPrior, SavedPrompt};

use super::text::marked;
use super::{PortableError, written};

/// A part of a prompt, in the order in which they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Text that stands in every prompt.
    Text {
        /// The text.
        text: String,
    },
    /// A column of the data.
    Column {
        /// Its name.
        name: String,
    },
    /// Tokens that a search chose.
    Trigger {
        /// Their ids in the model's vocabulary.
        token_ids: Vec<u32>,
        /// The same as the vocabulary writes them.
        tokens: Vec<String>,
    },
    /// A training example with its answer.
    Demonstration {
        /// As it is shown.
        text: String,
    },
    /// The examples nearest to each text, of `pool`.
    NearestDemonstrations {
        /// How many.
        k: usize,
        /// Whether the nearest stands first.
        nearest_first: bool,
        /// What of the model is compared: `mean` or `mask`.
        representation: String,
    },
    /// Where the model answers.
    Mask {
        /// How many tokens the answer has, where that is fixed.
        n_tokens: Option<usize>,
    },
}

/// The model that a prompt was found with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedModel {
    /// As the experiment calls it.
    pub source: String,
    /// BLAKE3 (hex) of its weights.
    pub weights_blake3: String,
    /// BLAKE3 (hex) of its tokenizer, which the ids belong to.
    pub tokenizer_blake3: String,
}

/// The data that a prompt was found with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedData {
    /// The experiment.
    pub experiment: String,
    /// Its metric.
    pub metric: String,
    /// BLAKE3 (hex) of each data file, by split.
    pub blake3: BTreeMap<String, String>,
}

/// What the file says. Fields are added in later versions of the format, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PortablePrompt {
    /// [`PortablePrompt::FORMAT`].
    pub format: String,
    /// [`PortablePrompt::VERSION`].
    pub version: u32,
    /// The prompt with its slots marked: `{text}`, `{mask}`.
    pub text: String,
    /// The template in promptmine's notation, slots of trigger tokens unfilled.
    pub template: String,
    /// The same in parts.
    pub parts: Vec<Part>,
    /// The template in OpenPrompt's notation, where that can say it.
    pub openprompt: Option<String>,
    /// Labels and their words, in the order of the labels; empty where the answers are references.
    pub verbalizer: Vec<SavedLabel>,
    /// The column of the references, where the answers are such.
    pub references: Option<String>,
    /// How words of several tokens are scored.
    pub multi_token: String,
    /// Whether inputs that do not fit are shortened, at their ends.
    pub truncate: bool,
    /// What the labels' scores are corrected by, where they are.
    pub calibration: Option<SavedPrior>,
    /// The training examples that it shows, in their order.
    pub demonstrations: Vec<Demonstration>,
    /// What those nearest to a text are chosen from.
    pub pool: Vec<Demonstration>,
    /// The model.
    pub model: ExportedModel,
    /// The method that found it.
    pub method: String,
    /// The data, where the record of the run lies about the prompt.
    pub data: Option<ExportedData>,
}

impl PortablePrompt {
    /// What every such file says first.
    pub const FORMAT: &'static str = "promptmine-prompt";
    /// The version that is written.
    pub const VERSION: u32 = 1;

    /// Of a saved prompt.
    ///
    /// # Errors
    /// [`PortableError`] where a text cannot carry it.
    pub fn new(saved: &SavedPrompt, data: Option<ExportedData>) -> Result<Self, PortableError> {
        let written = written(saved)?;
        let template = Template::parse(&saved.template)?;
        let mut at = 0;
        let mut parts = Vec::new();
        let mut demonstrations = Vec::new();
        for piece in template.pieces() {
            parts.push(match piece {
                Piece::Text(text) => Part::Text { text: text.clone() },
                Piece::Column(name) => Part::Column { name: name.clone() },
                Piece::Mask(n_tokens) => Part::Mask { n_tokens: *n_tokens },
                Piece::Trigger(n) => {
                    let slot = at..at + n;
                    at += n;
                    let token_ids = saved.trigger_ids.get(slot.clone()).unwrap_or_default().to_vec();
                    Part::Trigger { token_ids, tokens: saved.trigger_tokens.get(slot).unwrap_or_default().to_vec() }
                }
                Piece::Demo(shown) => {
                    demonstrations.push(shown.clone());
                    Part::Demonstration { text: template.demonstrated(shown) }
                }
                Piece::Nearest(nearest) => Part::NearestDemonstrations {
                    k: nearest.k,
                    nearest_first: nearest.first,
                    representation: nearest.representation.name().into(),
                },
                // Refused above, but for a place that no demonstration came to.
                Piece::Soft(_) | Piece::Prefix(_) | Piece::Demos => continue,
            });
        }
        let references = match saved.verbalizer.as_slice() {
            [only] if only.words.is_empty() => Some(only.label.clone()),
            _ => None,
        };
        Ok(Self {
            format: Self::FORMAT.into(),
            version: Self::VERSION,
            text: marked(&written)?,
            template: saved.template.clone(),
            parts,
            openprompt: openprompt(&written),
            verbalizer: if references.is_some() { Vec::new() } else { saved.verbalizer.clone() },
            references,
            multi_token: saved.multi_token.clone(),
            truncate: saved.truncate,
            calibration: saved.calibration.clone(),
            demonstrations,
            pool: saved.pool.iter().flat_map(|pool| pool.0.clone()).collect(),
            model: ExportedModel {
                source: saved.model.clone(),
                weights_blake3: saved.weights_blake3.clone(),
                tokenizer_blake3: saved.tokenizer_blake3.clone(),
            },
            method: saved.method.clone(),
            data,
        })
    }
}

/// `{"placeholder":"text_a"}` and `{"mask"}` in the places of slots.
fn openprompt(template: &Template) -> Option<String> {
    let columns = template.columns();
    let names = ["text_a", "text_b"];
    let plain = |text: &str| (!text.contains(['{', '}'])).then(|| text.to_owned());
    let part = |piece: &Piece| match piece {
        Piece::Text(text) => plain(text),
        Piece::Column(name) => {
            let at = columns.iter().position(|known| known == name)?;
            Some(format!("{{\"placeholder\":\"{}\"}}", names.get(at)?))
        }
        Piece::Mask(n) => Some("{\"mask\"}".repeat(n.unwrap_or(1))),
        Piece::Demo(shown) => plain(&template.demonstrated(shown)),
        _ => None,
    };
    template.pieces().iter().map(part).collect()
}
