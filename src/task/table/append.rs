//! Files that are one split.

use super::Rows;
use crate::task::error::{Position, TaskError};

impl Rows {
    /// The rows of several files of one split, in their order; none where there are no files.
    ///
    /// Their positions are counted on from file to file, since a row is then one of the split.
    ///
    /// # Errors
    /// If one has other columns than the first, or labels where the first has none, or the other way round.
    pub fn concat(files: Vec<Self>) -> Result<Option<Self>, TaskError> {
        let n_more = files.len().saturating_sub(1);
        let mut files = files.into_iter();
        let Some(mut all) = files.next() else { return Ok(None) };
        if n_more == 0 {
            return Ok(Some(all));
        }
        let first = all.columns_with_label();
        let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 files of a split");
        hasher.update(all.hash.as_bytes());
        for rows in files {
            let names = rows.columns_with_label();
            if names != first {
                return Err(TaskError::OtherColumns {
                    file: rows.file,
                    found: names.join(", "),
                    expected: first.join(", "),
                });
            }
            hasher.update(rows.hash.as_bytes());
            all.fields.extend(rows.fields);
            if let (Some(labels), Some(more)) = (&mut all.labels, rows.labels) {
                labels.extend(more);
            }
            all.blank += rows.blank;
        }
        all.hash = hasher.finalize().to_hex().to_string();
        all.positions = (1..=all.fields.len()).map(Position::Row).collect();
        all.file = format!("{} and {n_more} more", all.file);
        Ok(Some(all))
    }

    fn columns_with_label(&self) -> Vec<String> {
        let label = self.labels.iter().map(|_| "label".to_owned());
        self.columns.iter().cloned().chain(label).collect()
    }
}
