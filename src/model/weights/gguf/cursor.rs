//! Reading a header whose lengths nobody has promised to be true.

/// A place in a file's bytes. Nothing is read, or believed, beyond their end.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    place: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, place: 0 }
    }

    /// The byte that is read next.
    pub(super) fn place(&self) -> usize {
        self.place
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.place
    }

    /// The next `length` bytes.
    pub(super) fn take(&mut self, length: u64, what: &str) -> Result<&'a [u8], String> {
        let left = self.left();
        match usize::try_from(length) {
            Ok(length) if length <= left => {
                let taken = &self.bytes[self.place..self.place + length];
                self.place += length;
                Ok(taken)
            }
            _ => Err(format!(
                "{what} at byte {} would be {length} bytes long, and the file ends {left} bytes further on",
                self.place
            )),
        }
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64, what)?);
        Ok(array)
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, String> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64, String> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A count of things that take at least `smallest` bytes each.
    pub(super) fn count(&mut self, smallest: u64, what: &str) -> Result<usize, String> {
        let place = self.place;
        let count = self.u64(what)?;
        let left = self.left();
        match usize::try_from(count) {
            Ok(number) if count.checked_mul(smallest).is_some_and(|bytes| bytes <= left as u64) => Ok(number),
            _ => Err(format!("{what} at byte {place} is {count}, which {left} bytes cannot hold")),
        }
    }

    /// A text behind its length.
    pub(super) fn text(&mut self, what: &str) -> Result<&'a str, String> {
        let length = self.u64(what)?;
        let place = self.place;
        let bytes = self.take(length, what)?;
        std::str::from_utf8(bytes).map_err(|_| format!("{what} at byte {place} is not UTF-8 text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_overflows_is_refused_with_its_place() {
        let mut bytes = u64::MAX.to_le_bytes().to_vec();
        bytes.extend(b"abc");
        assert_eq!(
            Cursor::new(&bytes).text("a key").unwrap_err(),
            "a key at byte 8 would be 18446744073709551615 bytes long, and the file ends 3 bytes further on"
        );
        assert_eq!(
            Cursor::new(&bytes).count(2, "the number of keys").unwrap_err(),
            "the number of keys at byte 0 is 18446744073709551615, which 3 bytes cannot hold"
        );
    }

    #[test]
    fn text_is_read_up_to_its_length() {
        let mut bytes = 2u64.to_le_bytes().to_vec();
        bytes.extend(b"abc");
        let mut cursor = Cursor::new(&bytes);
        assert_eq!((cursor.text("a key").unwrap(), cursor.place(), cursor.left()), ("ab", 10, 1));
    }
}
