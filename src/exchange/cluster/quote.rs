//! Words as others read them: a shell, and a cluster engine in a comment of a script.

/// A word of a command as a POSIX shell takes it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@,%=".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// A value of an option in a line `#SBATCH --option=value`, which Slurm divides into words much as a shell does: within double
/// quotes a backslash stands before what would end them.
pub(super) fn directive(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@,%=".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.into();
    }
    format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_or_change_them() {
        assert_eq!(quoted("results/影评/prompt.json"), "results/影评/prompt.json");
        assert_eq!(quoted("my results/it's.json"), r"'my results/it'\''s.json'");
        for word in ["", "$HOME", "`x`", "a;b", "~", "a\nb", "\"", "\\", "*", "#"] {
            assert!(quoted(word).starts_with('\''), "{word}");
        }
    }

    #[test]
    fn values_are_quoted_where_slurm_would_split_them() {
        assert_eq!(directive("/a/b-%A.log"), "/a/b-%A.log");
        assert_eq!(directive(r#"/my dir/"x"\y"#), r#""/my dir/\"x\"\\y""#);
    }
}
