//! `predictions.parquet` read back, whatever columns it has.

use std::fs::File;
use std::path::Path;

use polars::prelude::{DataType, ParquetReader, PolarsError, PolarsResult, SerReader};

use super::RecordError;

/// The values of a column, one for each example.
#[derive(Debug, Clone, PartialEq)]
pub enum PredictionColumn {
    /// Numbers; NaN where there is none.
    Numbers(Vec<f64>),
    /// Texts; empty where there is none.
    Texts(Vec<String>),
}

/// The columns of a table of predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionTable {
    /// Their names and values, in the order of the file.
    pub columns: Vec<(String, PredictionColumn)>,
}

impl PredictionTable {
    /// Reads a table that [`Predictions::save`](super::Predictions::save) wrote, in this version or an earlier one.
    ///
    /// # Errors
    /// [`RecordError::Io`] if it cannot be read, [`RecordError::Corrupt`] if it is no such table.
    pub fn load(path: &Path) -> Result<Self, RecordError> {
        let file = File::open(path).map_err(RecordError::io("read", path))?;
        let broken = |e: PolarsError| RecordError::corrupt(path, None, format!("not a table of predictions: {e}"));
        Self::read(file).map_err(broken)
    }

    fn read(file: File) -> PolarsResult<Self> {
        let frame = ParquetReader::new(file).finish()?;
        let mut columns = Vec::new();
        for name in frame.get_column_names() {
            let column = frame.column(name)?;
            let values = if column.dtype() == &DataType::String {
                PredictionColumn::Texts(column.str()?.iter().map(|text| text.unwrap_or_default().to_owned()).collect())
            } else {
                let numbers = column.cast(&DataType::Float64)?;
                PredictionColumn::Numbers(numbers.f64()?.iter().map(|number| number.unwrap_or(f64::NAN)).collect())
            };
            columns.push((name.to_string(), values));
        }
        Ok(Self { columns })
    }

    /// The texts of the column of that name; `None` where there is none, as in records of earlier versions.
    pub fn texts(&self, name: &str) -> Option<&[String]> {
        self.columns.iter().find_map(|(column, values)| match values {
            PredictionColumn::Texts(texts) if column == name => Some(texts.as_slice()),
            _ => None,
        })
    }

    /// The numbers of the column of that name; `None` where there is none.
    pub fn numbers(&self, name: &str) -> Option<&[f64]> {
        self.columns.iter().find_map(|(column, values)| match values {
            PredictionColumn::Numbers(numbers) if column == name => Some(numbers.as_slice()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Predictions;
    use super::*;

    #[test]
    fn predictions_come_back_column_by_column() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.parquet");
        let predictions = Predictions {
            rows: vec![0, 7],
            contents: vec!["aa".into(), "bb".into()],
            labels: vec!["坏".into(), "好".into()],
            gold: vec![0, 1],
            predicted: vec![1, 1],
            logprobs: vec![vec![-0.1, -2.5], vec![-1.5, f64::from(0.1_f32)]],
            references: None,
        };
        predictions.save(&path).unwrap();
        let table = PredictionTable::load(&path).unwrap();
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["example", "label", "predicted", "logprob_坏", "logprob_好", "content"]);
        assert_eq!(table.numbers("example"), Some(&[0.0, 7.0][..]));
        assert_eq!(table.numbers("logprob_好"), Some(&[-2.5, f64::from(0.1_f32)][..]));
        assert_eq!(table.texts("content").unwrap(), ["aa", "bb"]);
        assert_eq!((table.texts("example"), table.numbers("content")), (None, None));
        std::fs::write(&path, "no table").unwrap();
        assert!(PredictionTable::load(&path).unwrap_err().to_string().contains("not a table of predictions"));
    }
}
