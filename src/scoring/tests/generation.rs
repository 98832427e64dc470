//! Several texts at once, and languages.

use std::path::Path;

use super::super::Decoding;
use super::*;
use crate::model::load_folder;

fn scorer_of(name: &str) -> Scorer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model/seq2seq").join(name);
    Scorer::new(load_folder(&path, &ResolvedDevice::cpu()).unwrap(), Settings::default())
}

#[test]
fn the_best_of_several_is_the_one_and_they_are_told_apart() {
    for name in ["t5", "bart"] {
        let scorer = scorer_of(name);
        let ids = scorer.text_to_continue("the film was good").unwrap();
        let ends: Vec<u32> = scorer.loaded().tokenizer.eos_id().into_iter().collect();
        let one = scorer.generate(&ids, 6, Decoding::Beams(4), &ends).unwrap();
        let several = scorer.generate_best(&ids, 6, 4, &ends, None).unwrap();
        assert_eq!(several[0], one, "{name}");
        assert!((2..=4).contains(&several.len()));
        for (a, b) in several.iter().zip(&several[1..]) {
            assert_ne!(a.ids, b.ids);
            let mean = |text: &crate::scoring::Generated| {
                text.logprob / (text.ids.len() + usize::from(text.ended)).max(1) as f64
            };
            assert!(mean(a) >= mean(b), "{several:?}");
        }
    }
}

#[test]
fn a_language_is_what_is_written_first_or_what_the_decoder_begins_with() {
    // BART begins with the end of a text, behind which the language comes; this mBART with its own language, which is replaced.
    for (name, written) in [("bart", true), ("mbart", false)] {
        let scorer = scorer_of(name);
        let ids = scorer.text_to_continue("the film was good").unwrap();
        let ends: Vec<u32> = scorer.loaded().tokenizer.eos_id().into_iter().collect();
        let language = scorer.loaded().tokenizer.encode_text("good")[0];
        let found = scorer.generate_best(&ids, 5, 3, &ends, Some(language)).unwrap();
        assert!(found.iter().all(|text| (text.ids.first() == Some(&language)) == written || !written), "{found:?}");
        let without = scorer.generate_best(&ids, 5, 3, &ends, None).unwrap();
        assert_ne!(found, without, "{name}");
        let decoded =
            scorer.loaded().tokenizer.decode(found[0].ids.strip_prefix(&[language][..]).unwrap_or(&found[0].ids));
        assert!(!written || found[0].text == decoded, "the language is no part of the text");
    }
}
