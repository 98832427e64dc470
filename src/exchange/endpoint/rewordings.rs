//! From an answer to templates.

use crate::prompt::Template;
use crate::search::discrete::stands_for;

/// How much longer than its original a rewording may be: so many times, and so many characters.
const LONGER: (usize, usize) = (4, 200);

/// The rewordings in an answer: lines that can stand for the template, each once, at most `n`.
pub(super) fn rewordings(answer: &str, template: &Template, n: usize) -> Vec<Template> {
    let own = template.to_string();
    let most = own.chars().count() * LONGER.0 + LONGER.1;
    let mut found: Vec<Template> = Vec::new();
    for line in answer.lines() {
        let line = bare(line);
        if line.is_empty() || line == own || line.chars().count() > most {
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
