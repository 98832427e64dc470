//! How label words are searched: `verbalizer: { search: lm_bff, per_label: 2 }`.

use super::super::error::SpecError;
use super::super::reader::{At, Fields, Reader};
use super::sweep::{each, sweep, within};

/// How words are ranked for a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordRanking {
    /// By their likelihood on the label's examples (arXiv 2012.15723).
    LmBff,
    /// By a linear classifier of the answer's states (arXiv 2010.15980).
    Autoprompt,
    /// By their likelihood ratio between the label's examples and the others (arXiv 2010.13641).
    Petal,
}

impl WordRanking {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::LmBff, Self::Autoprompt, Self::Petal];

    /// The name in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::LmBff => "lm_bff",
            Self::Autoprompt => "autoprompt",
            Self::Petal => "petal",
        }
    }
}

/// A search of label words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordSearch {
    /// How words are ranked.
    pub ranking: WordRanking,
    /// Words a label, 1 to 10; default 1.
    pub per_label: usize,
    /// Whether words of several tokens have to be known ones: of a list, a dictionary, or the unlabelled texts; default true.
    pub known_words: bool,
    /// The numbers of tokens that a word may have, ascending; default 1 and 2.
    pub n_tokens: Vec<usize>,
    /// Words kept for each label and number of tokens; default 8, at least `per_label`.
    pub pool: usize,
    /// Beginnings kept for each label of a word of several tokens; default 4.
    pub beam: usize,
    /// The likeliest tokens among which `autoprompt` and `petal` choose; default 1000.
    pub n_likely: usize,
    /// Train examples that words are ranked and assignments compared on; default 16.
    pub batch_size: usize,
    /// Assignments that dev chooses among, at most; default 16.
    pub n_candidates: usize,
}

/// The keys of the mapping.
const KEYS: [&str; 9] =
    ["search", "per_label", "known_words", "n_tokens", "pool", "beam", "n_likely", "batch_size", "n_candidates"];

/// The most tokens of a word.
const MAX_TOKENS: u64 = 6;

impl Default for WordSearch {
    fn default() -> Self {
        Self {
            ranking: WordRanking::LmBff,
            per_label: 1,
            known_words: true,
            n_tokens: vec![1, 2],
            pool: 8,
            beam: 4,
            n_likely: 1000,
            batch_size: 16,
            n_candidates: 16,
        }
    }
}

/// Whether a verbalizer is not one but says how to search one: it has a key `search`, and no key that could be a label.
pub(in crate::spec) fn is_search(at: &At) -> bool {
    at.entries().is_some_and(|entries| {
        entries.iter().any(|(key, _)| key == "search") && entries.iter().all(|(key, _)| KEYS.contains(&key.as_str()))
    })
}

/// The searches of `verbalizer`, a mapping or a list of mappings, in which lists are swept; `default` where it is absent.
/// `None` where they are too many.
pub(super) fn word_searches(
    reader: &mut Reader,
    fields: &Fields,
    (default, base): (&[WordSearch], WordSearch),
) -> Result<Option<Vec<WordSearch>>, SpecError> {
    match fields.get("verbalizer") {
        Some(at) => searches_from(reader, &at, &base),
        None => Ok(Some(if default.is_empty() { vec![base] } else { default.to_vec() })),
    }
}

/// [`word_searches`] of a value that is there.
pub(in crate::spec) fn searches(reader: &mut Reader, at: &At) -> Result<Option<Vec<WordSearch>>, SpecError> {
    searches_from(reader, at, &WordSearch::default())
}

/// What is not given is as `base` has it.
fn searches_from(reader: &mut Reader, at: &At, base: &WordSearch) -> Result<Option<Vec<WordSearch>>, SpecError> {
    let mut all = Vec::new();
    for item in at.items() {
        if item.entries().is_none() {
            let what = "a mapping that says how to search is expected, as in { search: lm_bff, per_label: 2 }";
            return Err(reader.shape(&item, what));
        }
        match one(reader, item, base)? {
            Some(found) => all.extend(found),
            None => return Ok(None),
        }
    }
    if all.is_empty() {
        reader.value(at, "an empty list; at least one search is needed");
        return Ok(None);
    }
    Ok(Some(all))
}

fn one(reader: &mut Reader, at: At, base: &WordSearch) -> Result<Option<Vec<WordSearch>>, SpecError> {
    let fields = reader.fields(at.clone(), &KEYS)?;
    let WordSearch { ranking, per_label, known_words, n_tokens, pool, beam, n_likely, batch_size, n_candidates } =
        base.clone();
    let known = WordRanking::ALL.map(|ranking| (ranking.name(), ranking));
    let rankings =
        sweep(reader, &fields, "search", vec![ranking], |reader, at| reader.choice(at, "search", &known, &[]))?;
    let mut whole = |key: &str, default: usize, most: u64| {
        sweep(reader, &fields, key, vec![default], |reader, at| Ok(reader.whole(at, 1..=most)? as usize))
    };
    let per_label = whole("per_label", per_label, 10)?;
    let pools = whole("pool", pool.max(per_label.iter().copied().max().unwrap_or(1)), 1_000)?;
    let beam = whole("beam", beam, 1_000)?;
    let n_likely = whole("n_likely", n_likely, 1_000_000)?;
    let batch_size = whole("batch_size", batch_size, 100_000)?;
    let n_candidates = whole("n_candidates", n_candidates, 10_000)?;
    let known_words = sweep(reader, &fields, "known_words", vec![known_words], |reader, at| reader.flag(at))?;
    // A list by nature: words of all these lengths compete.
    let mut lengths =
        sweep(reader, &fields, "n_tokens", n_tokens, |reader, at| Ok(reader.whole(at, 1..=MAX_TOKENS)? as usize))?;
    lengths.sort_unstable();
    if let Some(at) = fields.get("pool")
        && let (Some(pool), Some(most)) = (pools.iter().min(), per_label.iter().max())
        && pool < most
    {
        reader.value(&at, format!("a pool of {pool} does not hold the {most} words of a label (per_label)"));
    }
    let sizes = [
        rankings.len(),
        per_label.len(),
        known_words.len(),
        pools.len(),
        beam.len(),
        n_likely.len(),
        batch_size.len(),
        n_candidates.len(),
    ];
    if !within(reader, &at, &sizes) {
        return Ok(None);
    }
    let mut cells = vec![WordSearch { n_tokens: lengths, ..WordSearch::default() }];
    cells = each(cells, &rankings, |cell, &value| cell.ranking = value);
    cells = each(cells, &per_label, |cell, &value| cell.per_label = value);
    cells = each(cells, &known_words, |cell, &value| cell.known_words = value);
    cells = each(cells, &pools, |cell, &value| cell.pool = value);
    cells = each(cells, &beam, |cell, &value| cell.beam = value);
    cells = each(cells, &n_likely, |cell, &value| cell.n_likely = value);
    cells = each(cells, &batch_size, |cell, &value| cell.batch_size = value);
    cells = each(cells, &n_candidates, |cell, &value| cell.n_candidates = value);
    Ok(Some(cells))
}
