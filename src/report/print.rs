//! A digest in the notations that people paste: aligned text, Markdown, LaTeX.

use unicode_width::UnicodeWidthStr;

use super::digest::Digest;

/// Aligned text for a terminal; characters that take two cells there, as Chinese ones do, are counted as two.
pub(super) fn text(table: &Digest) -> String {
    let width = |column: usize| {
        let cells = table.rows.iter().map(|row| row[column].width());
        cells.chain([table.headers[column].width()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.headers.len()).map(width).collect();
    let mut out = String::new();
    for cells in std::iter::once(&table.headers).chain(&table.rows) {
        let mut line = String::new();
        for ((cell, width), right) in cells.iter().zip(&widths).zip(&table.right) {
            let padding = " ".repeat(width - cell.width());
            match right {
                true => line.extend([&padding, cell.as_str(), "  "]),
                false => line.extend([cell, padding.as_str(), "  "]),
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A Markdown table. The last column, the prompt, is set as code.
pub(super) fn markdown(table: &Digest) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut out = line(&table.headers);
    let rules: Vec<String> = table.right.iter().map(|right| if *right { "---:" } else { "---" }.into()).collect();
    out.push_str(&line(&rules));
    for row in &table.rows {
        let mut cells: Vec<String> = row.iter().map(|cell| escape_markdown(cell)).collect();
        if let (Some(cell), Some(prompt)) = (cells.last_mut(), row.last()) {
            *cell = code(prompt);
        }
        out.push_str(&line(&cells));
    }
    out
}

/// Text as Markdown code; empty text stays empty.
pub(super) fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    // The fence is longer than any run of backticks inside.
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", text.replace('|', "\\|"))
}

/// Text with the characters escaped that Markdown gives a meaning inside a table.
pub(super) fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '|' | '*' | '_' | '`' | '<' | '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(if c == '\n' { ' ' } else { c });
    }
    out
}

/// A LaTeX `tabular` with the rules of the package booktabs.
pub(super) fn latex(table: &Digest) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escape_latex(cell)).collect();
        format!("{} \\\\\n", cells.join(" & "))
    };
    let columns: String = table.right.iter().map(|right| if *right { 'r' } else { 'l' }).collect();
    let mut out = format!("\\begin{{tabular}}{{{columns}}}\n\\toprule\n{}\\midrule\n", line(&table.headers));
    for row in &table.rows {
        out.push_str(&line(row));
    }
    out.push_str("\\bottomrule\n\\end{tabular}\n");
    out
}

/// Text with LaTeX's special characters escaped.
pub(super) fn escape_latex(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Digest {
        Digest {
            headers: vec!["method".into(), "n".into(), "prompt".into()],
            right: vec![false, true, false],
            rows: vec![
                vec!["manual".into(), "600".into(), "它很{mask}。".into()],
                vec!["手工".into(), "5".into(), "a `b` | {mask}_1".into()],
            ],
        }
    }

    #[test]
    fn chinese_columns_stay_aligned() {
        let text = text(&table());
        assert_eq!(text, "method    n  prompt\nmanual  600  它很{mask}。\n手工      5  a `b` | {mask}_1\n");
    }

    #[test]
    fn markdown_cells_hold_bars_and_backticks() {
        let markdown = markdown(&table());
        assert_eq!(markdown.lines().nth(1), Some("| --- | ---: | --- |"));
        assert_eq!(markdown.lines().nth(3), Some(r"| 手工 | 5 | `` a `b` \| {mask}_1 `` |"));
    }

    #[test]
    fn latex_cells_hold_braces_and_underscores() {
        let latex = latex(&table());
        assert!(
            latex.starts_with("\\begin{tabular}{lrl}\n\\toprule\nmethod & n & prompt \\\\\n\\midrule\n"),
            "{latex}"
        );
        assert!(latex.contains("手工 & 5 & a `b` | \\{mask\\}\\_1 \\\\\n"), "{latex}");
    }
}
