//! Files that are either the old one or the new one, never half of each.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use super::RecordError;

/// Writes `bytes` to `path` by writing a file beside it and renaming that: a reader, or a crash, sees all or nothing.
///
/// # Errors
/// [`RecordError::Io`] if the file beside cannot be created, written, flushed to the disk or renamed; it is removed then.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_data()
    });
    written.and_then(|()| fs::rename(&beside, path)).map_err(|source| {
        // Nothing is lost if this fails: the name says that it is a remnant.
        fs::remove_file(&beside).ok();
        RecordError::Io { action: "write", path: path.into(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_write_replaces_the_first_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_vanished_folder_is_an_error_that_names_the_file() {
        let error = write_atomically(Path::new("/nonexistent-folder/a.csv"), b"x").unwrap_err();
        assert!(error.to_string().starts_with("cannot write /nonexistent-folder/a.csv: "), "{error}");
    }
}
