//! A comparison for reading: on a terminal, and as Markdown.

use super::super::cell::p_value;
use super::super::digest::{Digest, counted, fraction, signed};
use super::super::group::Group;
use super::super::print::{escape_markdown, text};
use super::side_by_side::{Compared, LeftOut, RowName, SideBySide};

/// Characters of a value that a table shows; the rest stands in the JSON.
const SHOWN: usize = 48;

/// What is said where nothing but the results may differ.
const ALIKE: &str = "The experiments ask the same and ran on the same.\n";

impl SideBySide {
    /// Aligned text for a terminal.
    pub fn to_table(&self) -> String {
        let mut out = format!("{} on test\n{}\n", self.metric, text(&self.folder_digest()));
        match self.unlike.is_empty() {
            true if self.folders.len() == 1 => out.truncate(out.len() - 1),
            true => out.push_str(ALIKE),
            false => out.push_str(&format!("What was not held equal\n{}", text(&self.unlike_digest()))),
        }
        for (heading, digest) in self.sections() {
            out.push_str(&format!("\n{heading}\n{}", text(&digest)));
        }
        self.closing().iter().for_each(|line| out.push_str(&format!("\n{line}\n")));
        out
    }

    /// Markdown.
    pub fn to_markdown(&self) -> String {
        let mut out = format!(
            "# Comparison by {} on test\n\n{}\n",
            escape_markdown(&self.metric),
            markdown(&self.folder_digest())
        );
        match self.unlike.is_empty() {
            true if self.folders.len() == 1 => out.truncate(out.len() - 1),
            true => out.push_str(ALIKE),
            false => out.push_str(&format!("## What was not held equal\n\n{}", markdown(&self.unlike_digest()))),
        }
        for (heading, digest) in self.sections() {
            out.push_str(&format!("\n## {}\n\n{}", escape_markdown(&heading), markdown(&digest)));
        }
        self.closing().iter().for_each(|line| out.push_str(&format!("\n{}\n", escape_markdown(line))));
        out
    }

    fn folder_digest(&self) -> Digest {
        let row = |folder: &super::Folder| {
            let open = match folder.n_open {
                0 => String::new(),
                n => format!("{} not complete", counted(n, "trial")),
            };
            vec![folder.letter.clone(), folder.path.display().to_string(), open]
        };
        digest(&["", "folder", ""], &[], self.folders.iter().map(row).collect())
    }

    fn unlike_digest(&self) -> Digest {
        let mut headers = vec![""];
        headers.extend(self.folders.iter().map(|folder| folder.letter.as_str()));
        let row = |unlike: &super::Unlike| {
            let mut cells = vec![unlike.what.clone()];
            cells.extend(unlike.values.iter().map(|value| value.as_deref().map_or("-".into(), shortened)));
            cells
        };
        digest(&headers, &[], self.unlike.iter().map(row).collect())
    }

    /// A heading and a table for each group; one table for all where rows of several groups are compared with each other.
    fn sections(&self) -> Vec<(String, Digest)> {
        let (within, across): (Vec<&Compared>, Vec<&Compared>) =
            self.rows.iter().partition(|row| row.first.group == row.other.group);
        let mut groups: Vec<&Group> = within.iter().map(|row| &row.first.group).collect();
        groups.dedup();
        let mut sections: Vec<(String, Digest)> = groups
            .into_iter()
            .map(|group| {
                let rows: Vec<&Compared> = within.iter().filter(|row| row.first.group == *group).copied().collect();
                (group.words(), self.digest(&rows, false))
            })
            .collect();
        if !across.is_empty() {
            sections.push(("Rows of several models, shots or calibrations".into(), self.digest(&across, true)));
        }
        sections
    }

    fn digest(&self, rows: &[&Compared], across: bool) -> Digest {
        let letter = |name: &RowName| self.folders[name.folder].letter.as_str();
        let words = |name: &RowName| match across {
            true => format!("{} ({})", name.label, name.group.words()),
            false => name.label.clone(),
        };
        let named = |name: &RowName| match self.folders.len() {
            1 => words(name),
            _ => format!("{} in {}", words(name), letter(name)),
        };
        let same_rows = !across && rows.iter().all(|row| row.first.label == row.other.label);
        let heads = |of: fn(&Compared) -> &RowName| -> Vec<&str> {
            let mut letters: Vec<&str> = rows.iter().map(|row| letter(of(row))).collect();
            letters.dedup();
            letters
        };
        let (firsts, others) = (heads(|row| &row.first), heads(|row| &row.other));
        let mut headers: Vec<String> = Vec::new();
        let mut right: Vec<bool> = Vec::new();
        let mut columns: Vec<Vec<String>> = Vec::new();
        let mut add = |header: String, flush: bool, cell: &dyn Fn(&Compared) -> String| {
            headers.push(header);
            right.push(flush);
            columns.push(rows.iter().map(|row| cell(row)).collect());
        };
        match (same_rows, &firsts[..], &others[..]) {
            (true, [first], [other]) => {
                add("method".into(), false, &|row| row.first.label.clone());
                add((*first).into(), true, &|row| fraction(Some(row.first_mean)));
                add((*other).into(), true, &|row| fraction(Some(row.other_mean)));
                add(format!("{other} - {first}"), false, &versus);
            }
            (true, ..) => {
                add("method".into(), false, &|row| row.first.label.clone());
                add("folders".into(), false, &|row| format!("{} - {}", letter(&row.other), letter(&row.first)));
                add("first".into(), true, &|row| fraction(Some(row.first_mean)));
                add("other".into(), true, &|row| fraction(Some(row.other_mean)));
                add("other - first".into(), false, &versus);
            }
            (false, ..) => {
                add("first row".into(), false, &|row| named(&row.first));
                add("other row".into(), false, &|row| named(&row.other));
                add("first".into(), true, &|row| fraction(Some(row.first_mean)));
                add("other".into(), true, &|row| fraction(Some(row.other_mean)));
                add("other - first".into(), false, &versus);
            }
        }
        add("seeds".into(), true, &|row| match (row.one_seed, row.n_seeds) {
            (true, n) if n > 1 => format!("{n} alike"),
            (_, n) => n.to_string(),
        });
        add("examples".into(), true, &|row| match row.n_of {
            [first, other] if first == row.n_examples && other == row.n_examples => row.n_examples.to_string(),
            [first, other] => format!("{} (of {first} and {other})", row.n_examples),
        });
        let rows = (0..rows.len()).map(|row| columns.iter().map(|cells| cells[row].clone()).collect()).collect();
        Digest { headers, right, rows }
    }

    /// What is left to say, a line each.
    fn closing(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut whys: Vec<&str> = self.left_out.iter().map(|out| out.why.as_str()).collect();
        whys.sort_unstable();
        whys.dedup();
        for why in whys {
            let of = |out: &&LeftOut| out.why == why;
            let words = |out: &LeftOut| format!("{} ({})", out.row.label, out.row.group.words());
            let rows: Vec<String> = self.left_out.iter().filter(of).map(words).collect();
            lines.push(match why.starts_with("only in") {
                true => format!("{}: {}", why.replace("only in", "Only in"), rows.join("; ")),
                false => format!("Not compared, since it {why}: {}", rows.join("; ")),
            });
        }
        if self.rows.iter().any(|row| row.seeds_in_order) {
            lines.push("Seeds are paired in their order where no number is in both.".into());
        }
        let n = self.rows.len();
        if n == 0 {
            lines.push("No row is in two folders.".into());
            return lines;
        }
        let totals: Vec<String> = self.totals().iter().map(|(word, n)| format!("{n} {word}")).collect();
        let family = if n == 1 { String::new() } else { format!(", Holm over the {n}") };
        lines.push(format!("{} compared: {} (at 5 %{family}).", counted(n, "row"), totals.join(", ")));
        lines
    }
}

/// `+0.012 [-0.010, +0.034] not resolved (p 0.41)`.
fn versus(row: &Compared) -> String {
    let (low, high) = (signed(Some(row.low)), signed(Some(row.high)));
    format!("{} [{low}, {high}] {} (p {})", signed(Some(row.difference)), row.verdict(), p_value(row.p_holm))
}

fn shortened(value: &str) -> String {
    match value.chars().count() > SHOWN {
        true => value.chars().take(SHOWN - 3).chain("...".chars()).collect(),
        false => value.into(),
    }
}

/// A table; columns without a title in which nothing stands are left out.
fn digest(headers: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> Digest {
    let keep: Vec<usize> = (0..headers.len())
        .filter(|&at| !headers[at].is_empty() || rows.iter().any(|row| !row[at].is_empty()))
        .collect();
    Digest {
        headers: keep.iter().map(|&at| headers[at].to_owned()).collect(),
        right: keep.iter().map(|at| right.contains(at)).collect(),
        rows: rows.iter().map(|row| keep.iter().map(|&at| row[at].clone()).collect()).collect(),
    }
}

/// A Markdown table.
fn markdown(table: &Digest) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = line(table.headers.iter().map(|header| escape_markdown(header)).collect());
    out += &line(table.right.iter().map(|right| if *right { "---:" } else { "---" }.to_owned()).collect());
    for row in &table.rows {
        out += &line(row.iter().map(|cell| escape_markdown(cell)).collect());
    }
    out
}
