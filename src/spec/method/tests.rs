use std::path::Path;

use super::*;
use crate::spec::Experiment;

pub(super) fn items(search: &str) -> Result<Vec<SearchItem>, String> {
    let yaml = format!(
        "format: 1\nname: x\ntask: {{ dataset: builtin:x, template: '{{text}} {{mask}}' }}\nmodels: [builtin:m]\nsearch:\n{search}\n"
    );
    Experiment::from_yaml(&yaml, Path::new("x.yaml"), &[])
        .map(|experiment| experiment.search)
        .map_err(|error| error.to_string())
}

pub(super) fn template(text: &str) -> Template {
    Template::parse(text).unwrap()
}

#[test]
fn lists_in_an_item_are_a_sweep_of_all_combinations() {
    let items = items("  - { method: autoprompt, n_trigger: [3, 5], batch_size: [8, 16] }").unwrap();
    let cells: Vec<(usize, usize)> = items[0]
        .cells
        .iter()
        .map(|cell| match cell {
            Method::Autoprompt(method) => (method.slots.n_trigger, method.walk.batch_size),
            _ => panic!("another method"),
        })
        .collect();
    assert_eq!(cells, [(3, 8), (3, 16), (5, 8), (5, 16)]);
    let [Method::Autoprompt(first), ..] = &items[0].cells[..] else { panic!("no cell") };
    assert_eq!((first.n_candidates, first.walk.patience, first.slots.filter.words_only), (32, 8, true));
    assert_eq!(
        items[0].describe(),
        "{ method: autoprompt, n_trigger: [3, 5], words_only: true, script: any, lower_case: false, n_candidates: 32, positions: 1, \
         beam: 1, batch_size: [8, 16], patience: 8, fluency: 0.0, fluency_texts: 1 }"
    );
}

#[test]
fn random_takes_over_from_the_trigger_method_beside_it() {
    let items = items("  - random\n  - { method: autoprompt, n_trigger: [2, 4], words_only: false }").unwrap();
    let random = |n_trigger, template, words_only| {
        let filter = VocabularyFilter { words_only, ..VocabularyFilter::default() };
        Method::Random(Random { slots: TriggerSlots { n_trigger, template, filter } })
    };
    assert_eq!(items[0].cells, [random(2, None, false), random(4, None, false)]);
    assert!(!items[0].added);
    assert_eq!(
        items[2].cells,
        [Method::Manual(Manual { templates: vec![template("{text} {mask}")], ..Manual::default() })]
    );
    assert!(items[2].added);
    let own = self::items("  - { method: autoprompt, template: '{trigger:2} {text} {mask}' }").unwrap();
    assert_eq!(own[2].name(), "random");
    assert_eq!(own[2].cells, [random(2, Some(template("{trigger:2} {text} {mask}")), true)]);
}

#[test]
fn triggers_stand_before_the_mask_or_where_the_item_says() {
    let items = items("  - autoprompt\n  - { method: autoprompt, template: '{trigger:2} {text} {mask}' }").unwrap();
    let task = template("{text} is {mask}");
    let printed = |item: &SearchItem| item.cells[0].trigger_template(&task).map(|template| template.to_string());
    assert_eq!(printed(&items[0]).unwrap(), "{text} is {trigger:3}{mask}");
    assert_eq!(printed(&items[1]).unwrap(), "{trigger:2} {text} {mask}");
    assert_eq!(printed(&items[2]), None);
}

#[test]
fn contradictions_in_an_item_are_told() {
    let message = |search: &str| items(search).unwrap_err();
    assert_eq!(
        message("  - { method: autoprompt, n_trigger: 3, template: '{trigger:2}{text}{mask}' }"),
        "x.yaml:6:38: search[0].n_trigger: the template's own {trigger:N} slots have 2 tokens; leave n_trigger out"
    );
    assert_eq!(
        message("  - { method: autoprompt, template: ['{trigger:2}{text}{mask}', '{text}{mask}'] }"),
        "x.yaml:6:37: search[0].template: either all templates of a sweep have {trigger:N} or none has"
    );
    assert_eq!(
        message("  - { method: autoprompt, template: '{text}{trigger:50}{trigger:1}{mask}' }"),
        "x.yaml:6:37: search[0].template: 51 trigger tokens in one template are not allowed (1 to 50)"
    );
    assert_eq!(
        message("  - { method: autoprompt, n_trigger: [3, 3] }"),
        "x.yaml:6:42: search[0].n_trigger[1]: the same as search[0].n_trigger[0]"
    );
    assert_eq!(
        message("  - manual\n  - { method: manual }"),
        "x.yaml:7:5: search[1]: asks for the same as an item before it"
    );
    assert_eq!(
        message("  - { n_trigger: 3 }"),
        "x.yaml:6:5: search[0]: `method` is missing (manual, random, paraphrase, autoprompt, gcg, pez, soft_prompt, demonstrations, label_words, template_and_words, prefix, p_tuning, optiprompt, bbt, warp, fine_tune, template_generation, edits, evolution, mining)"
    );
    assert_eq!(
        message("  - { method: manual, template: '{mask}' }"),
        "x.yaml:6:23: search[0]: unknown key `template` (did you mean templates? known: method, templates, templates_from, cut_behind_mask, multi_token)"
    );
    assert_eq!(message("  - [manual]"), "x.yaml:6:5: search[0]: a mapping with `method` is expected, found a list");
    let long = (1..=40).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    assert_eq!(
        message(&format!("  - {{ method: autoprompt, n_trigger: [{long}], patience: [{long}] }}")),
        "x.yaml:6:5: search[0]: its lists make 1600 cells and at most 1000 are allowed"
    );
    assert_eq!(
        message("  - { method: manual, templates: ['{soft:3}{text}{mask}'] }"),
        "x.yaml:6:35: search[0].templates[0]: {soft:N} belongs to the `template` of a soft_prompt item, which trains it"
    );
}

#[test]
fn searches_of_words_are_swept_inside_their_mapping_and_read_back_as_they_were() {
    let search = "  - { method: label_words, templates: ['{text} {mask}', '{mask}: {text}'], verbalizer: { search: [petal, lm_bff], per_label: [1, 3], n_tokens: [2, 1] } }
  - { method: template_and_words, verbalizer: { search: autoprompt, known_words: false }, n_candidates: 4 }";
    let first = items(search).unwrap();
    assert_eq!(first[0].cells.len(), 8);
    let Method::LabelWords(cell) = &first[0].cells[1] else { panic!("another method") };
    assert_eq!(
        (cell.words.ranking, cell.words.per_label, cell.words.n_tokens.clone()),
        (WordRanking::Petal, 3, vec![1, 2])
    );
    // More words a label than the default pool holds make the pool larger.
    let many = items("  - { method: label_words, verbalizer: { per_label: 10 } }").unwrap();
    let Method::LabelWords(cell) = &many[0].cells[0] else { panic!("another method") };
    assert_eq!(cell.words.pool, 10);
    let Method::TemplateAndWords(cell) = &first[1].cells[0] else { panic!("another method") };
    assert_eq!((cell.words.known_words, cell.paraphrase.n_candidates, cell.paraphrase.rounds), (false, 4, Some(1)));
    for item in &first {
        let again = items(&format!("  - {}", item.describe())).unwrap();
        assert_eq!(again[0], *item, "{}", item.describe());
    }
}

#[test]
fn a_search_in_the_tasks_verbalizer_is_the_default_of_items_and_adds_one_where_there_is_none() {
    let yaml = |task: &str, search: &str| {
        let yaml = format!(
            "format: 1\nname: x\ntask: {{ dataset: builtin:x, template: '{{text}} {{mask}}', verbalizer: {task} }}\nmodels: [builtin:m]\nsearch: {search}\n"
        );
        Experiment::from_yaml(&yaml, Path::new("x.yaml"), &[]).map_err(|error| error.to_string())
    };
    let added = yaml("{ search: petal, per_label: 2 }", "[manual]").unwrap();
    assert_eq!(added.added_methods(), ["random", "label_words"]);
    assert!(added.task.verbalizer.is_none());
    let own = yaml("{ search: petal, per_label: 2 }", "[manual, label_words]").unwrap();
    assert_eq!(own.added_methods(), ["random"]);
    let Method::LabelWords(cell) = &own.search[1].cells[0] else { panic!("another method") };
    assert_eq!((cell.words.ranking, cell.words.per_label), (WordRanking::Petal, 2));
    let again = Experiment::from_yaml(&added.to_yaml(), Path::new("x.yaml"), &[]).unwrap();
    assert_eq!(again, added);
    // A label may be called `search` where another one stands beside it.
    let labels = yaml("{ search: [find], buy: [purchase] }", "[manual]").unwrap();
    assert_eq!(labels.task.verbalizer.unwrap().label_names(), ["search", "buy"]);
    let error = yaml("{ search: petl }", "[manual]").unwrap_err();
    assert!(error.contains("task.verbalizer.search: unknown search `petl` (did you mean petal?"), "{error}");
}

#[test]
fn searches_along_gradients_have_their_defaults_printed() {
    let items = items("  - gcg\n  - { method: pez, fluency: 0.2 }").unwrap();
    assert_eq!(
        items[0].describe(),
        "{ method: gcg, n_trigger: 3, words_only: true, script: any, lower_case: false, top_k: auto, search_width: 32, n_replace: 1, \
         buffer_size: 1, stable: true, batch_size: 16, patience: 8, fluency: 0.0, fluency_texts: 1 }"
    );
    assert_eq!(
        items[1].describe(),
        "{ method: pez, n_trigger: 3, words_only: true, script: any, lower_case: false, learning_rate: 0.1, weight_decay: 0.1, \
         nearness: cosine, eval_every: 8, batch_size: 16, patience: 8, fluency: 0.2, fluency_texts: 1 }"
    );
}

#[test]
fn contradictions_of_searches_along_gradients_are_told() {
    for (keys, says) in [
        ("autoprompt, n_candidates: 0", "search[0].n_candidates: 0 is not allowed (1 to 10000)"),
        ("autoprompt, beam: 5, n_candidates: 4", "search[0].beam: 5 is more than n_candidates 4"),
        ("autoprompt, init: ' '", "search[0].init: an empty text has no tokens to start from"),
        ("gcg, fluency: -0.1", "search[0].fluency: -0.1 is not allowed (0 to 1000)"),
        ("gcg, search_width: 0", "search[0].search_width: 0 is not allowed"),
        ("gcg, top_k: 0", "search[0].top_k: 0 is not allowed"),
        ("gcg, top_k: many", "search[0].top_k: a whole number is expected"),
        ("gcg, n_replace: 4", "search[0].n_replace: 4 is more than the 3 trigger tokens"),
        ("gcg, probe: { r: 8 }", "search[0].probe: unknown key `r` (known: model, sampling_factor, reduction)"),
        ("gcg, probe: { sampling_factor: 4 }", "search[0].probe: `model` is missing"),
        ("gcg, probe: { model: 'hf:a/../b' }", "search[0].probe.model: model `hf:a/../b`: a hub name is owner/name"),
        ("pez, learning_rate: 0", "search[0].learning_rate"),
        ("pez, nearness: near", "unknown nearness `near`"),
        ("random, script: greek", "unknown script `greek` (known: any, latin, han)"),
        ("random, exclude: ['']", "search[0].exclude[0]: "),
    ] {
        let message = items(&format!("  - {{ method: {keys} }}")).unwrap_err();
        assert!(message.contains(says), "{keys}: {message}");
    }
}

#[test]
fn demonstrations_are_swept_and_each_way_takes_the_orders_that_go_with_it() {
    let search =
        "  - { method: demonstrations, choose: [random, nearest], k: [2, 4], order: [drawn, searched, nearest_first] }";
    let items = items(search).unwrap();
    let cells: Vec<(Choose, usize, Order)> = (items[0].cells.iter())
        .map(|cell| match cell {
            Method::Demonstrations(method) => (method.choose, method.k, method.order),
            _ => panic!("another method"),
        })
        .collect();
    let expected = [
        (Choose::Random, 2, Order::Drawn),
        (Choose::Random, 2, Order::Searched),
        (Choose::Random, 4, Order::Drawn),
        (Choose::Random, 4, Order::Searched),
        (Choose::Nearest, 2, Order::NearestFirst),
        (Choose::Nearest, 4, Order::NearestFirst),
    ];
    assert_eq!(cells, expected);
    let again = self::items(&format!("  - {{ {} }}", items[0].describe().trim_matches(['{', '}']))).unwrap();
    assert_eq!(again[0], items[0], "{}", items[0].describe());
    let defaults = self::items("  - demonstrations").unwrap();
    let [Method::Demonstrations(method)] = &defaults[0].cells[..] else { panic!("one cell") };
    assert_eq!(
        (method.choose, method.k, method.order, method.separator.as_str()),
        (Choose::Random, 4, Order::Drawn, "\n\n")
    );
}

#[test]
fn templates_are_generated_with_the_defaults_of_the_paper_and_contradictions_are_told() {
    let read = items(
        "  - template_generation\n  - { method: template_generation, generator: [hf:a/t5, ../bart], fill: seq2seq, \
        skeletons: ['{text} {span} {mask}{span}', '{span}{mask}{text}'], beam: [5, 10], n_examples: 8 }",
    )
    .unwrap();
    assert_eq!(
        read[0].describe(),
        "{ method: template_generation, fill: auto, beam: 100, max_length: 20, masks: [1, 2, 3], n_examples: all, n_candidates: 100 }"
    );
    assert_eq!(read[1].cells.len(), 4);
    assert!(read[1].cells[0].needs_labels());
    let again = items(&format!("  - template_generation\n  - {}", read[1].describe())).unwrap();
    assert_eq!(again[1], read[1], "{}", read[1].describe());
    for (keys, says) in [
        ("beam: 0", "search[0].beam: 0 is not allowed (1 to 10000)"),
        ("max_length: 0", "search[0].max_length: 0 is not allowed"),
        ("n_examples: 0", "search[0].n_examples: 0 is not allowed"),
        ("masks: []", "search[0].masks: an empty list"),
        ("masks: 0", "search[0].masks: a template without a token of its own"),
        ("masks: [1], fill: seq2seq", "search[0].masks: `masks` is not for `fill: seq2seq`"),
        ("max_length: 5, fill: masked_lm", "search[0].max_length: `max_length` is not for `fill: masked_lm`"),
        ("fill: t5", "unknown fill `t5` (known: auto, seq2seq, masked_lm)"),
        ("generator: 'hf:a/../b'", "search[0].generator: model `hf:a/../b`: a hub name is owner/name"),
        ("skeletons: ['{text} {mask}']", "search[0].skeletons[0]: template `{text} {mask}`: it has no {span}"),
        ("width: 3", "unknown key `width`"),
    ] {
        let message = items(&format!("  - {{ method: template_generation, {keys} }}")).unwrap_err();
        assert!(message.contains(says), "{keys}: {message}");
    }
}

#[test]
fn a_way_by_another_language_names_two_models() {
    let item = "  - { method: paraphrase, back_translation: { forward: t5, backward: 'hf:a/back', forward_prefix: 'translate English to German: ' } }";
    let read = items(item).unwrap();
    let text = read[0].describe();
    for says in [
        "generators: [thesaurus, mask_fill, back_translation]",
        "back_translation: { forward: t5, backward: hf:a/back, beams: 4, forward_prefix: \"translate English to German: \", backward_prefix: \"\" }",
    ] {
        assert!(text.replace('\'', "\"").contains(says), "{text}");
    }
    assert_eq!(items(&format!("  - {text}")).unwrap()[0], read[0]);
    let Method::Paraphrase(method) = &read[0].cells[0] else { panic!("another method") };
    assert_eq!(method.back_translation.as_ref().map(|of| of.beams), Some(4));
    assert_eq!(read[0].cells[0].second_models().len(), 2);
    for (keys, says) in [
        ("generators: [back_translation]", "search[0].generators: `back_translation` needs its models"),
        ("back_translation: { forward: a }", "search[0].back_translation: `backward` is missing"),
        ("back_translation: { backward: a }", "search[0].back_translation: `forward` is missing"),
        (
            "back_translation: { forward: a, backward: b, beams: 0 }",
            "search[0].back_translation.beams: 0 is not allowed",
        ),
        ("back_translation: { forward: 'hf:a/../b', backward: b }", "a hub name is owner/name"),
        ("back_translation: { forward: a, backward: b, source_language: en_XX }", "go together"),
        ("back_translation: { there: a }", "unknown key `there`"),
        ("generators: [thesaurus], back_translation: { forward: a, backward: b }", "does not name `back_translation`"),
        ("generators: [endpoint]", "endpoint"),
    ] {
        let message = items(&format!("  - {{ method: paraphrase, {keys} }}")).unwrap_err();
        assert!(message.contains(says), "{keys}: {message}");
    }
}

#[test]
fn searches_of_wording_start_from_what_a_person_wrote_and_describe_themselves() {
    let read = items("  - { method: manual, templates: ['{text} a {mask}'], templates_from: x.txt }\n  - edits\n  - { method: evolution, algorithm: [ga, de], templates: ['{text} b {mask}'] }").unwrap();
    let [Method::Edits(edits)] = &read[1].cells[..] else { panic!("another method") };
    assert_eq!((edits.starts.templates.len(), edits.starts.templates_from.len()), (1, 1));
    assert_eq!((edits.rewriting.n_candidates, edits.rewriting.beam, edits.patience, edits.n_compose), (5, 1, 2, 1));
    let [Method::Evolution(first), Method::Evolution(second)] = &read[2].cells[..] else { panic!("no sweep") };
    assert_eq!((first.starts.templates[0].to_string().as_str(), first.population), ("{text} b {mask}", 10));
    assert_eq!((first.algorithm.name(), second.algorithm.name()), ("ga", "de"));
    assert!(read[1].cells.iter().chain(&read[2].cells).all(|cell| !cell.needs_labels() && cell.is_discrete()));
    for item in &read[1..3] {
        assert_eq!(items(&format!("  - {}", item.describe())).unwrap()[0], *item, "{}", item.describe());
    }
    let bare = items("  - { method: evolution, population: 4 }").unwrap();
    let Method::Evolution(bare) = &bare[0].cells[0] else { panic!("another method") };
    assert_eq!(bare.starts.templates, [template("{text} {mask}")]);
}

#[test]
fn what_is_mined_has_defaults_by_the_kind_of_task_and_contradictions_are_told() {
    let read = items(
        "  - mining\n  - { method: mining, corpus: [a.txt, b.jsonl], column: body, n_templates: [5, 10], window: 0, place: after }",
    )
    .unwrap();
    assert_eq!(
        read[0].describe(),
        "{ method: mining, n_templates: 40, min_support: 1, max_words: 5, window: 2, place: [after, before] }"
    );
    assert!(!read[0].cells[0].needs_labels(), "of label words no labels are needed");
    assert_eq!(
        read[1].describe(),
        "{ method: mining, corpus: [a.txt, b.jsonl], column: body, n_templates: [5, 10], min_support: 1, max_words: 5, window: 0, place: [after] }"
    );
    let again = items(&format!("  - mining\n  - {}", read[1].describe())).unwrap();
    assert_eq!(again[1], read[1]);
    for (keys, says) in [
        ("n_templates: 0", "search[0].n_templates: 0 is not allowed (1 to 100000)"),
        ("min_support: 0", "search[0].min_support: 0 is not allowed"),
        ("max_words: 51", "search[0].max_words: 51 is not allowed (1 to 50)"),
        ("window: 11", "search[0].window: 11 is not allowed (0 to 10)"),
        ("place: behind", "unknown place `behind` (known: after, before)"),
        ("place: []", "search[0].place: an empty list"),
        (
            "corpus: a.gz",
            "search[0].corpus: `a.gz` is no file of sentences (.txt, .tsv, .csv, .jsonl, .ndjson, .parquet)",
        ),
        ("corpus: [a.txt, a.txt]", "search[0].corpus[1]: the same as search[0].corpus[0]"),
        ("corpus: a.txt, column: body", "search[0].column: a .txt file has lines and no columns"),
        ("corpus: a.tsv, column: ''", "search[0].column: it is empty"),
        ("words: 3", "unknown key `words`"),
    ] {
        let message = items(&format!("  - {{ method: mining, {keys} }}")).unwrap_err();
        assert!(message.contains(says), "{keys}: {message}");
    }
}
