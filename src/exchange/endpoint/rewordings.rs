//! Rewordings of templates: what is asked, and which lines of an answer are taken.

use std::collections::{BTreeMap, HashMap};

use super::EndpointError;
use super::ask::{ask, missing};
use super::crossings::children;
use super::question::{Estimate, Question, Wanted};
use crate::prompt::Template;
use crate::record::{Answer, AnswerStore};
use crate::search::discrete::{Rephrase, has_han, stands_for};
use crate::spec::Endpoint;

/// How much longer than its original a rewording may be: so many times, and so many bytes.
const LONGER: (usize, usize) = (3, 120);

/// A service's rewordings, by the template that it was asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Answering {
    name: String,
    rewordings: BTreeMap<String, Vec<Template>>,
    children: BTreeMap<[String; 2], Vec<Template>>,
    /// What it said, by the hashes of the questions.
    pub answers: Vec<(String, Answer)>,
}

impl Rephrase for Answering {
    fn rewordings(&self, template: &Template) -> Vec<Template> {
        self.rewordings.get(&template.to_string()).cloned().unwrap_or_default()
    }

    fn children(&self, first: &Template, second: &Template) -> Vec<Template> {
        let of = |first: &Template, second: &Template| self.children.get(&[first.to_string(), second.to_string()]);
        of(first, second).or_else(|| of(second, first)).cloned().unwrap_or_default()
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// A pair of templates that are to be bred.
pub type Pair = (Template, Template);

/// What asking for rewordings of templates and for children of pairs takes at most, if none was asked for before.
pub fn most(endpoint: &Endpoint, templates: &[Template], pairs: &[Pair]) -> Estimate {
    Estimate::of(questions(endpoint, templates).iter().chain(&crossings(endpoint, pairs)))
}

/// Rewordings of templates and children of pairs: kept ones, and new ones, before which `note` is told what they may cost.
///
/// # Errors
/// [`EndpointError`]: before anything is asked if it could be more than is allowed.
pub fn reword(
    endpoint: &Endpoint,
    (templates, pairs): (&[Template], &[Pair]),
    store: &AnswerStore,
    note: &dyn Fn(&str),
) -> Result<Answering, EndpointError> {
    let mut questions = questions(endpoint, templates);
    let n_templates = questions.len();
    questions.extend(crossings(endpoint, pairs));
    let what = if pairs.is_empty() { "rewordings" } else { "rewordings and children" };
    let mut answers = ask(endpoint, &questions, what, store, note)?;
    let crossed = answers.split_off(n_templates);
    let mut answering = Answering {
        name: endpoint.model.clone(),
        rewordings: BTreeMap::new(),
        children: BTreeMap::new(),
        answers: Vec::new(),
    };
    for (question, answer) in questions[n_templates..].iter().zip(crossed) {
        let asked = pairs.iter().find(|(first, second)| format!("{first}\n{second}") == question.subject);
        if let Some((first, second)) = asked {
            let new = children(&answer.text, first, second, endpoint.n_paraphrases);
            if new.is_empty() {
                note(&format!("{} has no child of `{first}` and `{second}` that keeps the slots", endpoint.model));
            }
            answering.children.insert([first.to_string(), second.to_string()], new);
        }
        answering.answers.push((question.hash.clone(), answer));
    }
    for (question, answer) in questions.iter().zip(answers) {
        let Some(template) = templates.iter().find(|template| template.to_string() == question.subject) else {
            continue;
        };
        let new = rewordings(&answer.text, template, endpoint.n_paraphrases);
        if new.is_empty() {
            note(&format!("{} has no rewording of `{template}` that keeps its slots", endpoint.model));
        }
        answering.rewordings.insert(question.subject.clone(), new);
        answering.answers.push((question.hash.clone(), answer));
    }
    Ok(answering)
}

/// Whether rewordings of all templates were asked for before.
pub(super) fn all_kept(
    endpoint: &Endpoint,
    templates: &[Template],
    store: &AnswerStore,
) -> Result<bool, EndpointError> {
    Ok(missing(endpoint, &questions(endpoint, templates), store, &mut HashMap::new())?.is_empty())
}

/// Bytes that a rewording of a template has at most.
pub(super) fn longest(template: &Template) -> usize {
    template.to_string().len() * LONGER.0 + LONGER.1
}

/// A question for each template, equal ones once.
fn questions(endpoint: &Endpoint, templates: &[Template]) -> Vec<Question> {
    let mut questions: Vec<Question> = Vec::new();
    for template in templates {
        let question = question(endpoint, template);
        if !questions.contains(&question) {
            questions.push(question);
        }
    }
    questions
}

/// A question for each pair, equal ones once.
fn crossings(endpoint: &Endpoint, pairs: &[Pair]) -> Vec<Question> {
    let mut questions: Vec<Question> = Vec::new();
    for (first, second) in pairs {
        let question = super::crossings::question(endpoint, first, second);
        if !questions.contains(&question) {
            questions.push(question);
        }
    }
    questions
}

/// The request for rewordings of a template.
fn question(endpoint: &Endpoint, template: &Template) -> Question {
    let n = endpoint.n_paraphrases;
    let text = match has_han(template) {
        true => format!(
            "下面一行是给语言模型用的提示模板。花括号里的部分是占位符。请写出{n}个意思相同、说法不同的模板，每行一个，不要编号和说明。\
             每个占位符必须原样保留，各出现一次，次序不变。\n\n{template}"
        ),
        false => format!(
            "The line below is a prompt template for a language model. What stands in braces is a placeholder. Write {n} \
             templates that mean the same in other words, one on each line, without numbers or comments. Keep every \
             placeholder exactly as it is, each once and in the same order.\n\n{template}"
        ),
    };
    let wanted = Wanted { max_tokens: endpoint.max_tokens, temperature: endpoint.temperature, first_tokens: 0 };
    Question::new(endpoint, template.to_string(), &[("user", text)], wanted)
}

/// The rewordings in an answer: lines that can stand for the template, each once, at most `n`.
pub(super) fn rewordings(answer: &str, template: &Template, n: usize) -> Vec<Template> {
    let own = template.to_string();
    let most = longest(template);
    let mut found: Vec<Template> = Vec::new();
    for line in answer.lines() {
        let line = bare(line);
        if line.is_empty() || line == own || line.len() > most {
            continue;
        }
        let Ok(new) = Template::parse(line) else { continue };
        if new.check_mask().is_ok() && stands_for(&new, template) && new != *template && !found.contains(&new) {
            found.push(new);
        }
    }
    found.truncate(n);
    found
}

/// A line without the number, the mark or the quotes that an answer puts around it.
fn bare(line: &str) -> &str {
    let mut line = line.trim();
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits > 0
        && let Some(rest) = line[digits..].strip_prefix(['.', ')', '、', '．', ':'])
    {
        line = rest.trim_start();
    }
    for mark in ["- ", "* ", "• "] {
        line = line.strip_prefix(mark).unwrap_or(line).trim_start();
    }
    for (open, close) in [('"', '"'), ('`', '`'), ('“', '”'), ('「', '」')] {
        if let Some(inner) = line.strip_prefix(open).and_then(|line| line.strip_suffix(close)) {
            line = inner;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_can_stand_for_the_template_are_taken() {
        let template = Template::parse("{text} It was {mask}.").unwrap();
        let answer = "Here are some:\n1. {text} In short, it was {mask}.\n2) \"{text} All in all {mask}.\"\n- {text} In short, it was \
                      {mask}.\n{mask} {text}\n{text} It was {mask}.\n{text} no slot\n```\n{text} broken {mask\n* {text} I found it \
                      {mask}!";
        let found: Vec<String> = rewordings(answer, &template, 9).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["{text} In short, it was {mask}.", "{text} All in all {mask}.", "{text} I found it {mask}!"]
        );
        assert_eq!(rewordings(answer, &template, 2).len(), 2);
        let long = format!("{{text}} {} {{mask}}.", "very ".repeat(200));
        assert!(rewordings(&long, &template, 9).is_empty());
    }

    #[test]
    fn chinese_answers_are_read_too() {
        let template = Template::parse("{text}总之{mask}。").unwrap();
        let found = rewordings("1、{text}总的来说{mask}。\n2．「{text}感觉{mask}。」", &template, 9);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["{text}总的来说{mask}。", "{text}感觉{mask}。"]);
    }
}
