//! The search against a fake model whose best texts are known by trying all of them, and against real ones.

use std::path::Path;
use std::sync::Arc;

use super::beam::{Words, Written, written};
use super::filler::Data;
use super::masks::{filled, layouts, passes};
use super::*;
use crate::model::{ResolvedDevice, load_folder};
use crate::prompt::{Prompt, Skeleton, Verbalizer};
use crate::scoring::{
    Cost, Gap, MaskedSpans, PromptGradient, Scorer, ScoringError, Settings, SpanNext, SpanRow, SpanStep,
};
use crate::search::{Oracle, Proposal, Search, SearchError};
use crate::task::Example;

const WORDS: u32 = 6;

/// A number between -3 and 0 that depends on all that stands before it.
fn nats(history: &[u32], next: u32) -> f64 {
    let mut hasher = blake3::Hasher::new();
    history.iter().chain([&next]).for_each(|id| {
        hasher.update(&id.to_le_bytes());
    });
    let [a, b, c, ..] = *hasher.finalize().as_bytes();
    f64::from(u32::from_be_bytes([0, a, b, c])) / f64::from(1 << 24) * -3.0
}

/// What ends a gap, in a history.
const END: u32 = 100;

/// Log-probabilities by [`nats`], and a beam whose histories are followed.
struct FakeSpans {
    histories: Vec<Vec<u32>>,
    read: u64,
}

impl Spans for FakeSpans {
    fn read(&mut self, rows: &[SpanRow]) -> Result<Vec<SpanNext>, ScoringError> {
        let history = |row: &SpanRow| match row.step {
            SpanStep::Begin => Vec::new(),
            SpanStep::Token(id) => [self.histories[row.parent].as_slice(), &[id]].concat(),
            SpanStep::End => [self.histories[row.parent].as_slice(), &[END]].concat(),
        };
        self.histories = rows.iter().map(history).collect();
        self.read += rows.len() as u64;
        let next = rows.iter().zip(&self.histories).map(|(row, history)| SpanNext {
            tokens: (0..WORDS).map(|id| nats(history, id)).collect(),
            end: nats(history, END),
            behind: if row.step == SpanStep::End { nats(history, END + 1) } else { 0.0 },
        });
        Ok(next.collect())
    }

    fn cost(&self) -> Cost {
        Cost { evaluations: self.read, ..Cost::default() }
    }
}

/// Every text over two gaps, each token other than the one before it, with its score, best first.
fn all_texts(vocabulary: &[u32], max_length: usize) -> Vec<Written> {
    fn grow(vocabulary: &[u32], left: usize, text: &Written, history: &[u32], all: &mut Vec<Written>) {
        let gap = text.gaps.len() - 1;
        let ended = text.score + nats(history, END);
        if gap == 1 {
            all.push(Written { gaps: text.gaps.clone(), score: ended });
        } else {
            let history = [history, &[END]].concat();
            let score = ended + nats(&history, END + 1);
            let gaps = [text.gaps.as_slice(), &[Vec::new()]].concat();
            grow(vocabulary, left, &Written { gaps, score }, &history, all);
        }
        for &id in vocabulary.iter().filter(|id| left > 0 && Some(*id) != text.gaps[gap].last()) {
            let mut longer = text.clone();
            longer.gaps[gap].push(id);
            longer.score += nats(history, id);
            grow(vocabulary, left - 1, &longer, &[history, &[id]].concat(), all);
        }
    }
    let mut all = Vec::new();
    grow(vocabulary, max_length, &Written { gaps: vec![Vec::new()], score: 0.0 }, &[], &mut all);
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    all
}

fn anywhere(vocabulary: &[u32]) -> Words<'_> {
    Words { first: vocabulary, behind: vocabulary }
}

#[test]
fn a_wide_beam_finds_the_best_of_all_texts_and_a_narrow_one_no_better() {
    let vocabulary = [0, 2, 3, 5];
    for max_length in [0, 1, 3, 4] {
        let all = all_texts(&vocabulary, max_length);
        let find = |width| {
            let mut spans = FakeSpans { histories: Vec::new(), read: 0 };
            (written(&mut spans, anywhere(&vocabulary), 2, width, max_length).unwrap(), spans.read)
        };
        let (found, _) = find(1000);
        assert_eq!(found.len(), all.len().min(1000));
        for (found, expected) in found.iter().zip(&all) {
            assert!(
                (found.score - expected.score).abs() < 1e-9 && found.gaps == expected.gaps,
                "{found:?} {expected:?}"
            );
        }
        for width in [1, 2, 5] {
            let (found, read) = find(width);
            assert!((1..=width).contains(&found.len()), "{found:?}");
            assert!(read as usize <= 1 + width * (max_length + 1), "{read}");
            for text in &found {
                let own = all.iter().find(|other| other.gaps == text.gaps).unwrap();
                assert!((own.score - text.score).abs() < 1e-9);
            }
            assert!(found[0].score <= all[0].score + 1e-9);
        }
    }
}

#[test]
fn a_wide_beam_over_a_real_model_finds_what_the_reference_finds_by_trying_all() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model");
    let fixture: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("spans.json")).unwrap()).unwrap();
    let ids = |value: &serde_json::Value| -> Vec<u32> {
        value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
    };
    for name in ["t5", "t5-v1_1", "mt5", "bart", "mbart"] {
        let loaded = load_folder(&folder.join("seq2seq").join(name), &ResolvedDevice::cpu()).unwrap();
        let scorer = Scorer::new(loaded, Settings::default());
        let rows = fixture["examples"].as_array().unwrap();
        let text = |row: &serde_json::Value, place: usize| row[place].as_str().unwrap().to_owned();
        let words = rows.iter().enumerate().map(|(label, row)| (format!("{label}"), vec![text(row, 1)]));
        let verbalizer = Arc::new(Verbalizer::new(words).unwrap());
        let examples: Vec<Example> = (rows.iter().enumerate())
            .map(|(row, of)| Example { row, fields: vec![text(of, 0)], label: Some(row) })
            .collect();
        let data = Data { columns: &["text".to_owned()], examples: &examples, verbalizer: &verbalizer };
        let filler = ScorerFiller::new(Scorer::new(scorer.loaded().clone(), Settings::default()), &scorer, &verbalizer);
        let skeleton = Skeleton::parse(fixture[name]["skeleton"].as_str().unwrap()).unwrap();
        let (vocabulary, max_length) = (ids(&fixture[name]["vocabulary"]), 2);
        let mut spans = filler.begin(&skeleton, &data, max_length).unwrap();
        let found = written(&mut *spans, anywhere(&vocabulary), 2, 900, max_length).unwrap();
        for (found, expected) in found.iter().zip(fixture[name]["best"].as_array().unwrap()) {
            let score = expected["score"].as_f64().unwrap();
            assert!((found.score - score).abs() < 1e-4, "{name}: {found:?} {expected}");
            let gaps: Vec<Vec<u32>> = expected["gaps"].as_array().unwrap().iter().map(ids).collect();
            assert_eq!(found.gaps, gaps, "{name}");
        }
        assert!(spans.cost().evaluations <= filler.most(&skeleton, &data, 900, max_length).unwrap());
    }
}

/// A model over [`WORDS`] words that fills masks or writes, by [`nats`]; it says a label word too.
struct FakeFiller {
    fills_masks: bool,
    /// Evaluations a pass counts.
    weight: u64,
    vocabulary: Vec<u32>,
}

const TEXTS: [&str; WORDS as usize] = ["it", "was", "good", "film", ".", "so"];

impl FakeFiller {
    fn new(fills_masks: bool) -> Self {
        Self { fills_masks, weight: 1, vocabulary: (0..WORDS).collect() }
    }
}

impl SpanFiller for FakeFiller {
    fn fills_masks(&self) -> bool {
        self.fills_masks
    }
    fn vocabulary(&self, _: bool) -> &[u32] {
        &self.vocabulary
    }
    fn text(&self, ids: &[u32]) -> String {
        ids.iter().map(|&id| format!(" {}", TEXTS[id as usize])).collect()
    }
    fn charge(&self, evaluations: u64) -> u64 {
        evaluations * self.weight
    }
    fn most(&self, _: &Skeleton, _: &Data<'_>, width: usize, max_length: usize) -> Result<u64, ScoringError> {
        Ok((1 + width * (max_length + 1)) as u64)
    }
    fn begin(&self, _: &Skeleton, _: &Data<'_>, _: usize) -> Result<Box<dyn Spans + '_>, ScoringError> {
        Ok(Box::new(FakeSpans { histories: Vec::new(), read: 0 }))
    }
    fn fill(&self, gaps: &[Gap], data: &Data<'_>) -> Result<MaskedSpans, ScoringError> {
        let row = |gap: &Gap| -> Vec<f64> {
            let known: Vec<u32> = gap.filled.iter().flatten().copied().collect();
            (0..WORDS).map(|id| nats(&known, id)).collect()
        };
        let evaluations = (gaps.len() * data.examples.len()) as u64;
        let cost = Cost { evaluations, ..Cost::default() };
        Ok(MaskedSpans { logprobs: gaps.iter().map(row).collect(), cost })
    }
}

#[test]
fn masks_are_filled_as_well_as_trying_all_does_and_at_the_price_that_was_said() {
    let filler = FakeFiller::new(true);
    let skeleton = Skeleton::parse("{text}{span} {mask}{span}").unwrap();
    let verbalizer = Arc::new(Verbalizer::parse("a=bad,b=good").unwrap());
    let example = Example { row: 0, fields: vec!["x".into()], label: Some(0) };
    let data = Data { columns: &["text".to_owned()], examples: &[example.clone(), example], verbalizer: &verbalizer };
    for layout in layouts(&[0, 1, 2], 2) {
        let n: usize = layout.iter().sum();
        let mut all: Vec<Written> = vec![Written { gaps: vec![Vec::new(); 2], score: 0.0 }];
        for place in 0..n {
            let gap = usize::from(place >= layout[0]);
            all = all
                .iter()
                .flat_map(|text| (0..WORDS).map(move |id| (text, id)))
                .filter(|(text, id)| text.gaps[gap].last() != Some(id))
                .map(|(text, id)| {
                    let mut longer = text.clone();
                    longer.score += nats(&text.gaps.concat(), id);
                    longer.gaps[gap].push(id);
                    longer
                })
                .collect();
        }
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        let (found, cost) = filled(&filler, &skeleton, &layout, &data, 1000).unwrap();
        assert_eq!(found.len(), all.len());
        assert!(found.iter().zip(&all).all(|(a, b)| (a.score - b.score).abs() < 1e-9), "{layout:?}");
        assert!(cost.evaluations <= 2 * passes(&layout, 1000));
        let (found, cost) = filled(&filler, &skeleton, &layout, &data, 3).unwrap();
        assert!(found.len() <= 3 && found[0].score <= all[0].score + 1e-9);
        assert_eq!(cost.evaluations, 2 * passes(&layout, 3));
    }
}

/// An oracle with labelled examples, a budget, and no model.
struct Fake {
    left: u64,
    n_train: usize,
}

impl Oracle for Fake {
    fn n_train(&self) -> usize {
        self.n_train
    }
    fn example(&self, index: usize) -> Option<(Vec<(String, String)>, usize)> {
        Some((vec![("text".into(), format!("text {index}"))], index % 2))
    }
    fn affords(&self, evaluations: u64) -> bool {
        evaluations <= self.left
    }
    fn charge(&mut self, cost: Cost) {
        assert!(cost.evaluations <= self.left, "a beam began that the budget does not cover");
        self.left -= cost.evaluations;
    }
    fn passes(&self, _: &Prompt) -> Result<u64, SearchError> {
        Ok(1)
    }
    fn n_selection(&self) -> usize {
        8
    }
    fn train_losses(&mut self, _: &[Prompt], _: &[usize]) -> Result<Vec<f64>, SearchError> {
        unreachable!("templates are not compared on train")
    }
    fn gradient(&mut self, _: &Prompt, _: &[usize]) -> Result<PromptGradient, SearchError> {
        unreachable!("it goes along no gradient")
    }
    fn gains(&self, _: &[Vec<f32>]) -> Vec<Vec<f32>> {
        Vec::new()
    }
    fn vocabulary(&self) -> &[u32] {
        &[]
    }
    fn token_text(&self, id: u32) -> String {
        format!("t{id}")
    }
    fn n_texts(&self) -> usize {
        0
    }
    fn fill(&mut self, _: &[Gap], _: usize) -> Result<Vec<Vec<Vec<f32>>>, SearchError> {
        unreachable!("the filler is asked")
    }
    fn encode(&self, text: &str, _: bool) -> Option<Vec<u32>> {
        // It cannot write one of the words.
        (!text.contains("so")).then(|| vec![1])
    }
    fn word(&self, _: u32) -> Option<String> {
        None
    }
}

fn search(filler: FakeFiller, beam: usize) -> TemplateGeneration {
    let config =
        TemplateGenerationConfig { beam, max_length: 3, masks: vec![1, 2], n_examples: None, n_candidates: 50 };
    let skeletons = Skeleton::usual(&["text"], true, false).unwrap();
    let verbalizer = Arc::new(Verbalizer::parse("a=bad,b=good").unwrap());
    TemplateGeneration::new(config, skeletons, verbalizer, Arc::new(filler))
}

/// Everything that is proposed, and the evaluations left; selection is charged here.
fn run(mut search: TemplateGeneration, budget: u64) -> (Vec<String>, u64, Vec<String>) {
    let mut oracle = Fake { left: budget, n_train: 4 };
    let mut found = Vec::new();
    loop {
        match search.propose(&mut oracle).unwrap() {
            Proposal::Candidates { candidates, .. } => {
                oracle.charge(Cost { evaluations: 8 * candidates.len() as u64, ..Cost::default() });
                found.extend(candidates.iter().map(|candidate| candidate.prompt.template.to_string()));
            }
            Proposal::Nothing { .. } => {}
            Proposal::Done | Proposal::OutOfBudget => return (found, oracle.left, search.flags()),
        }
    }
}

#[test]
fn templates_of_both_skeletons_come_in_turn_once_each_and_say_no_label_word() {
    for fills_masks in [false, true] {
        let (found, _, flags) = run(search(FakeFiller::new(fills_masks), 40), 1_000_000);
        assert!(found.len() > 12, "{found:?}");
        assert!(found[0].starts_with("{text}") != found[1].starts_with("{text}"), "{found:?}");
        assert!(found.iter().all(|text| !text.contains("good") && !text.contains("so")), "{found:?}");
        let mut once = found.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), found.len());
        assert!(flags.is_empty());
        assert_eq!(found, run(search(FakeFiller::new(fills_masks), 40), 1_000_000).0, "the same again");
    }
}

#[test]
fn the_beam_is_as_wide_as_half_of_the_budget_covers() {
    for fills_masks in [false, true] {
        for (budget, some) in [(0, false), (9, false), (60, true), (200, true), (500, true)] {
            let (found, left, flags) = run(search(FakeFiller::new(fills_masks), 100), budget);
            assert_eq!(!found.is_empty(), some, "{fills_masks} {budget}: {found:?}");
            if some {
                assert_eq!(flags, ["budget_cut"]);
                let written = budget - left - 8 * found.len() as u64;
                assert!(written <= budget / 2 && written > budget / 8, "{budget}: {found:?} {written}");
            }
        }
    }
    let heavy = FakeFiller { weight: 100, ..FakeFiller::new(true) };
    assert!(run(search(heavy, 100), 500).0.is_empty(), "a larger model costs more");
}

#[test]
fn without_labels_there_is_nothing_to_write_from() {
    let error = search(FakeFiller::new(true), 5).propose(&mut Fake { left: 100, n_train: 0 }).unwrap_err();
    assert!(error.to_string().contains("`template_generation` needs labelled training examples"), "{error}");
}
