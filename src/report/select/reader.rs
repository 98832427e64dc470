//! Reads a matrix file row by row: what is in memory is the matrix, never the file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::error::{BadCell, SelectError};
use super::matrix::{Matrix, MatrixBuilder, Needs, Row};
use super::options::Rule;
use super::parquet;

/// Columns of every matrix.
const REQUIRED: [&str; 5] = ["candidate", "example", "split", "label", "correct"];

/// Where the columns of a file stand, and which rules they allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns {
    /// The places of the required columns, in the order of candidate, example, split, label, correct.
    pub required: [usize; 5],
    pub predicted: Option<usize>,
    pub margin: Option<usize>,
    /// Label and place of each `logprob_<label>` column.
    pub logprobs: Vec<(String, usize)>,
}

impl Columns {
    pub(crate) fn find(header: &[String]) -> Result<Self, SelectError> {
        let place = |name: &str| header.iter().position(|column| column == name);
        let mut required = [0; 5];
        for (slot, name) in required.iter_mut().zip(REQUIRED) {
            *slot = place(name).ok_or_else(|| absent(name, "every matrix has", header))?;
        }
        Ok(Self {
            required,
            predicted: place("predicted"),
            margin: place("margin"),
            logprobs: header
                .iter()
                .enumerate()
                .filter_map(|(place, column)| Some((column.strip_prefix("logprob_")?.to_owned(), place)))
                .collect(),
        })
    }

    /// The rules to replay, `asked` or every one that the columns allow, and what they need of the file.
    ///
    /// # Errors
    /// If an asked rule needs a column that there is not.
    pub(crate) fn rules(&self, asked: &[Rule], header: &[String]) -> Result<(Vec<Rule>, Needs), SelectError> {
        let lacks = |rule: Rule| {
            let needs = rule.needs();
            let lack = |needed: bool, present: bool| needed && !present;
            if lack(needs.margin, self.margin.is_some()) {
                Some("margin")
            } else if lack(needs.predicted, self.predicted.is_some()) {
                Some("predicted")
            } else if lack(needs.logprobs, self.logprobs.len() > 1) {
                Some("logprob_<label>")
            } else {
                None
            }
        };
        if let Some((rule, column)) = asked.iter().find_map(|rule| Some((rule, lacks(*rule)?))) {
            return Err(absent(column, &format!("the rule `{rule}` needs"), header));
        }
        let rules: Vec<Rule> = match asked {
            [] => Rule::ALL.into_iter().filter(|rule| lacks(*rule).is_none()).collect(),
            asked => asked.to_vec(),
        };
        let needs = Needs {
            // Margins break ties wherever they are known.
            margin: self.margin.is_some(),
            predicted: rules.iter().any(|rule| rule.needs().predicted),
            logprobs: rules.iter().any(|rule| rule.needs().logprobs),
        };
        Ok((rules, needs))
    }
}

fn absent(column: &str, needed_by: &str, header: &[String]) -> SelectError {
    SelectError::Column { column: column.to_owned(), needed_by: needed_by.to_owned(), found: header.join(", ") }
}

/// Reads `path`, CSV or Parquet by its ending, with the columns that the `asked` rules need (none asked: all that the
/// columns allow).
///
/// # Errors
/// If the file cannot be read, lacks a column, or is no complete matrix; see [`SelectError`].
pub fn read_matrix(path: &Path, asked: &[Rule]) -> Result<(Matrix, Vec<Rule>), SelectError> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let file = || File::open(path).map_err(|source| SelectError::Read { path: path.to_owned(), source });
    match ending {
        "csv" => read_csv(BufReader::with_capacity(1 << 20, file()?), path, asked),
        "parquet" => parquet::read_parquet(file()?, path, asked),
        _ => Err(SelectError::Format(path.to_owned())),
    }
}

pub(crate) fn read_csv(input: impl Read, path: &Path, asked: &[Rule]) -> Result<(Matrix, Vec<Rule>), SelectError> {
    let broken = |source| SelectError::Csv { path: path.to_owned(), source };
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 20).from_reader(input);
    let header: Vec<String> = reader.headers().map_err(broken)?.iter().map(str::to_owned).collect();
    let columns = Columns::find(&header)?;
    let (rules, needs) = columns.rules(asked, &header)?;
    let labels = columns.logprobs.iter().map(|(label, _)| label.clone()).collect();
    let mut builder = MatrixBuilder::new(needs, labels);
    let mut record = csv::StringRecord::new();
    let mut logprobs = Vec::new();
    while reader.read_record(&mut record).map_err(broken)? {
        let field = |place: usize| record.get(place).unwrap_or_default();
        let [candidate, example, split, label, correct] = columns.required.map(field);
        let bad = |place: usize, expected: &str| {
            SelectError::from(Box::new(BadCell {
                row: builder.n_rows() + 1,
                candidate: candidate.to_owned(),
                example: example.to_owned(),
                column: header[place].clone(),
                found: field(place).to_owned(),
                expected: expected.to_owned(),
            }))
        };
        let number = |place: usize| field(place).parse::<f32>().map_err(|_| bad(place, "a finite number"));
        let correct = match correct {
            "1" | "true" | "True" | "TRUE" | "1.0" => true,
            "0" | "false" | "False" | "FALSE" | "0.0" => false,
            _ => return Err(bad(columns.required[4], "0, 1, false or true")),
        };
        let margin = match columns.margin {
            Some(place) if needs.margin => Some(number(place)?),
            _ => None,
        };
        logprobs.clear();
        if needs.logprobs {
            for (_, place) in &columns.logprobs {
                logprobs.push(number(*place)?);
            }
        }
        builder.push(&Row {
            candidate,
            example,
            split,
            label,
            correct,
            predicted: columns.predicted.map(field),
            margin,
            logprobs: &logprobs,
        })?;
    }
    Ok((builder.finish()?, rules))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, asked: &[Rule]) -> Result<(Matrix, Vec<Rule>), SelectError> {
        read_csv(text.as_bytes(), Path::new("m.csv"), asked)
    }

    const SMALL: &str = "candidate,example,split,label,correct,margin\n\
        \"{text} It was, {mask}.\",1,dev,neg,1,0.5\n\
        \"{text} It was, {mask}.\",2,dev,pos,0,-0.5\n";

    #[test]
    fn quoted_prompts_are_names_and_the_columns_decide_which_rules_run() {
        let (matrix, rules) = read(SMALL, &[]).expect("complete");
        assert_eq!(matrix.candidates, ["{text} It was, {mask}."]);
        assert_eq!(rules, [Rule::Argmax, Rule::Accuracy, Rule::Margin, Rule::ExpectedAccuracy]);
        assert!((matrix.margin(0, 1) + 0.5).abs() < 1e-7 && matrix.correct(0, 0) && !matrix.correct(0, 1));
    }

    #[test]
    fn absent_columns_are_named_with_what_needs_them() {
        let error = read("candidate,example,label,correct\n", &[]).expect_err("no split").to_string();
        assert!(error.contains("`split`, which every matrix has") && error.contains("candidate, example"), "{error}");
        let error = read(SMALL, &[Rule::Agreement]).expect_err("no predictions").to_string();
        assert!(error.contains("`predicted`, which the rule `agreement` needs"), "{error}");
    }

    #[test]
    fn cells_that_are_no_numbers_are_named() {
        for (from, to, part) in [
            (",1,0.5", ",yes,0.5", "correct is `yes`, expected 0, 1"),
            (",1,0.5", ",1,", "margin is ``"),
            (",1,0.5", ",1,nan", "margin is `NaN`"),
            (",1,0.5", ",1,-inf", "margin is `-inf`"),
        ] {
            let error = read(&SMALL.replace(from, to), &[]).expect_err("bad").to_string();
            assert!(error.contains(part) && error.contains("row 1") && error.contains("example `1`"), "{error}");
        }
        assert!(matches!(read("candidate,example,split,label,correct\na,1,dev\n", &[]), Err(SelectError::Csv { .. })));
    }
}
