//! A prefix: its room, its scores, its gradients.

use super::*;
use crate::prompt::{Prefix, PrefixShape, SoftPrompt, Vectors};
use crate::scoring::ScoringError;

/// Numbers of the size of keys and values, so that attention is not flat.
fn prefix(shape: PrefixShape, seed: usize) -> Arc<Prefix> {
    let values = (0..shape.n_numbers()).map(|i| ((i * 7 + 3 + seed) % 11) as f32 * 0.06 - 0.3).collect();
    Arc::new(Prefix::new(values, shape))
}

fn with_prefix(scorer: &Scorer, n: usize, text: &str, seed: usize) -> Prompt {
    let plain = prompt(text, "0=bad,1=good", &[]);
    let template = plain.template.with_prefix(n);
    Prompt { prefix: Some(prefix(scorer.prefix_shape(n), seed)), template, ..plain }
}

fn of(model: &str) -> Scorer {
    Scorer::new(loaded(model), Settings::default())
}

/// A template that each model can take.
fn text_for(model: &str) -> &'static str {
    if model.contains("causal") { "{text} it was {mask}" } else { "{text} it was {mask}." }
}

const MODELS: [&str; 3] = ["toy", "toy-causal", "reviews-en"];

#[test]
fn a_prefix_changes_scores_and_they_are_the_same_alone_and_beside_others() {
    let all = examples();
    let columns = names(&["text"]);
    for model in MODELS {
        let scorer = of(model);
        let text = text_for(model);
        let plain = prompt(text, "0=bad,1=good", &[]);
        let prompts = [
            with_prefix(&scorer, 3, text, 0),
            plain.clone(),
            with_prefix(&scorer, 3, text, 5),
            with_prefix(&scorer, 1, text, 0),
            with_prefix(&scorer, 3, text, 0),
        ];
        let together = scorer.score(&prompts, &columns, &every(&all)).unwrap().scores;
        for (prompt, scores) in prompts.iter().zip(&together) {
            let alone = scorer.score(std::slice::from_ref(prompt), &columns, &every(&all)).unwrap().scores;
            for (mixed, alone) in scores.iter().zip(&alone[0]) {
                assert!(mixed.iter().zip(alone).all(|(a, b)| (a - b).abs() < 1e-5), "{model}: {mixed:?} {alone:?}");
            }
        }
        assert_eq!(together[0], together[4]);
        assert!(together[0] != together[1] && together[0] != together[2] && together[0] != together[3], "{model}");
        let duplicates: Vec<&Prompt> = prompts.iter().collect();
        assert_eq!(scorer.representatives(&duplicates, &columns, &every(&all)).unwrap(), [0, 1, 2, 3, 0]);
    }
}

#[test]
fn what_stands_before_is_what_was_read_before() {
    // A causal model that has read a text through a prefix answers as one that reads it in front.
    let scorer = of("toy-causal");
    let columns = names(&["text"]);
    let loaded = scorer.loaded();
    let ids = loaded.tokenizer.encode_text("awful dull film");
    let embedded: Vec<f32> = loaded.model.embed(&[ids]).into_data().try_into_vec().unwrap();
    let shape = scorer.prefix_shape(3);
    let kept = Prefix::from_layers(&[(embedded.clone(), embedded)], shape);
    let plain = prompt("{text} it was {mask}", "0=bad,1=good", &[]);
    let prefixed = Prompt { prefix: Some(Arc::new(kept)), template: plain.template.with_prefix(3), ..plain.clone() };
    let written = prompt("awful dull film {text} it was {mask}", "0=bad,1=good", &[]);
    let all = [example(0, "the story", 0), example(1, "great", 1)];
    let scores = scorer.score(&[prefixed, written, plain], &columns, &every(&all)).unwrap().scores;
    for (a, b) in scores[0].iter().flatten().zip(scores[1].iter().flatten()) {
        assert!((a - b).abs() < 1e-5, "{scores:?}");
    }
    assert!((scores[0][0][0] - scores[2][0][0]).abs() > 1e-3);
}

#[test]
fn the_gradient_of_a_prefix_equals_finite_differences() {
    let all = examples();
    let shown: Vec<&Example> = [0, 2, 6].map(|e| &all[e]).into();
    let columns = names(&["text"]);
    for (model, step, tolerance) in [("toy", 1e-2, 2e-3), ("toy-causal", 1e-2, 2e-3), ("reviews-en", 1e-1, 5e-2)] {
        let scorer = of(model);
        let prompt = with_prefix(&scorer, 2, text_for(model), 0);
        let gradient = scorer.gradient(&prompt, &columns, &shown).unwrap();
        let values = prompt.prefix.as_ref().unwrap().values();
        assert_eq!((gradient.soft.len(), gradient.triggers.len()), (values.len(), 0));
        let loss = |axis: usize, by: f32| {
            let mut moved = values.to_vec();
            moved[axis] += by;
            let moved = Arc::new(Prefix::new(moved, scorer.prefix_shape(2)));
            let prompt = Prompt { prefix: Some(moved), ..prompt.clone() };
            let scores = scorer.score(&[prompt], &columns, &shown).unwrap().scores.remove(0);
            let gold = scores.iter().zip(&shown).map(|(scores, example)| scores[example.label.unwrap()]);
            -gold.sum::<f64>() / shown.len() as f64
        };
        assert!((gradient.loss - loss(0, 0.0)).abs() < 1e-5);
        let largest = gradient.soft.iter().fold(0f32, |a, b| a.max(b.abs()));
        assert!(largest > 1e-4, "{model}: a gradient of nothing proves nothing");
        let every = (values.len() / 40).max(1);
        for (axis, &found) in gradient.soft.iter().enumerate().step_by(every) {
            let difference = (loss(axis, step) - loss(axis, -step)) / f64::from(2.0 * step);
            assert!(
                (difference - f64::from(found)).abs() < tolerance * f64::from(largest),
                "{model} axis {axis}: {difference} and {found}, the largest {largest}"
            );
        }
    }
}

#[test]
fn virtual_tokens_and_a_prefix_have_their_gradients_one_after_the_other() {
    let scorer = of("toy");
    let columns = names(&["text"]);
    let all = examples();
    let shown = &every(&all)[..3];
    let alone = with_prefix(&scorer, 2, "{text} it was {mask}.", 0);
    // The vector of a token that says nothing new: its embedding where the token stood.
    let id = scorer.loaded().tokenizer.token_id("was").unwrap();
    let soft = SoftPrompt::new(scorer.embeddings(&[id]).remove(0), 8);
    let hybrid = Prompt {
        template: template("{prefix:2}{text} it {soft:1} {mask}."),
        soft: Some(Arc::new(soft)),
        ..alone.clone()
    };
    let (of_prefix, of_both) =
        (scorer.gradient(&alone, &columns, shown).unwrap(), scorer.gradient(&hybrid, &columns, shown).unwrap());
    assert_eq!(of_both.soft.len(), 8 + of_prefix.soft.len());
    assert!(of_both.soft[8..].iter().zip(&of_prefix.soft).all(|(a, b)| (a - b).abs() < 1e-6));
    assert!(of_both.soft[..8].iter().any(|x| x.abs() > 1e-4));
    assert_eq!(Vectors::of(&hybrid).n_positions(), 3);
}

#[test]
fn nothing_but_the_prefix_is_a_leaf_of_the_tape() {
    for model in MODELS {
        let scorer = of(model);
        let prompt = with_prefix(&scorer, 2, text_for(model), 0);
        let all = examples();
        let ready = scorer.ready_all(&[scorer.ask(&prompt)], &names(&["text"]), &every(&all)[..4]).unwrap().remove(0);
        let batch: Vec<_> = (0..4).map(|example| ready.sequence(0, example, 0)).collect();
        let leaf = scorer.prefix_leaf(&prompt).unwrap();
        let tracked = scorer.tracked(&batch, (None, &[]), Some(&leaf), false);
        assert!(tracked.embeddings.is_none(), "the looked-up embeddings are no leaf");
        assert!(!tracked.inputs.embeddings.is_require_grad());
        let gradients = scorer.read_tensors(&ready.reading, 0, tracked.inputs, (&batch, None)).sum().backward();
        assert_eq!(leaf.0.grad(&gradients).map(|gradient| gradient.dims()), Some(leaf.0.dims()));
    }
}

#[test]
fn a_prefix_takes_positions_and_one_that_leaves_none_is_refused() {
    let scorer = of("toy");
    let columns = names(&["text"]);
    // [CLS] {text} it was [MASK] . [SEP]: six tokens and the input in 64 positions.
    let long = example(0, &"the ".repeat(80), 0);
    let prompt = with_prefix(&scorer, 20, "{text} it was {mask}.", 0);
    let encoded = scorer.encoder(&prompt.template, &columns, 1).unwrap().encode(&long).unwrap();
    assert_eq!(encoded.ids.len(), 44);
    assert_eq!(scorer.score(&[prompt], &columns, &[&long]).unwrap().truncated, [1]);
    let message = |n: usize| scorer.check_template(&with_prefix(&scorer, n, "{text} it was {mask}.", 0), &columns);
    assert!(message(57).is_ok());
    let error = message(58).unwrap_err().to_string();
    assert_eq!(
        error,
        "template `{prefix:58}{text} it was {mask}.`: its prefix takes 58 of the 64 positions of toy, and its own 6 tokens and an \
         input do not fit into the rest"
    );
    assert!(message(400).is_err());
}

#[test]
fn a_prefix_that_does_not_fit_is_refused() {
    let scorer = of("toy");
    let columns = names(&["text"]);
    let fits = with_prefix(&scorer, 2, "{text} it was {mask}.", 0);
    let message = |prompt: Prompt| match scorer.check(&prompt, &columns).unwrap_err() {
        ScoringError::Prefix { reason, .. } => reason,
        other => panic!("{other}"),
    };
    let shape = PrefixShape { n_prefix: 2, n_layers: 3, n_heads: 2, d_head: 4 };
    assert_eq!(
        message(Prompt { prefix: Some(prefix(shape, 0)), ..fits.clone() }),
        "its prefix has 2 positions in 3 layers of 2 x 4, and 2 positions in 1 layers of 1 x 8 are needed by the template and toy"
    );
    assert!(message(Prompt { prefix: None, ..fits.clone() }).contains("has no keys and values here"));
    let plain = prompt("{text} it was {mask}.", "0=bad,1=good", &[]);
    assert!(message(Prompt { prefix: fits.prefix, ..plain }).contains("0 positions in 1 layers"));
}
