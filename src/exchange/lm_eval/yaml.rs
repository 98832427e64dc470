//! Strings as any reader of YAML gives them back.

use std::fmt::Write;

/// `text` between double quotes on one line. Everything that YAML does not print, and the line breaks that it has beside ours, is
/// escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' | '\u{a1}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' => out.push(character),
            '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'.. => out.push(character),
            other => {
                // Writing into a string does not fail. What is above 16 bits was printed.
                let _: std::fmt::Result = write!(out, "\\u{:04x}", u32::from(other));
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_printed_is_escaped() {
        assert_eq!(
            quoted("a\"b\\c\n好\u{2028}\u{7f}\u{feff}😀\u{85}"),
            "\"a\\\"b\\\\c\\n好\\u2028\\u007f\\ufeff😀\\u0085\""
        );
    }

    proptest! {
        #[test]
        fn a_reader_of_such_strings_gives_it_back(text in any::<String>()) {
            prop_assert_eq!(read(&quoted(&text)), text);
        }
    }

    fn read(yaml: &str) -> String {
        // JSON's strings escape as these do.
        serde_json::from_str(yaml).unwrap()
    }
}
