//! How much a text has of a reference: exact match and ROUGE-L.
//!
//! # Decisions
//!
//! - 2026-11: [`rouge_l`] of texts in Latin script is that of the rouge-score package (0.1.2, `rougeL`, no stemmer): lower case, and
//!   words are runs of `a` to `z` and `0` to `9`. That package drops everything else, so that two Chinese texts have nothing in common,
//!   and `café` is `caf`.
//! - 2026-11: where the reference has a Chinese character (also Japanese kana and Korean syllables), every such character is a word of
//!   its own and the words of the other scripts are runs of letters and digits, as the task of Chinese summaries has it (LCSTS, arXiv
//!   1506.05865, by characters). Any other reference is compared by the package's rule, whatever the text is: an English reference has
//!   the package's number always.
//! - 2026-11: exact match is told apart neither by case nor by punctuation, articles or white space, the normalisation of SQuAD's script
//!   (arXiv 1606.05250), and full-width letters and digits count as the plain ones. White space is no part of a text that has Chinese
//!   characters.

/// Whether a text is the reference, as 1 or 0: both lower-cased, without punctuation, without `a`, `an` and `the`, white space made one
/// space.
pub fn exact_match(text: &str, reference: &str) -> f64 {
    f64::from(u8::from(normalised(text) == normalised(reference)))
}

fn normalised(text: &str) -> String {
    let plain: String = text.chars().map(half_width).flat_map(char::to_lowercase).filter(|c| !is_mark(*c)).collect();
    let words: Vec<&str> = plain.split_whitespace().filter(|word| !matches!(*word, "a" | "an" | "the")).collect();
    let separator = if plain.chars().any(is_written_without_spaces) { "" } else { " " };
    words.join(separator)
}

/// A full-width ASCII character as the plain one.
fn half_width(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    }
}

/// Punctuation: of ASCII, and of the blocks that Chinese and typography use.
fn is_mark(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205E}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301F}' | '\u{00B7}' | '\u{FE50}'..='\u{FE6F}')
}

/// Characters of scripts that put no spaces between words, or whose words are compared by characters.
fn is_written_without_spaces(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3134F}')
}

/// The F-measure of the longest common subsequence of words: with L its length and n, m the words of text and reference,
/// P = L / n, R = L / m, F = 2 P R / (P + R); 0 where either has no word.
///
/// Source: Lin, ROUGE (ACL 2004 workshop, W04-1013); ours differs from his script as the module says.
pub fn rouge_l(text: &str, reference: &str) -> f64 {
    let by_characters = reference.chars().any(is_written_without_spaces);
    let (text, reference) = (words(text, by_characters), words(reference, by_characters));
    let common = common_subsequence(&text, &reference) as f64;
    if common == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (common / text.len() as f64, common / reference.len() as f64);
    2.0 * precision * recall / (precision + recall)
}

/// The words of a text: runs of `[a-z0-9]` in lower case; by characters also runs of other letters and digits, and each character of a
/// script without spaces.
fn words(text: &str, by_characters: bool) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut run = String::new();
    let fold = |c: char| if by_characters { half_width(c) } else { c };
    for c in text.chars().map(fold).flat_map(char::to_lowercase) {
        let alone = by_characters && is_written_without_spaces(c);
        let joins = match by_characters {
            true => c.is_alphanumeric(),
            false => c.is_ascii_lowercase() || c.is_ascii_digit(),
        };
        if joins && !alone {
            run.push(c);
            continue;
        }
        if !run.is_empty() {
            words.push(std::mem::take(&mut run));
        }
        if alone {
            words.push(c.to_string());
        }
    }
    if !run.is_empty() {
        words.push(run);
    }
    words
}

/// The length of the longest common subsequence.
fn common_subsequence(a: &[String], b: &[String]) -> usize {
    let mut lengths = vec![0; b.len() + 1];
    for first in a {
        let mut diagonal = 0;
        for (place, second) in b.iter().enumerate() {
            let above = lengths[place + 1];
            lengths[place + 1] = if first == second { diagonal + 1 } else { above.max(lengths[place]) };
            diagonal = above;
        }
    }
    lengths[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rouge_l_agrees_with_the_package() {
        // Made by tests/fixtures/task/make_rouge.py with rouge-score 0.1.2.
        let cases: Vec<(String, String, f64)> =
            serde_json::from_str(include_str!("../../tests/fixtures/task/rouge.json")).unwrap();
        assert!(cases.len() > 20);
        for (text, reference, expected) in cases {
            let found = rouge_l(&text, &reference);
            assert!((found - expected).abs() < 1e-12, "{text:?} {reference:?}: {found} {expected}");
        }
    }

    #[test]
    fn chinese_references_are_compared_by_characters() {
        // 雨停了 in common: 3 of 5 and of 4 characters.
        let expected = 2.0 * (3.0 / 5.0) * (3.0 / 4.0) / (3.0 / 5.0 + 3.0 / 4.0);
        assert!((rouge_l("今天雨停了。", "雨终停了") - expected).abs() < 1e-12);
        assert_eq!(rouge_l("GDP 增长 ５%", "gdp增长5"), 1.0);
        assert_eq!(rouge_l("", "雨停了"), 0.0);
        assert_eq!(rouge_l("雨停了", "rain stopped"), 0.0);
    }

    #[test]
    fn exact_match_forgives_case_marks_articles_and_space() {
        assert_eq!(exact_match(" The Storm, again! ", "storm again"), 1.0);
        assert_eq!(exact_match("storm again today", "storm again"), 0.0);
        assert_eq!(exact_match("“雨 停了”。", "雨停了"), 1.0);
        assert_eq!(exact_match("ＧＤＰ", "gdp"), 1.0);
        assert_eq!(exact_match("", "!"), 1.0);
    }
}
