//! What a prefix starts from.

use crate::model::{Inputs, LoadedModel};
use crate::prompt::{Prefix, PrefixShape};
use crate::scoring::plain_tokens;
use crate::seed::Stream;
use crate::spec::PrefixInit;

/// A prefix to start from: normal numbers of deviation 1, as PEFT draws them; or the keys and values that the model has at the
/// first positions of a text, or of drawn words (Li and Liang 2021, section 7.4: activations of real words; arXiv 2101.00190).
///
/// What the tokenizer puts in front of a text stands in front of it here too, so the first position is that of `[CLS]` or of the
/// beginning of a text where the model has one. A text of fewer tokens is repeated. Keys are rotated already as those of positions
/// from 0, which is where they stand again.
///
/// # Errors
/// The text that has no token for the model.
pub fn prefix_start(
    shape: PrefixShape,
    init: &PrefixInit,
    loaded: &LoadedModel,
    stream: &mut Stream,
) -> Result<Prefix, String> {
    let ids: Vec<u32> = match init {
        PrefixInit::Random => {
            let numbers = (0..shape.n_numbers()).map(|_| stream.normal() as f32).collect();
            return Ok(Prefix::new(numbers, shape));
        }
        PrefixInit::Vocab => {
            let vocabulary = plain_tokens(&loaded.tokenizer);
            // A vocabulary of special tokens only has nothing else to start from.
            (0..shape.n_prefix)
                .map(|_| vocabulary.get(stream.below(vocabulary.len().max(1))).copied().unwrap_or(0))
                .collect()
        }
        PrefixInit::Text(text) => {
            let ids = loaded.tokenizer.encode_text(text);
            if ids.is_empty() {
                return Err(text.clone());
            }
            ids.into_iter().cycle().take(shape.n_prefix).collect()
        }
    };
    let (before, _) = loaded.tokenizer.around();
    let ids: Vec<u32> = before.iter().copied().chain(ids).take(shape.n_prefix).collect();
    let inputs = Inputs {
        lengths: vec![ids.len()],
        predict_positions: vec![vec![ids.len() - 1]],
        token_types: None,
        past: None,
        parents: None,
        embeddings: loaded.model.embed(&[ids]),
    };
    let Some(kept) = loaded.model.keys_and_values(inputs) else {
        unreachable!("every model of ours tells its keys and values")
    };
    let floats = |tensor: burn::Tensor<4>| -> Vec<f32> {
        tensor.into_data().convert::<f32>().try_into_vec().expect("converted to f32 before")
    };
    let layers: Vec<_> = kept.layers.into_iter().map(|(keys, values)| (floats(keys), floats(values))).collect();
    Ok(Prefix::from_layers(&layers, shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ResolvedDevice, load_builtin};

    fn started(model: &str, n_prefix: usize, init: &PrefixInit) -> Result<Prefix, String> {
        let loaded = load_builtin(model, &ResolvedDevice::cpu()).unwrap();
        let (n_heads, d_head) = loaded.model.key_value_heads();
        let shape = PrefixShape { n_prefix, n_layers: loaded.model.shape().n_layers, n_heads, d_head };
        prefix_start(shape, init, &loaded, &mut Stream::new(1, "test", b""))
    }

    #[test]
    fn a_text_gives_the_values_of_its_tokens_behind_the_first_special_one() {
        let loaded = load_builtin("toy", &ResolvedDevice::cpu()).unwrap();
        let (_, values) = started("toy", 4, &PrefixInit::Text("the film".into())).unwrap().layer(0);
        let ids = [&loaded.tokenizer.around().0[..1], &loaded.tokenizer.encode_text("the film the")].concat();
        let embedded: Vec<f32> = loaded.model.embed(&[ids]).into_data().try_into_vec().unwrap();
        assert_eq!(values, embedded);
        assert_eq!(started("toy", 4, &PrefixInit::Text("\u{200b}".into())).unwrap_err(), "\u{200b}");
    }

    #[test]
    fn a_prefix_from_a_text_is_what_a_causal_model_has_read() {
        let loaded = load_builtin("toy-causal", &ResolvedDevice::cpu()).unwrap();
        let (_, values) = started("toy-causal", 2, &PrefixInit::Text("awful film".into())).unwrap().layer(0);
        let embedded: Vec<f32> =
            loaded.model.embed(&[loaded.tokenizer.encode_text("awful film")]).into_data().try_into_vec().unwrap();
        assert_eq!(values, embedded);
    }

    #[test]
    fn a_masked_models_first_keys_are_maps_of_its_embeddings() {
        let of = |text: &str| started("reviews-en", 4, &PrefixInit::Text(text.into())).unwrap();
        let (film, story) = (of("a fine film"), of("a fine story"));
        let (n, d) = (film.shape().d_keys(), film.shape().width());
        assert_eq!(film.values()[..n], story.values()[..n], "the first layer's keys are of the token alone");
        assert_ne!(film.values()[3 * d..3 * d + n], story.values()[3 * d..3 * d + n], "another token");
        assert_ne!(film.values()[d - n..d], story.values()[d - n..d], "the last layer's values are of the whole text");
    }
}
