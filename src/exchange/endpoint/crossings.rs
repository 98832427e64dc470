//! Templates bred from two by a service (EvoPrompt, arXiv 2309.08532, in words of our own): what is asked, and which lines of an answer
//! are taken.

use super::question::{Question, Wanted};
use super::rewordings::rewordings;
use crate::prompt::Template;
use crate::search::discrete::has_han;
use crate::spec::Endpoint;

/// The request for children of two templates.
pub(super) fn question(endpoint: &Endpoint, first: &Template, second: &Template) -> Question {
    let n = endpoint.n_paraphrases;
    let text = match has_han(first) || has_han(second) {
        true => format!(
            "下面两行是同一任务的两个提示模板。花括号里的部分是占位符。请取两者的措辞合成新的模板，再改动其中几个词，写出{n}个彼此不同的新模板，\
             每行一个，不要编号和说明。每个占位符必须原样保留，各出现一次，次序与其中一个模板相同。\n\n{first}\n{second}"
        ),
        false => format!(
            "The two lines below are prompt templates for the same task. What stands in braces is a placeholder. Combine wording of \
             both into new templates and then change a few of their words. Write {n} different new templates, one on each line, without \
             numbers or comments. Keep every placeholder exactly as it is, each once and in the order of one of the two.\n\n{first}\n\
             {second}"
        ),
    };
    let wanted = Wanted { max_tokens: endpoint.max_tokens, temperature: endpoint.temperature, first_tokens: 0 };
    Question::new(endpoint, format!("{first}\n{second}"), &[("user", text)], wanted)
}

/// The children in an answer: lines that can stand for one of the parents and are neither, each once, at most `n`.
pub(super) fn children(answer: &str, first: &Template, second: &Template, n: usize) -> Vec<Template> {
    let mut found = rewordings(answer, first, usize::MAX);
    for other in rewordings(answer, second, usize::MAX) {
        if !found.contains(&other) {
            found.push(other);
        }
    }
    found.retain(|child| child != first && child != second);
    found.truncate(n);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parents_are_asked_about_in_their_language_and_children_stand_for_one_of_them() {
        let parse = |text: &str| Template::parse(text).unwrap();
        let endpoint = Endpoint::new("http://x", "m");
        let (first, second) = (parse("{text} It was {mask}."), parse("A {mask} film: {text}"));
        let asked = question(&endpoint, &first, &second);
        assert!(asked.body.to_string().contains("Combine wording of both"));
        assert!(
            asked.body["messages"][0]["content"]
                .as_str()
                .unwrap()
                .ends_with("{text} It was {mask}.\nA {mask} film: {text}")
        );
        let zh = question(&endpoint, &parse("{text}总之{mask}。"), &parse("{text}感觉{mask}。"));
        assert!(zh.body.to_string().contains("合成新的模板"));
        let answer = "1. {text} The film was {mask}.\n2. A {mask} one: {text}\n{text} It was {mask}.\n{text} no answer\n\
                      {text} The film was {mask}.";
        let found: Vec<String> = children(answer, &first, &second, 9).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["{text} The film was {mask}.", "A {mask} one: {text}"]);
        assert_eq!(children(answer, &first, &second, 1).len(), 1);
    }
}
