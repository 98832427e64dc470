//! What stands in the gaps of a skeleton, against the reference implementation (`tests/fixtures/model/make_spans.py`).

use std::path::Path;

use serde_json::Value;

use super::super::{Gap, SpanRow, SpanSource, SpanStep, SpanWriting};
use super::*;
use crate::model::load_folder;
use crate::prompt::Skeleton;

const MODELS: [&str; 5] = ["t5", "t5-v1_1", "mt5", "bart", "mbart"];

fn fixture() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model/spans.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn written_by(name: &str, settings: Settings) -> Scorer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model/seq2seq").join(name);
    Scorer::new(load_folder(&path, &ResolvedDevice::cpu()).unwrap(), settings)
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn sources(scorer: &Scorer, fixture: &Value, name: &str) -> Vec<SpanSource> {
    let skeleton = Skeleton::parse(fixture[name]["skeleton"].as_str().unwrap()).unwrap();
    let of = |row: &Value| {
        let example = example(0, row[0].as_str().unwrap(), 0);
        scorer.span_source(&skeleton, &names(&["text"]), (&example, row[1].as_str().unwrap()), 20).unwrap()
    };
    fixture["examples"].as_array().unwrap().iter().map(of).collect()
}

/// The score of a text, read token by token beside others that are read with it.
fn score(writing: &mut SpanWriting<'_>, gaps: &[Vec<u32>]) -> f64 {
    let step = |parent, step, gap| SpanRow { parent, step, gap };
    let mut next = writing.read(&[step(0, SpanStep::Begin, 0)]).unwrap();
    let (mut total, mut row) = (0.0, 0);
    for (gap, own) in gaps.iter().enumerate() {
        let mut beside = own.first().copied().unwrap_or(5);
        for &id in own {
            total += next[row].tokens[id as usize];
            // Another text goes on from the same row, and the one that counts changes its place.
            next =
                writing.read(&[step(row, SpanStep::Token(beside), gap), step(row, SpanStep::Token(id), gap)]).unwrap();
            (row, beside) = (1, id);
        }
        total += next[row].end;
        if gap + 1 < gaps.len() {
            next = writing.read(&[step(row, SpanStep::End, gap + 1), step(row, SpanStep::Token(beside), gap)]).unwrap();
            row = 0;
            total += next[row].behind;
        }
    }
    total
}

#[test]
fn texts_in_gaps_are_as_likely_as_the_reference_says() {
    let fixture = fixture();
    for name in MODELS {
        let scorer = written_by(name, Settings::default());
        let sources = sources(&scorer, &fixture, name);
        for (source, expected) in sources.iter().zip(fixture[name]["encoder"].as_array().unwrap()) {
            assert_eq!(source.encoder, ids(expected), "{name}");
        }
        let gaps: Vec<Vec<u32>> = fixture[name]["gaps"].as_array().unwrap().iter().map(ids).collect();
        let mut writing = scorer.write_spans(sources.clone()).unwrap();
        for (gaps, expected) in [(gaps, "score"), (vec![Vec::new(), Vec::new()], "empty")] {
            let (found, expected) = (score(&mut writing, &gaps), fixture[name][expected].as_f64().unwrap());
            assert!((found - expected).abs() < 1e-4, "{name}: {found} {expected}");
        }
    }
}

#[test]
fn what_is_written_costs_as_many_evaluations_as_its_tokens_make_inputs_and_never_more_than_was_said() {
    let scorer = written_by("bart", Settings::default());
    let sources = sources(&scorer, &fixture(), "bart");
    let n_encoded: usize = sources.iter().map(|source| source.encoder.len()).sum();
    let n_begins: usize = sources.iter().map(|source| source.begins.len()).sum();
    let mut writing = scorer.write_spans(sources.clone()).unwrap();
    assert_eq!((writing.cost().evaluations, writing.cost().forwards), (3, 3));
    score(&mut writing, &[vec![9, 10], vec![11]]);
    // A beginning, two rows for each of two tokens, the end of a gap beside a token, two rows for one token.
    let n_ends: usize = sources.iter().map(|source| source.after[0].len()).sum();
    let n_read = n_begins + 3 * (2 + 2 + 1 + 2) + n_ends;
    let cost = writing.cost();
    assert_eq!(cost.tokens as usize, n_encoded + n_read);
    assert_eq!(cost.evaluations as usize, 3 + (3 * n_read).div_ceil(n_encoded));
    assert_eq!(cost.forwards, 3 + 3 * (1 + 2 + 2 + 2 + 2));
    assert!(cost.evaluations <= SpanWriting::most(&sources, 2, 3));
}

#[test]
fn inputs_are_shortened_so_that_the_template_has_room_or_refused() {
    let skeleton = Skeleton::parse("{text}{span} {mask}{span}").unwrap();
    let long = example(6, &"the film was good and ".repeat(40), 0);
    let scorer = written_by("bart", Settings::default());
    let positions = scorer.loaded().model.shape().max_positions;
    let of = |scorer: &Scorer, room| scorer.span_source(&skeleton, &names(&["text"]), (&long, "good"), room);
    let source = of(&scorer, 20).unwrap();
    let n_decoder = source.begins.len() + source.after.iter().map(Vec::len).sum::<usize>() + 20;
    assert!((positions - 3..=positions).contains(&n_decoder), "{n_decoder} of {positions}");
    assert!(source.encoder.starts_with(&of(&scorer, 60).unwrap().encoder[..20]));
    let message = of(&scorer, positions).unwrap_err().to_string();
    assert!(message.contains("tokens long without any input"), "{message}");
    let whole = written_by("bart", Settings { truncate: false, ..Settings::default() });
    let message = of(&whole, 20).unwrap_err().to_string();
    assert!(message.contains("input row 7") && message.contains("truncate: true"), "{message}");
}

#[test]
fn a_model_that_cannot_write_into_gaps_says_why() {
    let masked = scorer(MultiToken::Joint);
    let three = Skeleton::parse("{text}{span}{span}{mask}").unwrap();
    let of = |scorer: &Scorer| scorer.span_source(&three, &names(&["text"]), (&example(0, "good", 0), "good"), 5);
    assert!(of(&masked).unwrap_err().to_string().contains("does not read one text and write another"));
    let message = of(&written_by("bart", Settings::default())).unwrap_err().to_string();
    assert!(message.contains("nothing stands between two gaps"), "{message}");
    assert!(of(&written_by("t5", Settings::default())).is_ok());
    let seven = Skeleton::parse(&format!("{{text}}{{mask}}{}", " a{span}".repeat(7))).unwrap();
    let t5 = written_by("t5", Settings::default());
    let message =
        t5.span_source(&seven, &names(&["text"]), (&example(0, "good", 0), "good"), 5).unwrap_err().to_string();
    assert!(message.contains("has 7 sentinels, and 8 gaps"), "{message}");
    let message = t5.span_source(&three, &names(&["other"]), (&example(0, "good", 0), "good"), 5).unwrap_err();
    assert!(message.to_string().contains("no column `text`"), "{message}");
}

#[test]
fn masks_are_filled_with_the_label_word_in_its_place_over_all_examples() {
    let scorer = scorer(MultiToken::Joint);
    let tokenizer = &scorer.loaded().tokenizer;
    let rows = [("great film", 1), ("a dull story , terrible plot", 0), ("boring", 0)];
    let examples: Vec<Example> =
        rows.iter().enumerate().map(|(row, (text, label))| example(row, text, *label)).collect();
    let verbalizer = Arc::new(Verbalizer::parse("a=bad,b=very good|great").unwrap());
    let skeleton = Skeleton::parse("{text}{span} {mask}{span}").unwrap();
    let gap = |filled: &[Option<u32>]| Gap {
        prompt: Prompt::plain(skeleton.with_places(&[2, 1]), verbalizer.clone()),
        filled: filled.to_vec(),
    };
    let very = tokenizer.token_id("very").unwrap();
    let gaps = [gap(&[None, None, None]), gap(&[Some(very), Some(very), None])];
    let found = scorer.masked_spans(&gaps, &names(&["text"]), &every(&examples)).unwrap();
    assert_eq!((found.cost.evaluations, found.cost.forwards), (6, 6));
    for (gap, (rendered, place)) in found.logprobs.iter().zip([("[MASK] [MASK]", 0), ("very very", 0)]) {
        let mut sums = vec![0.0; gap.len()];
        for (text, label) in rows {
            let word = ["bad", "very good"][label];
            let ids = tokenizer.encode_reference(&format!("{text} {rendered} {word} [MASK]"));
            let masks: Vec<usize> = (0..ids.len()).filter(|&at| Some(ids[at]) == tokenizer.mask_id()).collect();
            let row = scorer.whole_vocabulary(&ids, &[masks[place]]).unwrap().remove(0);
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(x));
        }
        for (found, expected) in gap.iter().zip(&sums) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }
}
