//! From a frame to a template.

use crate::prompt::{Piece, Template};
use crate::search::discrete::paraphrase::is_han;
use crate::spec::MinedPlace;

use super::frame::{Frame, Order};

/// What all templates of a task have alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    column: String,
    mask: Piece,
    /// What the task's own template ends with behind its last slot, where that is punctuation.
    stop: Option<String>,
    /// Whether the model continues text, so that nothing may stand behind the answer.
    continues: bool,
}

impl Setting {
    /// That of a task's template; `None` where it shows no column or several.
    pub fn of(task: &Template, continues: bool) -> Option<Self> {
        let columns = task.columns();
        let [column] = columns.as_slice() else { return None };
        let mask = task.pieces().iter().find(|piece| matches!(piece, Piece::Mask(_)));
        let stop = match task.pieces().last() {
            Some(Piece::Text(text)) if !text.chars().any(char::is_alphanumeric) => Some(text.trim_end().to_owned()),
            _ => None,
        };
        Some(Self {
            column: (*column).to_owned(),
            mask: mask.cloned().unwrap_or(Piece::Mask(None)),
            stop: stop.filter(|stop| !stop.is_empty()),
            continues,
        })
    }

    /// The column of the text or subject.
    pub fn column(&self) -> &str {
        &self.column
    }

    /// The template of a frame, with `place` for that of one answer; `None` where the model cannot take it, or a text cannot be
    /// written in a template.
    pub fn template(&self, frame: &Frame, place: MinedPlace) -> Option<Template> {
        let han = frame.texts().into_iter().any(|text| text.chars().any(is_han));
        let stop = match &self.stop {
            _ if self.continues => "",
            Some(stop) if stop.is_ascii() != han => stop,
            _ if han => "。",
            _ => ".",
        };
        if self.continues
            && !(frame.behind.is_empty() && frame.order != Order::ObjectFirst && place == MinedPlace::After)
        {
            return None;
        }
        let text = |text: &str| Piece::Text(text.to_owned());
        let (column, mask) = (Piece::Column(self.column.clone()), self.mask.clone());
        let gap = text(if han { "" } else { " " });
        let ending = text(&format!("{}{stop}", frame.behind));
        let pieces = match (frame.order, place) {
            (Order::SubjectFirst, _) => vec![text(&frame.before), column, text(&frame.between), mask, ending],
            (Order::ObjectFirst, _) => vec![text(&frame.before), mask, text(&frame.between), column, ending],
            (Order::Answer, MinedPlace::After) => vec![column, gap, text(&frame.before), mask, ending],
            (Order::Answer, MinedPlace::Before) => vec![text(&frame.before), mask, ending, gap, column],
        };
        let template = Template::from_pieces(pieces).ok()?;
        template.check_mask().is_ok().then_some(template)
    }
}
