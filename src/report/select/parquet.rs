//! The same rows from a Parquet file, one part of a row group at a time.

use std::fs::File;
use std::path::Path;

use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, Float32Chunked, ParquetReader, PolarsError, PolarsResult, SerReader,
    StringChunked,
};

use super::error::{BadCell, SelectError};
use super::matrix::{Matrix, MatrixBuilder, Row};
use super::options::Rule;
use super::reader::Columns;

/// Rows that are decoded at once.
const ROWS: usize = 1 << 20;

pub(crate) fn read_parquet(file: File, path: &Path, asked: &[Rule]) -> Result<(Matrix, Vec<Rule>), SelectError> {
    let broken = |source: PolarsError| SelectError::Parquet { path: path.to_owned(), source: Box::new(source) };
    let unreadable = |source| SelectError::Read { path: path.to_owned(), source };
    let mut reader = ParquetReader::new(file.try_clone().map_err(unreadable)?);
    let metadata = reader.get_metadata().map_err(broken)?.clone();
    let schema = reader.schema().map_err(broken)?;
    let header: Vec<String> = schema.iter_names().map(ToString::to_string).collect();
    let columns = Columns::find(&header)?;
    let (rules, needs) = columns.rules(asked, &header)?;
    let mut wanted: Vec<usize> = columns.required.to_vec();
    wanted.extend(columns.predicted);
    wanted.extend(columns.margin.filter(|_| needs.margin));
    let logprobs = if needs.logprobs { columns.logprobs.as_slice() } else { &[] };
    wanted.extend(logprobs.iter().map(|(_, place)| *place));
    let names: Vec<String> = wanted.iter().map(|&place| header[place].clone()).collect();

    let mut builder = MatrixBuilder::new(needs, columns.logprobs.iter().map(|(label, _)| label.clone()).collect());
    let mut start = 0;
    for group in &metadata.row_groups {
        let end = start + group.num_rows();
        while start < end {
            let rows = ROWS.min(end - start);
            let mut reader = ParquetReader::new(file.try_clone().map_err(unreadable)?)
                .with_slice(Some((start, rows)))
                .with_columns(Some(names.clone()));
            reader.set_metadata(metadata.clone());
            let part = reader.finish().and_then(|frame| Part::of(&frame, &header, &columns, needs.margin, logprobs));
            part.map_err(broken)?.push_into(&mut builder, &header, &columns)?;
            start += rows;
        }
    }
    Ok((builder.finish()?, rules))
}

/// Some rows' columns in the types in which they are used.
struct Part {
    texts: [StringChunked; 4],
    correct: BooleanChunked,
    /// Cells of `correct` as they are written, for messages.
    correct_text: StringChunked,
    predicted: Option<StringChunked>,
    margin: Option<Float32Chunked>,
    logprobs: Vec<Float32Chunked>,
}

fn texts(column: &Column) -> PolarsResult<StringChunked> {
    Ok(column.cast(&DataType::String)?.str()?.rechunk().into_owned())
}

fn numbers(column: &Column) -> PolarsResult<Float32Chunked> {
    Ok(column.cast(&DataType::Float32)?.f32()?.rechunk().into_owned())
}

/// Booleans, 0 and 1 or their names; what is none of them is null.
fn truths(column: &Column, written: &StringChunked) -> PolarsResult<BooleanChunked> {
    if column.dtype() == &DataType::Boolean {
        return Ok(column.bool()?.rechunk().into_owned());
    }
    let truth = |text: Option<&str>| match text? {
        "1" | "1.0" | "true" => Some(true),
        "0" | "0.0" | "false" => Some(false),
        _ => None,
    };
    Ok(written.iter().map(truth).collect())
}

impl Part {
    fn of(
        frame: &DataFrame,
        header: &[String],
        columns: &Columns,
        with_margin: bool,
        logprobs: &[(String, usize)],
    ) -> PolarsResult<Self> {
        let column = |place: usize| frame.column(&header[place]);
        let [candidate, example, split, label, correct] = columns.required;
        let correct_text = texts(column(correct)?)?;
        Ok(Self {
            texts: [
                texts(column(candidate)?)?,
                texts(column(example)?)?,
                texts(column(split)?)?,
                texts(column(label)?)?,
            ],
            correct: truths(column(correct)?, &correct_text)?,
            correct_text,
            predicted: columns.predicted.map(|place| texts(column(place)?)).transpose()?,
            margin: columns.margin.filter(|_| with_margin).map(|place| numbers(column(place)?)).transpose()?,
            logprobs: logprobs.iter().map(|(_, place)| numbers(column(*place)?)).collect::<PolarsResult<_>>()?,
        })
    }

    fn push_into(&self, builder: &mut MatrixBuilder, header: &[String], columns: &Columns) -> Result<(), SelectError> {
        let mut logprobs = vec![0.0; self.logprobs.len()];
        for row in 0..self.correct.len() {
            let [candidate, example, split, label] =
                [0, 1, 2, 3].map(|place| self.texts[place].get(row).unwrap_or_default());
            let bad = |column: usize, found: &str, expected: &str| {
                SelectError::from(Box::new(BadCell {
                    row: builder.n_rows() + 1,
                    candidate: candidate.to_owned(),
                    example: example.to_owned(),
                    column: header[column].clone(),
                    found: found.to_owned(),
                    expected: expected.to_owned(),
                }))
            };
            let Some(correct) = self.correct.get(row) else {
                let found = self.correct_text.get(row).unwrap_or_default();
                return Err(bad(columns.required[4], found, "0, 1, false or true"));
            };
            let margin = match (&self.margin, columns.margin) {
                (Some(margins), Some(place)) => {
                    Some(margins.get(row).ok_or_else(|| bad(place, "", "a finite number"))?)
                }
                _ => None,
            };
            for ((slot, values), (_, place)) in logprobs.iter_mut().zip(&self.logprobs).zip(&columns.logprobs) {
                *slot = values.get(row).ok_or_else(|| bad(*place, "", "a finite number"))?;
            }
            builder.push(&Row {
                candidate,
                example,
                split,
                label,
                correct,
                predicted: self.predicted.as_ref().map(|predicted| predicted.get(row).unwrap_or_default()),
                margin,
                logprobs: &logprobs,
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use polars::prelude::{CsvReader, ParquetWriter};

    use super::*;
    use crate::report::select::reader::read_csv;

    fn parquet(csv: &str) -> File {
        let mut frame = CsvReader::new(Cursor::new(csv)).finish().expect("a table");
        let mut file = tempfile::tempfile().expect("a file");
        ParquetWriter::new(&mut file).with_row_group_size(Some(7)).finish(&mut frame).expect("written");
        file
    }

    fn table() -> String {
        let mut csv = "candidate,example,split,label,predicted,correct,margin,logprob_a,logprob_b\n".to_owned();
        for candidate in 0..4 {
            for example in 0..12 {
                let split = ["dev", "test"][example / 6];
                let right = (candidate * 7 + example * 3) % 5 > 1;
                let gold = ["a", "b"][example % 2];
                let predicted = ["a", "b"][(example + usize::from(!right)) % 2];
                let margin = if right { 0.5 } else { -0.25 } * (1 + example) as f64;
                csv += &format!("{candidate},{example},{split},{gold},{predicted},{},{margin},", u8::from(right));
                csv += &format!("{},{}\n", -0.125 * example as f64, -1.5);
            }
        }
        csv
    }

    #[test]
    fn parquet_and_csv_make_the_same_matrix() {
        let csv = table();
        let (from_csv, rules) = read_csv(csv.as_bytes(), Path::new("m.csv"), &[]).expect("complete");
        assert_eq!(rules, Rule::ALL);
        let (matrix, same_rules) = read_parquet(parquet(&csv), Path::new("m.parquet"), &[]).expect("complete");
        assert_eq!(same_rules, rules);
        assert_eq!(format!("{:?}", matrix.candidates), format!("{:?}", from_csv.candidates));
        for candidate in 0..4 {
            assert_eq!(matrix.totals(candidate), from_csv.totals(candidate));
            for example in 0..6 {
                assert_eq!(matrix.margin(candidate, example), from_csv.margin(candidate, example));
                assert_eq!(matrix.logprobs(candidate, example), from_csv.logprobs(candidate, example));
                assert_eq!(matrix.predicted(candidate, example), from_csv.predicted(candidate, example));
            }
        }
    }

    #[test]
    fn empty_and_wrong_cells_are_named() {
        let message = |csv: &str| read_parquet(parquet(csv), Path::new("m.parquet"), &[]).expect_err("bad").to_string();
        let csv = table();
        let empty = message(&csv.replacen(",0.5,", ",,", 1));
        assert!(empty.contains("margin is ``") && empty.contains("row "), "{empty}");
        let two = message("candidate,example,split,label,correct\na,1,dev,x,2\n");
        assert!(two.contains("correct is `2`"), "{two}");
        let error = read_parquet(tempfile::tempfile().expect("a file"), Path::new("m.parquet"), &[]);
        assert!(matches!(error, Err(SelectError::Parquet { .. })));
    }
}
