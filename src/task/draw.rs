//! Which examples a trial sees: k shots of each class, all of them, the published splits, or texts without labels.
//!
//! Per class, the distinct examples of a split are ordered by BLAKE3(seed, split, label, texts), and the first k are taken: so
//! draws are nested in k, disjoint between splits, and independent of the order of rows. The order drawn goes round the
//! classes, so that each draw is a prefix of the draws with more shots and every prefix is balanced.
//!
//! # Decisions
//! - Examples with equal texts and label are one example. Of such rows, which may differ in other columns, the one with the
//!   smallest fields stands for all.
//! - A text that one split gives two labels is in no draw: neither label can be trusted, and both would be worse.
//! - A text of the train split is skipped in the dev split, whether it was drawn or not: otherwise a larger k could take an
//!   example away from dev.
//! - Without a dev split, the first half of each class of train, in the order without seed, is the pool of dev.
//! - `full` is the same with k without bound, in file order; `given` takes the published train and dev as they are, and so
//!   needs both. Test is always as published.
//! - A limit takes a fixed stratified subset (largest remainders) in the order without seed. The dev of k shots is cut to the
//!   front of its own order instead, which keeps it nested in k.
//! - Facts have no classes: k shots are k facts in all, by the same order, and so are the halves and limits. Facts with equal subject
//!   and object are one; a subject with two objects is two facts and in the draw.
//! - `unlabelled` are distinct train texts in an order of their own that no label enters; beside a dev that comes from train
//!   they are of the other half, except at 0 shots, which have no dev.

use std::collections::{BTreeMap, BinaryHeap, HashSet};

use crate::task::{Dataset, Examples, Shots, Split, TaskError};

/// Upper bounds on the examples used; none is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of the dev examples.
    pub dev: Option<usize>,
    /// Of the test examples.
    pub test: Option<usize>,
    /// Of the texts without labels.
    pub unlabelled: Option<usize>,
    /// Of those, the texts that batch calibration takes its prior over.
    pub calibration: Option<usize>,
    /// Of the examples on which the surface of a chosen prompt is varied; 0 for none.
    pub diagnostics: Option<usize>,
}

/// The examples of a trial, as places in their splits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draw {
    /// What search sees with labels: places in train.
    pub train: Vec<usize>,
    /// What selection sees: places in dev, or in train if `dev_from_train`.
    pub dev: Vec<usize>,
    /// What search sees without labels: places in train.
    pub unlabelled: Vec<usize>,
    /// What the leaderboard shows: places in test.
    pub test: Vec<usize>,
    /// Whether dev is a half of train, because there is no dev split.
    pub dev_from_train: bool,
    /// Rows that could not be drawn.
    pub left_out: LeftOut,
}

impl Draw {
    /// What is drawn of each split.
    pub(crate) fn places(&self) -> [(Split, &[usize]); 4] {
        let dev = if self.dev_from_train { Split::Train } else { Split::Dev };
        [(Split::Train, &self.train), (dev, &self.dev), (Split::Train, &self.unlabelled), (Split::Test, &self.test)]
    }
}

/// Rows that could not be drawn, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Repetitions of another row of their split.
    pub duplicates: usize,
    /// Rows of texts that have two labels in their split.
    pub contradictory: usize,
    /// Rows of dev whose text is in train.
    pub shared_with_train: usize,
}

/// Draws the examples of a trial.
///
/// # Errors
/// A split that is not there or has no labels, and a class with fewer distinct examples than shots.
pub fn draw(dataset: &Dataset, shots: Shots, seed: u64, limits: &Limits) -> Result<Draw, TaskError> {
    let mut drawn = match shots {
        Shots::Count(0) => Draw::default(),
        Shots::Count(k) => draw_count(dataset, k, seed, limits)?,
        Shots::Full => draw_full(dataset, limits)?,
        Shots::Given => draw_given(dataset, limits)?,
    };
    let n_test = dataset.split(Split::Test).map_or(0, Examples::len);
    drawn.test = stratified(dataset, Split::Test, (0..n_test).collect(), limits.test);
    drawn.unlabelled = unlabelled(dataset, seed, limits.unlabelled, drawn.dev_from_train);
    Ok(drawn)
}

fn draw_count(dataset: &Dataset, k: usize, seed: u64, limits: &Limits) -> Result<Draw, TaskError> {
    let pools = Pools::new(dataset, Shots::Count(k))?;
    let take = |pool: &Pool| -> Result<Vec<usize>, TaskError> {
        let mut classes = Vec::with_capacity(dataset.labels.len());
        for (label, places) in pool.classes.iter().enumerate() {
            if places.len() < k && dataset.is_of_facts {
                let (dataset, pool, has) = (dataset.name.clone(), pool.name, places.len());
                return Err(TaskError::TooFewFacts { dataset, pool, has, needs: k });
            }
            if places.len() < k {
                return Err(TaskError::TooFew {
                    dataset: dataset.name.clone(),
                    label: dataset.labels[label].clone(),
                    pool: pool.name,
                    has: places.len(),
                    needs: k,
                });
            }
            classes.push(first_in_order(dataset, (pool.read_from, pool.split), Some(seed), places, k));
        }
        Ok((0..k).flat_map(|i| classes.iter().map(move |places| places[i])).collect())
    };
    let (train, mut dev) = (take(&pools.train)?, take(&pools.dev)?);
    dev.truncate(limits.dev.unwrap_or(usize::MAX));
    Ok(Draw { train, dev, dev_from_train: pools.dev_from_train(), left_out: pools.left_out, ..Draw::default() })
}

fn draw_full(dataset: &Dataset, limits: &Limits) -> Result<Draw, TaskError> {
    let pools = Pools::new(dataset, Shots::Full)?;
    for pool in [&pools.train, &pools.dev] {
        if pool.classes.iter().all(Vec::is_empty) && dataset.is_of_facts {
            return Err(TaskError::TooFewFacts { dataset: dataset.name.clone(), pool: pool.name, has: 0, needs: 1 });
        }
        if pool.classes.iter().all(Vec::is_empty) {
            let label = dataset.labels.first().cloned().unwrap_or_default();
            return Err(TaskError::TooFew { dataset: dataset.name.clone(), label, pool: pool.name, has: 0, needs: 1 });
        }
    }
    let in_file_order = |pool: &Pool| {
        let mut places = pool.classes.concat();
        places.sort_unstable();
        places
    };
    Ok(Draw {
        train: in_file_order(&pools.train),
        dev: stratified(dataset, pools.dev.read_from, in_file_order(&pools.dev), limits.dev),
        dev_from_train: pools.dev_from_train(),
        left_out: pools.left_out,
        ..Draw::default()
    })
}

fn draw_given(dataset: &Dataset, limits: &Limits) -> Result<Draw, TaskError> {
    let train = labelled(dataset, Shots::Given, Split::Train)?;
    let dev = labelled(dataset, Shots::Given, Split::Dev)?;
    Ok(Draw {
        train: (0..train.len()).collect(),
        dev: stratified(dataset, Split::Dev, (0..dev.len()).collect(), limits.dev),
        ..Draw::default()
    })
}

fn labelled(dataset: &Dataset, shots: Shots, split: Split) -> Result<&Examples, TaskError> {
    let name = || dataset.name.clone();
    match dataset.split(split) {
        None => Err(TaskError::NoSplit { dataset: name(), shots, split, found: dataset.splits() }),
        Some(_) if !dataset.is_labelled(split) => Err(TaskError::Unlabelled { dataset: name(), shots, split }),
        Some(examples) => Ok(examples),
    }
}

/// Distinct examples to draw from, by class.
struct Pool {
    classes: Vec<Vec<usize>>,
    /// The split whose places these are.
    read_from: Split,
    /// The split that they are drawn for.
    split: Split,
    name: &'static str,
}

struct Pools {
    train: Pool,
    dev: Pool,
    left_out: LeftOut,
}

impl Pools {
    fn new(dataset: &Dataset, shots: Shots) -> Result<Self, TaskError> {
        let examples = labelled(dataset, shots, Split::Train)?;
        let mut left_out = LeftOut::default();
        let train = distinct(dataset, examples, None, &mut left_out);
        if dataset.dev.is_none() {
            let (dev, train) = train.into_iter().map(|class| halves(dataset, class)).unzip();
            let half = |classes, split, name| Pool { classes, read_from: Split::Train, split, name };
            return Ok(Self {
                train: half(train, Split::Train, "the half of train that is not dev"),
                dev: half(dev, Split::Dev, "the half of train that stands for dev"),
                left_out,
            });
        }
        let dev = distinct(dataset, labelled(dataset, shots, Split::Dev)?, Some(examples), &mut left_out);
        let whole = |classes, split: Split| Pool { classes, read_from: split, split, name: split.name() };
        Ok(Self { train: whole(train, Split::Train), dev: whole(dev, Split::Dev), left_out })
    }

    fn dev_from_train(&self) -> bool {
        self.dev.read_from == Split::Train
    }
}

/// The dev half and the train half of a class of train.
fn halves(dataset: &Dataset, class: Vec<usize>) -> (Vec<usize>, Vec<usize>) {
    let mut class = first_in_order(dataset, (Split::Train, Split::Train), None, &class, class.len());
    let train = class.split_off(class.len() / 2);
    (class, train)
}

/// One place for each distinct example whose text is not in `taken`, by class.
fn distinct(
    dataset: &Dataset,
    examples: &Examples,
    taken: Option<&Examples>,
    left_out: &mut LeftOut,
) -> Vec<Vec<usize>> {
    if dataset.is_of_facts {
        return vec![distinct_facts(examples, taken, left_out)];
    }
    let mut classes = vec![Vec::new(); dataset.labels.len()];
    for group in examples.groups() {
        // The first stands for all that are equal to it.
        let first = group[0] as usize;
        let label = examples.label(first);
        if taken.is_some_and(|taken| taken.has_text(examples.text_hash(first))) {
            left_out.shared_with_train += group.len();
        } else if group.iter().any(|&place| examples.label(place as usize) != label) {
            left_out.contradictory += group.len();
        } else if let Some(label) = label {
            left_out.duplicates += group.len() - 1;
            classes[label].push(first);
        }
    }
    classes
}

/// One place for each distinct fact that is not in `taken`.
fn distinct_facts(examples: &Examples, taken: Option<&Examples>, left_out: &mut LeftOut) -> Vec<usize> {
    let mut facts = Vec::new();
    for group in examples.groups() {
        let of_subject = facts.len();
        let known = taken.map_or(&[][..], |taken| taken.with_text(examples.text_hash(group[0] as usize)));
        for &place in group {
            let place = place as usize;
            let Some(label) = examples.label(place) else { continue };
            let shared = taken.is_some_and(|taken| known.iter().any(|&at| taken.label(at as usize) == Some(label)));
            if shared {
                left_out.shared_with_train += 1;
            } else if facts[of_subject..].iter().any(|&before| examples.label(before) == Some(label)) {
                left_out.duplicates += 1;
            } else {
                facts.push(place);
            }
        }
    }
    facts
}

/// The first `n` of some places in the order of BLAKE3(seed, split, label, texts); `(split, split)` are that which they are read
/// from and that which they are drawn for.
fn first_in_order(
    dataset: &Dataset,
    (read_from, split): (Split, Split),
    seed: Option<u64>,
    places: &[usize],
    n: usize,
) -> Vec<usize> {
    let Some(examples) = dataset.split(read_from) else { return Vec::new() };
    let keyed = |&place: &usize| {
        let label = examples.label(place).map_or("", |label| dataset.labels[label].as_str());
        (order(seed, split, label, examples.text_hash(place)), place)
    };
    smallest(places.iter().map(keyed), n)
}

/// The places of the `n` smallest keys, ascending; of the others none is held.
fn smallest(keyed: impl Iterator<Item = ([u8; 32], usize)>, n: usize) -> Vec<usize> {
    let mut heap = BinaryHeap::new();
    for key in keyed {
        if heap.len() < n {
            heap.push(key);
        } else if let Some(mut largest) = heap.peek_mut().filter(|largest| key < **largest) {
            *largest = key;
        }
    }
    heap.into_sorted_vec().into_iter().map(|(_, place)| place).collect()
}

fn order(seed: Option<u64>, split: Split, label: &str, text: &[u8; 32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 order of examples");
    match seed {
        Some(seed) => hasher.update(&[1]).update(&seed.to_le_bytes()),
        None => hasher.update(&[0]),
    };
    hasher.update(&[split as u8]).update(&(label.len() as u64).to_le_bytes()).update(label.as_bytes()).update(text);
    *hasher.finalize().as_bytes()
}

/// At most `limit` of the places, each class with its share (largest remainders; of facts simply the first by the order without
/// seed), in file order.
fn stratified(dataset: &Dataset, split: Split, places: Vec<usize>, limit: Option<usize>) -> Vec<usize> {
    let Some(limit) = limit.filter(|&limit| limit < places.len()) else {
        return places;
    };
    let mut classes: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for &place in &places {
        let label = dataset.split(split).and_then(|examples| examples.label(place));
        classes.entry(label.filter(|_| !dataset.is_of_facts)).or_default().push(place);
    }
    let exact = |class: &Vec<usize>| class.len() * limit;
    let mut quotas: Vec<usize> = classes.values().map(|class| exact(class) / places.len()).collect();
    let mut by_remainder: Vec<usize> = (0..quotas.len()).collect();
    let remainders: Vec<usize> = classes.values().map(|class| exact(class) % places.len()).collect();
    by_remainder.sort_by_key(|&i| (std::cmp::Reverse(remainders[i]), i));
    let missing = limit - quotas.iter().sum::<usize>();
    for &i in &by_remainder[..missing] {
        quotas[i] += 1;
    }
    let mut kept = Vec::with_capacity(limit);
    for (class, quota) in classes.into_values().zip(quotas) {
        kept.extend(first_in_order(dataset, (split, split), None, &class, quota));
    }
    kept.sort_unstable();
    kept
}

fn unlabelled(dataset: &Dataset, seed: u64, limit: Option<usize>, dev_from_train: bool) -> Vec<usize> {
    let Some(examples) = dataset.split(Split::Train) else { return Vec::new() };
    let in_dev: HashSet<usize> = match dev_from_train {
        true => {
            let classes = distinct(dataset, examples, None, &mut LeftOut::default());
            classes.into_iter().flat_map(|class| halves(dataset, class).0).collect()
        }
        false => HashSet::new(),
    };
    let first = examples.groups().map(|group| group[0] as usize).filter(|place| !in_dev.contains(place));
    let keyed = first.map(|place| (order(Some(seed), Split::Train, "", examples.text_hash(place)), place));
    smallest(keyed, limit.unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::{ExitCode, Fault};
    use crate::task::Example;

    /// (text, label) pairs as a split.
    fn split(rows: &[(u8, usize)]) -> Option<Vec<Example>> {
        let example = |(row, (text, label)): (usize, &(u8, usize))| Example {
            row,
            fields: vec![format!("text {text}")],
            label: Some(*label),
        };
        Some(rows.iter().enumerate().map(example).collect())
    }

    fn dataset(splits: [Option<Vec<Example>>; 3]) -> Dataset {
        Dataset::from_parts("d", vec!["text".to_owned()], vec!["bad".to_owned(), "good".to_owned()], splits)
    }

    /// `n` distinct examples a class, from text number `from` on.
    fn balanced(from: u8, n: u8) -> Vec<(u8, usize)> {
        (0..2 * n).map(|i| (from + i, usize::from(i % 2))).collect()
    }

    fn contents(examples: Option<&Examples>, places: &[usize]) -> Vec<(String, Option<usize>)> {
        let examples = examples.unwrap();
        let get = |&place: &usize| examples.get(place).unwrap();
        places.iter().map(get).map(|example| (example.fields[0].clone(), example.label)).collect()
    }

    fn contents_of_dev(dataset: &Dataset, draw: &Draw) -> Vec<(String, Option<usize>)> {
        let from = if draw.dev_from_train { Split::Train } else { Split::Dev };
        contents(dataset.split(from), &draw.dev)
    }

    #[test]
    fn too_few_examples_name_class_split_and_counts() {
        let data = dataset([split(&balanced(0, 20)), split(&[(90, 0), (91, 1), (92, 1)]), None]);
        let error = draw(&data, Shots::Count(2), 1, &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "data set `d`: class `bad` has 1 distinct examples in dev, 2 shots need 2");
        assert_eq!(error.exit_code(), ExitCode::Spec);
        let data = dataset([split(&balanced(0, 5)), None, None]);
        let error = draw(&data, Shots::Count(3), 1, &Limits::default()).unwrap_err();
        assert!(
            error.to_string().contains("has 2 distinct examples in the half of train that stands for dev"),
            "{error}"
        );
    }

    #[test]
    fn zero_shots_see_train_texts_only_and_no_dev() {
        let data = dataset([split(&balanced(0, 5)), split(&balanced(50, 5)), split(&balanced(100, 5))]);
        let limits = Limits { unlabelled: Some(4), ..Limits::default() };
        let drawn = draw(&data, Shots::Count(0), 1, &limits).unwrap();
        assert_eq!((drawn.train.len(), drawn.dev.len(), drawn.unlabelled.len(), drawn.test.len()), (0, 0, 4, 10));
        let other = draw(&data, Shots::Count(0), 2, &limits).unwrap();
        assert_ne!(drawn.unlabelled, other.unlabelled);
        let without = |mut rows: Vec<Example>| {
            rows.iter_mut().for_each(|example| example.label = None);
            rows
        };
        let train = split(&balanced(0, 5)).map(without);
        let unlabelled = dataset([train, split(&balanced(50, 5)), split(&balanced(100, 5))]);
        assert_eq!(draw(&unlabelled, Shots::Count(0), 1, &limits).unwrap(), drawn);
        let error = draw(&unlabelled, Shots::Count(1), 1, &limits).unwrap_err();
        assert_eq!(error.to_string(), "data set `d`: shots: 1 needs labels, and the train split has none");
    }

    #[test]
    fn given_takes_the_published_splits_and_needs_both() {
        let rows = [(1, 0), (1, 0), (2, 1)];
        let data = dataset([split(&rows), split(&rows), None]);
        let drawn = draw(&data, Shots::Given, 7, &Limits::default()).unwrap();
        assert_eq!((&drawn.train[..], &drawn.dev[..]), (&[0, 1, 2][..], &[0, 1, 2][..]));
        let error =
            draw(&dataset([split(&rows), None, split(&rows)]), Shots::Given, 7, &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "data set `d`: shots: given needs a dev split (there are: train, test)");
        assert_eq!(error.exit_code(), ExitCode::Spec);
    }

    #[test]
    fn full_takes_what_is_distinct_and_says_what_is_not() {
        let train = [(1, 0), (2, 1), (1, 0), (3, 0), (3, 1), (4, 1)];
        let data = dataset([split(&train), split(&[(4, 1), (5, 0), (6, 1)]), None]);
        let drawn = draw(&data, Shots::Full, 7, &Limits::default()).unwrap();
        assert_eq!((&drawn.train[..], &drawn.dev[..]), (&[0, 1, 5][..], &[1, 2][..]));
        assert_eq!(drawn.left_out, LeftOut { duplicates: 1, contradictory: 2, shared_with_train: 1 });
    }

    #[test]
    fn limits_keep_the_classes_in_proportion_and_do_not_depend_on_the_seed() {
        let test: Vec<(u8, usize)> = (0..100).map(|i| (i, usize::from(i >= 70))).collect();
        let data = dataset([split(&balanced(100, 30)), split(&balanced(160, 30)), split(&test)]);
        let limits = Limits { test: Some(33), dev: Some(11), unlabelled: Some(5), ..Limits::default() };
        let (a, b) = (draw(&data, Shots::Full, 1, &limits).unwrap(), draw(&data, Shots::Full, 2, &limits).unwrap());
        assert_eq!((&a.test, &a.dev), (&b.test, &b.dev));
        let good = a.test.iter().filter(|&&place| place >= 70).count();
        assert_eq!((a.test.len(), good, a.dev.len(), a.unlabelled.len()), (33, 10, 11, 5));
        let few = draw(&data, Shots::Count(16), 1, &limits).unwrap();
        assert_eq!((few.train.len(), few.dev.len()), (32, 11));
    }

    #[test]
    fn the_draw_of_a_seed_never_changes() {
        let data = dataset([split(&balanced(0, 8)), split(&balanced(100, 8)), None]);
        let drawn = draw(&data, Shots::Count(3), 13, &Limits::default()).unwrap();
        assert_eq!((drawn.train, drawn.dev), (PINNED_TRAIN.to_vec(), PINNED_DEV.to_vec()));
    }

    const PINNED_TRAIN: [usize; 6] = [12, 5, 10, 11, 6, 1];
    const PINNED_DEV: [usize; 6] = [10, 15, 8, 7, 12, 11];

    fn rows() -> impl Strategy<Value = Vec<(u8, usize)>> {
        prop::collection::vec((0u8..60, 0usize..2), 0..80)
    }

    proptest! {
        #[test]
        fn draws_are_exact_disjoint_nested_and_blind_to_the_order_of_rows(
            train in rows(),
            dev in prop::option::of(rows()),
            shuffled in any::<u64>(),
            k in 1usize..6,
            seed in 0u64..5,
        ) {
            let limits = Limits::default();
            let data = dataset([split(&train), dev.as_ref().and_then(|dev| split(dev)), None]);
            let Ok(drawn) = draw(&data, Shots::Count(k), seed, &limits) else { return Ok(()) };
            let (train_texts, dev_texts) = (contents(data.split(Split::Train), &drawn.train), contents_of_dev(&data, &drawn));
            for texts in [&train_texts, &dev_texts] {
                for label in 0..2 {
                    prop_assert_eq!(texts.iter().filter(|(_, l)| *l == Some(label)).count(), k);
                }
                let distinct: HashSet<&String> = texts.iter().map(|(text, _)| text).collect();
                prop_assert_eq!(distinct.len(), 2 * k);
            }
            prop_assert!(train_texts.iter().all(|(text, _)| dev_texts.iter().all(|(other, _)| other != text)));

            let smaller = draw(&data, Shots::Count(k - 1), seed, &limits).unwrap();
            prop_assert_eq!(&smaller.train[..], &drawn.train[..smaller.train.len()]);
            prop_assert_eq!(&smaller.dev[..], &drawn.dev[..smaller.dev.len()]);
            let full = draw(&data, Shots::Full, seed, &limits).unwrap();
            prop_assert!(drawn.train.iter().all(|place| full.train.contains(place)));
            prop_assert!(drawn.dev.iter().all(|place| full.dev.contains(place)));

            let mut stream = crate::seed::Stream::new(shuffled, "test", b"");
            let mut permuted = [train, dev.clone().unwrap_or_default()];
            permuted.iter_mut().for_each(|rows| stream.shuffle(rows));
            let permuted = dataset([split(&permuted[0]), dev.and_then(|_| split(&permuted[1])), None]);
            let again = draw(&permuted, Shots::Count(k), seed, &limits).unwrap();
            prop_assert_eq!(contents(permuted.split(Split::Train), &again.train), train_texts);
            prop_assert_eq!(contents_of_dev(&permuted, &again), dev_texts.clone());
            let unlabelled = contents(data.split(Split::Train), &drawn.unlabelled);
            let texts = |rows: Vec<(String, Option<usize>)>| rows.into_iter().map(|(text, _)| text).collect::<Vec<_>>();
            let again = texts(contents(permuted.split(Split::Train), &again.unlabelled));
            prop_assert_eq!(&texts(unlabelled), &again);
            if drawn.dev_from_train {
                prop_assert!(dev_texts.iter().all(|(text, _)| !again.contains(text)));
            }
        }
    }
}
