//! `--calibration` and `--unlabelled`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::error::Result;
use crate::scoring::{Calibrator, Prior};
use crate::spec::Calibration;
use crate::task::{Example, TableOptions, read_labelled};

use super::CliError;
use super::prompt_option::Asked;

/// How label scores are corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum CalibrationName {
    /// They are not.
    None,
    /// By the mean label distribution on inputs without content (N/A, nothing, [MASK]).
    Contextual,
    /// Word by word, by the prompt without its input.
    PmiDc,
    /// By the mean label distribution on unlabelled texts.
    Batch,
}

impl From<CalibrationName> for Calibration {
    fn from(name: CalibrationName) -> Self {
        match name {
            CalibrationName::None => Self::None,
            CalibrationName::Contextual => Self::Contextual,
            CalibrationName::PmiDc => Self::PmiDc,
            CalibrationName::Batch => Self::Batch,
        }
    }
}

/// How label scores are corrected.
#[derive(Debug, Clone, Args)]
pub struct CalibrationOptions {
    /// How label scores are corrected [default: as the prompt was saved, else none]
    #[arg(long, value_name = "CALIBRATION", value_enum)]
    calibration: Option<CalibrationName>,
    /// The texts without labels that `--calibration batch` takes its prior over
    #[arg(long, value_name = "FILE")]
    unlabelled: Option<PathBuf>,
}

impl CalibrationOptions {
    /// Gives every prompt the prior that is asked for, in place of the one that it was saved with.
    ///
    /// # Errors
    /// [`CliError::Usage`] where `batch` has no texts, or texts are given and not needed; what is wrong with the texts.
    pub fn apply(&self, prompts: &mut [Asked]) -> Result<()> {
        let way = self.calibration.map(Calibration::from);
        if self.unlabelled.is_some() && way != Some(Calibration::Batch) {
            return Err(CliError::Usage("--unlabelled is read with --calibration batch only".into()).into());
        }
        let Some(way) = way else { return Ok(()) };
        for asked in prompts {
            if let Some(column) = asked.prompt.verbalizer.reference_column().filter(|_| way != Calibration::None) {
                let what =
                    format!("--calibration corrects the scores of labels, and the answers are the texts of `{column}`");
                return Err(CliError::Usage(what).into());
            }
            let kept = asked.prior.as_ref().is_some_and(|prior| prior.way == way) && self.unlabelled.is_none();
            if !kept {
                asked.prior = self.prior(way, asked)?;
            }
        }
        Ok(())
    }

    fn prior(&self, way: Calibration, asked: &Asked) -> Result<Option<Prior>> {
        let needed: Vec<String> = asked.prompt.template.columns().into_iter().map(str::to_owned).collect();
        let (columns, texts) = match (&self.unlabelled, way) {
            (Some(path), _) => {
                let options = TableOptions { needed, ..TableOptions::default() };
                let table = read_labelled(path, &options, None, false)?;
                (table.columns, table.examples)
            }
            (None, Calibration::Batch) => {
                return Err(CliError::Usage(
                    "--calibration batch takes its prior over texts without labels: name them with --unlabelled FILE (without any: \
                     contextual, pmi_dc)"
                        .into(),
                )
                .into());
            }
            (None, _) => (needed, Vec::new()),
        };
        let texts: Vec<&Example> = texts.iter().collect();
        let calibrator = Calibrator::new(way, columns.len(), &texts, texts.len())?;
        calibrator.check(&asked.prompt)?;
        Ok(calibrator.prior_of(&asked.scorer, &asked.prompt, &columns)?)
    }
}
