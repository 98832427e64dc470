//! What is to be replayed.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::error::SelectError;
use super::matrix::Needs;
pub use crate::task::racing::Racing;

/// How the pick is made from the scores on a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The most examples right; ties by the order of the file. The field's habit, here as the baseline.
    Argmax,
    /// The most examples right; ties by the margin, then by the candidate's text.
    Accuracy,
    /// The largest mean margin.
    Margin,
    /// The largest mean log-probability of the gold label.
    MeanLogLikelihood,
    /// The largest mutual information of input and prediction; needs no label.
    MutualInformation,
    /// The largest mean agreement with the other candidates' predictions; needs no label.
    Agreement,
    /// The accuracy that normal margins with the seen means and spread would have.
    ExpectedAccuracy,
    /// The mean of the ranks by expected accuracy and by log-likelihood.
    Combined,
}

impl Rule {
    /// Every rule, the baseline first.
    pub const ALL: [Self; 8] = [
        Self::Argmax,
        Self::Accuracy,
        Self::Margin,
        Self::MeanLogLikelihood,
        Self::MutualInformation,
        Self::Agreement,
        Self::ExpectedAccuracy,
        Self::Combined,
    ];

    /// The name on the command line and in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Argmax => "argmax",
            Self::Accuracy => "accuracy",
            Self::Margin => "margin",
            Self::MeanLogLikelihood => "mean_log_likelihood",
            Self::MutualInformation => "mutual_information",
            Self::Agreement => "agreement",
            Self::ExpectedAccuracy => "expected_accuracy",
            Self::Combined => "combined",
        }
    }

    /// The columns without which the rule cannot score.
    pub fn needs(self) -> Needs {
        let none = Needs::default();
        match self {
            Self::Argmax | Self::Accuracy => none,
            Self::Margin | Self::ExpectedAccuracy => Needs { margin: true, ..none },
            Self::MeanLogLikelihood | Self::MutualInformation => Needs { logprobs: true, ..none },
            Self::Combined => Needs { margin: true, logprobs: true, ..none },
            Self::Agreement => Needs { predicted: true, ..none },
        }
    }

    /// Whether the score is the number of examples right, so that racing can bound what is still to come.
    pub fn counts_right(self) -> bool {
        matches!(self, Self::Argmax | Self::Accuracy)
    }
}

/// The member of `all` called `found`.
fn by_name<T: Copy>(
    what: &'static str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
    found: &str,
) -> Result<T, SelectError> {
    all.iter().copied().find(|item| name(*item) == found).ok_or_else(|| SelectError::Unknown {
        what,
        found: found.to_owned(),
        known: all.iter().map(|item| name(*item)).collect::<Vec<_>>().join(", "),
    })
}

impl FromStr for Rule {
    type Err = SelectError;

    fn from_str(name: &str) -> Result<Self, SelectError> {
        by_name("rule", &Self::ALL, Self::name, name)
    }
}

impl FromStr for Racing {
    type Err = SelectError;

    fn from_str(name: &str) -> Result<Self, SelectError> {
        by_name("racing", &Self::ALL, Self::name, name)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What to replay on which matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectOptions {
    /// The matrix, .csv or .parquet.
    pub matrix: PathBuf,
    /// Dev examples a class in each draw; none takes the whole dev split, and then only the order is drawn.
    pub shots: Option<usize>,
    /// The number of draws.
    pub draws: usize,
    /// The rules, in the order of the report; empty for every rule that the matrix has the columns for.
    pub rules: Vec<Rule>,
    /// The racings, in the order of the report; empty for `exact`.
    pub racing: Vec<Racing>,
    /// Keys the draws.
    pub seed: u64,
    /// The budget of `successive_halving` and `continuously_reject` as a share of scoring everything.
    pub budget_share: f64,
}

impl SelectOptions {
    /// The options of `select --matrix FILE`.
    pub fn new(matrix: impl Into<PathBuf>) -> Self {
        Self {
            matrix: matrix.into(),
            shots: None,
            draws: 1_000,
            rules: Vec::new(),
            racing: Vec::new(),
            seed: 0,
            budget_share: 0.5,
        }
    }

    pub(crate) fn check(&self) -> Result<(), SelectError> {
        let wrong = |option, found: String, expected| Err(SelectError::Option { option, found, expected });
        if self.draws == 0 {
            return wrong("--draws", "0".to_owned(), "at least 1");
        }
        if self.shots == Some(0) {
            return wrong("--shots", "0".to_owned(), "at least 1 example a class");
        }
        if !(self.budget_share > 0.0 && self.budget_share <= 1.0) {
            return wrong("the budget share", self.budget_share.to_string(), "a share above 0 and up to 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ExitCode, Fault};

    #[test]
    fn names_parse_back_and_unknown_ones_name_the_known() {
        for rule in Rule::ALL {
            assert_eq!(rule.name().parse::<Rule>().expect("known"), rule);
        }
        for racing in Racing::ALL {
            assert_eq!(racing.name().parse::<Racing>().expect("known"), racing);
        }
        let error = "argmin".parse::<Rule>().expect_err("unknown");
        assert!(error.to_string().contains("argmax, accuracy"), "{error}");
        assert_eq!(error.exit_code(), ExitCode::Usage);
    }

    #[test]
    fn senseless_numbers_are_refused() {
        let options = SelectOptions::new("m.csv");
        assert!(options.check().is_ok());
        assert!(SelectOptions { draws: 0, ..options.clone() }.check().is_err());
        assert!(SelectOptions { shots: Some(0), ..options.clone() }.check().is_err());
        assert!(SelectOptions { budget_share: f64::NAN, ..options }.check().is_err());
    }
}
