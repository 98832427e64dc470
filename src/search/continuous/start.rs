//! What virtual tokens start from (Lester et al. 2021, section 3.2; arXiv 2104.08691).

use crate::model::{LanguageModel, LoadedModel, embedding_pieces};
use crate::prompt::Verbalizer;
use crate::scoring::plain_tokens;
use crate::seed::Stream;
use crate::spec::SoftInit;

/// A soft slot: its virtual tokens, and the text or the tokens that it starts from where it has some itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot<'t> {
    /// Virtual tokens.
    pub n_soft: usize,
    /// Its own text.
    pub text: Option<&'t str>,
    /// Its own tokens, as many as virtual ones.
    pub ids: Option<&'t [u32]>,
}

/// The vectors that the virtual tokens of `slots` start from, row by row: those of a slot with a text from its tokens, the
/// others by `init`. Drawn tokens are neither special nor unused; the published method draws from the 5,000 most frequent,
/// which a vocabulary alone does not tell.
///
/// # Errors
/// The text that has no token for the model.
pub fn start(
    slots: &[Slot<'_>],
    init: &SoftInit,
    loaded: &LoadedModel,
    verbalizer: &Verbalizer,
    stream: &mut Stream,
) -> Result<Vec<f32>, String> {
    let encoded = |text: &str| {
        let ids = loaded.tokenizer.encode_text(text);
        if ids.is_empty() { Err(text.to_owned()) } else { Ok(ids) }
    };
    let n_open: usize =
        slots.iter().filter(|slot| slot.text.is_none() && slot.ids.is_none()).map(|slot| slot.n_soft).sum();
    let vocabulary = plain_tokens(&loaded.tokenizer);
    let open = match init {
        _ if n_open == 0 => Vec::new(),
        SoftInit::Random => drawn_numbers(n_open, &*loaded.model, stream),
        SoftInit::Vocab | SoftInit::Winner(_) => rows(&drawn_tokens(n_open, &vocabulary, stream), &*loaded.model),
        SoftInit::Labels => {
            let words = verbalizer.labels.iter().flat_map(|label| &label.words);
            let mut ids: Vec<u32> = words.flat_map(|word| loaded.tokenizer.encode_text(word)).collect();
            ids.truncate(n_open);
            ids.extend(drawn_tokens(n_open - ids.len(), &vocabulary, stream));
            rows(&ids, &*loaded.model)
        }
        SoftInit::Text(text) => rows(&over_and_over(&encoded(text)?, n_open), &*loaded.model),
    };
    let d_model = loaded.model.shape().d_model;
    let mut open = open.chunks_exact(d_model);
    let mut values = Vec::new();
    for slot in slots {
        match (slot.text, slot.ids) {
            (_, Some(ids)) => values.extend(rows(ids, &*loaded.model)),
            (Some(text), None) => values.extend(rows(&over_and_over(&encoded(text)?, slot.n_soft), &*loaded.model)),
            (None, None) => values.extend(open.by_ref().take(slot.n_soft).flatten()),
        }
    }
    Ok(values)
}

fn over_and_over(ids: &[u32], n: usize) -> Vec<u32> {
    ids.iter().copied().cycle().take(n).collect()
}

fn drawn_tokens(n: usize, vocabulary: &[u32], stream: &mut Stream) -> Vec<u32> {
    // A vocabulary of special tokens only has nothing else to start from.
    if vocabulary.is_empty() { vec![0; n] } else { (0..n).map(|_| *stream.choose(vocabulary)).collect() }
}

/// The embeddings of tokens, row by row.
fn rows(ids: &[u32], model: &dyn LanguageModel) -> Vec<f32> {
    if ids.is_empty() { Vec::new() } else { numbers(model.embed(&[ids.to_vec()])) }
}

/// Normal numbers with the mean and the standard deviation that the vocabulary's embeddings have on each axis.
fn drawn_numbers(n: usize, model: &dyn LanguageModel, stream: &mut Stream) -> Vec<f32> {
    let d_model = model.shape().d_model;
    let mut n_rows = 0.0;
    let (mut sums, mut squares) = (vec![0.0; d_model], vec![0.0; d_model]);
    for (_, piece) in embedding_pieces(model) {
        for row in piece.chunks_exact(d_model) {
            n_rows += 1.0;
            for ((sum, square), &x) in sums.iter_mut().zip(&mut squares).zip(row) {
                *sum += f64::from(x);
                *square += f64::from(x) * f64::from(x);
            }
        }
    }
    let spread: Vec<(f64, f64)> = sums
        .iter()
        .zip(&squares)
        .map(|(sum, square)| {
            let mean = sum / n_rows;
            (mean, (square / n_rows - mean * mean).max(0.0).sqrt())
        })
        .collect();
    (0..n)
        .flat_map(|_| {
            spread.iter().map(|(mean, deviation)| (mean + deviation * stream.normal()) as f32).collect::<Vec<_>>()
        })
        .collect()
}

/// The standard deviation of all numbers of the model's embeddings.
pub fn embedding_spread(model: &dyn LanguageModel) -> f64 {
    let (mut n, mut sum) = (0.0, 0.0);
    for (_, piece) in embedding_pieces(model) {
        n += piece.len() as f64;
        sum += piece.iter().map(|&x| f64::from(x)).sum::<f64>();
    }
    let mean = sum / n;
    let square = |(_, piece): (usize, Vec<f32>)| piece.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>();
    (embedding_pieces(model).map(square).sum::<f64>() / n).sqrt()
}

fn numbers<const D: usize>(tensor: burn::Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().expect("converted to f32 before")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ResolvedDevice, load_builtin};

    fn toy() -> LoadedModel {
        load_builtin("toy", &ResolvedDevice::cpu()).unwrap()
    }

    fn started(slots: &[Slot<'_>], init: &SoftInit, seed: u64) -> Result<Vec<f32>, String> {
        let verbalizer = Verbalizer::parse("a=bad,b=wonderful").unwrap();
        start(slots, init, &toy(), &verbalizer, &mut Stream::new(seed, "test", b""))
    }

    fn open(n_soft: usize) -> [Slot<'static>; 1] {
        [Slot { n_soft, text: None, ids: None }]
    }

    fn embedded(words: &str) -> Vec<f32> {
        let toy = toy();
        rows(&toy.tokenizer.encode_text(words), &*toy.model)
    }

    #[test]
    fn a_text_is_repeated_and_cut_and_a_slot_may_have_its_own() {
        let text = SoftInit::Text("the film".into());
        assert_eq!(started(&open(3), &text, 1).unwrap(), embedded("the film the"));
        let slots = [
            Slot { n_soft: 1, text: None, ids: None },
            Slot { n_soft: 2, text: Some("very good"), ids: None },
            Slot { n_soft: 1, text: None, ids: None },
        ];
        assert_eq!(started(&slots, &text, 1).unwrap(), embedded("the very good film"));
        assert_eq!(started(&open(3), &SoftInit::Text("\u{200b}".into()), 1).unwrap_err(), "\u{200b}");
    }

    #[test]
    fn label_words_come_first_and_drawn_tokens_fill_up() {
        let found = started(&open(5), &SoftInit::Labels, 1).unwrap();
        assert_eq!(found[..24], embedded("bad wonderful"));
        assert_eq!(found.len(), 5 * 8);
        assert_eq!(started(&open(2), &SoftInit::Labels, 1).unwrap(), embedded("bad wonder"));
    }

    #[test]
    fn drawn_tokens_are_words_of_the_vocabulary_and_depend_on_the_seed() {
        let toy = toy();
        let all: Vec<Vec<f32>> = plain_tokens(&toy.tokenizer).iter().map(|&id| rows(&[id], &*toy.model)).collect();
        let found = started(&open(30), &SoftInit::Vocab, 1).unwrap();
        assert!(found.chunks(8).all(|row| all.iter().any(|other| other == row)));
        assert_eq!(found, started(&open(30), &SoftInit::Vocab, 1).unwrap());
        assert_ne!(found, started(&open(30), &SoftInit::Vocab, 2).unwrap());
    }

    #[test]
    fn random_numbers_are_spread_as_the_embeddings_are() {
        let found = started(&open(4000), &SoftInit::Random, 1).unwrap();
        let spread = |values: &[f32]| {
            let n = (values.len() / 8) as f64;
            let axis = || values.iter().step_by(8).map(|&x| f64::from(x));
            let mean = axis().sum::<f64>() / n;
            (mean, (axis().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
        };
        let table = numbers(toy().model.embedding_table());
        let ((mean, deviation), (of_table, as_wide)) = (spread(&found), spread(&table));
        assert!(
            (mean - of_table).abs() < 0.03 && (deviation - as_wide).abs() < 0.03,
            "{mean} {deviation} {of_table} {as_wide}"
        );
    }
}
