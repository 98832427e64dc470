//! Tables in columns on a terminal, where a Chinese character is two columns wide.

use unicode_width::UnicodeWidthStr;

/// Rows of cells, printed in aligned columns.
#[derive(Debug, Clone)]
pub struct TextTable {
    head: Vec<String>,
    /// Whether a column stands at the right, as numbers do.
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// A table with these titles; a title that begins with `>` makes a column that stands at the right.
    pub fn new(titles: &[&str]) -> Self {
        Self {
            head: titles.iter().map(|title| title.trim_start_matches('>').to_owned()).collect(),
            right: titles.iter().map(|title| title.starts_with('>')).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells that are missing at its end are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl ToString>) {
        let mut cells: Vec<String> = cells.into_iter().map(|cell| one_line(&cell.to_string())).collect();
        cells.resize(self.head.len(), String::new());
        self.rows.push(cells);
    }

    /// The table as lines, each ended; two spaces between columns, nothing behind the last.
    pub fn print(&self) -> String {
        let titled = self.head.iter().any(|title| !title.is_empty());
        let lines: Vec<&Vec<String>> = titled.then_some(&self.head).into_iter().chain(&self.rows).collect();
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| lines.iter().map(|line| line[column].width()).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for line in lines {
            let mut printed = String::new();
            for ((cell, &width), &right) in line.iter().zip(&widths).zip(&self.right) {
                let gap = " ".repeat(width - cell.width());
                printed += &if right { format!("{gap}{cell}  ") } else { format!("{cell}{gap}  ") };
            }
            text += printed.trim_end();
            text.push('\n');
        }
        text
    }
}

/// A cell is one line, whatever stands in it.
fn one_line(cell: &str) -> String {
    cell.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
}

/// A whole number with its thousands apart: `12,345`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 example`, `1,821 examples`.
pub fn counted(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", thousands(n as u64), if n == 1 { "" } else { "s" })
}

/// Bytes in the unit that suits them.
pub fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.0} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}

/// A span of time in the unit that suits it.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..100 => format!("{whole} s"),
        100..6_000 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        let mut table = TextTable::new(&["word", ">logprob"]);
        table.row(["好", "-1.5"]);
        table.row(["good", "-10.25"]);
        assert_eq!(table.print(), "word  logprob\n好       -1.5\ngood   -10.25\n");
    }

    #[test]
    fn a_line_break_in_a_cell_does_not_break_the_line() {
        let mut table = TextTable::new(&["", ""]);
        table.row(["a\nb", "c"]);
        assert_eq!(table.print(), "a\\nb  c\n");
    }

    #[test]
    fn numbers_and_times_are_readable() {
        assert_eq!(
            (thousands(7), thousands(1_821), thousands(1_234_567)),
            ("7".into(), "1,821".into(), "1,234,567".into())
        );
        assert_eq!(
            (duration(1.26), duration(75.0), duration(125.0)),
            ("1.3 s".into(), "75 s".into(), "2 min 5 s".into())
        );
        assert_eq!((bytes(12), bytes(6_100_000)), ("12 B".into(), "6.1 MB".into()));
    }
}
