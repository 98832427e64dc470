//! The test predictions of a trial's chosen prompt, as Parquet.

use std::io::Cursor;
use std::path::Path;

use polars::prelude::{Column, DataFrame, ParquetWriter};

use super::{RecordError, write_atomically};

/// One table of predictions; the columns are parallel.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// The row of each example in its split's file, from 0.
    pub rows: Vec<u32>,
    /// What each example says ([`Example::content`](crate::task::Example::content)): by it records of other files are paired.
    pub contents: Vec<String>,
    /// The labels, in the order of their indices.
    pub labels: Vec<String>,
    /// The gold label of each example, as an index.
    pub gold: Vec<u16>,
    /// The predicted label, as an index.
    pub predicted: Vec<u16>,
    /// Log-probabilities among the labels, in nats: `[example][label]`; of references their own.
    pub logprobs: Vec<Vec<f64>>,
    /// The references and texts of a task of generation.
    pub references: Option<References>,
}

/// What stands in the place of labels where the answers are references.
#[derive(Debug, Clone, PartialEq)]
pub struct References {
    /// The reference of each example.
    pub references: Vec<String>,
    /// What was written of each, where it was.
    pub generated: Option<Vec<String>>,
}

impl Predictions {
    /// Writes the columns `example, label, predicted, logprob_<label>..., content`; of a task of generation `example, reference,
    /// generated, log_likelihood, content`, the third where texts were written.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), RecordError> {
        let mut columns = vec![Column::new("example".into(), self.rows.clone())];
        match &self.references {
            Some(References { references, generated }) => {
                columns.push(Column::new("reference".into(), references.clone()));
                columns.extend(generated.iter().map(|texts| Column::new("generated".into(), texts.clone())));
                let values: Vec<f64> = self.logprobs.iter().flatten().copied().collect();
                columns.push(Column::new("log_likelihood".into(), values));
            }
            None => columns.extend(self.labelled()),
        }
        columns.push(Column::new("content".into(), self.contents.clone()));
        let mut bytes = Cursor::new(Vec::new());
        DataFrame::new_infer_height(columns)
            .and_then(|mut table| ParquetWriter::new(&mut bytes).finish(&mut table))
            .map_err(|e| RecordError::corrupt(path, None, e.to_string()))?;
        write_atomically(path, &bytes.into_inner())
    }

    fn labelled(&self) -> Vec<Column> {
        let name = |&index: &u16| self.labels[usize::from(index)].as_str();
        let mut columns = vec![
            Column::new("label".into(), self.gold.iter().map(name).collect::<Vec<_>>()),
            Column::new("predicted".into(), self.predicted.iter().map(name).collect::<Vec<_>>()),
        ];
        for (index, label) in self.labels.iter().enumerate() {
            let values: Vec<f64> = self.logprobs.iter().map(|row| row[index]).collect();
            columns.push(Column::new(format!("logprob_{label}").into(), values));
        }
        columns
    }
}
