//! Vectors in place of label words.

use super::*;
use crate::prompt::LabelVectors;

fn with_vectors(scorer: &Scorer, text: &str) -> Prompt {
    let plain = prompt(text, "0=bad,1=good", &[]);
    let labels = scorer.label_vectors(&plain.verbalizer);
    Prompt { label_vectors: Some(Arc::new(labels)), ..plain }
}

#[test]
fn vectors_from_words_score_as_the_words_do_but_for_their_biases() {
    for (model, text) in [
        ("toy", "{text} it was {mask}."),
        ("toy-causal", "{text} it was {mask}"),
        ("reviews-en", "{text} it was {mask}."),
    ] {
        let scorer = Scorer::new(loaded(model), Settings::default());
        let all = examples();
        let columns = names(&["text"]);
        let vectors = with_vectors(&scorer, text);
        let words = Prompt { label_vectors: None, ..vectors.clone() };
        let scores = scorer.score(&[words.clone(), vectors.clone()], &columns, &every(&all)).unwrap().scores;
        let margins: Vec<f64> = scores[0].iter().zip(&scores[1]).map(|(a, b)| (a[1] - a[0]) - (b[1] - b[0])).collect();
        assert!(margins.iter().all(|margin| (margin - margins[0]).abs() < 1e-4), "{model}: {margins:?}");
        let alone = scorer.score(&[vectors], &columns, &every(&all)).unwrap().scores;
        for (a, b) in alone[0].iter().flatten().zip(scores[1].iter().flatten()) {
            assert!((a - b).abs() < 1e-5, "{model}");
        }
    }
}

#[test]
fn the_gradient_of_label_vectors_equals_finite_differences() {
    let scorer = scorer(MultiToken::Joint);
    let all = examples();
    let shown: Vec<&Example> = [0, 2, 5].map(|e| &all[e]).into();
    let columns = names(&["text"]);
    let prompt = with_vectors(&scorer, "{text} it was {mask}.");
    let gradient = scorer.gradient(&prompt, &columns, &shown).unwrap();
    let values = prompt.label_vectors.as_ref().unwrap().values();
    assert_eq!(gradient.soft.len(), values.len());
    for (axis, &found) in gradient.soft.iter().enumerate() {
        let loss = |by: f32| {
            let mut moved = values.to_vec();
            moved[axis] += by;
            let prompt = Prompt { label_vectors: Some(Arc::new(LabelVectors::new(moved, 8))), ..prompt.clone() };
            let scores = scorer.score(&[prompt], &columns, &shown).unwrap().scores.remove(0);
            -scores.iter().zip(&shown).map(|(s, e)| s[e.label.unwrap()]).sum::<f64>() / shown.len() as f64
        };
        let difference = (loss(0.02) - loss(-0.02)) / 0.04;
        assert!((difference - f64::from(found)).abs() < 2e-4, "{axis}: {difference} {found}");
    }
    assert!(gradient.soft.iter().any(|x| x.abs() > 1e-3));
}

#[test]
fn as_many_vectors_as_labels_are_needed() {
    let scorer = scorer(MultiToken::Joint);
    let prompt = Prompt {
        label_vectors: Some(Arc::new(LabelVectors::new(vec![0.0; 24], 8))),
        ..prompt("{text} it was {mask}.", "0=bad,1=good", &[])
    };
    let error = scorer.check(&prompt, &names(&["text"])).unwrap_err().to_string();
    assert!(error.contains("its labels have 3 vectors of 8 numbers, and 2 of 8 are needed"), "{error}");
}
