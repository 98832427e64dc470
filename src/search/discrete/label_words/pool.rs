//! The words that suit each label.

use std::collections::BTreeSet;

use crate::prompt::Prompt;
use crate::search::{SearchError, WordOracle};

use super::classifier::Classifier;
use super::{LabelWordsConfig, Lexicon, WordScore};

/// A word that suits a label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PoolWord {
    pub(super) text: String,
    /// The rank score, larger is better.
    pub(super) score: f64,
}

/// Tokens of the vocabulary that are looked at for each word that is kept: most fall away because they are no words.
const LOOKED_AT: usize = 50;

/// A beginning of a word, or a whole one: its tokens and its mean log-probability over each label's examples.
#[derive(Debug, Clone)]
struct Beginning {
    ids: Vec<u32>,
    logprobs: Vec<f64>,
}

/// What finding the words of a number of tokens costs at most.
pub(super) fn cost(config: &LabelWordsConfig, n_tokens: usize, n_labels: usize, batch: usize) -> u64 {
    let beginnings = n_labels * config.beam;
    let states = if config.score == WordScore::Classifier { n_tokens } else { 0 };
    (batch * (1 + (n_tokens - 1) * beginnings + states)) as u64
}

/// The best words of `n_tokens` tokens for each label, best first. `n_examples[label]` are the examples of the batch.
pub(super) fn words(
    oracle: &mut dyn WordOracle,
    config: &LabelWordsConfig,
    (prompt, lexicon): (&Prompt, Option<&Lexicon>),
    n_tokens: usize,
    batch: &[usize],
    n_examples: &[usize],
) -> Result<Vec<Vec<PoolWord>>, SearchError> {
    let n_labels = prompt.verbalizer.labels.len();
    if n_tokens == 1 {
        let answers = oracle.answers(prompt, &[None], batch)?;
        let likely = likely(&answers.logprobs, n_examples, config.n_likely);
        let by_label: Vec<Vec<f64>> = match config.score {
            WordScore::Likelihood => {
                answers.logprobs.iter().map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
            }
            WordScore::LikelihoodRatio => (0..n_labels)
                .map(|label| {
                    (0..answers.log_odds[label].len())
                        .map(|token| ratio(label, n_examples, |label| f64::from(answers.log_odds[label][token])))
                        .collect()
                })
                .collect(),
            WordScore::Classifier => classifier(oracle, prompt, 1, 0, batch, n_labels)?,
        };
        return Ok(by_label
            .into_iter()
            .map(|scores| {
                let mut order: Vec<u32> = match config.score {
                    WordScore::Likelihood => (0..scores.len() as u32).collect(),
                    _ => likely.clone(),
                };
                order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)));
                let words = order.into_iter().take(LOOKED_AT * config.pool);
                let written = words.filter_map(|id| {
                    let text = oracle.word_of(&prompt.template, &[id])?;
                    Some(PoolWord { text, score: scores[id as usize] })
                });
                written.take(config.pool).collect()
            })
            .collect());
    }
    let whole = beam(oracle, config, (prompt, lexicon), n_tokens, batch, n_examples)?;
    let mut written: Vec<(Beginning, String)> = Vec::new();
    for word in whole {
        if let Some(text) = oracle.word_of(&prompt.template, &word.ids)
            && lexicon.is_none_or(|lexicon| lexicon.knows(&text))
            && !written.iter().any(|(_, known)| *known == text)
        {
            written.push((word, text));
        }
    }
    let by_place: Vec<Vec<Vec<f64>>> = match config.score {
        WordScore::Classifier => (0..n_tokens)
            .map(|place| classifier(oracle, prompt, n_tokens, place, batch, n_labels))
            .collect::<Result<_, _>>()?,
        _ => Vec::new(),
    };
    Ok((0..n_labels)
        .map(|label| {
            let score = |word: &Beginning| match config.score {
                WordScore::Likelihood => word.logprobs[label],
                WordScore::LikelihoodRatio => ratio(label, n_examples, |label| word.logprobs[label]),
                WordScore::Classifier => {
                    by_place.iter().zip(&word.ids).map(|(scores, &id)| scores[label][id as usize]).sum()
                }
            };
            let mut words: Vec<PoolWord> =
                written.iter().map(|(word, text)| PoolWord { text: text.clone(), score: score(word) }).collect();
            words.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.text.cmp(&b.text)));
            words.truncate(config.pool);
            words
        })
        .collect())
}

/// Words of several tokens, from left to right: for every label its likeliest beginnings, each gone on with by its likeliest
/// tokens.
fn beam(
    oracle: &mut dyn WordOracle,
    config: &LabelWordsConfig,
    (prompt, lexicon): (&Prompt, Option<&Lexicon>),
    n_tokens: usize,
    batch: &[usize],
    n_examples: &[usize],
) -> Result<Vec<Beginning>, SearchError> {
    let n_labels = n_examples.len();
    let mut beginnings = vec![Beginning { ids: Vec::new(), logprobs: vec![0.0; n_labels] }];
    for place in 0..n_tokens {
        let last = place + 1 == n_tokens;
        // Most of what is likely is no word, and of what a list knows the likeliest may stand far behind.
        let keep = match lexicon {
            Some(_) => usize::MAX,
            None => LOOKED_AT * if last { config.pool } else { config.beam },
        };
        let mut longer: Vec<Beginning> = Vec::new();
        for beginning in &beginnings {
            let mut filled: Vec<Option<u32>> = beginning.ids.iter().copied().map(Some).collect();
            filled.resize(n_tokens, None);
            let answers = oracle.answers(prompt, &filled, batch)?;
            let mut tokens: BTreeSet<u32> = BTreeSet::new();
            for row in &answers.logprobs {
                tokens.extend(highest(row, keep));
            }
            let known = |id: &u32| {
                let ids: Vec<u32> = beginning.ids.iter().copied().chain([*id]).collect();
                oracle.begins_word(&ids).is_some_and(|text| match lexicon {
                    Some(lexicon) if last => lexicon.knows(&text),
                    Some(lexicon) => lexicon.begins(&text),
                    None => true,
                })
            };
            longer.extend(tokens.into_iter().filter(known).map(|id| {
                Beginning {
                    ids: beginning.ids.iter().copied().chain([id]).collect(),
                    logprobs: (beginning.logprobs.iter().zip(&answers.logprobs))
                        .map(|(sum, row)| sum + f64::from(row[id as usize]))
                        .collect(),
                }
            }));
        }
        if last {
            return Ok(longer);
        }
        let mut kept: BTreeSet<usize> = BTreeSet::new();
        for label in 0..n_labels {
            let of = |index: usize| match config.score {
                WordScore::LikelihoodRatio => ratio(label, n_examples, |label| longer[index].logprobs[label]),
                _ => longer[index].logprobs[label],
            };
            // A ratio alone would keep what is hardly ever written.
            let mut order: Vec<usize> = (0..longer.len()).collect();
            order.sort_by(|&a, &b| longer[b].logprobs[label].total_cmp(&longer[a].logprobs[label]).then(a.cmp(&b)));
            order.truncate(4 * config.beam);
            order.sort_by(|&a, &b| of(b).total_cmp(&of(a)).then(a.cmp(&b)));
            kept.extend(order.into_iter().take(config.beam));
        }
        beginnings = kept.into_iter().map(|index| longer[index].clone()).collect();
    }
    Ok(Vec::new())
}

/// `log p(label | token)` by a classifier of the states at one place of an answer of `n_tokens` open places.
fn classifier(
    oracle: &mut dyn WordOracle,
    prompt: &Prompt,
    n_tokens: usize,
    place: usize,
    batch: &[usize],
    n_labels: usize,
) -> Result<Vec<Vec<f64>>, SearchError> {
    let gold: Vec<usize> = batch.iter().map(|&example| oracle.gold(example)).collect();
    let states = oracle.answer_states(prompt, n_tokens, place, batch)?;
    let classifier = Classifier::train(&states, &gold, n_labels);
    let products = oracle.token_products(&classifier.weights);
    Ok(classifier.of_tokens(&products))
}

/// A label's mean minus the mean over the examples of all others.
fn ratio(label: usize, n_examples: &[usize], mean: impl Fn(usize) -> f64) -> f64 {
    let others = || (0..n_examples.len()).filter(|&other| other != label);
    let n: usize = others().map(|other| n_examples[other]).sum();
    mean(label) - others().map(|other| n_examples[other] as f64 * mean(other)).sum::<f64>() / n.max(1) as f64
}

/// The likeliest tokens over all examples, each label counting alike.
fn likely(logprobs: &[Vec<f32>], n_examples: &[usize], n: usize) -> Vec<u32> {
    let n_vocabulary = logprobs.first().map_or(0, Vec::len);
    let sums: Vec<f32> = (0..n_vocabulary)
        .map(|token| logprobs.iter().zip(n_examples).filter(|(_, n)| **n > 0).map(|(row, _)| row[token]).sum())
        .collect();
    highest(&sums, n)
}

/// The places of the `n` largest values, of equal ones the first.
fn highest(values: &[f32], n: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    let by = |a: &u32, b: &u32| values[*b as usize].total_cmp(&values[*a as usize]).then(a.cmp(b));
    if n < order.len() {
        order.select_nth_unstable_by(n, by);
        order.truncate(n);
    }
    order.sort_by(by);
    order
}
