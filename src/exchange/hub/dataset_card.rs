//! What the card of a data set says of its files: the head of `README.md`.

use serde_yaml::Value;

/// A subset (a configuration) of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subset {
    /// Its name.
    pub name: String,
    /// Whether it is the one that is meant where none is named.
    pub default: bool,
    /// Its splits with the patterns of their files.
    pub splits: Vec<(String, Vec<String>)>,
    /// The folder that holds it, where files are not told.
    pub folder: Option<String>,
}

/// The subsets that a card tells; none where it tells none, or cannot be read.
pub(super) fn subsets(readme: &str) -> Vec<Subset> {
    let text = readme.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let Some(head) = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---")) else { return Vec::new() };
    let Ok(head) = serde_yaml::from_str::<Value>(head.0) else { return Vec::new() };
    let configs = head.get("configs").and_then(Value::as_sequence).cloned().unwrap_or_default();
    configs.iter().map(subset).collect()
}

fn subset(config: &Value) -> Subset {
    let name = config.get("config_name").and_then(Value::as_str).unwrap_or("default").to_owned();
    let default = config.get("default").and_then(Value::as_bool).unwrap_or(false) || name == "default";
    let folder = config.get("data_dir").and_then(Value::as_str).map(|folder| folder.trim_matches('/').to_owned());
    let files = config.get("data_files").cloned().unwrap_or(Value::Null);
    let mut splits: Vec<(String, Vec<String>)> = Vec::new();
    match &files {
        Value::Mapping(map) => {
            splits.extend(map.iter().filter_map(|(split, paths)| Some((split.as_str()?.to_owned(), patterns(paths)))));
        }
        Value::Sequence(items) if items.iter().any(Value::is_mapping) => {
            splits.extend(
                items
                    .iter()
                    .filter_map(|item| Some((item.get("split")?.as_str()?.to_owned(), patterns(item.get("path")?)))),
            );
        }
        Value::Null => {}
        paths => splits.push(("train".into(), patterns(paths))),
    }
    // Paths may be told from the folder.
    if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_empty()) {
        for pattern in splits.iter_mut().flat_map(|(_, patterns)| patterns) {
            *pattern = format!("{folder}/{pattern}");
        }
    }
    Subset { name, default, splits, folder }
}

fn patterns(paths: &Value) -> Vec<String> {
    let plain = |path: &Value| path.as_str().map(|path| path.trim_start_matches("./").to_owned());
    match paths {
        Value::Sequence(paths) => paths.iter().filter_map(plain).collect(),
        path => plain(path).into_iter().collect(),
    }
}

/// Whether a path fits a pattern with `*` (within a folder), `**` (through folders) and `?`.
pub(super) fn fits(pattern: &str, path: &str) -> bool {
    fn rest(pattern: &[char], path: &[char]) -> bool {
        match pattern {
            [] => path.is_empty(),
            ['*', '*', '/', after @ ..] if rest(after, path) => true,
            ['*', '*', after @ ..] => (0..=path.len()).any(|n| rest(after, &path[n..])),
            ['*', after @ ..] => {
                let folder = path.iter().position(|&c| c == '/').unwrap_or(path.len());
                (0..=folder).any(|n| rest(after, &path[n..]))
            }
            ['?', after @ ..] => path.first().is_some_and(|&c| c != '/') && rest(after, &path[1..]),
            [c, after @ ..] => path.first() == Some(c) && rest(after, &path[1..]),
        }
    }
    // More stars than anyone writes would take for ever.
    if pattern.matches('*').count() > 16 {
        return false;
    }
    rest(&pattern.chars().collect::<Vec<_>>(), &path.chars().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_as_text_list_or_by_split() {
        let card = "---\nlicense: mit\nconfigs:\n- config_name: a\n  data_files:\n  - split: train\n    path: a/train-*\n  - split: \
                    test\n    path:\n    - a/t1.csv\n    - a/t2.csv\n- config_name: b\n  default: true\n  data_files: b.jsonl\n- \
                    config_name: c\n  data_dir: c\n---\n# A card\n";
        let found = subsets(card);
        let names: Vec<_> = found.iter().map(|subset| (subset.name.as_str(), subset.default)).collect();
        assert_eq!(names, [("a", false), ("b", true), ("c", false)]);
        assert_eq!(found[0].splits[1], ("test".into(), vec!["a/t1.csv".into(), "a/t2.csv".into()]));
        assert_eq!(found[1].splits, [("train".into(), vec!["b.jsonl".into()])]);
        assert_eq!(found[2].folder.as_deref(), Some("c"));
        assert!(subsets("# no head\n").is_empty() && subsets("---\n: [\n---\n").is_empty());
    }

    #[test]
    fn patterns_fit_as_in_a_shell() {
        for (pattern, path) in [
            ("a/train-*", "a/train-0.parquet"),
            ("**/x.csv", "x.csv"),
            ("**/x.csv", "a/b/x.csv"),
            ("a/?.csv", "a/b.csv"),
            ("data/**", "data/a/b"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("a/*", "a/b/c"), ("*.csv", "a/b.csv"), ("a?", "a"), ("a", "ab")] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }
}
