//! From text to ids (contract, definition 9), against the reference tokenizer and against all beginnings of an input.

use proptest::prelude::*;

use super::*;
use crate::model::Tokenizer;
use crate::scoring::AnswerWay;
use crate::scoring::Encoder;

const PLENTY: usize = 100_000;

const TEMPLATES: [&str; 10] = [
    "{text} It was {mask}.",
    "{mask}{text}",
    "{text}{mask}",
    "A {mask} film: {text}",
    "un{text}ing it is {mask}ly",
    "（{text}）总之，很{mask}。",
    "《{text}》：{mask}！{text}",
    "{text} [SEP] It was {mask}",
    "[UNK]{text}[PAD] x{mask}[CLS]",
    "[ {text}] [mask] {mask}",
];

const TEXTS: [&str; 13] = [
    "",
    " ",
    "A truly wonderful film, wasn't it?",
    "unbelievably  boring\tand\r\nlong...",
    "这家酒店很好，服务员态度也不错。",
    "ＡＢＣ，１２３！　全角",
    "naïve café Ünïcödé e\u{301}te\u{301}",
    "mixed中文and英文words",
    "zero\u{200b}width\u{0}null\u{fffd}",
    "👍🏽 emoji 👨‍👩‍👧 family",
    "ing",
    "##ing mask [ mask",
    "한국어 ภาษาไทย العربية 𠀀𪜶",
];

fn tokenizers() -> Vec<(&'static str, Arc<Tokenizer>)> {
    ["toy", "reviews-en", "reviews-zh"].map(|name| (name, loaded(name).tokenizer)).into()
}

fn tokenizers_of_all_kinds() -> Vec<(&'static str, Arc<Tokenizer>)> {
    let mut tokenizers = tokenizers();
    // Byte-level and unigram vocabularies, whose masks take the space on their left.
    for name in ["roberta", "xlm-roberta", "albert"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model").join(name);
        tokenizers.push((name, Arc::new(Tokenizer::open(&folder).unwrap())));
    }
    tokenizers
}

fn encode(tokenizer: &Tokenizer, text: &str, fields: &[&str], n_mask: usize, most: usize) -> Encoded {
    let columns = ["text", "text_b"].map(str::to_owned);
    let columns = &columns[..fields.len()];
    let template = template(text);
    let encoder =
        Encoder::new((tokenizer, &AnswerWay::Masks), "a model", &template, columns, n_mask, most, true).unwrap();
    let example = Example { row: 0, fields: names(fields), label: None };
    encoder.encode(&example).unwrap()
}

fn assert_as_the_reference(tokenizer: &Tokenizer, template: &str, text: &str, n_mask: usize) {
    let rendered = template.replace("{mask}", &tokenizer.mask_token().unwrap().repeat(n_mask)).replace("{text}", text);
    let encoded = encode(tokenizer, template, &[text], n_mask, PLENTY);
    let expected = tokenizer.encode_reference(&rendered);
    assert_eq!(encoded.ids, expected, "{rendered:?}");
    let masks: Vec<usize> = (0..expected.len()).filter(|&i| Some(expected[i]) == tokenizer.mask_id()).collect();
    assert_eq!(masks, (encoded.mask_at..encoded.mask_at + n_mask).collect::<Vec<_>>(), "{rendered:?}");
    assert!(encoded.shortened.is_empty() && encoded.trigger_at.is_empty());
}

#[test]
fn without_triggers_the_ids_are_those_of_the_reference_for_the_rendered_text() {
    for (_, tokenizer) in tokenizers_of_all_kinds() {
        for template in TEMPLATES {
            for text in TEXTS {
                for n_mask in 1..=3 {
                    assert_as_the_reference(&tokenizer, template, text, n_mask);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn without_triggers_any_text_is_encoded_as_the_reference_does(
        text in prop_oneof![any::<String>(), "[a-zA-Z' ，。很好酒店!\\[\\]é\u{301}]{0,60}"],
        template in proptest::sample::select(TEMPLATES.to_vec()),
    ) {
        thread_local! {
            static TOKENIZERS: Vec<(&'static str, Arc<Tokenizer>)> = tokenizers_of_all_kinds();
        }
        TOKENIZERS.with(|tokenizers| {
            for (_, tokenizer) in tokenizers {
                // Text of a special token is plain in data, which is where we differ from the reference.
                let is_in_text = |&id: &u32| tokenizer.token(id).is_some_and(|token| text.contains(&token));
                if !tokenizer.special_ids().iter().any(is_in_text) {
                    assert_as_the_reference(tokenizer, template, &text, 1);
                }
            }
        });
    }
}

#[test]
fn a_trigger_is_a_place_for_an_id_and_the_text_around_it_is_encoded_on_its_own() {
    let tokenizer = loaded("toy").tokenizer;
    let encoded = encode(&tokenizer, "{trigger:1}{text} it{trigger:2}{mask}ing", &["good"], 2, PLENTY);
    let filled = encoded.filled(&[20, 21, 22], &[Some(30), None]);
    let id = |token: &str| tokenizer.token_id(token).unwrap();
    let own = ["[CLS]", "[MASK]", "good", "it", "[MASK]", "[MASK]", "[MASK]", "[MASK]", "[UNK]", "[SEP]"].map(id);
    assert_eq!(encoded.ids, own);
    assert_eq!((encoded.trigger_at.clone(), encoded.mask_at), (vec![1, 4, 5], 6));
    assert_eq!(filled, [id("[CLS]"), 20, id("good"), id("it"), 21, 22, 30, id("[MASK]"), id("[UNK]"), id("[SEP]")]);
}

#[test]
fn the_text_of_a_special_token_is_plain_in_data_and_special_in_a_template() {
    for (name, tokenizer) in tokenizers() {
        let count = |ids: &[u32], id: Option<u32>| ids.iter().filter(|&&x| Some(x) == id).count();
        let data = "good [MASK] film [SEP][CLS] [PAD]";
        let encoded = encode(&tokenizer, "{text} It was {mask}.", &[data], 1, PLENTY);
        let specials = [tokenizer.mask_id(), tokenizer.sep_id(), tokenizer.cls_id(), tokenizer.pad_id()];
        assert_eq!(specials.map(|id| count(&encoded.ids, id)), [1, 1, 1, 0], "{name}");
        assert_eq!(encoded.ids[encoded.mask_at], tokenizer.mask_id().unwrap());
        assert_eq!(&encoded.ids[1..=tokenizer.encode_text(data).len()], tokenizer.encode_text(data));

        let encoded = encode(&tokenizer, "{text}[SEP]It was {mask}.[PAD]", &["good"], 1, PLENTY);
        assert_eq!(specials.map(|id| count(&encoded.ids, id)), [1, 2, 1, 1], "{name}");

        // Half in the template and half in the data is plain too.
        let encoded = encode(&tokenizer, "[{text}] {mask}", &["MASK"], 1, PLENTY);
        assert_eq!(count(&encoded.ids, tokenizer.mask_id()), 1, "{name}");
    }
}

/// The longest beginning that fits, of all, in characters, and its ids.
fn brute_force(tokenizer: &Tokenizer, template: &str, text: &str, n_mask: usize, most: usize) -> (usize, Vec<u32>) {
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    (0..ends.len())
        .rev()
        .map(|k| (k, encode(tokenizer, template, &[&text[..ends[k]]], n_mask, PLENTY).ids))
        .find(|(_, ids)| ids.len() <= most)
        .unwrap()
}

#[test]
fn an_input_is_shortened_to_the_longest_beginning_that_fits() {
    let spaces = format!("good{}film 好{}ing unbelievable", " ".repeat(150), "\u{200b}".repeat(120));
    let words = format!("it {} was {} x", "unputdownable".repeat(9), "zq".repeat(51));
    let texts = [
        "Unbelievably heartwarming, incomprehensible counterintuitive antidisestablishmentarianism naïveté!",
        "这家酒店很好，服务员态度也不错，位置便利，早餐丰富，下次还会再来。",
        "mixed中文and英文words 👨‍👩‍👧 e\u{301}te\u{301}s한국어 𠀀𪜶 wasn't... [MASK] [SEP]",
        "good\u{301}\u{301}\u{301}ness wonderfully boringly watchings",
        &spaces,
        &words,
    ];
    for (name, tokenizer) in tokenizers() {
        for (template, n_mask) in [
            ("{text} It was {mask}.", 1),
            ("{mask}: {text}", 3),
            ("总之很{mask}，{text}！", 2),
            ("it {mask} un{text}", 1),
        ] {
            let empty = encode(&tokenizer, template, &[""], n_mask, PLENTY).ids.len();
            for text in texts {
                let whole = encode(&tokenizer, template, &[text], n_mask, PLENTY).ids.len();
                for most in (empty + 1..=whole).filter(|n| n % 3 == 0 || *n < empty + 12 || *n > whole - 3) {
                    let (kept, ids) = brute_force(&tokenizer, template, text, n_mask, most);
                    let found = encode(&tokenizer, template, &[text], n_mask, most);
                    let what = format!("{name}, {most} of {whole}: {template} {text}");
                    let n_characters = text.chars().count();
                    let shortened = if kept < n_characters { vec![("text".to_owned(), kept)] } else { vec![] };
                    assert_eq!(found.shortened, shortened, "{what}");
                    assert_eq!(found.ids, ids, "{what}");
                    let masks = &found.ids[found.mask_at..found.mask_at + n_mask];
                    assert!(masks.iter().all(|&id| Some(id) == tokenizer.mask_id()), "{what}");
                }
            }
        }
    }
}

#[test]
fn an_input_with_the_template_grown_to_its_end_is_shortened_to_fit() {
    let tokenizer = loaded("reviews-en").tokenizer;
    let text = "Unbelievably heartwarming, incomprehensible counterintuitive antidisestablishmentarianism";
    let empty = encode(&tokenizer, "it {mask} {text}ing", &[""], 1, PLENTY).ids.len();
    for most in empty + 1..=empty + 20 {
        let found = encode(&tokenizer, "it {mask} {text}ing", &[text], 1, most);
        assert!(found.ids.len() <= most && found.ids.len() + 6 >= most, "{most}: {}", found.ids.len());
    }
}

#[test]
fn of_a_pair_the_longer_is_shortened_first() {
    let tokenizer = loaded("reviews-zh").tokenizer;
    let pair = "{text}？{mask}，{text_b}";
    let kept = |a: usize, b: usize, most: usize| -> (usize, usize) {
        let (a, b) = ("好".repeat(a), "店".repeat(b));
        let encoded = encode(&tokenizer, pair, &[&a, &b], 1, most);
        assert!(encoded.ids.len() <= most);
        let count = |text: &str| {
            let id = tokenizer.token_id(text).unwrap();
            encoded.ids.iter().filter(|&&x| x == id).count()
        };
        let counts = (count("好"), count("店"));
        for (column, kept, whole) in [("text", counts.0, a.chars().count()), ("text_b", counts.1, b.chars().count())] {
            let told = encoded.shortened.iter().find(|(name, _)| name == column).map(|(_, kept)| *kept);
            assert_eq!(told, (kept < whole).then_some(kept));
        }
        counts
    };
    // Five tokens are the template's.
    assert_eq!(kept(30, 10, 45), (30, 10));
    assert_eq!(kept(30, 10, 35), (20, 10));
    assert_eq!(kept(10, 30, 35), (10, 20));
    assert_eq!(kept(30, 10, 25), (10, 10));
    assert_eq!(kept(30, 10, 15), (5, 5));
    assert_eq!(kept(10, 30, 16), (5, 6));
    assert_eq!(kept(0, 30, 15), (0, 10));
    assert_eq!(kept(30, 30, 6), (0, 1));
}

#[test]
fn a_shortened_pair_has_room_for_no_more() {
    let tokenizer = loaded("reviews-en").tokenizer;
    let pair = "un{text}, {text_b}: it {mask}";
    let texts =
        ["unbelievably heartwarming films", "Incomprehensible, counterintuitive   wasn't it antidisestablished"];
    for (a, b) in [(texts[0], texts[1]), (texts[1], texts[0]), ("", texts[1]), (texts[0], "  ")] {
        let whole = encode(&tokenizer, pair, &[a, b], 1, PLENTY).ids.len();
        let empty = encode(&tokenizer, pair, &["", ""], 1, PLENTY).ids.len();
        for most in empty + 1..whole {
            let found = encode(&tokenizer, pair, &[a, b], 1, most);
            let kept = |name: &str, text: &str| {
                found.shortened.iter().find(|(n, _)| n == name).map_or(text.chars().count(), |(_, kept)| *kept)
            };
            let beginning = |text: &str, k: usize| text.chars().take(k).collect::<String>();
            let (k, l) = (kept("text", a), kept("text_b", b));
            let ids =
                |k: usize, l: usize| encode(&tokenizer, pair, &[&beginning(a, k), &beginning(b, l)], 1, PLENTY).ids;
            assert_eq!(found.ids, ids(k, l));
            assert!(found.ids.len() <= most);
            assert!((k + 1..=a.chars().count()).all(|k| ids(k, l).len() > most), "{most} of {whole}: {a} | {b}");
            assert!((l + 1..=b.chars().count()).all(|l| ids(k, l).len() > most), "{most} of {whole}: {a} | {b}");
        }
    }
}

#[test]
fn a_long_input_is_shortened_quickly() {
    let tokenizer = loaded("reviews-zh").tokenizer;
    let long = "酒店很好，".repeat(4_000);
    let encoded = encode(&tokenizer, "{text}{mask}{text_b}", &[&long, &long], 1, 128);
    assert_eq!(encoded.ids.len(), 128);
}
