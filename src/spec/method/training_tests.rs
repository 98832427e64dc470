//! Items whose virtual tokens, prefixes and networks are trained.

use super::tests::items;
use super::*;

#[test]
fn virtual_tokens_are_swept_over_counts_and_starts() {
    let search = "  - { method: soft_prompt, n_soft: [5, 20], init: [vocab, text], init_text: [a film, a review] }";
    let items = items(search).unwrap();
    let cells: Vec<(usize, String)> = items[0]
        .cells
        .iter()
        .map(|cell| match cell {
            Method::SoftPrompt(SoftPromptParameters { n_soft, init: SoftInit::Text(text), .. }) => {
                (*n_soft, text.clone())
            }
            Method::SoftPrompt(method) => (method.n_soft, method.init.name().into()),
            _ => panic!("another method"),
        })
        .collect();
    let starts = ["vocab", "a film", "a review"];
    let expected: Vec<(usize, String)> =
        [5, 20].iter().flat_map(|&n| starts.iter().map(move |&start| (n, start.to_owned()))).collect();
    assert_eq!(cells, expected);
    let described = items[0].describe();
    assert!(described.contains("n_soft: [5, 20], init: [vocab, text], "), "{described}");
    assert!(described.contains("init_text: [a film, a review]"), "{described}");
    let own = self::items("  - { method: soft_prompt, template: '{soft:\"a review\"}{text} {mask}' }").unwrap();
    assert!(!own[0].describe().contains("n_soft"), "{}", own[0].describe());
}

#[test]
fn contradictions_of_virtual_tokens_are_told() {
    for (keys, says) in [
        ("init: text", "search[0].init: `init: text` needs `init_text`"),
        ("init: vocab, init_text: a film", "search[0].init_text: is read with `init: text` only"),
        ("init_text: ' '", "search[0].init_text: an empty text has no tokens to start from"),
        ("init: zeros", "unknown init `zeros`"),
        ("n_soft: 0", "search[0].n_soft"),
        ("n_soft: 501", "search[0].n_soft"),
        ("learning_rate: -1", "search[0].learning_rate"),
        ("warm_up: 1.5", "search[0].warm_up"),
        ("patience: 0", "search[0].patience"),
        ("steps: 0", "search[0].steps"),
        (
            "template: '{soft:2}{text}{mask}', n_soft: 2",
            "search[0].n_soft: the template's own {soft:N} slots say how many",
        ),
        (
            "template: ['{soft:2}{text}{mask}', '{text}{mask}']",
            "either all templates of a sweep have {soft:N} or none has",
        ),
        ("template: '{trigger:2}{text}{mask}'", "{trigger:N} belongs to a method that fills it (random, autoprompt)"),
    ] {
        let message = items(&format!("  - {{ method: soft_prompt, {keys} }}")).unwrap_err();
        assert!(message.contains(says), "{keys}: {message}");
    }
}

#[test]
fn prefixes_are_swept_and_have_their_defaults_printed() {
    let read = items(
        "  - prefix\n  - { method: prefix, n_prefix: [2, 4], projection: [false, true], hidden_size: 8, steps: 3 }",
    )
    .unwrap();
    assert_eq!(
        read[0].describe(),
        "{ method: prefix, n_prefix: 10, projection: false, init: vocab, learning_rate: 0.01, optimiser: adamw, weight_decay: 0.0, \
         warm_up: 0.1, decay: linear, batch_size: 16, accumulate: 1, eval_every: 8, patience: 4 }"
    );
    let cells: Vec<_> = read[1]
        .cells
        .iter()
        .map(|cell| match cell {
            Method::Prefix(prefix) => {
                (prefix.n_prefix, prefix.projection, prefix.init.name(), prefix.training.learning_rate)
            }
            _ => panic!("another method"),
        })
        .collect();
    let expected = [2, 4].map(|n| [(n, false, "vocab", 0.01), (n, true, "random", 0.001)]).concat();
    assert_eq!(cells, expected);
    let text = items("  - { method: prefix, init_text: a film review, learning_rate: 0.1 }").unwrap();
    assert!(
        text[0].describe().contains("init: text, init_text: a film review, learning_rate: 0.1"),
        "{}",
        text[0].describe()
    );
}

#[test]
fn trainings_and_networks_are_read_and_their_contradictions_told() {
    let read = items(
        "  - { method: p_tuning, encoder: [mlp, lstm], hidden_size: 8 }\n  - { method: soft_prompt, optimiser: [sgd, adafactor], \
         momentum: [0, 0.5], decay: cosine, clip_norm: 1, accumulate: 4 }",
    )
    .unwrap();
    assert_eq!((read[0].cells.len(), read[1].cells.len()), (2, 3));
    assert!(read[0].describe().contains("encoder: [mlp, lstm], hidden_size: 8"), "{}", read[0].describe());
    let sgd = read[1].cells[0].training().unwrap();
    assert_eq!((sgd.optimiser, sgd.clip_norm, sgd.accumulate), (OptimiserKind::Sgd { momentum: 0.0 }, Some(1.0), 4));
    for (keys, says) in [
        ("soft_prompt, momentum: 0.5", "search[0].momentum: is read with `optimiser: sgd` only"),
        ("soft_prompt, optimiser: adam", "unknown optimiser `adam` (did you mean adamw? known: adamw, adafactor, sgd)"),
        ("prefix, decay: none", "unknown decay `none`"),
        ("prefix, clip_norm: 0", "search[0].clip_norm"),
        ("p_tuning, accumulate: 0", "search[0].accumulate"),
        ("p_tuning, n_layers: 3", "search[0].n_layers: is read with `encoder: lstm` only"),
        ("p_tuning, encoder: gru", "unknown encoder `gru`"),
        ("p_tuning, template: '{soft:\"a film\"}{text}{mask}'", "write {soft:N}, not {soft:\"text\"}"),
    ] {
        let message = items(&format!("  - {{ method: {keys} }}")).unwrap_err();
        assert!(message.contains(says), "{keys}: {message}");
    }
}

#[test]
fn a_start_from_a_winner_names_a_discrete_item() {
    let read = items("  - autoprompt\n  - { method: soft_prompt, init: { from: autoprompt }, steps: 3 }").unwrap();
    assert_eq!(read[1].cells[0].starts_from(), Some("autoprompt"));
    assert!(
        read[1]
            .describe()
            .starts_with("{ method: soft_prompt, init: { from: autoprompt }, soft_verbalizer: false, learning_rate"),
        "{}",
        read[1].describe()
    );
    for (search, says) in [
        ("  - { method: soft_prompt, init: { from: autoprompt } }", "names no discrete item (manual, random)"),
        ("  - bbt\n  - { method: soft_prompt, init: { from: bbt } }", "names no discrete item"),
        (
            "  - gcg\n  - { method: soft_prompt, init: { from: gcg }, n_soft: 3 }",
            "say where virtual tokens stand; leave it out",
        ),
        ("  - gcg\n  - { method: soft_prompt, init: [vocab, { from: gcg }] }", "`from` stands alone"),
        ("  - gcg\n  - { method: soft_prompt, init: { of: gcg } }", "of"),
        ("  - gcg\n  - { method: bbt, init: { from: gcg } }", "`from` is read by soft_prompt only"),
        ("  - { method: optiprompt, template: '{text} {mask}' }", "has no text whose tokens could be trained"),
        ("  - { method: optiprompt, template: '{soft:2}{text} is {mask}' }", "{soft:N} belongs to"),
        ("  - { method: bbt, population: 3 }", "search[0].population: 3 is not allowed (4 to 10000)"),
        ("  - { method: bbt, learning_rate: 3 }", "learning_rate"),
        ("  - { method: warp, soft_verbalizer: true }", "`warp` always has one"),
    ] {
        let message = items(search).unwrap_err();
        assert!(message.contains(says), "{search}: {message}");
    }
}

#[test]
fn contradictions_of_prefixes_are_told() {
    for (keys, says) in [
        ("n_prefix: 0", "search[0].n_prefix: 0 is not allowed (1 to 500)"),
        ("init: text", "search[0].init: `init: text` needs `init_text`"),
        ("init: random, init_text: a", "search[0].init_text: is read with `init: text` only"),
        ("hidden_size: 8", "search[0].hidden_size: is read with `projection: true` only"),
        ("projection: true, init: vocab", "starts from random numbers only (allowed: random)"),
        ("template: '{soft:2}{text}{mask}'", "{soft:N} belongs to the `template` of a soft_prompt item"),
        ("template: '{prefix:2}{text}{mask}'", "{prefix:N} is put in front by a prefix item"),
        ("n_soft: 2", "n_soft"),
    ] {
        let message = items(&format!("  - {{ method: prefix, {keys} }}")).unwrap_err();
        assert!(message.contains(says), "{keys}: {message}");
    }
}
