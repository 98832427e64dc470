//! Who writes into a results folder: one run alone, or the shards of one run together.
//!
//! # Decisions
//!
//! - 2026-11: `.lock` is held by one process for itself, or by all shards of a run together; its text says by whom. The first of
//!   the shards holds it for itself until it has written what the others read, so none of them sees half of it.
//! - 2026-11: a shard that another process runs already is waited for, not refused: where a cluster loses sight of a machine it
//!   begins the job elsewhere while the old process may still be at work, and what that completes stays.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use fs4::fs_std::FileExt;

use super::RecordError;
use super::shard_note::SHARDS;
use crate::spec::Shard;

/// The file that is locked.
pub(super) const LOCK: &str = ".lock";

/// How long a shard tries to get in while another one begins, which takes much less.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same while the lock's text does not say so: that of the one who has it may not be there yet.
const PATIENCE_WITH_RUNS: Duration = Duration::from_secs(1);
/// How long it waits before it tries again.
const PAUSE: Duration = Duration::from_millis(50);

/// A results folder's lock, held as long as it is there.
pub(super) struct FolderLock {
    file: File,
    /// That of the shard.
    _own: Option<File>,
}

/// What a shard was told when it asked for its place.
pub(super) enum Entered {
    /// It is the only one for now, and alone until [`FolderLock::share`].
    First(FolderLock),
    /// Others are at work.
    Beside(FolderLock),
}

impl FolderLock {
    /// Locks a folder for this process alone.
    ///
    /// # Errors
    /// [`RecordError::InUse`] if another process has it, [`RecordError::Io`].
    pub(super) fn alone(folder: &Path) -> Result<Self, RecordError> {
        let mut lock = Self { file: open(&folder.join(LOCK))?, _own: None };
        if !tried(FileExt::try_lock_exclusive(&lock.file), folder)? {
            return Err(in_use(folder, &lock.text()));
        }
        lock.write(folder, &std::process::id().to_string())?;
        Ok(lock)
    }

    /// Locks a folder for the shards of a run in `of` parts.
    ///
    /// # Errors
    /// [`RecordError::InUse`] if a run that is no shard of these has it, [`RecordError::Io`].
    pub(super) fn with_shards(folder: &Path, of: usize) -> Result<Entered, RecordError> {
        let mut lock = Self { file: open(&folder.join(LOCK))?, _own: None };
        let text = shards_text(of);
        let begun = Instant::now();
        loop {
            if tried(FileExt::try_lock_exclusive(&lock.file), folder)? {
                lock.write(folder, &text)?;
                return Ok(Entered::First(lock));
            }
            if tried(FileExt::try_lock_shared(&lock.file), folder)? {
                let found = lock.text();
                return if found == text { Ok(Entered::Beside(lock)) } else { Err(in_use(folder, &found)) };
            }
            let found = lock.text();
            if begun.elapsed() > if found == text { PATIENCE } else { PATIENCE_WITH_RUNS } {
                return Err(in_use(folder, &found));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Lets the other shards in.
    ///
    /// # Errors
    /// [`RecordError::InUse`] if a run that is no shard of these was quicker, [`RecordError::Io`].
    pub(super) fn share(self, folder: &Path, of: usize) -> Result<Self, RecordError> {
        // A lock is not changed in one step: it is given up and taken anew, as any shard takes it.
        drop(self);
        match Self::with_shards(folder, of)? {
            Entered::Beside(lock) => Ok(lock),
            Entered::First(lock) => {
                let path = folder.join(LOCK);
                FileExt::lock_shared(&lock.file).map_err(RecordError::io("lock", &path))?;
                Ok(lock)
            }
        }
    }

    /// Locks the shard itself; false if `go_on` said so while another process ran it. `waits` is told once.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub(super) fn take(
        &mut self,
        folder: &Path,
        shard: Shard,
        waits: &dyn Fn(),
        go_on: &dyn Fn() -> bool,
    ) -> Result<bool, RecordError> {
        let notes = folder.join(SHARDS);
        fs::create_dir_all(&notes).map_err(RecordError::io("create folder", &notes))?;
        let path = notes.join(format!("{}-of-{}.lock", shard.number, shard.of));
        let own = open(&path)?;
        let mut told = false;
        while !tried(FileExt::try_lock_exclusive(&own), &path)? {
            if !go_on() {
                return Ok(false);
            }
            if !told {
                waits();
                told = true;
            }
            std::thread::sleep(PAUSE);
        }
        self._own = Some(own);
        Ok(true)
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        // Who cannot read it says less in a message.
        self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.read_to_string(&mut text)).ok();
        text.trim().to_owned()
    }

    fn write(&mut self, folder: &Path, text: &str) -> Result<(), RecordError> {
        let written = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        written.and_then(|_| self.file.write_all(text.as_bytes())).map_err(RecordError::io("write", folder.join(LOCK)))
    }
}

/// What the lock says while shards have it.
fn shards_text(of: usize) -> String {
    format!("shards {of}")
}

fn in_use(folder: &Path, text: &str) -> RecordError {
    let by = match (text.parse::<u32>(), text.strip_prefix("shards ")) {
        (Ok(process), _) => format!("another run (process {process})"),
        (_, Some(of)) => format!("shards of a run (--shard I/{of})"),
        _ => "another run".into(),
    };
    RecordError::InUse { path: folder.into(), by }
}

fn open(path: &Path) -> Result<File, RecordError> {
    // Not truncated before it is ours: it says who has it.
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(RecordError::io("create", path))
}

fn tried(tried: std::io::Result<bool>, path: &Path) -> Result<bool, RecordError> {
    tried.map_err(RecordError::io("lock", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(folder: &Path, of: usize) -> FolderLock {
        match FolderLock::with_shards(folder, of).unwrap() {
            Entered::First(lock) => lock,
            Entered::Beside(_) => panic!("others are at work"),
        }
    }

    #[test]
    fn shards_of_one_run_work_beside_each_other_and_nobody_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let one = first(folder.path(), 3).share(folder.path(), 3).unwrap();
        let Entered::Beside(two) = FolderLock::with_shards(folder.path(), 3).unwrap() else {
            panic!("it is not alone")
        };
        let says = |error: Option<RecordError>| error.unwrap().to_string();
        let error = says(FolderLock::with_shards(folder.path(), 2).err());
        assert!(error.contains("in use by shards of a run (--shard I/3)"), "{error}");
        let error = says(FolderLock::alone(folder.path()).err());
        assert!(error.contains("in use by shards of a run (--shard I/3)"), "{error}");
        drop((one, two));
        let alone = FolderLock::alone(folder.path()).unwrap();
        let error = says(FolderLock::with_shards(folder.path(), 3).err());
        assert!(error.contains(&format!("another run (process {})", std::process::id())), "{error}");
        drop(alone);
        first(folder.path(), 2);
    }

    #[test]
    fn the_first_shard_is_alone_until_it_shares() {
        let folder = tempfile::tempdir().unwrap();
        let one = first(folder.path(), 2);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let entered = FolderLock::with_shards(folder.path(), 2).unwrap();
                // The mark is there before the other comes in.
                (folder.path().join("mark").exists(), matches!(entered, Entered::Beside(_)))
            });
            std::thread::sleep(Duration::from_millis(200));
            std::fs::write(folder.path().join("mark"), "").unwrap();
            let _one = one.share(folder.path(), 2).unwrap();
            assert!(other.join().unwrap().0);
        });
    }

    #[test]
    fn a_shard_that_is_run_already_is_waited_for_until_it_is_over_or_nobody_wants_to() {
        let folder = tempfile::tempdir().unwrap();
        let shard = Shard { number: 2, of: 2 };
        let mut one = first(folder.path(), 2).share(folder.path(), 2).unwrap();
        assert!(one.take(folder.path(), shard, &|| panic!("nobody has it"), &|| true).unwrap());
        let Entered::Beside(mut two) = FolderLock::with_shards(folder.path(), 2).unwrap() else { panic!("alone") };
        let told = std::cell::Cell::new(0);
        assert!(!two.take(folder.path(), shard, &|| told.set(told.get() + 1), &|| told.get() == 0).unwrap());
        assert_eq!(told.get(), 1);
        assert!(two.take(folder.path(), Shard { number: 1, of: 2 }, &|| panic!("free"), &|| true).unwrap());
        drop(one);
        assert!(two.take(folder.path(), shard, &|| panic!("free"), &|| true).unwrap());
    }
}
