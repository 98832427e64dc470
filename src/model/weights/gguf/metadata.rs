//! The metadata of a GGUF file: typed values by key, where each remains in the file until it is asked for.

use std::collections::BTreeMap;
use std::ops::Range;

use super::cursor::Cursor;

/// Lists inside lists deeper than this are refused; no writer nests them at all.
const DEEPEST: usize = 4;

/// The types of values, with their numbers in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Flag,
    Text,
    List,
    U64,
    I64,
    F64,
}

impl Kind {
    fn read(cursor: &mut Cursor, key: &str) -> Result<Self, String> {
        let place = cursor.place();
        Ok(match cursor.u32("a type")? {
            0 => Self::U8,
            1 => Self::I8,
            2 => Self::U16,
            3 => Self::I16,
            4 => Self::U32,
            5 => Self::I32,
            6 => Self::F32,
            7 => Self::Flag,
            8 => Self::Text,
            9 => Self::List,
            10 => Self::U64,
            11 => Self::I64,
            12 => Self::F64,
            other => return Err(format!("`{key}` at byte {place} is of type {other} (known: 0 to 12)")),
        })
    }

    /// Bytes of a value, at least.
    fn smallest(self) -> u64 {
        match self {
            Self::U8 | Self::I8 | Self::Flag => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::Text => 8,
            Self::List => 12,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::U8 | Self::I8 | Self::U16 | Self::I16 | Self::U32 | Self::I32 | Self::U64 | Self::I64 => {
                "a whole number"
            }
            Self::F32 | Self::F64 => "a number",
            Self::Flag => "true or false",
            Self::Text => "a text",
            Self::List => "a list",
        }
    }
}

/// Where a value is.
struct Value {
    kind: Kind,
    range: Range<usize>,
}

/// What a list holds: its values' type, their number, and where they are.
struct List {
    kind: Kind,
    count: usize,
    range: Range<usize>,
}

/// All keys of a file.
#[derive(Default)]
pub(super) struct Metadata {
    values: BTreeMap<String, Value>,
}

impl Metadata {
    /// Reads `count` keys and checks that every value ends within the file.
    pub(super) fn read(cursor: &mut Cursor, count: usize) -> Result<Self, String> {
        let mut values = BTreeMap::new();
        for _ in 0..count {
            let key = cursor.text("a key")?;
            let kind = Kind::read(cursor, key)?;
            let start = cursor.place();
            skip(cursor, kind, key, 0)?;
            let value = Value { kind, range: start..cursor.place() };
            if values.insert(key.to_owned(), value).is_some() {
                return Err(format!("the key `{key}` is there twice"));
            }
        }
        Ok(Self { values })
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub(super) fn text<'a>(&self, bytes: &'a [u8], key: &str) -> Result<Option<&'a str>, String> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        match value.kind {
            Kind::Text => Cursor::new(&bytes[value.range.clone()]).text(key).map(Some).map_err(|_| not_text(key)),
            other => Err(format!("`{key}` is {} (expected: a text)", other.name())),
        }
    }

    pub(super) fn whole(&self, bytes: &[u8], key: &str) -> Result<Option<i64>, String> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        let found = &bytes[value.range.clone()];
        whole(value.kind, found)
            .map(Some)
            .ok_or_else(|| format!("`{key}` is {} (expected: a whole number)", value.kind.name()))
    }

    pub(super) fn number(&self, bytes: &[u8], key: &str) -> Result<Option<f64>, String> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        let found = &bytes[value.range.clone()];
        let number = number(value.kind, found);
        number.map(Some).ok_or_else(|| format!("`{key}` is {} (expected: a number)", value.kind.name()))
    }

    pub(super) fn flag(&self, bytes: &[u8], key: &str) -> Result<Option<bool>, String> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        match (value.kind, &bytes[value.range.clone()]) {
            (Kind::Flag, [0]) => Ok(Some(false)),
            (Kind::Flag, [1]) => Ok(Some(true)),
            (Kind::Flag, other) => Err(format!("`{key}` holds {other:?} (allowed: 0, 1)")),
            (other, _) => Err(format!("`{key}` is {} (expected: true or false)", other.name())),
        }
    }

    pub(super) fn texts<'a>(&self, bytes: &'a [u8], key: &str) -> Result<Option<Vec<&'a str>>, String> {
        let Some(list) = self.list(bytes, key)? else { return Ok(None) };
        if list.kind != Kind::Text && list.count > 0 {
            return Err(format!("`{key}` is a list of which each is {} (expected: a text)", list.kind.name()));
        }
        let mut cursor = Cursor::new(&bytes[list.range]);
        let mut texts = Vec::with_capacity(list.count);
        for n in 0..list.count {
            texts.push(cursor.text(key).map_err(|_| not_text(&format!("{key}[{n}]")))?);
        }
        Ok(Some(texts))
    }

    pub(super) fn wholes(&self, bytes: &[u8], key: &str) -> Result<Option<Vec<i64>>, String> {
        self.each(bytes, key, "a whole number", whole)
    }

    pub(super) fn numbers(&self, bytes: &[u8], key: &str) -> Result<Option<Vec<f64>>, String> {
        self.each(bytes, key, "a number", number)
    }

    /// Whether the value is a list.
    pub(super) fn is_list(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| value.kind == Kind::List)
    }

    fn each<T>(
        &self,
        bytes: &[u8],
        key: &str,
        expected: &str,
        read: impl Fn(Kind, &[u8]) -> Option<T>,
    ) -> Result<Option<Vec<T>>, String> {
        let Some(list) = self.list(bytes, key)? else { return Ok(None) };
        let size = list.kind.smallest() as usize;
        let mut found = Vec::with_capacity(list.count);
        for chunk in bytes[list.range].chunks(size).take(list.count) {
            match read(list.kind, chunk) {
                Some(number) => found.push(number),
                None => {
                    let kind = list.kind.name();
                    return Err(format!("`{key}` is a list of which each is {kind} (expected: {expected})"));
                }
            }
        }
        Ok(Some(found))
    }

    fn list(&self, bytes: &[u8], key: &str) -> Result<Option<List>, String> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        if value.kind != Kind::List {
            return Err(format!("`{key}` is {} (expected: a list)", value.kind.name()));
        }
        let mut cursor = Cursor::new(&bytes[..value.range.end]);
        cursor.take(value.range.start as u64, key)?;
        let kind = Kind::read(&mut cursor, key)?;
        let count = cursor.count(kind.smallest(), key)?;
        Ok(Some(List { kind, count, range: cursor.place()..value.range.end }))
    }
}

fn not_text(key: &str) -> String {
    format!("`{key}` is not UTF-8 text")
}

/// Walks over a value.
fn skip(cursor: &mut Cursor, kind: Kind, key: &str, depth: usize) -> Result<(), String> {
    match kind {
        Kind::Text => {
            let what = format!("`{key}`");
            let length = cursor.u64(&what)?;
            cursor.take(length, &what)?;
        }
        Kind::List => {
            if depth == DEEPEST {
                return Err(format!("`{key}` has lists inside lists, more than {DEEPEST} deep"));
            }
            let kind = Kind::read(cursor, key)?;
            let count = cursor.count(kind.smallest(), &format!("the length of `{key}`"))?;
            match kind {
                Kind::Text | Kind::List => {
                    for _ in 0..count {
                        skip(cursor, kind, key, depth + 1)?;
                    }
                }
                _ => drop(cursor.take(count as u64 * kind.smallest(), key)?),
            }
        }
        _ => drop(cursor.take(kind.smallest(), &format!("`{key}`"))?),
    }
    Ok(())
}

fn whole(kind: Kind, bytes: &[u8]) -> Option<i64> {
    Some(match kind {
        Kind::U8 => u8::from_le_bytes(bytes.try_into().ok()?).into(),
        Kind::I8 => i8::from_le_bytes(bytes.try_into().ok()?).into(),
        Kind::U16 => u16::from_le_bytes(bytes.try_into().ok()?).into(),
        Kind::I16 => i16::from_le_bytes(bytes.try_into().ok()?).into(),
        Kind::U32 => u32::from_le_bytes(bytes.try_into().ok()?).into(),
        Kind::I32 => i32::from_le_bytes(bytes.try_into().ok()?).into(),
        Kind::U64 => u64::from_le_bytes(bytes.try_into().ok()?).try_into().ok()?,
        Kind::I64 => i64::from_le_bytes(bytes.try_into().ok()?),
        Kind::F32 | Kind::F64 | Kind::Flag | Kind::Text | Kind::List => return None,
    })
}

fn number(kind: Kind, bytes: &[u8]) -> Option<f64> {
    Some(match kind {
        Kind::F32 => shortest(f32::from_le_bytes(bytes.try_into().ok()?)),
        Kind::F64 => f64::from_le_bytes(bytes.try_into().ok()?),
        other => whole(other, bytes)? as f64,
    })
}

/// The decimal number that was meant: 1e-5 is stored as the f32 next to it, and a configuration says 1e-5.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}
