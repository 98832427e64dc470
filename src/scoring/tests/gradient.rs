//! The gradient of the loss and what is estimated from it.

use super::*;

const TEMPLATE: &str = "{text} {trigger:2} it {mask}, {trigger:1}.";
const TRIGGERS: [&str; 3] = ["verdict", "very", "fun"];

fn cases() -> Vec<(MultiToken, &'static str)> {
    vec![
        (MultiToken::Joint, "0=bad|awful,1=good"),
        (MultiToken::Joint, "0=boring|dull,1=wonderful|很好"),
        (MultiToken::Independent, "0=boring,1=wonderful"),
        (MultiToken::PseudoLikelihood, "0=不满意|bad,1=满意"),
        (MultiToken::Mean, "0=boring|dull,1=wonderful|好"),
    ]
}

fn encoded(scorer: &Scorer, prompt: &Prompt, example: &Example, n_mask: usize) -> Encoded {
    scorer.encoder(&prompt.template, &names(&["text"]), n_mask).unwrap().encode(example).unwrap()
}

#[test]
fn the_gradient_equals_finite_differences() {
    let all = examples();
    let shown: Vec<&Example> = [0, 2, 5, 7].map(|e| &all[e]).into();
    for (rule, verbalizer) in cases() {
        let scorer = scorer(rule);
        let prompt = prompt(TEMPLATE, verbalizer, &TRIGGERS);
        let gradient = scorer.gradient(&prompt, &names(&["text"]), &shown).unwrap();
        let d_model = scorer.loaded().model.shape().d_model;
        let loss = |step| {
            let losses = shown.iter().map(|example| {
                let encoded = |n_mask| encoded(&scorer, &prompt, example, n_mask);
                -reference(scorer.loaded(), &prompt, rule, &encoded, step)[example.label.unwrap()]
            });
            losses.sum::<f64>() / shown.len() as f64
        };
        assert!((gradient.loss - loss(None)).abs() < 1e-5, "{rule:?} {verbalizer}");
        assert_eq!(gradient.triggers.len(), TRIGGERS.len());
        let mut largest = 0f64;
        for (trigger, row) in gradient.triggers.iter().enumerate() {
            assert_eq!(row.len(), d_model);
            for (axis, &found) in row.iter().enumerate() {
                let moved = |step| loss(Some((trigger, axis, step)));
                let difference = (moved(0.01) - moved(-0.01)) / 0.02;
                let found = f64::from(found);
                largest = largest.max(found.abs());
                assert!(
                    (difference - found).abs() < 1e-3 * (1.0 + found.abs()),
                    "{rule:?} {verbalizer}, trigger {trigger}, axis {axis}: {difference} and {found}"
                );
            }
        }
        assert!(largest > 0.02, "{rule:?} {verbalizer}: a gradient of nothing proves nothing");
    }
}

#[test]
fn the_loss_is_the_mean_of_what_scoring_says_of_the_gold_labels() {
    let all = examples();
    for (rule, verbalizer) in cases() {
        let prompt = prompt(TEMPLATE, verbalizer, &TRIGGERS);
        let mut rows: Option<Vec<f64>> = None;
        for (batch_size, length_step) in [(32, 1), (3, 16), (1, 1)] {
            let settings = Settings { multi_token: rule, batch_size, length_step, ..Settings::default() };
            let scorer = Scorer::new(loaded("toy"), settings);
            let columns = names(&["text"]);
            let gradient = scorer.gradient(&prompt, &columns, &every(&all)).unwrap();
            let round = scorer.score(std::slice::from_ref(&prompt), &columns, &every(&all)).unwrap();
            let gold = all.iter().zip(&round.scores[0]).map(|(example, scores)| scores[example.label.unwrap()]);
            let expected = -gold.sum::<f64>() / all.len() as f64;
            assert!((gradient.loss - expected).abs() < 1e-5, "{rule:?} {verbalizer}");

            let cost = round.costs[0];
            assert_eq!(
                (gradient.cost.evaluations, gradient.cost.forwards, gradient.cost.backwards, gradient.cost.tokens),
                (3 * cost.evaluations, cost.forwards, cost.forwards, cost.tokens)
            );
            let found: Vec<f64> = gradient.triggers.concat().into_iter().map(f64::from).collect();
            assert_near(&found, rows.get_or_insert_with(|| found.clone()), 1e-5, "in other batches");
        }
    }
}

#[test]
fn gains_are_dot_products_with_every_embedding() {
    let scorer = scorer(MultiToken::Joint);
    let rows: Vec<Vec<f32>> = vec![vec![0.5, -1.0, 0.25, 2.0, 0.0, 1.0, -0.125, 3.0], vec![1.0; 8], vec![0.0; 8]];
    let gains = scorer.gains(&rows);
    let vocab_size = scorer.loaded().tokenizer.vocab_size();
    assert_eq!(gains.iter().map(Vec::len).collect::<Vec<_>>(), vec![vocab_size; 3]);
    for (row, gains) in rows.iter().zip(&gains) {
        for (id, &gain) in gains.iter().enumerate() {
            let embedding = embeddings(&*scorer.loaded().model, &[id as u32]);
            let expected = -row.iter().zip(&embedding).map(|(g, e)| g * e).sum::<f32>();
            assert!((gain - expected).abs() < 1e-5, "{id}");
        }
    }
}

#[test]
fn without_triggers_there_is_a_loss_and_no_gradient() {
    let all = examples();
    let prompt = prompt("{text} It was {mask}.", "0=bad,1=good", &[]);
    let gradient = scorer(MultiToken::Joint).gradient(&prompt, &names(&["text"]), &every(&all)).unwrap();
    assert!(gradient.loss > 0.0 && gradient.triggers.is_empty() && gradient.soft.is_empty());
}
