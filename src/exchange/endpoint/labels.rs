//! Labels from a service: a prompt with an example in it is sent, and what comes back is read as one of the label words.
//!
//! # Decisions
//!
//! - 2026-11: the accuracy of a prompt on labelled texts is what arXiv 2211.01910 calls execution accuracy. Ours differs in that a
//!   system message names the label words and asks for one of them and nothing else, since a chat model otherwise talks; the
//!   message is the same for every prompt, so that prompts are compared and not it.
//! - 2026-11: what is sent is the prompt up to `{mask}`, which stands last but for marks of punctuation: a chat answers behind a
//!   text. Refused: asking a chat to fill a gap, where its answer would depend on how the gap is drawn.
//! - 2026-11: where the service tells log-probabilities of first tokens, a label has the sum of those that begin one of its words
//!   and no other label's, and the likeliest label is the answer; else, or where no word begins so, the text is read: the one label
//!   whose words occur in it, or of several the one that it begins with. An answer that names none is wrong, and is counted.
//!   It is never taken for a label by chance.

use super::EndpointError;
use super::ask::{ask, within};
use super::question::{Estimate, Question, Wanted};
use super::rewordings::{all_kept, longest, most};
use crate::prompt::{LabelWords, Piece, Template, Verbalizer};
use crate::record::{Answer, AnswerStore};
use crate::search::discrete::has_han;
use crate::spec::Endpoint;
use crate::task::Example;

/// Likeliest first tokens that are asked for: the most that OpenAI gives.
const FIRST_TOKENS: u64 = 20;
/// Letters that the beginning of a word has at least, where it stands for the word.
const BEGINNING: usize = 3;

/// How an answer was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By log-probabilities of first tokens.
    Logprobs,
    /// By its text.
    Text,
}

/// A label that a service gave, and how it was read; nothing where it named none.
pub type Labelled = Option<(usize, By)>;

/// What is asked: prompts that differ in their templates, about the same examples.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The service.
    pub endpoint: &'a Endpoint,
    /// The words that stand for the labels.
    pub verbalizer: &'a Verbalizer,
    /// The examples' columns.
    pub columns: &'a [String],
    /// The examples.
    pub examples: &'a [Example],
}

impl Asking<'_> {
    /// What it takes at most if nothing was asked before: rewordings of `templates`, where there are to be any, and the labels of
    /// all examples under them and under each rewording, as long as those may be.
    ///
    /// # Errors
    /// [`EndpointError::Template`] for one that a service cannot answer.
    pub fn most(&self, templates: &[Template], reworded: bool) -> Result<Estimate, EndpointError> {
        let mut all = Estimate::default();
        for template in templates {
            let own = Estimate::of(&self.questions(template)?);
            all = all + own;
            if reworded {
                all = all + most(self.endpoint, std::slice::from_ref(template), &[]);
                // A quotation mark takes two bytes where it is sent.
                let more = (2 * longest(template) * self.examples.len()) as u64;
                for _ in 0..self.endpoint.n_paraphrases {
                    all = all + Estimate { input: own.input + more, ..own };
                }
            }
        }
        Ok(all)
    }

    /// Refuses, before rewordings of `templates` are asked for, what could be more than is allowed with the labels under them.
    ///
    /// # Errors
    /// [`EndpointError::Cap`], and as [`Asking::most`].
    pub fn check_reworded(&self, templates: &[Template], store: &AnswerStore) -> Result<(), EndpointError> {
        match all_kept(self.endpoint, templates, store)? {
            // What is left to ask is known, and checked when it is asked for.
            true => Ok(()),
            false => within(self.endpoint, self.most(templates, true)?),
        }
    }

    /// The label of each example under each template: `[template][example]`. Kept answers are read, new ones asked for after
    /// `note` is told what they may cost.
    ///
    /// # Errors
    /// [`EndpointError`]: before anything is asked if all of it could be more than is allowed.
    pub fn labels(
        &self,
        templates: &[Template],
        store: &AnswerStore,
        note: &dyn Fn(&str),
    ) -> Result<Vec<Vec<Labelled>>, EndpointError> {
        let mut questions = Vec::new();
        for template in templates {
            questions.extend(self.questions(template)?);
        }
        let answers = ask(self.endpoint, &questions, "labels", store, note)?;
        let read: Vec<Labelled> = answers.iter().map(|answer| label_of(answer, self.verbalizer)).collect();
        Ok(read.chunks(self.examples.len().max(1)).map(<[Labelled]>::to_vec).collect())
    }

    fn questions(&self, template: &Template) -> Result<Vec<Question>, EndpointError> {
        let words: Vec<&str> =
            self.verbalizer.labels.iter().flat_map(|label| &label.words).map(String::as_str).collect();
        let system = match has_han(template) || words.iter().any(|word| is_han(word)) {
            true => format!("请接着下面的文字写。只回答下列词语之一，不要写别的：{}", words.join("、")),
            false => {
                format!("Go on with the text. Answer with exactly one of these and nothing else: {}", words.join(", "))
            }
        };
        let wanted = Wanted { max_tokens: self.endpoint.max_tokens, temperature: 0.0, first_tokens: FIRST_TOKENS };
        let mut questions = Vec::new();
        for example in self.examples {
            let text = self.text(template, example)?;
            let messages = [("system", system.clone()), ("user", text.clone())];
            questions.push(Question::new(self.endpoint, text, &messages, wanted));
        }
        Ok(questions)
    }

    /// The prompt of an example up to the answer.
    fn text(&self, template: &Template, example: &Example) -> Result<String, EndpointError> {
        let fault = |what| EndpointError::Template { template: template.to_string(), what };
        let mut text = String::new();
        let mut pieces = template.pieces().iter();
        for piece in pieces.by_ref() {
            match piece {
                Piece::Text(own) => text.push_str(own),
                Piece::Column(name) => {
                    let place = self.columns.iter().position(|column| column == name);
                    text.push_str(place.and_then(|place| example.fields.get(place)).map_or("", String::as_str));
                }
                Piece::Mask(_) => break,
                _ => return Err(fault("has a slot that only a model on this machine can fill")),
            }
        }
        let marks = |piece: &Piece| matches!(piece, Piece::Text(text) if text.chars().all(|c| !c.is_alphanumeric()));
        if !pieces.all(marks) {
            return Err(fault("goes on behind {mask}, and a service answers behind a text: put {mask} last"));
        }
        Ok(text.trim_end().to_owned())
    }
}

fn is_han(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'))
}

/// The label that an answer names.
fn label_of(answer: &Answer, verbalizer: &Verbalizer) -> Labelled {
    let by_logprobs = by_first_tokens(&answer.first_tokens, verbalizer).map(|label| (label, By::Logprobs));
    by_logprobs.or_else(|| by_text(&answer.text, verbalizer).map(|label| (label, By::Text)))
}

/// The label whose words the likeliest first tokens begin.
fn by_first_tokens(first_tokens: &[(String, f64)], verbalizer: &Verbalizer) -> Option<usize> {
    let mut sums = vec![0.0; verbalizer.labels.len()];
    for (token, logprob) in first_tokens {
        let token = token.trim().to_lowercase();
        let begins = |label: &&LabelWords| {
            label.words.iter().map(|word| word.to_lowercase()).any(|word| {
                word == token || word.starts_with(&token) && (is_han(&token) || token.chars().count() >= BEGINNING)
            })
        };
        let mut labels = verbalizer.labels.iter().filter(begins);
        let (Some(label), None) = (labels.next(), labels.next()) else { continue };
        let place = verbalizer.labels.iter().position(|other| other == label)?;
        sums[place] += logprob.exp();
    }
    let mut best: Option<usize> = None;
    for (label, &sum) in sums.iter().enumerate() {
        if sum > best.map_or(0.0, |best| sums[best]) {
            best = Some(label);
        }
    }
    best
}

/// The one label whose words occur in a text; of several the one that it begins with.
fn by_text(text: &str, verbalizer: &Verbalizer) -> Option<usize> {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let found: Vec<(usize, usize)> = (verbalizer.labels.iter().enumerate())
        .filter_map(|(label, words)| {
            let first = |word: &String| first_place(&text, &word.to_lowercase());
            words.words.iter().filter_map(first).min().map(|place| (label, place))
        })
        .collect();
    match found.as_slice() {
        [(label, _)] => Some(*label),
        several => {
            let mut first = several.iter().filter(|(_, place)| *place == 0);
            match (first.next(), first.next()) {
                (Some((label, _)), None) => Some(*label),
                _ => None,
            }
        }
    }
}

/// Where a word stands first in a text, as a word of its own; Chinese has no spaces between words.
fn first_place(text: &str, word: &str) -> Option<usize> {
    let stands_alone = |at: usize| {
        is_han(word)
            || !text[..at].ends_with(char::is_alphanumeric)
                && !text[at + word.len()..].starts_with(char::is_alphanumeric)
    };
    text.match_indices(word).map(|(at, _)| at).find(|&at| stands_alone(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verbalizer(text: &str) -> Verbalizer {
        Verbalizer::parse(text).unwrap()
    }

    #[test]
    fn a_text_names_the_one_label_whose_words_it_holds() {
        let words = verbalizer("0=terrible|awful,1=great");
        for (text, label) in [
            ("great", Some(1)),
            (" \"Great.\"", Some(1)),
            ("**Awful**", Some(0)),
            ("It was great, I think", Some(1)),
            ("great, not terrible", Some(1)),
            ("neither great nor terrible", None),
            ("greatest", None),
            ("I cannot say.", None),
            ("", None),
        ] {
            assert_eq!(by_text(text, &words), label, "{text}");
        }
        let words = verbalizer("差=差,好=好");
        assert_eq!(by_text("这是好评", &words), Some(1));
        assert_eq!(by_text("好，不差", &words), Some(1));
        assert_eq!(by_text("不好也不差", &words), None);
    }

    #[test]
    fn first_tokens_count_for_the_label_whose_word_they_begin_and_no_other() {
        let words = verbalizer("0=terrible|awful,1=great,2=terrific");
        let label = |tokens: &[(&str, f64)]| {
            let tokens: Vec<(String, f64)> =
                tokens.iter().map(|(token, p)| ((*token).to_owned(), f64::ln(*p))).collect();
            by_first_tokens(&tokens, &words)
        };
        // `terr` begins two labels' words, `g` is too short to begin any.
        assert_eq!(label(&[("terr", 0.5), ("g", 0.3), (" Great", 0.1), ("aw", 0.05)]), Some(1));
        assert_eq!(label(&[("Great", 0.4), ("terri", 0.3), ("terrib", 0.25), (" awful", 0.2)]), Some(0));
        assert_eq!(label(&[("the", 0.9), ("terr", 0.1)]), None);
        assert_eq!(label(&[]), None);
    }

    #[test]
    fn a_prompt_is_sent_up_to_the_answer_which_stands_last() {
        let endpoint = Endpoint::new("http://x", "m");
        let words = verbalizer("0=bad,1=good");
        let columns = ["text".to_owned()];
        let examples = [Example { row: 0, fields: vec!["A film.".into()], label: Some(0) }];
        let asking = Asking { endpoint: &endpoint, verbalizer: &words, columns: &columns, examples: &examples };
        let text = |template: &str| asking.text(&Template::parse(template).unwrap(), &examples[0]);
        assert_eq!(text("{text} It was {mask}.").unwrap(), "A film. It was");
        assert_eq!(text("Is it good? {text}\nAnswer: {mask}").unwrap(), "Is it good? A film.\nAnswer:");
        assert!(text("A {mask} film: {text}").unwrap_err().to_string().contains("put {mask} last"));
        assert!(text("{text} {trigger:2} {mask}").is_err());
        let estimate = asking.most(&[Template::parse("{text} {mask}").unwrap()], false).unwrap();
        assert_eq!((estimate.requests, estimate.output), (1, endpoint.max_tokens));
        let reworded = asking.most(&[Template::parse("{text} {mask}").unwrap()], true).unwrap();
        assert_eq!(reworded.requests, 1 + 1 + 8);
    }
}
