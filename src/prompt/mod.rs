//! The thing being mined: a template with slots, the label words, the trigger tokens, the virtual tokens, and a candidate made of them.
//!
//! Nothing here knows a tokenizer or a tensor: slots that hold token ids carry plain numbers.
//!
//! # Decisions
//! - A template is a flat list of [`Piece`]s, adjacent text merged, so that equal templates are equal values and print equally.
//! - `{"..."}` is literal text. It exists because `[X]`, `[Z]`, `【x】` and `【z】` are slots too and could not be written otherwise.
//!   Which bracket notations are slots depends on the kind of task ([`Notation`]); what is printed reads the same in all of them.
//! - Demonstrations stand in the template as pieces of their own, `{demo:"word","text"="..."}`, so that a prompt with them is
//!   printed, hashed, saved and read back like any other. Refused: their text as template text, which could not be left out whole.
//!   Those that are chosen anew for each text are `{nearest:4 last mean}`, and the prompt holds what they are chosen from.
//! - A prefix is a slot at the front, `{prefix:N}`, though no token stands there: its positions are taken from the input's, so a
//!   template with it fits or does not, is printed, hashed and saved with it like any other. Refused: a number beside the template,
//!   which every place that asks for room would have to be told.
//! - A column is any name that is not a slot's; whether the data set has it is known only when both meet, see
//!   [`Template::check_columns`].

mod candidate;
mod demonstration;
mod error;
mod label_vectors;
mod parse;
mod prefix;
mod skeleton;
mod soft_prompt;
mod softened;
mod surface;
mod template;
mod template_list;
mod trigger;
mod tuned_weights;
mod tuning;
mod vectors;
mod verbalizer;

pub use candidate::{Candidate, Prompt};
pub use demonstration::{Demonstration, DemonstrationPool, Nearest, Representation};
pub use error::PromptError;
pub use label_vectors::LabelVectors;
pub use parse::Notation;
pub use prefix::{Prefix, PrefixShape};
pub use skeleton::Skeleton;
pub use soft_prompt::SoftPrompt;
pub use surface::{Surface, surfaces};
pub use template::{
    MAX_CHARACTERS, MAX_DEMONSTRATIONS, MAX_MASK, MAX_PREFIX, MAX_SOFT, MAX_TRIGGER, Piece, SoftSlot, Template,
};
pub use template_list::{TemplateList, TemplateListError};
pub use trigger::TriggerTokens;
pub use tuned_weights::{TunedTensor, TunedWeights};
pub use tuning::{Lora, Tuning};
pub use vectors::Vectors;
pub use verbalizer::{LabelWords, Verbalizer};
