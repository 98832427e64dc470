//! Every candidate on every example, as Parquet: what `select` replays choosing on.

use std::fs::File;
use std::path::{Path, PathBuf};

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::{Column, DataFrame, ParquetWriter};

use super::RecordError;

/// The scores of one candidate on one split; the columns are parallel.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixBlock {
    /// What identifies the candidate.
    pub candidate: String,
    /// The model.
    pub model: String,
    /// `dev` or `test`.
    pub split: &'static str,
    /// The row of each example in its split's file, from 0.
    pub examples: Vec<u32>,
    /// Gold labels, as indices.
    pub gold: Vec<u16>,
    /// Predicted labels, as indices.
    pub predicted: Vec<u16>,
    /// Each example's margin, in nats.
    pub margins: Vec<f32>,
    /// Log-probabilities among the labels, in nats: `[example][label]`.
    pub logprobs: Vec<Vec<f64>>,
}

/// Writes `matrix.parquet` block by block into a file beside it, and renames that at the end.
pub struct MatrixWriter {
    labels: Vec<String>,
    beside: PathBuf,
    path: PathBuf,
    writer: Option<BatchedWriter<File>>,
}

impl MatrixWriter {
    /// Begins the matrix of a results folder.
    pub fn new(folder: &Path, labels: Vec<String>) -> Self {
        Self { labels, beside: folder.join(".matrix.parquet.tmp"), path: folder.join("matrix.parquet"), writer: None }
    }

    /// Appends a block: columns `candidate, example, split, label, predicted, correct, margin, logprob_<label>..., model`.
    ///
    /// # Errors
    /// [`RecordError`] if it cannot be written.
    pub fn append(&mut self, block: &MatrixBlock) -> Result<(), RecordError> {
        let table = self.table(block).map_err(|e| RecordError::corrupt(&self.beside, None, e.to_string()))?;
        let path = &self.path;
        let failed = |e: polars::error::PolarsError| RecordError::io("write", path)(std::io::Error::other(e));
        if self.writer.is_none() {
            let file = File::create(&self.beside).map_err(RecordError::io("create", &self.beside))?;
            self.writer = Some(ParquetWriter::new(file).batched(table.schema()).map_err(failed)?);
        }
        match &mut self.writer {
            Some(writer) => writer.write_batch(&table).map_err(failed),
            None => Ok(()),
        }
    }

    /// Ends the file and puts it in its place.
    ///
    /// # Errors
    /// [`RecordError`] if it cannot be written.
    pub fn finish(self) -> Result<PathBuf, RecordError> {
        if let Some(writer) = &self.writer {
            let failed = |e| RecordError::io("write", &self.path)(std::io::Error::other(e));
            writer.finish().map_err(failed)?;
            std::fs::rename(&self.beside, &self.path).map_err(RecordError::io("write", &self.path))?;
        }
        Ok(self.path.clone())
    }

    fn table(&self, block: &MatrixBlock) -> polars::error::PolarsResult<DataFrame> {
        let n = block.examples.len();
        let name = |&index: &u16| self.labels[usize::from(index)].as_str();
        let correct: Vec<bool> = block.gold.iter().zip(&block.predicted).map(|(g, p)| g == p).collect();
        let mut columns = vec![
            Column::new("candidate".into(), vec![block.candidate.as_str(); n]),
            Column::new("example".into(), block.examples.clone()),
            Column::new("split".into(), vec![block.split; n]),
            Column::new("label".into(), block.gold.iter().map(name).collect::<Vec<_>>()),
            Column::new("predicted".into(), block.predicted.iter().map(name).collect::<Vec<_>>()),
            Column::new("correct".into(), correct),
            Column::new("margin".into(), block.margins.clone()),
        ];
        for (index, label) in self.labels.iter().enumerate() {
            let values: Vec<f64> = block.logprobs.iter().map(|row| row[index]).collect();
            columns.push(Column::new(format!("logprob_{label}").into(), values));
        }
        columns.push(Column::new("model".into(), vec![block.model.as_str(); n]));
        DataFrame::new_infer_height(columns)
    }
}

impl Drop for MatrixWriter {
    /// What did not come to its end is removed; after [`MatrixWriter::finish`] nothing is there to remove.
    fn drop(&mut self) {
        if self.writer.is_some() {
            std::fs::remove_file(&self.beside).ok();
        }
    }
}
