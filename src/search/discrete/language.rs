//! A language and a loss that are known, for the tests of searches over wording: no model, exact numbers.

use super::paraphrase::{is_han, run};
use crate::prompt::{Candidate, Piece, Prompt, Template};
use crate::scoring::{Gap, PromptGradient};
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};

const WORDS: &str = "it was is really film movie picture flick old new very so bad good the review overall this seems strugg . , ： 电 影 片 子 很 真 好 它 总 之 是 部 这 确 实 的";

/// A language in which every word is as likely everywhere, `unlikely` ones excepted, and a loss that is the sum of the costs
/// of a template's words: so the best template is known.
pub struct Fake {
    pub left: u64,
    pub n_train: usize,
    pub vocabulary: Vec<String>,
    pub unlikely: Vec<&'static str>,
    /// Nothing is likely in a template without this word.
    pub needed: Option<&'static str>,
    pub cost: fn(&str) -> f64,
    /// What the whole template costs beside.
    pub whole: fn(&str) -> f64,
    /// The number of predictions that a template gets, to tell signatures apart.
    pub signature: fn(&str) -> u64,
    pub gaps: usize,
}

impl Fake {
    pub fn new(budget: u64) -> Self {
        Self {
            left: budget,
            n_train: 8,
            vocabulary: WORDS.split(' ').map(str::to_owned).collect(),
            unlikely: vec!["flick", "strugg"],
            needed: None,
            cost: |_| 0.0,
            whole: |_| 0.0,
            signature: |text| text.bytes().fold(7, |sum: u64, b| sum.wrapping_mul(31).wrapping_add(u64::from(b))),
            gaps: 0,
        }
    }

    pub fn spend(&mut self, evaluations: u64) {
        assert!(evaluations <= self.left, "a step began that the budget does not cover");
        self.left -= evaluations;
    }

    pub fn loss(&self, template: &Template) -> f64 {
        tokens_of(template).iter().map(|word| (self.cost)(word)).sum::<f64>() + (self.whole)(&template.to_string())
    }
}

pub fn split(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let length = if is_han(c) || run(rest) == 0 { c.len_utf8() } else { run(rest) };
        found.push(rest[..length].to_lowercase());
        rest = rest[length..].trim_start();
    }
    found
}

pub fn tokens_of(template: &Template) -> Vec<String> {
    let texts = template.pieces().iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(split(text)),
        _ => None,
    });
    texts.flatten().collect()
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
        10
    }
    fn train_losses(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<f64>, SearchError> {
        self.spend((prompts.len() * examples.len()) as u64);
        Ok(prompts.iter().map(|prompt| self.loss(&prompt.template)).collect())
    }
    fn gradient(&mut self, _: &Prompt, _: &[usize]) -> Result<PromptGradient, SearchError> {
        unreachable!("there are no triggers")
    }
    fn gains(&self, _: &[Vec<f32>]) -> Vec<Vec<f32>> {
        unreachable!("there are no triggers")
    }
    fn vocabulary(&self) -> &[u32] {
        &[]
    }
    fn token_text(&self, id: u32) -> String {
        self.vocabulary[id as usize].clone()
    }
    fn n_texts(&self) -> usize {
        3
    }
    fn fill(&mut self, gaps: &[Gap], n_texts: usize) -> Result<Vec<Vec<Vec<f32>>>, SearchError> {
        self.spend((gaps.len() * n_texts) as u64);
        self.gaps += gaps.len();
        let row = |text: &str| -> Vec<f32> {
            let lost = self.needed.is_some_and(|word| !text.contains(word));
            let of = |(place, word): (usize, &String)| {
                let unlikely = lost || self.unlikely.contains(&word.as_str());
                if unlikely { -9.0 } else { -2.0 - place as f32 / 1000.0 }
            };
            self.vocabulary.iter().enumerate().map(of).collect()
        };
        Ok(gaps
            .iter()
            .map(|gap| {
                assert_eq!(gap.prompt.template.n_trigger(), gap.filled.len());
                let open = gap.filled.iter().filter(|id| id.is_none()).count();
                vec![row(&gap.prompt.template.to_string()); open]
            })
            .collect())
    }
    fn likelihood_cost(&self, prompt: &Prompt, n_texts: usize) -> Result<u64, SearchError> {
        Ok((tokens_of(&prompt.template).len() * n_texts) as u64)
    }
    fn likelihoods(&mut self, prompts: &[Prompt], n_texts: usize) -> Result<Vec<f64>, SearchError> {
        let mut lost = Vec::new();
        for prompt in prompts {
            self.spend(self.likelihood_cost(prompt, n_texts)?);
            let words = tokens_of(&prompt.template);
            let nats = |word: &String| if self.unlikely.contains(&word.as_str()) { 9.0 } else { 2.0 };
            lost.push(words.iter().map(nats).sum::<f64>() / words.len() as f64);
        }
        Ok(lost)
    }
    fn encode(&self, text: &str, _: bool) -> Option<Vec<u32>> {
        let id = |word: &String| self.vocabulary.iter().position(|known| known == word).map(|id| id as u32);
        split(text).iter().map(id).collect::<Option<Vec<u32>>>().filter(|ids| !ids.is_empty())
    }
    fn word(&self, id: u32) -> Option<String> {
        let word = &self.vocabulary[id as usize];
        word.chars().all(char::is_alphabetic).then(|| word.clone())
    }
}

pub fn drive(search: &mut dyn Search, oracle: &mut Fake) -> (Vec<Candidate>, Proposal) {
    let mut found: Vec<Candidate> = Vec::new();
    loop {
        match search.propose(oracle).unwrap() {
            Proposal::Candidates { candidates, .. } => {
                oracle.spend(10 * candidates.len() as u64);
                let scored: Vec<Scored> = candidates
                    .iter()
                    .zip(found.len() as u64..)
                    .map(|(c, candidate)| Scored {
                        candidate,
                        score: -oracle.loss(&c.prompt.template),
                        margin: 0.0,
                        signature: (oracle.signature)(&c.prompt.template.to_string()),
                    })
                    .collect();
                search.observe(&scored);
                found.extend(candidates);
            }
            Proposal::Nothing { .. } => {}
            end => return (found, end),
        }
    }
}

pub fn texts(found: &[Candidate]) -> Vec<String> {
    found.iter().map(|c| c.prompt.template.to_string()).collect()
}
