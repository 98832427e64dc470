//! Which files of a repository are which split of a data set.
//!
//! The card's `configs` decide where there are such. Else names do, as on the hub: `train`, `validation` (or `valid`, `val`,
//! `dev`) and `test` as a word of a file's name, or as the name of its folder; a first folder that is none of these is a subset.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::Reader;
use super::dataset_card::{Subset, fits, subsets};
use super::error::HubFault;
use crate::task::{HubData, Split};

/// Formats that are read, the one that is preferred first.
const FORMATS: [&str; 6] = ["parquet", "jsonl", "ndjson", "json", "csv", "tsv"];
/// Files of such formats that hold no examples.
const NO_DATA: [&str; 5] =
    ["dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json", "config.json"];
/// The folder that many repositories keep all data in.
const DATA: &str = "data";
/// How many names a message lists.
const LISTED: usize = 12;

/// A data set's own splits with their files.
type Splits = BTreeMap<String, Vec<String>>;

/// Fetches the files of the splits that are wanted.
///
/// # Errors
/// [`HubFault::NoFile`] for a subset or split that is not there or not told, and what a fetch says.
pub(super) fn fetch(reader: &mut Reader<'_>, data: &HubData) -> Result<BTreeMap<Split, Vec<PathBuf>>, HubFault> {
    let told = match reader.names.iter().any(|name| name == "README.md") {
        true => {
            let path = (reader.get)("README.md")?;
            subsets(&String::from_utf8_lossy(&std::fs::read(&path).map_err(HubFault::cache("read", &path))?))
        }
        false => Vec::new(),
    };
    let chosen = choose(&reader.names, &told, data).map_err(HubFault::NoFile)?;
    let mut fetched = BTreeMap::new();
    for (split, files) in chosen {
        let paths = files.iter().map(|file| (reader.get)(file)).collect::<Result<Vec<_>, _>>()?;
        fetched.insert(split, paths);
    }
    Ok(fetched)
}

/// The files of each split.
///
/// # Errors
/// What is missing or not told, as it goes on from the data set's name.
fn choose(names: &[String], told: &[Subset], data: &HubData) -> Result<BTreeMap<Split, Vec<String>>, String> {
    let files: Vec<&str> = names.iter().map(String::as_str).filter(|name| format(name).is_some()).collect();
    if files.is_empty() {
        return Err("has no .parquet, .jsonl, .json, .csv or .tsv files; scripts are not run, but the hub may have converted it: \
                    try the revision @refs/convert/parquet"
            .into());
    }
    let told: Vec<&Subset> =
        told.iter().filter(|subset| !subset.splits.is_empty() || subset.folder.is_some()).collect();
    let splits = match told.is_empty() {
        true => by_folder(&files, data)?,
        false => by_card(&files, &told, data)?,
    };
    let splits: Splits = splits.into_iter().map(|(split, files)| (split, of_one_format(files))).collect();
    let mut chosen = BTreeMap::new();
    if !data.splits.is_empty() {
        for (split, name) in &data.splits {
            let files =
                splits.get(name).ok_or_else(|| format!("has no split `{name}` (found: {})", list(splits.keys())))?;
            chosen.insert(*split, files.clone());
        }
        return Ok(chosen);
    }
    for split in Split::ALL {
        let names: Vec<&String> = splits.keys().filter(|name| role(name) == Some(split)).collect();
        // `train` itself before `train_extra`.
        let exact: Vec<&String> =
            names.iter().copied().filter(|name| words_of(split).contains(&name.as_str())).collect();
        let names = if exact.is_empty() { names } else { exact };
        match names.as_slice() {
            [] => {}
            [name] => {
                chosen.insert(split, splits[*name].clone());
            }
            several => {
                return Err(format!(
                    "has several splits for {split}: choose one with `splits: {{ {split}: NAME }}` ({})",
                    list(several.iter())
                ));
            }
        }
    }
    if chosen.is_empty() {
        if splits.len() > 1 {
            let found = list(splits.keys());
            return Err(format!(
                "has no split that is called train, validation or test: choose with `splits: {{ train: NAME }}` ({found})"
            ));
        }
        chosen.extend(splits.into_values().map(|files| (Split::Train, files)));
    }
    Ok(chosen)
}

/// The splits of the subset that is meant, as the card tells them.
fn by_card(files: &[&str], told: &[&Subset], data: &HubData) -> Result<Splits, String> {
    let known = || list(told.iter().map(|subset| &subset.name));
    let subset = match (&data.subset, told) {
        (Some(name), _) => told
            .iter()
            .find(|subset| subset.name == *name)
            .ok_or_else(|| format!("has no subset `{name}` (found: {})", known()))?,
        (None, [subset]) => subset,
        (None, several) => several
            .iter()
            .find(|subset| subset.default)
            .ok_or_else(|| format!("has several subsets: choose one with `subset:` ({})", known()))?,
    };
    if subset.splits.is_empty() {
        let folder = format!("{}/", subset.folder.as_deref().unwrap_or_default());
        let inside: Vec<&str> =
            files.iter().copied().filter(|file| folder == "/" || file.starts_with(&folder)).collect();
        return Ok(by_name(&inside));
    }
    let mut splits = Splits::new();
    for (split, patterns) in &subset.splits {
        let mut found: Vec<String> = Vec::new();
        for pattern in patterns {
            found.extend(files.iter().filter(|file| fits(pattern, file)).map(|file| (*file).to_owned()));
        }
        if found.is_empty() {
            return Err(format!(
                "tells `{}` as the files of `{split}`, and has none of them that can be read",
                patterns.join(", ")
            ));
        }
        splits.insert(split.clone(), found);
    }
    Ok(splits)
}

/// The splits of the subset that is meant, where a first folder is a subset.
fn by_folder(files: &[&str], data: &HubData) -> Result<Splits, String> {
    let subset_of = |file: &str| {
        let first = file.split_once('/')?.0;
        (first != DATA && role(first).is_none()).then(|| first.to_owned())
    };
    let subsets: BTreeSet<String> = files.iter().filter_map(|file| subset_of(file)).collect();
    let inside: Vec<&str> = match &data.subset {
        Some(name) if !subsets.contains(name) => {
            return Err(format!("has no subset `{name}` (found: {})", list(subsets.iter())));
        }
        Some(name) => files.iter().copied().filter(|file| subset_of(file).as_ref() == Some(name)).collect(),
        None => {
            let outside: Vec<&str> = files.iter().copied().filter(|file| subset_of(file).is_none()).collect();
            match (outside.is_empty(), subsets.len()) {
                (false, _) => outside,
                (true, 1) => files.to_vec(),
                (true, _) => {
                    return Err(format!("has several subsets: choose one with `subset:` ({})", list(subsets.iter())));
                }
            }
        }
    };
    Ok(by_name(&inside))
}

/// Files by the split that their names, or else their folders', say.
fn by_name(files: &[&str]) -> Splits {
    let mut splits = Splits::new();
    for file in files {
        splits.entry(split_name(file)).or_default().push((*file).to_owned());
    }
    splits
}

/// What a file calls its split: its name without ending and number, or the folder's where the name itself is no split.
fn split_name(file: &str) -> String {
    let (folders, name) = file.rsplit_once('/').unwrap_or(("", file));
    let stem = name.split('.').next().unwrap_or(name);
    let stem = stem.split_once("-of-").map_or(stem, |(before, _)| before);
    let own = stem.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(['-', '_']);
    let folder = folders.rsplit('/').next().unwrap_or_default();
    if role(own).is_none() && role(folder).is_some() { folder.to_owned() } else { own.to_owned() }
}

/// The words that tell a split.
fn words_of(split: Split) -> &'static [&'static str] {
    match split {
        Split::Train => &["train", "training"],
        Split::Dev => &["validation", "valid", "dev", "val"],
        Split::Test => &["test", "testing", "eval", "evaluation"],
    }
}

/// The split that one of the words of a name tells.
fn role(name: &str) -> Option<Split> {
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    Split::ALL.into_iter().find(|&split| words.iter().any(|word| words_of(split).contains(word)))
}

/// The place of a file's format among [`FORMATS`]; none for a file without examples.
fn format(file: &str) -> Option<usize> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
    if NO_DATA.contains(&name) || name.starts_with('.') {
        return None;
    }
    FORMATS.iter().position(|format| *format == ending)
}

/// Those of the preferred format, sorted; a split that is there in two formats is there twice.
fn of_one_format(mut files: Vec<String>) -> Vec<String> {
    let best = files.iter().filter_map(|file| format(file)).min();
    files.retain(|file| format(file) == best);
    files.sort();
    files.dedup();
    files
}

/// Names in a message.
fn list<'n>(names: impl Iterator<Item = &'n (impl AsRef<str> + 'n)>) -> String {
    let names: Vec<&str> = names.map(AsRef::as_ref).collect();
    let more = names.len().saturating_sub(LISTED);
    let listed = names.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str], change: impl FnOnce(&mut HubData)) -> Result<Vec<String>, String> {
        with_card(names, &[], change)
    }

    fn with_card(names: &[&str], told: &[Subset], change: impl FnOnce(&mut HubData)) -> Result<Vec<String>, String> {
        let mut data = HubData::new("hf:a/b".parse().unwrap());
        change(&mut data);
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let chosen = choose(&names, told, &data)?;
        Ok(chosen.into_iter().map(|(split, files)| format!("{split}: {}", files.join(" "))).collect())
    }

    #[test]
    fn names_tell_splits() {
        let names = ["README.md", "train.jsonl", "dev.jsonl", "test.jsonl", "dataset_infos.json"];
        assert_eq!(chosen(&names, |_| ()).unwrap(), ["train: train.jsonl", "dev: dev.jsonl", "test: test.jsonl"]);
        let shards = [
            "data/train-00001-of-00002.parquet",
            "data/train-00000-of-00002.parquet",
            "data/validation-00000-of-00001.parquet",
        ];
        assert_eq!(
            chosen(&shards, |_| ()).unwrap(),
            [
                "train: data/train-00000-of-00002.parquet data/train-00001-of-00002.parquet",
                "dev: data/validation-00000-of-00001.parquet"
            ]
        );
        assert_eq!(chosen(&["reviews.csv"], |_| ()).unwrap(), ["train: reviews.csv"]);
        let two = ["train.csv", "train.parquet"];
        assert_eq!(chosen(&two, |_| ()).unwrap(), ["train: train.parquet"]);
    }

    #[test]
    fn a_first_folder_is_a_subset() {
        let names = [
            "sst2/train-00000-of-00001.parquet",
            "sst2/test-00000-of-00001.parquet",
            "cola/train-00000-of-00001.parquet",
        ];
        assert_eq!(chosen(&names, |_| ()).unwrap_err(), "has several subsets: choose one with `subset:` (cola, sst2)");
        let sst2 = chosen(&names, |data| data.subset = Some("sst2".into())).unwrap();
        assert_eq!(sst2, ["train: sst2/train-00000-of-00001.parquet", "test: sst2/test-00000-of-00001.parquet"]);
        let fault = chosen(&names, |data| data.subset = Some("rte".into())).unwrap_err();
        assert_eq!(fault, "has no subset `rte` (found: cola, sst2)");
        // As the hub lays out what it converted.
        let converted = ["default/train/0000.parquet", "default/train/0001.parquet", "default/test/0000.parquet"];
        assert_eq!(
            chosen(&converted, |_| ()).unwrap(),
            ["train: default/train/0000.parquet default/train/0001.parquet", "test: default/test/0000.parquet"]
        );
    }

    #[test]
    fn splits_may_be_told() {
        let names = ["train.csv", "validation_matched.csv", "validation_mismatched.csv"];
        assert_eq!(
            chosen(&names, |_| ()).unwrap_err(),
            "has several splits for dev: choose one with `splits: { dev: NAME }` (validation_matched, validation_mismatched)"
        );
        let told = |data: &mut HubData| {
            data.splits = [(Split::Train, "train".into()), (Split::Test, "validation_mismatched".into())].into();
        };
        assert_eq!(chosen(&names, told).unwrap(), ["train: train.csv", "test: validation_mismatched.csv"]);
        let fault = chosen(&names, |data| data.splits = [(Split::Test, "x".into())].into()).unwrap_err();
        assert!(fault.starts_with("has no split `x` (found: train, "), "{fault}");
    }

    #[test]
    fn the_card_decides_where_it_tells_files() {
        let subset = |name: &str, default, file: &str| Subset {
            name: name.into(),
            default,
            splits: vec![("train".into(), vec![file.into()])],
            folder: None,
        };
        let names = ["x/a-0.csv", "x/a-1.csv", "y.csv"];
        let told = [subset("one", false, "x/*"), subset("two", true, "y.csv")];
        assert_eq!(with_card(&names, &told, |_| ()).unwrap(), ["train: y.csv"]);
        let one = with_card(&names, &told, |data| data.subset = Some("one".into())).unwrap();
        assert_eq!(one, ["train: x/a-0.csv x/a-1.csv"]);
        let told = [subset("one", false, "x/*"), subset("two", false, "y.csv")];
        assert!(with_card(&names, &told, |_| ()).unwrap_err().ends_with("(one, two)"));
        assert!(with_card(&names, &[subset("one", false, "z.csv")], |_| ()).unwrap_err().contains("`z.csv`"));
    }

    #[test]
    fn a_data_set_that_is_a_script_says_where_it_may_be_had() {
        assert!(chosen(&["imdb.py", "README.md"], |_| ()).unwrap_err().ends_with("@refs/convert/parquet"));
    }
}
