//! Fields of a protobuf message, one after the other.

/// A field's value as it is encoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    /// A whole number, a truth value or an enumeration.
    Whole(u64),
    /// Four bytes: a `float`.
    Four([u8; 4]),
    /// Eight bytes.
    Eight,
    /// A text, bytes, or a message within.
    Bytes(&'a [u8]),
}

/// Reads a message field by field; nothing is believed beyond its end.
pub(super) struct Fields<'a> {
    message: &'a [u8],
    place: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { message, place: 0 }
    }

    /// The next field's number and value; nothing at the end.
    ///
    /// # Errors
    /// In words, where the bytes are no message.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, String> {
        if self.place == self.message.len() {
            return Ok(None);
        }
        let key = self.whole()?;
        let value = match key & 7 {
            0 => Value::Whole(self.whole()?),
            1 => {
                self.take(8)?;
                Value::Eight
            }
            2 => {
                let length = self.whole()?;
                Value::Bytes(self.take(length)?)
            }
            5 => {
                let mut four = [0; 4];
                four.copy_from_slice(self.take(4)?);
                Value::Four(four)
            }
            kind => return Err(format!("a field of the unknown kind {kind} before byte {}", self.place)),
        };
        Ok(Some((key >> 3, value)))
    }

    fn whole(&mut self) -> Result<u64, String> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(format!("a number without an end before byte {}", self.place))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let left = self.message.len() - self.place;
        match usize::try_from(length) {
            Ok(length) if length <= left => {
                let taken = &self.message[self.place..self.place + length];
                self.place += length;
                Ok(taken)
            }
            _ => Err(format!("{length} bytes at byte {}, and there are {left} left", self.place)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_their_kind() {
        let mut fields = Fields::new(&[0x08, 0xac, 0x02, 0x12, 0x02, b'a', b'b', 0x1d, 0, 0, 0x80, 0x3f]);
        assert_eq!(fields.next(), Ok(Some((1, Value::Whole(300)))));
        assert_eq!(fields.next(), Ok(Some((2, Value::Bytes(b"ab")))));
        assert_eq!(fields.next(), Ok(Some((3, Value::Four(1f32.to_le_bytes())))));
        assert_eq!(fields.next(), Ok(None));
    }

    #[test]
    fn what_is_cut_off_or_no_message_is_refused() {
        for bytes in [&[0x0a, 0x05, b'a'][..], &[0x08, 0xff], &[0x0d, 0], &[0x0b], &[0xff; 12]] {
            assert!(Fields::new(bytes).next().is_err(), "{bytes:?}");
        }
    }
}
