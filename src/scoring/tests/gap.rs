use super::super::Gap;
use super::*;

fn gap(text: &str, filled: &[Option<u32>]) -> Gap {
    let verbalizer = Arc::new(Verbalizer::parse("a=bad,b=good").unwrap());
    Gap { prompt: Prompt::plain(template(text), verbalizer), filled: filled.to_vec() }
}

/// The slow way: the whole prompt as one text with the tokenizer's own masks.
fn expected(scorer: &Scorer, texts: &[&str], rendered: &dyn Fn(&str) -> String, open: usize) -> Vec<Vec<f64>> {
    let tokenizer = &scorer.loaded().tokenizer;
    let mask = tokenizer.mask_id().unwrap();
    let mut sums = Vec::new();
    for text in texts {
        let ids = tokenizer.encode_reference(&rendered(text));
        let places: Vec<usize> = (0..ids.len()).filter(|&place| ids[place] == mask).take(open).collect();
        let rows = scorer.whole_vocabulary(&ids, &places).unwrap();
        sums.resize(rows.len(), vec![0.0; rows[0].len()]);
        for (sum, row) in sums.iter_mut().zip(rows) {
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(x) / texts.len() as f64);
        }
    }
    sums
}

#[test]
fn a_gap_is_read_as_the_reference_tokenizer_writes_the_whole_text() {
    let scorer = scorer(MultiToken::Joint);
    let texts = ["great film", "a dull story , watching it was a waste", "很好"];
    let examples: Vec<Example> = texts.iter().enumerate().map(|(row, text)| example(row, text, 0)).collect();
    let very = scorer.loaded().tokenizer.token_id("very").unwrap();
    let gaps = [
        gap("this{trigger:1} is all in all, {mask}. {text}", &[None]),
        gap("this{trigger:2} is {mask}. {text}", &[None, None]),
        gap("this{trigger:2} is {mask}. {text}", &[Some(very), None]),
        gap("总{trigger:2}很{mask}。{text}", &[None, None]),
    ];
    let found = scorer.gaps(&gaps, &names(&["text"]), &every(&examples)).unwrap();
    assert_eq!((found.cost.evaluations, found.cost.forwards, found.cost.backwards), (12, 12, 0));
    type Render<'r> = &'r dyn Fn(&str) -> String;
    let rendered: [(Render<'_>, usize); 4] = [
        (&|text| format!("this [MASK] is all in all, [MASK]. {text}"), 1),
        (&|text| format!("this [MASK] [MASK] is [MASK]. {text}"), 2),
        (&|text| format!("this very [MASK] is [MASK]. {text}"), 1),
        (&|text| format!("总[MASK][MASK]很[MASK]。{text}"), 2),
    ];
    for (answer, (rendered, open)) in found.logprobs.iter().zip(rendered) {
        let expected = expected(&scorer, &texts, rendered, open);
        assert_eq!(answer.len(), open);
        for (row, expected) in answer.iter().zip(&expected) {
            for (x, y) in row.iter().zip(expected) {
                assert!((f64::from(*x) - y).abs() < 1e-4, "{x} {y}");
            }
        }
    }
}

#[test]
fn a_gap_filled_with_what_stood_there_is_the_prompt_itself() {
    let scorer = scorer(MultiToken::Joint);
    let was = scorer.loaded().tokenizer.token_id("was").unwrap();
    let columns = names(&["text"]);
    let template = template("{text} it{trigger:1} very {mask}.");
    let encoded = scorer.encoder(&template, &columns, 1).unwrap().encode(&example(0, "great film", 1)).unwrap();
    assert_eq!(
        encoded.filled(&[was], &[None]),
        scorer.loaded().tokenizer.encode_reference("great film it was very [MASK].")
    );
}

#[test]
fn a_broken_model_gives_no_answer() {
    let (loaded, _) = altered(true);
    let scorer = Scorer::new(loaded, Settings::default());
    let example = example(0, "film", 0);
    let error =
        scorer.gaps(&[gap("{text} it{trigger:1} {mask}", &[None])], &names(&["text"]), &[&example]).unwrap_err();
    assert!(matches!(error, super::super::ScoringError::NotFinite { .. }), "{error}");
}

#[test]
fn a_causal_model_answers_a_gap_from_its_left_and_the_first_place_only() {
    let scorer = Scorer::new(loaded("toy-causal"), Settings::default());
    let texts = ["great film", "a dull story"];
    let examples: Vec<Example> = texts.iter().enumerate().map(|(row, text)| example(row, text, 0)).collect();
    let gaps = [gap("{text} it{trigger:2} so {mask}", &[None, None]), gap("{trigger:1} {text} {mask}", &[None])];
    let found = scorer.gaps(&gaps, &names(&["text"]), &every(&examples)).unwrap();
    let mut expected = vec![0.0; found.logprobs[0][0].len()];
    for text in texts {
        let ids = scorer.loaded().tokenizer.encode_reference(&format!("{text} it"));
        let row = scorer.whole_vocabulary(&ids, &[ids.len() - 1]).unwrap().remove(0);
        expected.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(x) / texts.len() as f64);
    }
    for (x, y) in found.logprobs[0][0].iter().zip(&expected) {
        assert!((f64::from(*x) - y).abs() < 1e-4, "{x} {y}");
    }
    let even = |row: &[f32]| row.iter().all(|&x| x == 0.0);
    assert!(even(&found.logprobs[0][1]), "what follows an open place cannot be said");
    assert!(even(&found.logprobs[1][0]), "nothing stands before the first token");
}
