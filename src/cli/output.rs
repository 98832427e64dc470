//! Standard output: results, and nothing else.

use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::error::Result;
use crate::record::write_atomically;

use super::CliError;

/// Writes `text` to standard output.
///
/// # Errors
/// [`CliError::ClosedPipe`], which ends the program quietly, if the reader has gone (`promptmine models | head -1`);
/// [`CliError::Write`] if the text cannot be written, for instance on a full disk.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    Ok(written.map_err(|source| match source.kind() {
        ErrorKind::BrokenPipe => CliError::ClosedPipe,
        _ => CliError::Write { what: "standard output".into(), source },
    })?)
}

/// Writes `text` and a line break to standard output, unless it ends with one.
///
/// # Errors
/// As [`print`].
pub fn print_block(text: &str) -> Result<()> {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    print(&format!("{text}{end}"))
}

/// Writes a value to standard output as indented JSON.
///
/// # Errors
/// As [`print`].
pub fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| CliError::Write { what: "standard output".into(), source: e.into() })?;
    print_block(&text)
}

/// Writes a file whole or not at all.
///
/// # Errors
/// [`crate::record::RecordError::Io`].
pub fn write_file(path: &Path, text: &str) -> Result<()> {
    Ok(write_atomically(path, text.as_bytes())?)
}
