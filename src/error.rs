//! What a failure carries out of any room: a message for a person and an exit code for a script.
//!
//! Every room has its own error enum; each implements [`Fault`], and [`Error`] holds any of them.

use std::fmt;

/// Exit codes of the `promptmine` binary. Scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything that was asked for is done.
    Done = 0,
    /// The command line could not be understood.
    Usage = 2,
    /// The experiment file is at fault, or asks for more shots than the data has.
    Spec = 3,
    /// A data file, a column or a label is at fault.
    Data = 4,
    /// A model, a tokenizer, or a prompt that the model cannot take.
    Model = 5,
    /// The results folder cannot be written, or belongs to another experiment.
    Results = 6,
    /// Some trials failed; the others are complete. Of a replay: it is not the same as the record.
    Partial = 7,
    /// Interrupted by the user.
    Interrupted = 130,
}

/// An error of some room, with the exit code that it stands for.
pub trait Fault: std::error::Error + Send + Sync + 'static {
    /// The code that the binary exits with when this error ends it.
    fn exit_code(&self) -> ExitCode;
}

/// Any room's error, and where in an experiment file the thing at fault was asked for, if that is known.
pub struct Error(Box<dyn Fault>, Option<String>);

/// A result whose error may come from any room.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The code that the binary exits with when this error ends it.
    pub fn exit_code(&self) -> ExitCode {
        self.0.exit_code()
    }

    /// The same error with the place in an experiment file that it goes back to: `x.yaml:4:12: task.dataset`.
    pub fn at(self, place: Option<String>) -> Self {
        Self(self.0, self.1.or(place))
    }

    /// The room's error itself.
    pub fn fault(&self) -> &dyn Fault {
        &*self.0
    }
}

impl<F: Fault> From<F> for Error {
    fn from(fault: F) -> Self {
        Self(Box::new(fault), None)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.1 {
            write!(f, "{place}: ")?;
        }
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
