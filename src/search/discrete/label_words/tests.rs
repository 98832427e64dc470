//! Against an oracle whose best words are known.

use std::sync::Arc;

use super::*;
use crate::prompt::{Candidate, Prompt, Template, Verbalizer};
use crate::scoring::{Answers, Cost, Gap, PromptGradient};
use crate::search::{Oracle, Proposal, Scored, Search, SearchError, WordOracle, WordScores};

/// Tokens of the fake vocabulary; token 0 is no word.
const WORDS: u32 = 12;

/// Knows a probability for every token by label and place: of two tokens the second depends on the first.
struct Fake {
    left: u64,
    spent: u64,
    n_train: usize,
}

impl Fake {
    fn new(budget: u64) -> Self {
        Self { left: budget, spent: 0, n_train: 8 }
    }

    fn spend(&mut self, evaluations: u64) {
        assert!(evaluations <= self.left, "{evaluations} of {} left", self.left);
        self.left -= evaluations;
        self.spent += evaluations;
    }

    /// Not normalised; it does not matter to any search.
    fn logprob(label: usize, before: &[u32], token: u32) -> f64 {
        let first = before.first().copied().unwrap_or(0);
        let taste = |label: usize| ((token * 7 + first * 5 + label as u32 * 3) % 13) as f64 / 4.0;
        // What is common is so under every label.
        taste(label) - ((token * 5 + first) % 11) as f64 / 2.0 - 6.0
    }

    fn word(logprob_of: usize, word: &str) -> f64 {
        let ids = ids(word);
        (0..ids.len()).map(|place| Self::logprob(logprob_of, &ids[..place], ids[place])).sum()
    }
}

fn text(ids: &[u32]) -> String {
    ids.iter().map(|&id| char::from(b'a' + id as u8)).collect()
}

fn ids(word: &str) -> Vec<u32> {
    word.bytes().map(|byte| u32::from(byte - b'a')).collect()
}

impl WordOracle for Fake {
    fn gold(&self, example: usize) -> usize {
        example % 2
    }

    fn answers(&mut self, _: &Prompt, filled: &[Option<u32>], examples: &[usize]) -> Result<Answers, SearchError> {
        self.spend(examples.len() as u64);
        let before: Vec<u32> = filled.iter().flatten().copied().collect();
        let of = |label: usize| (0..WORDS).map(|token| Self::logprob(label, &before, token) as f32).collect::<Vec<_>>();
        let logprobs = vec![of(0), of(1)];
        Ok(Answers { log_odds: logprobs.clone(), logprobs, cost: Cost::default() })
    }

    fn answer_states(
        &mut self,
        _: &Prompt,
        _: usize,
        _: usize,
        examples: &[usize],
    ) -> Result<Vec<Vec<f32>>, SearchError> {
        self.spend(examples.len() as u64);
        Ok(examples.iter().map(|&example| vec![if example % 2 == 0 { 1.0 } else { -1.0 }]).collect())
    }

    /// Token 3 lies where label 0 is, token 8 where label 1 is.
    fn token_products(&self, rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let embedding = |token: u32| {
            if token == 3 {
                5.0
            } else if token == 8 {
                -5.0
            } else {
                0.1
            }
        };
        rows.iter().map(|row| (0..WORDS).map(|token| row[0] * embedding(token)).collect()).collect()
    }

    fn word_scores(&mut self, prompt: &Prompt, examples: &[usize]) -> Result<WordScores, SearchError> {
        self.spend(examples.len() as u64);
        let words: Vec<&String> = prompt.verbalizer.labels.iter().map(|label| &label.label).collect();
        let of = |example: &usize| words.iter().map(|word| Self::word(example % 2, word)).collect();
        Ok(WordScores { examples: examples.iter().map(of).collect(), ..WordScores::default() })
    }

    fn n_calibration(&self) -> usize {
        0
    }

    fn begins_word(&self, ids: &[u32]) -> Option<String> {
        (!ids.contains(&0)).then(|| text(ids))
    }

    fn unlabelled(&self) -> Vec<String> {
        Vec::new()
    }

    fn word_of(&self, _: &Template, ids: &[u32]) -> Option<String> {
        self.begins_word(ids)
    }
}

impl Oracle for Fake {
    fn n_train(&self) -> usize {
        self.n_train
    }
    fn affords(&self, evaluations: u64) -> bool {
        evaluations <= self.left
    }
    fn passes(&self, _: &Prompt) -> Result<u64, SearchError> {
        Ok(1)
    }
    fn n_selection(&self) -> usize {
        4
    }
    fn train_losses(&mut self, _: &[Prompt], _: &[usize]) -> Result<Vec<f64>, SearchError> {
        unreachable!("words are compared by their scores")
    }
    fn gradient(&mut self, _: &Prompt, _: &[usize]) -> Result<PromptGradient, SearchError> {
        unreachable!("words have no gradient")
    }
    fn gains(&self, _: &[Vec<f32>]) -> Vec<Vec<f32>> {
        Vec::new()
    }
    fn vocabulary(&self) -> &[u32] {
        &[]
    }
    fn token_text(&self, id: u32) -> String {
        text(&[id])
    }
    fn n_texts(&self) -> usize {
        0
    }
    fn fill(&mut self, _: &[Gap], _: usize) -> Result<Vec<Vec<Vec<f32>>>, SearchError> {
        unreachable!("no gap is asked for")
    }
    fn encode(&self, _: &str, _: bool) -> Option<Vec<u32>> {
        None
    }
    fn word(&self, _: u32) -> Option<String> {
        None
    }
    fn words(&mut self) -> Option<&mut dyn WordOracle> {
        Some(self)
    }
}

fn config(score: WordScore) -> LabelWordsConfig {
    LabelWordsConfig {
        score,
        per_label: 1,
        known_words: false,
        n_tokens: vec![1],
        pool: 20,
        beam: 20,
        n_likely: 100,
        batch_size: 8,
        n_candidates: 5,
    }
}

fn prompt(template: &str) -> Prompt {
    Prompt::plain(Template::parse(template).unwrap(), Arc::new(Verbalizer::parse("x=one,y=two").unwrap()))
}

/// Accuracy and mean log-likelihood of two words, one a label.
fn worth(words: [&str; 2]) -> (f64, f64) {
    let scores = WordScores {
        examples: (0..2).map(|gold| words.iter().map(|word| Fake::word(gold, word)).collect()).collect(),
        ..WordScores::default()
    };
    let labels = scores.label_logprobs(&[vec![0], vec![1]]);
    let correct = (0..2).filter(|&gold| crate::scoring::argmax(&labels[gold]) == gold).count();
    (correct as f64 / 2.0, (labels[0][0] + labels[1][1]) / 2.0)
}

/// Drives a search; dev likes what train likes.
fn drive(search: &mut dyn Search, oracle: &mut Fake) -> (Vec<Candidate>, Result<Proposal, SearchError>) {
    let mut found = Vec::new();
    loop {
        match search.propose(oracle) {
            Ok(Proposal::Candidates { candidates, .. }) => {
                oracle.spend(4 * candidates.len() as u64);
                let scored: Vec<Scored> = (candidates.iter().zip(found.len() as u64..))
                    .map(|(candidate, number)| {
                        let words = words(candidate);
                        let better = candidate.prompt.template.to_string().matches('!').count() as f64;
                        let (score, margin) = worth([&words[0][0], &words[1][0]]);
                        Scored { candidate: number, score: score + better, margin, signature: number }
                    })
                    .collect();
                search.observe(&scored);
                found.extend(candidates);
            }
            Ok(Proposal::Nothing { .. }) => {}
            end => return (found, end),
        }
    }
}

fn words(candidate: &Candidate) -> Vec<Vec<String>> {
    candidate.prompt.verbalizer.labels.iter().map(|label| label.words.clone()).collect()
}

/// The best pair of words by trying every one.
fn brute_force(all: &[String]) -> (f64, f64) {
    let mut best = (0.0, f64::NEG_INFINITY);
    for a in all {
        for b in all.iter().filter(|b| *b != a) {
            let found = worth([a, b]);
            if found > best {
                best = found;
            }
        }
    }
    best
}

#[test]
fn the_best_pair_of_words_is_found_whichever_way_they_are_ranked() {
    let all: Vec<String> = (1..WORDS).map(|id| text(&[id])).collect();
    for score in [WordScore::Likelihood, WordScore::LikelihoodRatio, WordScore::Classifier] {
        let (found, end) = drive(&mut LabelWords::new(config(score), prompt("{text} {mask}")), &mut Fake::new(1_000));
        assert_eq!(end.unwrap(), Proposal::Done);
        assert_eq!(found.len(), 5);
        let own = words(&found[1]);
        assert_eq!(worth([&own[0][0], &own[1][0]]), brute_force(&all), "{score:?} {own:?}");
        assert!(found[1].origin.starts_with(&format!("{}: 1st on train", score.name())), "{}", found[1].origin);
    }
}

#[test]
fn words_of_two_tokens_are_found_by_their_exact_probabilities() {
    let all: Vec<String> = (1..WORDS).flat_map(|a| (1..WORDS).map(move |b| text(&[a, b]))).collect();
    let wide = LabelWordsConfig { n_tokens: vec![2], pool: 121, n_candidates: 2, ..config(WordScore::Likelihood) };
    let (found, _) = drive(&mut LabelWords::new(wide, prompt("{text} {mask}")), &mut Fake::new(10_000));
    let own = words(&found[1]);
    assert!(own.iter().all(|words| words[0].len() == 2), "{own:?}");
    assert_eq!(worth([&own[0][0], &own[1][0]]), brute_force(&all));
}

#[test]
fn the_first_candidate_is_the_rankings_own_choice() {
    let classifier = LabelWords::new(config(WordScore::Classifier), prompt("{text} {mask}"));
    let (found, _) = drive(&mut { classifier }, &mut Fake::new(1_000));
    assert_eq!(words(&found[0]), [["d"], ["i"]]);
    let two = LabelWordsConfig { per_label: 2, ..config(WordScore::Likelihood) };
    let (found, _) = drive(&mut LabelWords::new(two, prompt("{text} {mask}")), &mut Fake::new(1_000));
    // Label after label takes the likeliest word that is left.
    let mut likeliest: [Vec<u32>; 2] = [0, 1].map(|_| (1..WORDS).collect());
    for (label, order) in likeliest.iter_mut().enumerate() {
        order.sort_by(|a, b| Fake::logprob(label, &[], *b).total_cmp(&Fake::logprob(label, &[], *a)));
    }
    let mut expected: [Vec<String>; 2] = Default::default();
    for _ in 0..2 {
        for label in 0..2 {
            let taken: Vec<&String> = expected.iter().flatten().collect();
            let word = likeliest[label].iter().map(|&id| text(&[id])).find(|word| !taken.contains(&word)).unwrap();
            expected[label].push(word);
        }
    }
    let mut own = words(&found[0]);
    own.iter_mut().chain(&mut expected).for_each(|words| words.sort());
    assert_eq!(own, expected);
}

#[test]
fn what_cannot_be_had_is_told_and_a_budget_is_never_overdrawn() {
    let many = LabelWordsConfig { per_label: 8, ..config(WordScore::Likelihood) };
    let (_, end) = drive(&mut LabelWords::new(many, prompt("{text} {mask}")), &mut Fake::new(1_000));
    let message = end.unwrap_err().to_string();
    assert!(
        message.contains("5 word(s) of 1 token(s) were found for label `y`, and per_label asks for 8"),
        "{message}"
    );
    let untaught = &mut Fake { n_train: 0, ..Fake::new(1_000) };
    let (_, end) = drive(&mut LabelWords::new(config(WordScore::LikelihoodRatio), prompt("{text} {mask}")), untaught);
    assert!(matches!(end, Err(SearchError::NoTraining { .. })));
    // The words cost 8 and their scores 8 evaluations, a candidate 4: the fake panics where more is asked.
    for budget in 0..60 {
        let mut both = LabelWords::new(
            LabelWordsConfig { n_tokens: vec![1, 2], ..config(WordScore::Likelihood) },
            prompt("{text} {mask}"),
        );
        let (found, end) = drive(&mut both, &mut Fake::new(budget));
        assert_eq!(found.is_empty(), budget < 20, "{budget}");
        assert!(!matches!(end, Ok(Proposal::Candidates { .. }) | Err(_)), "{budget}");
        // Words of two tokens are not begun: they would cost 8 * (1 + 2 * 20).
        assert!(budget < 20 || both.flags() == ["budget_cut"], "{budget}");
        assert!(found.iter().flat_map(words).all(|words| words[0].len() == 1));
    }
}

#[test]
fn template_and_words_move_in_turn_and_stop_where_nothing_gets_better() {
    /// Puts a `!` before the mask, up to two of them.
    struct Louder(Option<Prompt>);
    impl Search for Louder {
        fn propose(&mut self, _: &mut dyn Oracle) -> Result<Proposal, SearchError> {
            let Some(prompt) = self.0.take() else { return Ok(Proposal::Done) };
            let text = prompt.template.to_string();
            if text.contains("!!") {
                return Ok(Proposal::Done);
            }
            let template = Template::parse(&text.replace("{mask}", "!{mask}")).unwrap();
            let candidate = Candidate { prompt: Prompt { template, ..prompt }, parent: None, origin: "louder".into() };
            Ok(Proposal::Candidates { candidates: vec![candidate], trace: None })
        }
        fn observe(&mut self, _: &[Scored]) {}
        fn state(&self) -> serde_json::Value {
            serde_json::Value::Null
        }
    }
    let rewriter = |prompt: Prompt, _: usize| -> Box<dyn Search> { Box::new(Louder(Some(prompt))) };
    let mut search = TemplateAndWords::new(config(WordScore::Likelihood), prompt("{text} {mask}"), Box::new(rewriter));
    let (found, end) = drive(&mut search, &mut Fake::new(10_000));
    assert_eq!(end.unwrap(), Proposal::Done);
    let templates: Vec<String> = found.iter().map(|found| found.prompt.template.to_string()).collect();
    let turns: Vec<&str> = templates.iter().map(String::as_str).collect::<Vec<_>>();
    let mut distinct = turns.clone();
    distinct.dedup();
    assert_eq!(distinct, ["{text} {mask}", "{text} !{mask}", "{text} !!{mask}"]);
    let best = words(found.last().unwrap());
    let all: Vec<String> = (1..WORDS).map(|id| text(&[id])).collect();
    assert!(
        found.iter().any(|found| {
            let own = words(found);
            found.prompt.template.to_string().contains("!!") && worth([&own[0][0], &own[1][0]]) == brute_force(&all)
        }),
        "{best:?}"
    );
    assert!(search.dev_looks() >= 4, "{}", search.dev_looks());
}
