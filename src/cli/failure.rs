//! How the program ends when it does not end well.

use std::process::ExitCode;

use crate::error::{Error, ExitCode as Code};

use super::log::{Log, write_line};

/// Reports an error and gives the code to exit with.
pub fn report(error: &Error, log: Log) -> ExitCode {
    let code = error.exit_code();
    if code != Code::Done {
        log.error(&message(error), code as u8);
    }
    ExitCode::from(code as u8)
}

/// The message with those causes that it does not tell itself.
pub fn message(error: &Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.fault().source();
    while let Some(source) = cause {
        let text = source.to_string();
        if !message.contains(&text) {
            message.push_str("\n  because: ");
            message.push_str(&text);
        }
        cause = source.source();
    }
    message
}

/// Makes a panic, which is our own bug, one line that asks for a report.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let what = panic
            .payload()
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.payload().downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        let place = panic.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION");
        write_line(&format!(
            "error: this is a bug in promptmine {version}{place}: {}; please report it with the command that you gave",
            what.replace('\n', " ")
        ));
    }));
}

#[cfg(test)]
mod tests {
    use super::super::CliError;
    use super::*;

    #[test]
    fn a_cause_that_the_message_tells_already_is_not_repeated() {
        let source = std::io::Error::other("disk full");
        let error = Error::from(CliError::Write { what: "x.csv".into(), source });
        assert_eq!(message(&error), "cannot write x.csv: disk full");
    }
}
