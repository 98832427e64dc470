//! What searches along gradients have in common: how they go through train, begin, begin anew, and weigh fluency.

use super::super::error::SpecError;
use super::super::reader::{Fields, Reader};
use super::sweep::{each, sweep};

/// The keys of it.
pub(super) const WALK_KEYS: [&str; 6] = ["batch_size", "patience", "restarts", "init", "fluency", "fluency_texts"];

/// How a search along gradients goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk {
    /// Train examples for a gradient, and again for the scoring of a step's candidates; default 16.
    pub batch_size: usize,
    /// Steps without progress before the search begins anew; default 8.
    pub patience: usize,
    /// How often it may begin anew; by default as long as budget is left.
    pub restarts: Option<usize>,
    /// Text whose tokens the search starts from, random ones after them where it has fewer than the trigger; by default
    /// random ones only.
    pub init: Option<String>,
    /// The weight of the prompt's mean (pseudo-)negative log-likelihood beside the loss, 0 to 1000; default 0, which costs
    /// nothing.
    pub fluency: f64,
    /// Train texts in which that is taken, from the first; default 1.
    pub fluency_texts: usize,
}

impl Walk {
    /// One that says nothing yet.
    pub(super) fn unset() -> Self {
        Self { batch_size: 0, patience: 0, restarts: None, init: None, fluency: 0.0, fluency_texts: 0 }
    }
}

/// Its sweeps.
pub(super) struct Walks {
    batch_size: Vec<usize>,
    patience: Vec<usize>,
    restarts: Vec<Option<usize>>,
    init: Vec<Option<String>>,
    fluency: Vec<f64>,
    fluency_texts: Vec<usize>,
}

impl Walks {
    /// Reads them.
    pub fn read(reader: &mut Reader, fields: &Fields) -> Result<Self, SpecError> {
        let mut whole = |key: &str, default: usize, most: u64| {
            sweep(reader, fields, key, vec![default], |reader, at| Ok(reader.whole(at, 1..=most)? as usize))
        };
        let batch_size = whole("batch_size", 16, 100_000)?;
        let patience = whole("patience", 8, 1_000_000)?;
        let fluency_texts = whole("fluency_texts", 1, 10_000)?;
        let restarts = sweep(reader, fields, "restarts", vec![None], |reader, at| {
            Ok(Some(reader.whole(at, 0..=1_000_000)? as usize))
        })?;
        let init = sweep(reader, fields, "init", vec![None], |reader, at| {
            let text = reader.text(at)?;
            if text.trim().is_empty() {
                reader.value(at, "an empty text has no tokens to start from");
            }
            Ok(Some(text))
        })?;
        let fluency = sweep(reader, fields, "fluency", vec![0.0], |reader, at| reader.number(at, 0.0..=1e3))?;
        Ok(Self { batch_size, patience, restarts, init, fluency, fluency_texts })
    }

    /// The lengths of its lists.
    pub fn lengths(&self) -> [usize; 6] {
        [
            self.batch_size.len(),
            self.patience.len(),
            self.restarts.len(),
            self.init.len(),
            self.fluency.len(),
            self.fluency_texts.len(),
        ]
    }

    /// Every cell with every combination; `walk` gives a cell's.
    pub fn each<C: Clone>(&self, mut cells: Vec<C>, walk: fn(&mut C) -> &mut Walk) -> Vec<C> {
        cells = each(cells, &self.batch_size, |cell, &value| walk(cell).batch_size = value);
        cells = each(cells, &self.patience, |cell, &value| walk(cell).patience = value);
        cells = each(cells, &self.restarts, |cell, &value| walk(cell).restarts = value);
        cells = each(cells, &self.init, |cell, value| walk(cell).init.clone_from(value));
        cells = each(cells, &self.fluency, |cell, &value| walk(cell).fluency = value);
        each(cells, &self.fluency_texts, |cell, &value| walk(cell).fluency_texts = value)
    }
}
