//! Standard error: what happens meanwhile, for a person or for a program.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use serde_json::{Map, Value};

/// How lines on standard error are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, with `level` and `message`.
    Json,
}

/// Writes to standard error.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    /// Whether everything but errors is left out.
    pub quiet: bool,
    /// How lines are written.
    pub format: LogFormat,
}

impl Log {
    /// Whether progress bars make sense: a person sits at a terminal and wants to see them.
    pub fn wants_bars(self) -> bool {
        !self.quiet && self.format == LogFormat::Text && std::io::stderr().is_terminal()
    }

    /// Something worth knowing that changes no result.
    pub fn note(self, message: &str) {
        if !self.quiet {
            write_line(&self.line("note", message, Map::new()));
        }
    }

    /// A step of a longer work; `fields` are for the JSON format.
    pub fn step(self, message: &str, fields: Map<String, Value>) {
        if !self.quiet {
            write_line(&self.line("info", message, fields));
        }
    }

    /// Why the program ends. Quiet or not.
    pub fn error(self, message: &str, exit_code: u8) {
        let fields = Map::from_iter([("exit_code".to_owned(), Value::from(exit_code))]);
        write_line(&self.line("error", message, fields));
    }

    fn line(self, level: &str, message: &str, fields: Map<String, Value>) -> String {
        match (self.format, level) {
            (LogFormat::Text, "info") => message.to_owned(),
            (LogFormat::Text, _) => format!("{level}: {message}"),
            (LogFormat::Json, _) => {
                let mut object = Map::from_iter([
                    ("level".to_owned(), Value::from(level)),
                    ("message".to_owned(), Value::from(message)),
                ]);
                object.extend(fields);
                Value::Object(object).to_string()
            }
        }
    }
}

/// A line on standard error. If nobody can read it any more, that is no reason to stop working.
pub(super) fn write_line(line: &str) {
    let mut stderr = std::io::stderr().lock();
    stderr.write_all(format!("{line}\n").as_bytes()).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_line_is_one_object_whatever_the_message_holds() {
        let log = Log { quiet: false, format: LogFormat::Json };
        let line = log.line("error", "a \"b\"\nc", Map::from_iter([("exit_code".to_owned(), Value::from(3))]));
        assert_eq!(line, r#"{"level":"error","message":"a \"b\"\nc","exit_code":3}"#);
    }

    #[test]
    fn steps_stand_alone_and_notes_say_that_they_are_notes() {
        let log = Log { quiet: false, format: LogFormat::Text };
        assert_eq!(log.line("info", "x", Map::new()), "x");
        assert_eq!(log.line("note", "x", Map::new()), "note: x");
    }
}
