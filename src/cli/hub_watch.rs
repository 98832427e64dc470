//! How a download from the hub is going: a bar on a terminal, a line for each file everywhere else.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::exchange::hub::Watch;

use super::log::Log;
use super::text_table::bytes;

/// Shows downloads.
pub struct HubWatch {
    log: Log,
    bar: Mutex<Option<ProgressBar>>,
}

impl HubWatch {
    /// Shows downloads on `log`.
    pub fn new(log: Log) -> Self {
        Self { log, bar: Mutex::new(None) }
    }

    fn bar(&self) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for HubWatch {
    fn begin(&self, file: &str, size: Option<u64>, already: u64) {
        if self.log.wants_bars() {
            let bar = ProgressBar::new(size.unwrap_or(0));
            let template = match size {
                Some(_) => "{msg}  {wide_bar:.cyan/blue} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left",
                None => "{msg}  {spinner} {bytes}  {bytes_per_sec}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(file.to_owned());
            bar.set_position(already);
            bar.reset_eta();
            bar.enable_steady_tick(Duration::from_millis(250));
            *self.bar() = Some(bar);
            return;
        }
        let size_words = size.map(|size| format!(" ({})", bytes(size))).unwrap_or_default();
        let from = if already > 0 { format!(", going on from {}", bytes(already)) } else { String::new() };
        let fields = [("file", json!(file)), ("bytes", json!(size)), ("already", json!(already))];
        let fields: Map<String, Value> = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        self.log.step(&format!("fetching {file}{size_words}{from}"), fields);
    }

    fn advance(&self, bytes: u64) {
        if let Some(bar) = &*self.bar() {
            bar.inc(bytes);
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    fn note(&self, message: &str) {
        self.log.note(message);
    }
}
