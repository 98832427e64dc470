//! The records of an uncompressed zip file: <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>.
//!
//! # Decisions
//!
//! - 2026-11: a reader of our own for what `torch.save` writes: stored records, zip64 or not. Refused: the crate `zip`, which sets
//!   aside memory for as many records as a file claims to have, and gives streams where places in a mapped file are wanted;
//!   compressed records, which `torch.save` never writes and which may be far larger than the file.

use std::collections::BTreeMap;
use std::ops::Range;

const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";

const END_LENGTH: usize = 22;
const LOCATOR_64_LENGTH: usize = 20;
const ENTRY_LENGTH: usize = 46;
const LOCAL_LENGTH: usize = 30;

/// The number of a zip64 file's extra field.
const EXTRA_64: u16 = 1;
/// Stands for a number that is in the zip64 parts.
const ELSEWHERE: u64 = 0xffff_ffff;

/// Whether `bytes` begin as a zip file does.
pub fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(&LOCAL)
}

/// The records of a zip file by name: where the bytes of each are.
///
/// # Errors
/// In words: the file is cut or damaged, or a record is compressed, encrypted or there twice.
pub fn zip_records(bytes: &[u8]) -> Result<BTreeMap<&str, Range<usize>>, String> {
    let directory = directory(bytes)?;
    let mut records = BTreeMap::new();
    let mut at = directory.start;
    while at < directory.end {
        let entry = Entry::read(bytes, at)?;
        at = entry.end;
        let range = entry.data(bytes, directory.start)?;
        if records.insert(entry.name, range).is_some() {
            return Err(format!("damaged: the record `{}` is there twice", entry.name.escape_debug()));
        }
    }
    Ok(records)
}

/// Where the directory is.
fn directory(bytes: &[u8]) -> Result<Range<usize>, String> {
    const CUT: &str = "truncated: a zip file without its end";
    // A comment of up to 65535 bytes may follow.
    let first = bytes.len().saturating_sub(END_LENGTH + usize::from(u16::MAX));
    let last = bytes.len().checked_sub(END_LENGTH).ok_or(CUT)?;
    let at = (first..=last)
        .rev()
        .find(|&at| {
            bytes[at..].starts_with(&END)
                && number::<2>(bytes, at + 20).is_ok_and(|comment| at + END_LENGTH + comment as usize == bytes.len())
        })
        .ok_or(CUT)?;
    let (mut length, mut start) = (number::<4>(bytes, at + 12)?, number::<4>(bytes, at + 16)?);
    let locator = at.checked_sub(LOCATOR_64_LENGTH).filter(|&locator| bytes[locator..].starts_with(&LOCATOR_64));
    if let Some(locator) = locator {
        let end = place(number::<8>(bytes, locator + 8)?)?;
        expect(bytes, end, END_64)?;
        (length, start) = (number::<8>(bytes, end + 40)?, number::<8>(bytes, end + 48)?);
    }
    let start = place(start)?;
    let end = start.checked_add(place(length)?).filter(|&end| end <= at);
    end.map(|end| start..end).ok_or_else(|| "damaged: its directory lies outside the file".into())
}

/// What the directory says about a record.
struct Entry<'a> {
    name: &'a str,
    local: usize,
    length: usize,
    /// Where the next entry begins.
    end: usize,
}

impl<'a> Entry<'a> {
    fn read(bytes: &'a [u8], at: usize) -> Result<Self, String> {
        expect(bytes, at, ENTRY)?;
        let [flags, method] = [number::<2>(bytes, at + 8)?, number::<2>(bytes, at + 10)?];
        let [mut packed, mut length] = [number::<4>(bytes, at + 20)?, number::<4>(bytes, at + 24)?];
        let [name, extra, comment] = [28, 30, 32].map(|offset| number::<2>(bytes, at + offset));
        let mut local = number::<4>(bytes, at + 42)?;
        let name_at = at + ENTRY_LENGTH;
        let extra_at = name_at + place(name?)?;
        let extra_end = extra_at + place(extra?)?;
        let name = bytes.get(name_at..extra_at).ok_or("damaged: a record's name is cut")?;
        let name = std::str::from_utf8(name).map_err(|_| "damaged: a record's name is not UTF-8 text")?;
        let fault = |what: &str| format!("the record `{}` {what}", name.escape_debug());
        let mut wide = extra_64(bytes, extra_at..extra_end)?;
        // In this order, and only those that do not fit.
        for number in [&mut length, &mut packed, &mut local] {
            if *number == ELSEWHERE {
                *number = wide.next().ok_or_else(|| fault("has no length"))?;
            }
        }
        if flags & 1 != 0 {
            return Err(fault("is encrypted"));
        }
        if method != 0 || packed != length {
            return Err(fault("is compressed, as torch.save never writes it (supported: stored)"));
        }
        Ok(Self { name, local: place(local)?, length: place(length)?, end: extra_end + place(comment?)? })
    }

    /// Where the record's bytes are, before `limit`.
    fn data(&self, bytes: &[u8], limit: usize) -> Result<Range<usize>, String> {
        expect(bytes, self.local, LOCAL)?;
        let [name, extra] = [26, 28].map(|offset| number::<2>(bytes, self.local + offset));
        let start = self.local + LOCAL_LENGTH + place(name?)? + place(extra?)?;
        match start.checked_add(self.length) {
            Some(end) if end <= limit => Ok(start..end),
            _ => {
                Err(format!("truncated or damaged: the record `{}` reaches beyond the data", self.name.escape_debug()))
            }
        }
    }
}

/// The numbers of a zip64 extra field, none where there is no such field.
fn extra_64(bytes: &[u8], extra: Range<usize>) -> Result<impl Iterator<Item = u64>, String> {
    const CUT: &str = "damaged: a record's extra field is cut";
    let mut rest = bytes.get(extra).ok_or(CUT)?;
    let mut numbers: &[u8] = &[];
    while rest.len() >= 4 {
        let (kind, length) = (number::<2>(rest, 0)?, place(number::<2>(rest, 2)?)?);
        let body = rest.get(4..4 + length).ok_or(CUT)?;
        if kind == u64::from(EXTRA_64) {
            numbers = body;
        }
        rest = &rest[4 + length..];
    }
    Ok(numbers.as_chunks::<8>().0.iter().map(|chunk| u64::from_le_bytes(*chunk)))
}

/// The little-endian number of `N` bytes at `at`.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<u64, String> {
    let found = at.checked_add(N).and_then(|end| bytes.get(at..end)).ok_or("truncated or damaged: a header is cut")?;
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(found);
    Ok(u64::from_le_bytes(wide))
}

/// A number as a place in memory, with room to add a header's length to it.
fn place(number: u64) -> Result<usize, String> {
    usize::try_from(number)
        .ok()
        .filter(|&place| place <= isize::MAX as usize)
        .ok_or_else(|| "damaged: a place beyond any file".into())
}

fn expect(bytes: &[u8], at: usize, signature: [u8; 4]) -> Result<(), String> {
    match bytes.get(at..).is_some_and(|rest| rest.starts_with(&signature)) {
        true => Ok(()),
        false => Err("truncated or damaged: a header is not where it should be".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    fn zipped(method: CompressionMethod, large: bool) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in [("m/data.pkl", "a pickle"), ("m/data/0", "0123456789"), ("m/empty", "")] {
            let options = SimpleFileOptions::default().compression_method(method).large_file(large);
            writer.start_file(name, options).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn stored_records_are_found_by_name() {
        for large in [false, true] {
            let bytes = zipped(CompressionMethod::Stored, large);
            let records = zip_records(&bytes).unwrap();
            let content = |name: &str| std::str::from_utf8(&bytes[records[name].clone()]).unwrap();
            assert_eq!(records.keys().copied().collect::<Vec<_>>(), ["m/data.pkl", "m/data/0", "m/empty"]);
            assert_eq!(
                (content("m/data.pkl"), content("m/data/0"), content("m/empty")),
                ("a pickle", "0123456789", "")
            );
        }
    }

    #[test]
    fn compressed_records_are_refused_by_name() {
        let message = zip_records(&zipped(CompressionMethod::Deflated, false)).unwrap_err();
        assert!(message.contains("the record `m/data.pkl` is compressed"), "{message}");
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let bytes = zipped(CompressionMethod::Stored, true);
        for length in 0..bytes.len() {
            assert!(zip_records(&bytes[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn changed_bytes_never_panic_and_no_record_leaves_the_file() {
        let bytes = zipped(CompressionMethod::Stored, false);
        for place in 0..bytes.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[place] = byte;
                if let Ok(records) = zip_records(&changed) {
                    assert!(records.values().all(|range| range.start <= range.end && range.end <= bytes.len()));
                }
            }
        }
    }
}
