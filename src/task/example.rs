//! One example of a task.

/// One row of a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Its place among the rows of its split's file, from 0, the header not counted.
    pub row: usize,
    /// Its cells, parallel to [`Dataset::columns`](crate::task::Dataset::columns).
    pub fields: Vec<String>,
    /// Index into [`Dataset::labels`](crate::task::Dataset::labels); none in a split without labels.
    pub label: Option<usize>,
}

impl Example {
    /// A hash of all fields and the label's index, to key random streams and caches by content. Draws use
    /// [`Examples::text_hash`](crate::task::Examples::text_hash) instead, which sees the texts only.
    pub fn hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 example");
        update_strings(&mut hasher, self.fields.iter().map(String::as_str));
        hasher.update(&self.label.map_or(u64::MAX, |label| label as u64).to_le_bytes());
        *hasher.finalize().as_bytes()
    }

    /// What its fields say, as 32 hexadecimal digits: equal wherever the same texts stand, whatever their label is.
    pub fn content(&self) -> String {
        let hash = text_hash(self.fields.iter().map(String::as_str));
        hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A hash of texts alone. Examples with equal texts are duplicates, whatever their other columns say.
pub(crate) fn text_hash<'a>(texts: impl IntoIterator<Item = &'a str>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 texts of an example");
    update_strings(&mut hasher, texts);
    *hasher.finalize().as_bytes()
}

/// Feeds strings with their lengths, so that no two lists of strings feed the same bytes.
pub(crate) fn update_strings<'a>(hasher: &mut blake3::Hasher, strings: impl IntoIterator<Item = &'a str>) {
    for string in strings {
        hasher.update(&(string.len() as u64).to_le_bytes());
        hasher.update(string.as_bytes());
    }
}
