//! Files that are either the old one or the new one, never half of each.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::RecordError;

/// A file in the making: it is written beside the one that it replaces, and takes its place when it is whole.
///
/// A reader, or a crash, sees all or nothing. What is not [`kept`](Self::keep) is removed.
pub struct AtomicFile {
    path: PathBuf,
    beside: PathBuf,
    file: Option<BufWriter<File>>,
}

impl AtomicFile {
    /// Begins a file that is to stand at `path`.
    ///
    /// # Errors
    /// [`RecordError::Io`] if the file beside it cannot be created.
    pub fn create(path: &Path) -> Result<Self, RecordError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = folder.join(format!(".{name}.{}.tmp", std::process::id()));
        let file = File::create(&beside).map_err(RecordError::io("write", path))?;
        Ok(Self { path: path.into(), beside, file: Some(BufWriter::new(file)) })
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// [`RecordError::Io`] if what was written cannot be flushed to the disk or renamed.
    pub fn keep(mut self) -> Result<(), RecordError> {
        let kept = self.file.take().map_or(Ok(()), |file| {
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
            fs::rename(&self.beside, &self.path)
        });
        kept.map_err(|source| {
            // Nothing is lost if this fails: the name says that it is a remnant.
            fs::remove_file(&self.beside).ok();
            RecordError::Io { action: "write", path: self.path.clone(), source }
        })
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            fs::remove_file(&self.beside).ok();
        }
    }
}

/// Writes `bytes` to `path` as an [`AtomicFile`].
///
/// # Errors
/// [`RecordError::Io`] if the file beside cannot be created, written, flushed to the disk or renamed; it is removed then.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(RecordError::io("write", path))?;
    file.keep()
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
    fn what_is_given_up_half_way_leaves_the_old_file_and_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write_atomically(&path, b"one").unwrap();
        let mut half = AtomicFile::create(&path).unwrap();
        half.write_all(b"tw").unwrap();
        half.flush().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        drop(half);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_vanished_folder_is_an_error_that_names_the_file() {
        let error = write_atomically(Path::new("/nonexistent-folder/a.csv"), b"x").unwrap_err();
        assert!(error.to_string().starts_with("cannot write /nonexistent-folder/a.csv: "), "{error}");
    }
}
