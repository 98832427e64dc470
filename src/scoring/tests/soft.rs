//! Virtual tokens: their places, their scores, their gradients.

use super::*;
use crate::prompt::SoftPrompt;
use crate::scoring::batch::Sequence;
use crate::scoring::{Ask, ScoringError};

const VERBALIZER: &str = "0=boring|dull,1=wonderful|好";

/// Vectors near those of words, so that the model is where it is not flat.
fn vectors(n_soft: usize, d_model: usize) -> Arc<SoftPrompt> {
    let values = (0..n_soft * d_model).map(|i| ((i * 7 + 3) % 11) as f32 * 0.06 - 0.3).collect();
    Arc::new(SoftPrompt::new(values, d_model))
}

fn soft_prompt(text: &str, verbalizer: &str, n_soft: usize, d_model: usize) -> Prompt {
    Prompt { soft: Some(vectors(n_soft, d_model)), ..prompt(text, verbalizer, &[]) }
}

fn encoded(scorer: &Scorer, text: &str, example: &Example) -> Encoded {
    scorer.encoder(&template(text), &names(&["text"]), 1).unwrap().encode(example).unwrap()
}

#[test]
fn virtual_tokens_take_places_and_leave_all_other_ids_as_they_were() {
    let all = examples();
    for (with, without) in [
        ("{soft:3}{text} It was {mask}.", "{text} It was {mask}."),
        ("{soft:1}{soft:2}{text} It was {mask}.", "{text} It was {mask}."),
        ("{text} It {soft:3} was {mask}.", "{text} It  was {mask}."),
        ("un{soft:2}watch{soft:1}ing {text}{mask}", "unwatching {text}{mask}"),
        ("{text} It was {soft:3}{mask}.{soft:1}", "{text} It was {mask}."),
        ("{text} [SEP]{soft:\"very good\"} It was {mask}.", "{text} [SEP] It was {mask}."),
    ] {
        let scorer = scorer(MultiToken::Joint);
        for example in all.iter().filter(|example| example.fields[0].len() < 100) {
            let (with, without) = (encoded(&scorer, with, example), encoded(&scorer, without, example));
            let rest: Vec<u32> = (0..with.ids.len())
                .filter(|place| !with.soft_at.contains(place))
                .map(|place| with.ids[place])
                .collect();
            assert_eq!(rest, without.ids);
            let before = with.soft_at.iter().filter(|&&place| place < with.mask_at).count();
            assert_eq!(with.mask_at, without.mask_at + before);
        }
    }
    let scorer = scorer(MultiToken::Joint);
    let front = encoded(&scorer, "{soft:3}{text} it was {mask}.", &all[0]);
    assert_eq!(front.soft_at, [1, 2, 3], "behind the first special token");
    let inside = encoded(&scorer, "it{soft:2} was {text}{mask}", &all[0]);
    assert_eq!(inside.soft_at, [2, 3]);
    let within = encoded(&scorer, "watch{soft:1}ing {text}{mask}", &all[0]);
    assert_eq!(within.soft_at, [2], "between the pieces of a word");
}

#[test]
fn virtual_tokens_count_towards_positions_and_tokens() {
    let scorer = scorer(MultiToken::Joint);
    let columns = names(&["text"]);
    let prompt = soft_prompt("{soft:20}{text} it was {mask}.", "0=bad,1=good", 20, 8);
    let (_, n_tokens) = scorer.prompt_flags(&prompt, &columns, &[]).unwrap();
    assert_eq!(n_tokens, 23);
    let long = example(0, &"good ".repeat(80), 1);
    let encoded = encoded(&scorer, "{soft:20}{text} it was {mask}.", &long);
    assert_eq!(encoded.ids.len(), 64);
    assert_eq!(encoded.shortened, [("text".to_owned(), 38 * 5)]);
    let short = example(0, "good film", 1);
    let round = scorer.score(std::slice::from_ref(&prompt), &columns, &[&short]).unwrap();
    assert_eq!(round.costs[0].tokens, 2 + 20 + 2 + 2 + 1 + 1);
    let most = |n: usize| {
        let prompt = self::prompt(&format!("{{soft:{n}}}{{text}} {{mask}}"), "0=bad,1=good", &[]);
        scorer.check_template(&prompt, &columns)
    };
    assert!(most(60).is_ok());
    assert!(matches!(most(61), Err(ScoringError::TemplateTooLong { found: 64, .. })));
}

#[test]
fn embeddings_of_tokens_as_vectors_score_as_the_tokens_themselves() {
    for rule in MultiToken::ALL {
        let scorer = scorer(rule);
        let columns = names(&["text"]);
        let all = examples();
        let hard = prompt("{trigger:2}{text} it was {mask}.", VERBALIZER, &["verdict", "truly"]);
        let tokens = prompt("{soft:2}{text} it was {mask}.", VERBALIZER, &[]);
        let soft = scorer.projected(&tokens, &hard.triggers.0);
        let scores = |prompt: &Prompt| {
            scorer.score(std::slice::from_ref(prompt), &columns, &every(&all)).unwrap().scores.remove(0)
        };
        for (hard, soft) in scores(&hard).iter().zip(scores(&soft)) {
            assert_near(&soft, hard, 1e-6, "of vectors and of tokens");
        }
    }
}

#[test]
fn a_score_is_the_same_alone_and_among_prompts_of_other_tasks_and_settings() {
    let all = examples();
    let columns = names(&["text"]);
    let prompts = [
        prompt("{text} it was {mask}.", "0=bad,1=good", &[]),
        soft_prompt("{soft:3}{text} it was {mask}.", VERBALIZER, 3, 8),
        prompt("{text} {trigger:1}{mask}", "a=不满意|bad,b=满意,c=fun", &["verdict"]),
        soft_prompt("{text} {soft:2}{mask}.", "x=great,y=awful", 2, 8),
        soft_prompt("{soft:3}{text} it was {mask}.", "0=bad,1=good", 3, 8),
    ];
    let rules =
        [MultiToken::Joint, MultiToken::PseudoLikelihood, MultiToken::Mean, MultiToken::Joint, MultiToken::Independent];
    for batch_size in [32, 3] {
        let of = |multi_token| Scorer::new(loaded("toy"), Settings { multi_token, batch_size, ..Settings::default() });
        let asks: Vec<Ask<'_>> = prompts
            .iter()
            .zip(rules)
            .map(|(prompt, multi_token)| Ask { prompt, multi_token, truncate: true })
            .collect();
        let mixed = of(MultiToken::Joint).score_mixed(&asks, &columns, &every(&all)).unwrap();
        for (index, (prompt, rule)) in prompts.iter().zip(rules).enumerate() {
            let alone = of(rule).score(std::slice::from_ref(prompt), &columns, &every(&all)).unwrap();
            assert_eq!(mixed.costs[index], alone.costs[0]);
            for (mixed, alone) in mixed.scores[index].iter().zip(&alone.scores[0]) {
                assert_near(mixed, alone, 1e-5, &format!("prompt {index}"));
            }
        }
    }
}

/// The gradient against central differences of the loss that scoring gives.
fn assert_gradient(scorer: &Scorer, prompt: &Prompt, examples: &[&Example], step: f32, tolerance: f64) {
    let columns = names(&["text"]);
    let gradient = scorer.gradient(prompt, &columns, examples).unwrap();
    let soft = prompt.soft.as_ref().unwrap();
    assert_eq!(gradient.soft.len(), soft.values().len());
    let loss = |axis: usize, step: f32| {
        let mut values = soft.values().to_vec();
        values[axis] += step;
        let moved = Prompt { soft: Some(Arc::new(SoftPrompt::new(values, soft.d_model()))), ..prompt.clone() };
        let scores = scorer.score(&[moved], &columns, examples).unwrap().scores.remove(0);
        let gold = scores.iter().zip(examples).map(|(scores, example)| scores[example.label.unwrap()]);
        -gold.sum::<f64>() / examples.len() as f64
    };
    assert!((gradient.loss - loss(0, 0.0)).abs() < 1e-5);
    let largest = gradient.soft.iter().fold(0f32, |a, b| a.max(b.abs()));
    assert!(largest > 1e-3, "a gradient of nothing proves nothing");
    let every = (soft.values().len() / 40).max(1);
    for (axis, &found) in gradient.soft.iter().enumerate().step_by(every) {
        let difference = (loss(axis, step) - loss(axis, -step)) / f64::from(2.0 * step);
        let found = f64::from(found);
        assert!(
            (difference - found).abs() < tolerance * f64::from(largest),
            "axis {axis}: {difference} and {found}, the largest {largest}"
        );
    }
}

#[test]
fn the_gradient_of_vectors_equals_finite_differences_on_the_toy_model() {
    let all = examples();
    let shown: Vec<&Example> = [0, 2, 5, 7].map(|e| &all[e]).into();
    for (rule, verbalizer) in [
        (MultiToken::Joint, "0=bad|awful,1=good"),
        (MultiToken::Joint, VERBALIZER),
        (MultiToken::PseudoLikelihood, "0=不满意|bad,1=满意"),
        (MultiToken::Mean, VERBALIZER),
    ] {
        let scorer = scorer(rule);
        assert_gradient(
            &scorer,
            &soft_prompt("{soft:2}{text} it {soft:1}{mask}.", verbalizer, 3, 8),
            &shown,
            0.01,
            0.01,
        );
    }
}

#[test]
fn the_gradient_of_vectors_equals_finite_differences_on_a_built_in_model() {
    let all = [example(0, "a dull story with a terrible plot", 0), example(1, "truly wonderful , i loved it", 1)];
    for batch_size in [32, 1] {
        let scorer = Scorer::new(loaded("reviews-en"), Settings { batch_size, ..Settings::default() });
        let tokenizer = &scorer.loaded().tokenizer;
        let words = prompt("{soft:4}{text} It was {mask}.", "0=terrible,1=great", &[]);
        let soft = scorer.projected(&words, &tokenizer.encode_text("the film was so")[..4]);
        assert_gradient(&scorer, &soft, &every(&all), 0.02, 0.03);
    }
}

#[test]
fn triggers_and_vectors_of_one_prompt_get_their_gradients_together() {
    let all = examples();
    let columns = names(&["text"]);
    let scorer = scorer(MultiToken::Joint);
    let both = Prompt {
        soft: Some(vectors(2, 8)),
        ..prompt("{soft:2}{text} {trigger:1} it {mask}.", VERBALIZER, &["verdict"])
    };
    let gradient = scorer.gradient(&both, &columns, &every(&all)).unwrap();
    assert_eq!((gradient.triggers.len(), gradient.soft.len()), (1, 16));
    // The same with the trigger's embedding as a vector too.
    let mut values = both.soft.as_ref().unwrap().values().to_vec();
    values.extend(embeddings(&*scorer.loaded().model, &both.triggers.0));
    let all_soft = Prompt {
        soft: Some(Arc::new(SoftPrompt::new(values, 8))),
        ..prompt("{soft:2}{text} {soft:1} it {mask}.", VERBALIZER, &[])
    };
    let expected = scorer.gradient(&all_soft, &columns, &every(&all)).unwrap().soft;
    let found: Vec<f64> = gradient.soft.iter().chain(&gradient.triggers[0]).map(|&x| f64::from(x)).collect();
    let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
    assert_near(&found, &expected, 1e-5, "together and as vectors");
}

#[test]
fn nothing_but_the_vectors_is_a_leaf_of_the_tape() {
    for model in ["toy", "reviews-en"] {
        let scorer = Scorer::new(loaded(model), Settings::default());
        let shape = scorer.loaded().model.shape().clone();
        let words = prompt("{soft:3}{text} it was {mask}.", "0=bad,1=good", &[]);
        let soft = Prompt { soft: Some(vectors(3, shape.d_model)), ..words };
        let all = examples();
        let ready = scorer.ready_all(&[scorer.ask(&soft)], &names(&["text"]), &every(&all)[..4]).unwrap().remove(0);
        let batch: Vec<Sequence> = (0..4).map(|example| ready.sequence(0, example, 0)).collect();
        let leaf = scorer.vectors_leaf(&soft).unwrap();
        assert_eq!(leaf.dims(), [3, shape.d_model]);
        let tracked = scorer.tracked(&batch, (Some(&leaf), &[0, 1, 2]), None, false);
        assert!(tracked.embeddings.is_none(), "the looked-up embeddings are no leaf");
        assert!(!tracked.inputs.embeddings.is_require_grad());
        // The weights are not on the autodiff device: no tape knows them.
        assert!(!scorer.loaded().model.embedding_table().is_autodiff());
        assert!(!scorer.embed_tokens(&batch, 0).is_autodiff());
        assert!(!scorer.loaded().model.device().is_autodiff());
        // What the tape gives: the same as without vectors among the leaves, and nothing to the looked-up embeddings.
        let looked_up = scorer.embed_tokens(&batch, 0).autodiff();
        let inputs = crate::scoring::batch::model_inputs(
            crate::scoring::batch::put_vectors(looked_up.clone(), leaf.clone(), &batch, |_, index| index),
            &batch,
        );
        let gradients = scorer.read_tensors(&ready.reading, 0, inputs, (&batch, None)).sum().backward();
        assert!(leaf.grad(&gradients).is_some());
        assert!(looked_up.grad(&gradients).is_none());
    }
}

#[test]
fn slots_that_share_their_virtual_tokens_have_one_set_of_vectors() {
    let all = examples();
    let shown: Vec<&Example> = [0, 2, 5, 7].map(|e| &all[e]).into();
    let scorer = scorer(MultiToken::Joint);
    let columns = names(&["text"]);
    let shared = soft_prompt("{soft:2}{text}{soft:1} it {soft:=1} {mask}{soft:=2}.", "0=bad|awful,1=good", 3, 8);
    assert_eq!(scorer.soft_rows(&shared.template), [0, 1, 2, 0, 1, 2]);
    let values = shared.soft.as_ref().unwrap().values().to_vec();
    let written_out = Prompt {
        soft: Some(Arc::new(SoftPrompt::new([values.clone(), values].concat(), 8))),
        ..prompt("{soft:2}{text}{soft:1} it {soft:2} {mask}{soft:1}.", "0=bad|awful,1=good", &[])
    };
    let scores = scorer.score(&[shared.clone(), written_out.clone()], &columns, &shown).unwrap().scores;
    assert_eq!(scores[0], scores[1]);
    let [of_shared, of_both] =
        [&shared, &written_out].map(|prompt| scorer.gradient(prompt, &columns, &shown).unwrap().soft);
    for (axis, found) in of_shared.iter().enumerate() {
        assert!((found - of_both[axis] - of_both[axis + 24]).abs() < 1e-6, "the sum over both places");
    }
    assert_gradient(&scorer, &shared, &shown, 1e-2, 2e-3);
    let explained = scorer.explain(&shared, &columns, &all[0], 1).unwrap();
    assert_eq!(explained.tokens.iter().filter(|token| *token == "{soft 1}").count(), 2);
}

#[test]
fn vectors_that_do_not_fit_are_refused() {
    let scorer = scorer(MultiToken::Joint);
    let columns = names(&["text"]);
    let all = examples();
    let message = |prompt: &Prompt| {
        let error = scorer.check(prompt, &columns).unwrap_err().to_string();
        let scored = scorer.score(std::slice::from_ref(prompt), &columns, &every(&all)).unwrap_err().to_string();
        assert_eq!(error, scored);
        error
    };
    let fits = "template `{soft:3}{text} {mask}`: ";
    assert_eq!(
        message(&soft_prompt("{soft:3}{text} {mask}", "0=bad,1=good", 2, 8)),
        format!("{fits}2 vectors of 8 numbers, and 3 of 8 are needed by its {{soft}} slots and the width of toy")
    );
    assert_eq!(
        message(&soft_prompt("{soft:3}{text} {mask}", "0=bad,1=good", 3, 16)),
        format!("{fits}3 vectors of 16 numbers, and 3 of 8 are needed by its {{soft}} slots and the width of toy")
    );
    let bare = prompt("{text} {mask}", "0=bad,1=good", &[]);
    assert!(message(&Prompt { soft: Some(vectors(1, 8)), ..bare }).contains("and 0 of 8 are needed"));
    let empty = prompt("{soft:\"\u{200b}\"}{text} {mask}", "0=bad,1=good", &[]);
    let error = scorer.check_template(&empty, &columns).unwrap_err().to_string();
    assert!(error.contains("has no token for toy"), "{error}");
}

#[test]
fn virtual_tokens_are_explained_and_have_a_perplexity_of_the_words_beside_them() {
    let scorer = scorer(MultiToken::Joint);
    let columns = names(&["text"]);
    let text = example(0, "great film", 1);
    let words = prompt("{soft:2}{text} it was {mask}.", "0=bad,1=good", &[]);
    let ids = ["verdict", "truly"].map(|word| scorer.loaded().tokenizer.token_id(word).unwrap());
    let soft = scorer.projected(&words, &ids);
    let explanation = scorer.explain(&soft, &columns, &text, 3).unwrap();
    assert_eq!(explanation.tokens[..4], ["[CLS]", "{soft 1}", "{soft 2}", "great"]);
    assert_eq!(explanation.rendered, "{soft:2}great film it was [MASK].");
    let nearest: Vec<(&str, f64)> = explanation
        .nearest
        .iter()
        .flat_map(|tokens| [&tokens.euclidean[0], &tokens.cosine[0]])
        .map(|near| (near.token.as_str(), (near.distance * 1e6).round() / 1e6))
        .collect();
    assert_eq!(nearest, [("verdict", 0.0), ("verdict", 0.0), ("truly", 0.0), ("truly", 0.0)]);
    assert!(explanation.nearest[0].euclidean.windows(2).all(|pair| pair[0].distance <= pair[1].distance));
    let labels: Vec<f64> = explanation.labels.iter().map(|(_, logprob)| *logprob).collect();
    let of_words: Vec<f64> = explanation.words.iter().map(|word| word.logprob).collect();
    assert!((labels[0] - labels[1] - (of_words[0] - of_words[1])).abs() < 1e-5, "both see the vectors");
    let hard = prompt("{trigger:2}{text} it was {mask}.", "0=bad,1=good", &["verdict", "truly"]);
    let plain = prompt("{text} it was {mask}.", "0=bad,1=good", &[]);
    let perplexity = |prompt: &Prompt| scorer.perplexity(prompt, &columns, &[&text]).unwrap().unwrap();
    assert_ne!(perplexity(&soft), perplexity(&plain));
    assert_ne!(perplexity(&soft), perplexity(&hard), "the virtual tokens themselves are no words");
}
