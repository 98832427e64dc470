//! What gets a gradient: what is trained, and no weight of a frozen model.

use super::*;
use crate::model::gradients_given;
use crate::prompt::{Lora, Prefix, SoftPrompt, Tuning};
use crate::seed::Stream;

/// How many numbers of gradients the operators give on the way back from the loss on `n` examples of one length.
fn given(scorer: &Scorer, prompt: &Prompt, n: usize) -> usize {
    let examples: Vec<Example> = (0..n).map(|row| example(row, "a good film", row % 2)).collect();
    let (found, given) = gradients_given(|| scorer.gradient(prompt, &names(&["text"]), &every(&examples)).unwrap());
    assert!(found.soft.iter().any(|&x| x != 0.0));
    given
}

#[test]
fn gradients_of_a_frozen_model_are_of_the_states_and_of_what_is_trained_and_none_of_a_weight() {
    let scorer = Scorer::new(loaded("reviews-en"), Settings::default());
    let shape = scorer.loaded().model.shape().clone();
    let numbers = |n: usize| (0..n).map(|i| ((i * 7 + 3) % 11) as f32 * 0.06 - 0.3).collect::<Vec<f32>>();
    let soft = Some(Arc::new(SoftPrompt::new(numbers(3 * shape.d_model), shape.d_model)));
    let soft = Prompt { soft, ..prompt("{soft:3}{text} it was {mask}.", "0=bad,1=good", &[]) };
    // The gradient of a weight has the same numbers for any number of examples, those of states grow with them.
    let (two, four) = (given(&scorer, &soft, 2), given(&scorer, &soft, 4));
    assert!(two > 0);
    assert_eq!(2 * two, four);

    let of_prefix = scorer.prefix_shape(3);
    let plain = prompt("{text} it was {mask}.", "0=bad,1=good", &[]);
    let prefix = Some(Arc::new(Prefix::new(numbers(of_prefix.n_numbers()), of_prefix)));
    let prefixed = Prompt { prefix, template: plain.template.with_prefix(3), ..plain };
    let (two, four) = (given(&scorer, &prefixed, 2), given(&scorer, &prefixed, 4));
    assert_eq!(2 * two - four, of_prefix.n_numbers(), "the prefix is the one thing that does not grow");
}

#[test]
fn of_a_tuned_model_as_many_numbers_get_a_gradient_as_are_tuned_and_no_other() {
    let scorer = Scorer::new(loaded("reviews-en"), Settings::default());
    let shape = scorer.loaded().model.shape().clone();
    let (d, n_layers, rank) = (shape.d_model, shape.n_layers, 2);
    let lora = Tuning::Lora(Lora { rank, alpha: 4.0, targets: Vec::new() });
    let expected = [
        // In a block: queries, keys, values, output, the way in and out of the feed-forward part, two norms; then the norm of the
        // embeddings, and of the head its map, its norm and its words.
        (Tuning::Biases, n_layers * (7 * d + shape.d_inner) + 3 * d + shape.vocab_size),
        // Queries and values of a block have two maps each.
        (lora, n_layers * 2 * 2 * rank * d),
        (Tuning::All, shape.n_parameters),
    ];
    for (tuning, expected) in expected {
        let tunable = scorer.tunable(&tuning, None).unwrap();
        let tracked = tunable.tracked(&tunable.start(&mut Stream::new(1, "frozen", b"test"))).unwrap();
        let model = &tracked.model.model;
        let embeddings = model.embed(&[vec![2, 30, 40, 3]]);
        let embeddings = if embeddings.is_autodiff() { embeddings } else { embeddings.autodiff() };
        let words = embeddings.clone();
        let states = model.predict(Inputs {
            embeddings,
            lengths: vec![4],
            predict_positions: vec![vec![1]],
            token_types: None,
            past: None,
            parents: None,
        });
        let logits = model.logits(states.reshape([1, d]), None);
        let gradients = (logits.clone() * logits).sum().backward();
        let found: usize = tracked.gradients(&gradients).iter().map(Vec::len).sum();
        assert_eq!((found, tunable.n_parameters()), (expected, expected), "{tuning:?}");
        assert_eq!(model.embedding_table().is_autodiff(), tuning == Tuning::All, "{tuning:?}");
        assert!(words.grad(&gradients).is_none(), "{tuning:?}: looked-up embeddings are no leaf");
    }
}
