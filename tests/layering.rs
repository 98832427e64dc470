//! The rules of the house that a compiler does not know: who imports whom, what files are called, who prints.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms with their levels; a room imports from lower levels only.
const LEVELS: [(&str, u8); 13] = [
    ("error", 0),
    ("seed", 0),
    ("task", 1),
    ("prompt", 1),
    ("spec", 2),
    ("model", 3),
    ("scoring", 4),
    ("search", 5),
    ("record", 6),
    ("exchange", 7),
    ("runner", 8),
    ("report", 9),
    ("cli", 10),
];

const BANNED: [&str; 8] = ["utils", "helpers", "base", "common", "misc", "core", "manager", "imp"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file below `src`, as its path from there.
fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path.strip_prefix(source()).unwrap().into()) }
        }
    }
    let mut found = Vec::new();
    walk(&source(), &mut found);
    found.sort();
    found
}

fn rust_files() -> Vec<(PathBuf, String)> {
    files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .map(|path| {
            let text = fs::read_to_string(source().join(&path)).unwrap();
            (path, code(&text))
        })
        .collect()
}

/// The text without comment lines.
fn code(text: &str) -> String {
    text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line }).collect::<Vec<_>>().join("\n")
}

/// The room that a file belongs to: its folder's name, or its own.
fn room(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn level(room: &str) -> Option<u8> {
    LEVELS.iter().find(|(name, _)| *name == room).map(|(_, level)| *level)
}

/// The rooms that a text names behind `crate::`, in groups too: `use crate::{task::Split, prompt::Prompt};`.
fn imported(text: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = Vec::new();
    for (_, after) in text.match_indices("crate::").map(|(at, found)| (at, &text[at + found.len()..])) {
        if let Some(group) = after.strip_prefix('{') {
            let mut depth = 0;
            let mut begins = true;
            for (at, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => begins = true,
                    c if begins && c.is_alphanumeric() => {
                        rooms.push(name(&group[at..]));
                        begins = false;
                    }
                    _ => {}
                }
            }
        } else {
            rooms.push(name(after));
        }
    }
    rooms
}

#[test]
fn a_room_imports_only_from_lower_rooms() {
    let mut faults = Vec::new();
    for (path, text) in rust_files() {
        let own = room(&path);
        let Some(own_level) = level(&own) else { continue };
        for other in imported(&text) {
            if other != own && level(&other).is_some_and(|other| other >= own_level) {
                faults.push(format!("src/{} imports crate::{other}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_room_has_a_level() {
    for path in files() {
        let room = room(&path);
        assert!(
            level(&room).is_some() || matches!(room.as_str(), "main" | "lib"),
            "src/{} has no level",
            path.display()
        );
    }
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    for path in files() {
        for part in path.components() {
            let name = part.as_os_str().to_string_lossy();
            let stem = name.split('.').next().unwrap();
            assert!(!BANNED.contains(&stem), "src/{}", path.display());
        }
    }
}

#[test]
fn only_cli_prints() {
    let mut faults = Vec::new();
    for (path, text) in rust_files() {
        if room(&path) == "cli" {
            continue;
        }
        // A test may print; its module stands at the end of a file.
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
        for (number, line) in text.lines().enumerate() {
            // `eprintln!` and `eprint!` end in these too.
            if ["println!(", "print!(", "dbg!("].iter().any(|print| line.contains(print)) {
                faults.push(format!("src/{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_import_is_found_in_whatever_way_it_is_written() {
    let text = "use crate::task::Split;\nlet x = crate::model::load();\nuse crate::{prompt::{A, B}, spec};";
    assert_eq!(imported(text), ["task", "model", "prompt", "spec"]);
}
