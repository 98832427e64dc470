//! Where a weight file's bytes are.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use crate::model::ModelError;

/// The bytes of a whole file.
pub enum Bytes {
    /// On disk, read page by page where they are needed.
    Mapped(Mmap),
    /// In the binary.
    Static(&'static [u8]),
    /// In memory.
    Owned(Vec<u8>),
}

impl Bytes {
    /// Maps a file into memory.
    ///
    /// # Errors
    /// If it cannot be read, or is empty.
    pub fn map(path: &Path) -> Result<Self, ModelError> {
        let read = |source| ModelError::Read { path: path.to_path_buf(), source };
        let file = File::open(path).map_err(read)?;
        let metadata = file.metadata().map_err(read)?;
        if metadata.is_dir() {
            return Err(read(std::io::ErrorKind::IsADirectory.into()));
        }
        if metadata.len() == 0 {
            return Err(ModelError::Weights { file: path.display().to_string(), what: "the file is empty".into() });
        }
        #[expect(
            unsafe_code,
            reason = "mapping a file is unsafe because another process may change it; a model's weights are read-only by \
                      everyone's convention, and reading them into memory would double what a large model needs"
        )]
        let map = unsafe { Mmap::map(&file) }.map_err(read)?;
        Ok(Self::Mapped(map))
    }
}

impl Bytes {
    /// Gives back the memory that holds what was read so far: what is read again is read from disk again.
    pub fn release(&self) {
        if let Self::Mapped(map) = self {
            #[cfg(unix)]
            #[expect(
                unsafe_code,
                reason = "DONTNEED is unsafe because it forgets what was written to memory; of a file mapped for reading, pages \
                          come back from the file"
            )]
            // It is advice: where the system does not take it, memory is given back with the mapping.
            let _ = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
            #[cfg(not(unix))]
            let _ = map;
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Static(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}
