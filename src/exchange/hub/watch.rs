//! Who is told how a download goes.

/// Who is told how a download goes.
pub trait Watch: Sync {
    /// A file's download begins: its name, its size if that is known, and the bytes that an earlier attempt left.
    fn begin(&self, file: &str, size: Option<u64>, already: u64);
    /// So many more bytes are there.
    fn advance(&self, bytes: u64);
    /// The file is complete, or its attempt is over.
    fn end(&self);
    /// Something worth knowing that changes nothing.
    fn note(&self, message: &str);
}

/// Nobody.
pub struct Silent;

impl Watch for Silent {
    fn begin(&self, _: &str, _: Option<u64>, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
    fn note(&self, _: &str) {}
}
