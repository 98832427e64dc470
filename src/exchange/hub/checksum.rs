//! The checksum that the hub announces for a file.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A checksum of a file's bytes, in lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Checksum {
    /// SHA-256, of large files.
    Sha256(String),
    /// What git calls a blob: SHA-1 of `blob SIZE\0` and the bytes.
    GitBlob(String),
}

impl Checksum {
    /// The checksum that an entity tag is; none for the tags of other servers.
    pub fn from_tag(tag: &str) -> Option<Self> {
        if !tag.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return None;
        }
        match tag.len() {
            64 => Some(Self::Sha256(tag.to_owned())),
            40 => Some(Self::GitBlob(tag.to_owned())),
            _ => None,
        }
    }

    /// Its kind, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::GitBlob(_) => "git blob SHA-1",
        }
    }

    /// The digits.
    pub fn digits(&self) -> &str {
        match self {
            Self::Sha256(digits) | Self::GitBlob(digits) => digits,
        }
    }

    /// The digits that a file has.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of(&self, path: &Path) -> io::Result<String> {
        let mut file = File::open(path)?;
        match self {
            Self::Sha256(_) => digest(Sha256::new(), &mut file),
            Self::GitBlob(_) => {
                let size = file.metadata()?.len();
                digest(Sha1::new_with_prefix(format!("blob {size}\0")), &mut file)
            }
        }
    }
}

fn digest<D: Digest>(mut hasher: D, file: &mut File) -> io::Result<String> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    let mut digits = String::new();
    for byte in hasher.finalize() {
        write!(digits, "{byte:02x}").map_err(io::Error::other)?;
    }
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_sha256sum_and_git_hash_object() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "hello\n").unwrap();
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(Checksum::from_tag(sha256).unwrap().of(&path).unwrap(), sha256);
        let blob = "ce013625030ba8dba906f756967f9e9ca394464a";
        assert_eq!(Checksum::from_tag(blob).unwrap().of(&path).unwrap(), blob);
    }

    #[test]
    fn the_tags_of_other_servers_are_no_checksums() {
        for tag in ["", "abc", "5f-62", &"G".repeat(40), &"A".repeat(40)] {
            assert_eq!(Checksum::from_tag(tag), None, "{tag}");
        }
    }
}
