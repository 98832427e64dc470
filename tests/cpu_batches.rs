//! On the CPU a sequence's states and scores are the same to the last bit alone, in any batch, on any number of threads, and with
//! its beginning shared with others or not.

use std::path::Path;
use std::sync::Arc;

use burn::Tensor;
use promptmine::model::{Inputs, LoadedModel, ModelKind, ResolvedDevice, load_builtin, load_folder};
use promptmine::prompt::{Prompt, Template, TriggerTokens, Verbalizer};
use promptmine::scoring::{Scorer, Settings};
use promptmine::task::Example;

const MASKED: [&str; 4] = ["bert", "roberta", "albert", "electra"];
/// One each of: learned positions, grouped heads, norms of queries and keys, neighbours that turn, windows.
const CAUSAL: [&str; 5] = ["causal/gpt2", "causal/llama", "causal/qwen3", "causal/glm4", "causal/gemma3"];

/// The input itself before the decoder, or sentinels.
const SEQ2SEQ: [&str; 2] = ["seq2seq/bart", "seq2seq/t5"];

fn load(folder: &str) -> LoadedModel {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model").join(folder);
    load_folder(&path, &ResolvedDevice::cpu()).unwrap()
}

fn bits(states: Tensor<3>) -> Vec<u32> {
    states.into_data().try_into_vec::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
}

/// Rows of tokens read at their last place.
fn inputs(loaded: &LoadedModel, rows: &[Vec<u32>], parents: Option<Vec<Option<usize>>>) -> Inputs {
    Inputs {
        embeddings: loaded.model.embed(rows),
        lengths: rows.iter().map(Vec::len).collect(),
        predict_positions: rows.iter().map(|row| vec![row.len() - 1]).collect(),
        token_types: None,
        past: None,
        parents,
    }
}

/// Rows of several lengths, more than a register tile has and not a multiple of it.
fn rows(loaded: &LoadedModel) -> Vec<Vec<u32>> {
    let vocab_size = loaded.model.shape().vocab_size as u32;
    (1..12u32).map(|row| (0..row + 3).map(|place| (row * 7 + place * 3) % vocab_size).collect()).collect()
}

#[test]
fn states_are_the_same_to_the_last_bit_in_any_batch_and_on_any_number_of_threads() {
    for folder in MASKED.into_iter().chain(CAUSAL).chain(SEQ2SEQ) {
        let loaded = load(folder);
        let rows = rows(&loaded);
        let together = bits(loaded.model.predict(inputs(&loaded, &rows, None)));
        let alone: Vec<u32> = rows
            .iter()
            .flat_map(|row| bits(loaded.model.predict(inputs(&loaded, std::slice::from_ref(row), None))))
            .collect();
        assert_eq!(together, alone, "{folder}");
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| bits(loaded.model.predict(inputs(&loaded, &rows, None)))), together, "{folder}");
        }
    }
}

#[test]
fn a_shared_beginning_changes_no_bit() {
    for folder in CAUSAL {
        let loaded = load(folder);
        assert!(loaded.model.shares_beginnings(), "{folder}");
        let beginning = vec![5, 9, 2, 7, 7, 3];
        let ends = [vec![4, 8], vec![1], vec![6, 6, 6, 2]];
        // The second end goes on from the first as well.
        let whole: Vec<Vec<u32>> = vec![
            [beginning.as_slice(), &ends[0]].concat(),
            [beginning.as_slice(), &ends[0], &ends[1]].concat(),
            [beginning.as_slice(), &ends[2]].concat(),
        ];
        let rows = [vec![beginning], ends.to_vec()].concat();
        let parents = vec![None, Some(0), Some(1), Some(0)];
        let shared = loaded.model.predict(inputs(&loaded, &rows, Some(parents)));
        let expected = bits(loaded.model.predict(inputs(&loaded, &whole, None)));
        assert_eq!(bits(shared.narrow(0, 1, 3)), expected, "{folder}");
    }
}

fn prompts() -> Vec<Prompt> {
    let verbalizer = Arc::new(Verbalizer::parse("negative=bad|awful,positive=good").unwrap());
    let templates = [
        "{text} It was {mask}",
        "{text} It was really {mask}",
        "{text} All in all, a {mask}",
        "Is this good or bad? {text} It is {mask}",
        "Is this good or bad? Say so: {text} It is {mask}",
    ];
    templates.map(|template| Prompt::plain(Template::parse(template).unwrap(), verbalizer.clone())).into()
}

fn examples() -> Vec<Example> {
    let texts = [
        "a fine film with a warm heart",
        "dull",
        "the plot goes nowhere and takes its time about it, which nobody asked for",
        "a fine film with a cold heart",
    ];
    texts.iter().enumerate().map(|(row, text)| Example { row, fields: vec![(*text).into()], label: None }).collect()
}

#[test]
fn scores_are_the_same_to_the_last_bit_whatever_is_scored_beside_them() {
    let models =
        CAUSAL
            .into_iter()
            .chain(SEQ2SEQ)
            .map(load)
            .chain([load_builtin("reviews-en", &ResolvedDevice::cpu()).unwrap()]);
    for loaded in models {
        let columns = ["text".to_owned()];
        let examples = examples();
        let every: Vec<&Example> = examples.iter().collect();
        let prompts = prompts();
        let scorer = |batch_size| Scorer::new(loaded.clone(), Settings { batch_size, ..Settings::default() });
        let together = scorer(32).score(&prompts, &columns, &every).unwrap();
        assert_eq!(scorer(1).score(&prompts, &columns, &every).unwrap().scores, together.scores, "{}", loaded.name);
        for (prompt, scores) in prompts.iter().zip(&together.scores) {
            for (example, score) in every.iter().zip(scores) {
                let alone = scorer(32).score(std::slice::from_ref(prompt), &columns, &[*example]).unwrap();
                assert_eq!(&alone.scores[0][0], score, "{} {}", loaded.name, prompt.template);
            }
        }
        assert!(loaded.model.shape().kind == ModelKind::Causal || !loaded.model.shares_beginnings());
    }
}

#[test]
fn prompts_that_differ_in_their_words_share_what_is_computed_and_score_the_same_to_the_last_bit() {
    let models = CAUSAL.map(load).into_iter().chain([load_builtin("reviews-en", &ResolvedDevice::cpu()).unwrap()]);
    for loaded in models {
        let columns = ["text".to_owned()];
        let mut examples = examples();
        // A text that is there twice.
        examples.push(Example { row: 4, ..examples[1].clone() });
        let every: Vec<&Example> = examples.iter().collect();
        let one_token =
            ["negative=bad|awful,positive=good", "negative=awful,positive=good|fine", "negative=bad,positive=fine"];
        let several = ["negative=unwatchable,positive=good", "negative=unwatchable,positive=unforgettable|good"];
        // What is read among the labels alone and what is normalised over the vocabulary come from one pass.
        let both = [one_token[0], several[0], "negative=unwatchable,positive=great"];
        for words in [&one_token[..], &several, &both] {
            let prompt = |words: &&str| {
                let template = Template::parse("{text} It was {mask}").unwrap();
                Prompt::plain(template, Arc::new(Verbalizer::parse(words).unwrap()))
            };
            let prompts: Vec<Prompt> = words.iter().map(prompt).collect();
            let scorer = Scorer::new(loaded.clone(), Settings::default());
            let together = scorer.score(&prompts, &columns, &every).unwrap();
            for ((prompt, scores), cost) in prompts.iter().zip(&together.scores).zip(&together.costs) {
                let alone = scorer.score(std::slice::from_ref(prompt), &columns, &every).unwrap();
                assert_eq!(
                    (&alone.scores[0], alone.costs[0]),
                    (scores, *cost),
                    "{} {}",
                    loaded.name,
                    prompt.verbalizer
                );
                assert_eq!(scores[1], scores[4]);
            }
        }
    }
}

#[test]
fn gradients_are_the_same_to_the_last_bit_whatever_is_computed_beside_them() {
    let loaded = load_builtin("reviews-en", &ResolvedDevice::cpu()).unwrap();
    let verbalizer = Arc::new(Verbalizer::parse("negative=terrible,positive=great").unwrap());
    let prompts: Vec<Prompt> = [[2000, 2100], [2200, 2300], [2400, 2000]]
        .map(|ids| {
            let template = Template::parse("{text} It was {trigger:2} {mask}.").unwrap();
            Prompt::with_triggers(template, TriggerTokens(ids.to_vec()), verbalizer.clone())
        })
        .into();
    let mut examples = examples();
    examples.iter_mut().for_each(|example| example.label = Some(example.row % 2));
    let every: Vec<&Example> = examples.iter().collect();
    let columns = ["text".to_owned()];
    let scorer = Scorer::new(loaded, Settings { batch_size: 3, ..Settings::default() });
    let together = scorer.gradients(&prompts, &columns, &every).unwrap();
    for (prompt, together) in prompts.iter().zip(&together) {
        let alone = scorer.gradient(prompt, &columns, &every).unwrap();
        assert_eq!((alone.loss, &alone.triggers, alone.cost), (together.loss, &together.triggers, together.cost));
        assert!(alone.triggers.iter().flatten().any(|&x| x != 0.0));
    }
}
