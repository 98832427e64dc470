//! Files that are either the old one or the new one, never half of each.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::RecordError;

/// What tells this process from those of other machines that write into the same folder: numbers of processes do not.
static OWN: LazyLock<String> = LazyLock::new(|| {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{}-{random:016x}", std::process::id())
});

/// The name of what is to take the place of `name` when it is whole: it stands in the same folder, and no other process gives it.
pub(super) fn beside(name: &str) -> String {
    format!(".{name}.{}.tmp", *OWN)
}

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
        let beside = folder.join(beside(&name));
        let file = File::create(&beside).map_err(RecordError::io("write", path))?;
        Ok(Self { path: path.into(), beside, file: Some(BufWriter::new(file)) })
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// [`RecordError::Io`] if what was written cannot be flushed to the disk or renamed.
    pub fn keep(self) -> Result<(), RecordError> {
        self.placed(|beside, path| fs::rename(beside, path))
    }

    /// Puts it in its place if nothing stands there; false if something does, which stays. Of several processes that do so at the
    /// same time, on whatever machines, one is told true.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub fn keep_first(self) -> Result<bool, RecordError> {
        let mut first = true;
        self.placed(|beside, path| match fs::hard_link(beside, path) {
            Ok(()) => fs::remove_file(beside),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                first = false;
                fs::remove_file(beside)
            }
            // A file system without hard links has no shared users either.
            Err(_) if !path.exists() => fs::rename(beside, path),
            Err(_) => {
                first = false;
                fs::remove_file(beside)
            }
        })?;
        Ok(first)
    }

    fn placed(mut self, place: impl FnOnce(&Path, &Path) -> io::Result<()>) -> Result<(), RecordError> {
        let kept = self.file.take().map_or(Ok(()), |file| {
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
            place(&self.beside, &self.path)
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
    fn of_many_that_put_a_file_in_its_place_at_the_same_time_one_is_the_first_and_its_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..20).map(|i| folder.path().join(format!("{i}.json"))).collect();
        for path in &paths {
            let written: Vec<AtomicFile> = (0..4u8)
                .map(|i| {
                    // Each of another process, so beside under another name.
                    let beside = folder.path().join(format!(".{i}.tmp"));
                    let mut file = BufWriter::new(File::create(&beside).unwrap());
                    file.write_all(&[i]).unwrap();
                    AtomicFile { path: path.clone(), beside, file: Some(file) }
                })
                .collect();
            let first: Vec<bool> = std::thread::scope(|scope| {
                let all: Vec<_> =
                    written.into_iter().map(|file| scope.spawn(move || file.keep_first().unwrap())).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert_eq!(first.iter().filter(|first| **first).count(), 1, "{first:?}");
            assert_eq!(fs::read(path).unwrap(), [first.iter().position(|first| *first).unwrap() as u8]);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), paths.len(), "nothing is left beside");
    }

    #[test]
    fn a_vanished_folder_is_an_error_that_names_the_file() {
        let error = write_atomically(Path::new("/nonexistent-folder/a.csv"), b"x").unwrap_err();
        assert!(error.to_string().starts_with("cannot write /nonexistent-folder/a.csv: "), "{error}");
    }
}
