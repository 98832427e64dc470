//! Blocks whose inside is computed again on the way back.

use burn::Tensor;

use super::LayerKeyValues;
use crate::model::kernel;

/// Runs a block of a frozen model, of whose inside no tape is kept: see [`kernel::recomputed`]. Gradients flow to `hidden` and to
/// what stands before it, `past`.
///
/// # Shapes
///
/// - hidden: `[batch_size, seq_length, d_model]`
/// - past: each `[1 or batch_size, n_kv_heads, n_past, d_head]`
/// - output: that of `block`
pub fn recomputed(
    hidden: Tensor<3>,
    past: Option<&LayerKeyValues>,
    block: impl Fn(Tensor<3>, Option<&LayerKeyValues>) -> Tensor<3> + Send + Sync + 'static,
) -> Tensor<3> {
    let Some((keys, values)) = past else {
        return kernel::recomputed([hidden], move |[hidden]| block(hidden, None));
    };
    let dims = keys.dims();
    let [batch_size, n_kv_heads, n_past, d_head] = dims;
    let flat = |lines: &Tensor<4>| -> Tensor<3> { lines.clone().reshape([batch_size, n_kv_heads * n_past, d_head]) };
    kernel::recomputed([hidden, flat(keys), flat(values)], move |[hidden, keys, values]| {
        block(hidden, Some(&(keys.reshape(dims), values.reshape(dims))))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burn::tensor::TensorData;

    use super::*;
    use crate::model::{Inputs, KeyValues, LanguageModel, LoadedModel, ResolvedDevice, load_builtin, load_folder};

    fn values<const D: usize>(shape: [usize; D], seed: usize, model: &dyn LanguageModel) -> Tensor<D> {
        let numbers: Vec<f32> =
            (0..shape.iter().product()).map(|i| ((i * 7 + seed) % 11) as f32 * 0.06 - 0.3).collect();
        Tensor::from_data(TensorData::new(numbers, shape), &model.device())
    }

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.inner().into_data().try_into_vec().unwrap()
    }

    /// The states that a model predicts from, and their gradients with respect to the embeddings and to what stands before.
    fn found(model: &dyn LanguageModel, with_past: bool) -> Vec<Vec<f32>> {
        let rows = vec![vec![2, 5, 7, 4], vec![6, 3], vec![4, 9, 8]];
        let embeddings = model.embed(&rows).autodiff().require_grad();
        let (n_heads, d_head) = model.key_value_heads();
        let before: Vec<_> = (0..if with_past { 2 * model.shape().n_layers } else { 0 })
            .map(|seed| values([1, n_heads, 2, d_head], seed, model).autodiff().require_grad())
            .collect();
        let layers: Vec<_> = before.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        let states = model.predict(Inputs {
            embeddings: embeddings.clone(),
            lengths: rows.iter().map(Vec::len).collect(),
            predict_positions: vec![vec![3, 0], vec![1, 0], vec![1, 2]],
            token_types: None,
            past: with_past.then_some(KeyValues { layers }),
            parents: None,
        });
        let weights = values(states.dims(), 5, model);
        let gradients = (states.clone() * weights.autodiff()).sum().backward();
        let mut all = vec![numbers(states), numbers(embeddings.grad(&gradients).unwrap())];
        all.extend(before.iter().map(|leaf| numbers(leaf.grad(&gradients).unwrap())));
        all
    }

    fn assert_same(name: &str, loaded: &LoadedModel) {
        let again = loaded.model.recomputing().unwrap();
        for with_past in [false, true] {
            let kept = found(&*loaded.model, with_past);
            assert!(kept.iter().all(|numbers| numbers.iter().any(|&x| x != 0.0)), "{name}");
            assert!(found(&*again, with_past) == kept, "{name}, something before: {with_past}");
        }
    }

    #[test]
    fn blocks_that_are_computed_again_give_the_same_states_and_gradients_to_the_bit() {
        let cpu = ResolvedDevice::cpu();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model");
        let masked = ["albert", "bert", "distilbert", "electra", "ernie", "roberta"];
        let causal = ["gemma3", "glm4", "gpt2", "llama", "mistral", "qwen3"].map(|name| format!("causal/{name}"));
        for name in masked.iter().map(|&name| name.to_owned()).chain(causal) {
            assert_same(&name, &load_folder(&fixtures.join(&name), &cpu).unwrap());
        }
        assert_same("reviews-en", &load_builtin("reviews-en", &cpu).unwrap());
    }

    #[test]
    fn models_that_have_nothing_to_compute_again_say_so() {
        let toy = load_builtin("toy", &ResolvedDevice::cpu()).unwrap();
        assert!(toy.model.recomputing().is_none());
        assert_eq!(toy.clone().recomputing().weights_hash, toy.weights_hash);
    }
}
