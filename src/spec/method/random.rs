//! `random`: the control.

use super::super::error::SpecError;
use super::super::reader::{At, Reader};
use super::Method;
use super::sweep::{TRIGGER_KEYS, TriggerSlots, Triggers, combined, triggers, within};

/// Parameters of `random`, which draws as many candidates as the budget allows. What is not given is taken from the first
/// trigger method beside it (contract, definition 8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Random {
    /// How many tokens it draws, and of what.
    pub slots: TriggerSlots,
}

/// Its cells, what is not given taken from `beside`; `None` where they are too many.
pub(super) fn read(reader: &mut Reader, at: At, beside: Triggers) -> Result<Option<Vec<Method>>, SpecError> {
    let fields = reader.fields(at.clone(), &[&["method"], &TRIGGER_KEYS[..], &["multi_token"]].concat())?;
    let triggers = triggers(reader, &fields, beside)?;
    Ok(within(reader, &at, &triggers.lengths()).then(|| cells(&triggers)))
}

/// All combinations.
pub(super) fn cells(triggers: &Triggers) -> Vec<Method> {
    combined(triggers).into_iter().map(|slots| Method::Random(Random { slots })).collect()
}
