//! The making of rewritten templates: sites chosen, the model asked, what it finds unlikely left out.

use serde_json::json;

use super::edit::Edit;
use super::likelihood::{Questions, highest, likeliest};
use super::parent::Parent;
use super::site::{self, Site};
use super::thesaurus::Thesaurus;
use super::word::{Script, Word, is_han};
use crate::prompt::Template;
use crate::search::{Oracle, SearchError};

/// The most gaps that one site asks the model about in a text of words: a word beside the change before it and after two, and
/// what is put in; or two words before and after.
pub const GAPS: u64 = 4;
/// The same in a text of Chinese characters: three lengths of a replaced word, the second half of the old one and three
/// beginnings of a new one.
pub const GAPS_HAN: u64 = 7;
/// The longest replacement, in tokens.
const TOKENS: usize = 3;
/// Answers of the model that are taken from one place.
const ANSWERS: usize = 3;
/// The vocabulary's best that are looked through for them.
const LOOKED_AT: usize = 200;

/// Which generators are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generators {
    /// Synonyms.
    pub thesaurus: bool,
    /// The model's answers.
    pub mask_fill: bool,
}

/// A template made from another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewrite {
    /// The new template.
    pub template: Template,
    /// The number of the parent among the members.
    pub parent: usize,
    /// What was done, in words.
    pub origin: String,
    /// The generator.
    pub by: &'static str,
    /// How much likelier the model finds it than what was there, in nats a token; below 0 where less likely. NaN, which the
    /// record writes as null, where the model was not asked.
    pub nats: f64,
}

/// What was thrown away and why, for the record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Less likely than what stood there by more than is allowed.
    pub unlikely: u64,
    /// Would break the text or say a word twice.
    pub broken: u64,
    /// Would say a label word.
    pub leaks: u64,
    /// Known already, by text or by tokens.
    pub repeated: u64,
}

impl Dropped {
    /// For the record.
    pub fn as_json(self) -> serde_json::Value {
        json!({ "unlikely": self.unlikely, "broken": self.broken, "label_words": self.leaks, "repeated": self.repeated })
    }
}

/// What is being made of a site.
enum Draft {
    /// Other words for a word: (text, tokens, the question that has as many places).
    Synonyms { old: Judged, others: Vec<(String, Vec<u32>, usize)> },
    /// The model's own answers for a word of one token.
    Single { old: Judged, question: usize },
    /// The model's own two characters for two: the question for both, and the old second one with the first filled in.
    Pair { old_ids: Vec<u32>, question: usize, old_second: usize },
    /// Something new of one token or two.
    New { question: usize, n: usize },
    /// Left out: the neighbours before and after.
    Without { changed: Template, checks: Vec<Check> },
}

/// A word of two characters that the model may say.
struct Pair {
    draft: usize,
    text: String,
    /// The log-probability of its first character with the second masked.
    first: f64,
    second: u32,
    /// The question for the second with the first filled in.
    question: usize,
}

/// The old text: its tokens and the question that has its places.
struct Judged {
    ids: Vec<u32>,
    question: usize,
}

/// A neighbour whose likelihood must not suffer: the question with the old text beside it and the one with the new.
struct Check {
    ids: Vec<u32>,
    before: usize,
    after: usize,
}

/// What a round makes rewrites from.
pub struct Rewriter<'a> {
    /// Where synonyms are looked up.
    pub thesaurus: &'a Thesaurus,
    /// Which generators are on.
    pub generators: Generators,
    /// The most nats a token that may be lost.
    pub likelihood: f64,
    /// The questions of the round.
    pub questions: Questions,
    /// What was thrown away.
    pub dropped: Dropped,
}

impl Rewriter<'_> {
    /// Everything that can be made at some sites of some parents, a queue a site and generator, best first.
    ///
    /// # Errors
    /// As [`Oracle::fill`].
    pub fn rewrite(
        &mut self,
        chosen: &[(&Parent, Site)],
        oracle: &mut dyn Oracle,
    ) -> Result<Vec<Vec<Rewrite>>, SearchError> {
        let mut drafts: Vec<(&Parent, &Site, Draft)> = Vec::new();
        for (parent, site) in chosen {
            for draft in self.drafts(parent, site, oracle) {
                drafts.push((parent, site, draft));
            }
        }
        self.questions.ask(oracle)?;

        // What needs another look: the second characters of words of two.
        let words: Vec<(String, Vec<u32>)> = self
            .thesaurus
            .two_characters()
            .into_iter()
            .filter_map(|word| oracle.encode(&word, false).filter(|ids| ids.len() == 2).map(|ids| (word, ids)))
            .collect();
        let mut pairs: Vec<Pair> = Vec::new();
        for (number, (parent, site, draft)) in drafts.iter().enumerate() {
            let question = match draft {
                Draft::Pair { question, .. } | Draft::New { question, n: 2 } => *question,
                _ => continue,
            };
            let Some(gap) = self.gap(parent, site, 2) else { continue };
            let mut found: Vec<(f64, &String, &Vec<u32>)> = words
                .iter()
                .filter(|(word, _)| parent.fits(site, word))
                .map(|(word, ids)| (self.questions.mean(question, ids), word, ids))
                .collect();
            found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
            for (_, word, ids) in found.into_iter().take(ANSWERS) {
                let first = f64::from(self.questions.rows(question)[0][ids[0] as usize]);
                let question = self.questions.note(gap.clone(), vec![Some(ids[0]), None]);
                pairs.push(Pair { draft: number, text: word.clone(), first, second: ids[1], question });
            }
        }
        self.questions.ask(oracle)?;

        let mut queues: Vec<Vec<Rewrite>> = Vec::new();
        let mut new: Vec<(usize, Rewrite, Check)> = Vec::new();
        for (number, (parent, site, draft)) in drafts.iter().enumerate() {
            let mut queue = Vec::new();
            match draft {
                Draft::Synonyms { old, others } => self.synonyms(parent, site, old, others, &mut queue),
                Draft::Single { old, question } => {
                    let least = self.questions.mean(old.question, &old.ids);
                    let row = &self.questions.rows(*question)[0];
                    let answers = self.answers(parent, site, row, least - self.likelihood, oracle);
                    for (text, logprob) in answers {
                        queue.extend(self.changed(parent, site, &text, "mask_fill", logprob - least));
                    }
                }
                Draft::Pair { old_ids, question, old_second } => {
                    let first = f64::from(self.questions.rows(*question)[0][old_ids[0] as usize]);
                    let least = (first + self.questions.mean(*old_second, &old_ids[1..])) / 2.0;
                    for (text, logprob, _) in self.pairs(&pairs, number) {
                        if logprob < least - self.likelihood {
                            self.dropped.unlikely += 1;
                        } else {
                            queue.extend(self.changed(parent, site, &text, "mask_fill", logprob - least));
                        }
                    }
                }
                Draft::New { question, n } => {
                    let found = if *n == 1 {
                        let row = &self.questions.rows(*question)[0];
                        let best = highest(row);
                        self.answers(parent, site, row, best - self.likelihood, oracle)
                            .into_iter()
                            .map(|(text, logprob)| (text, logprob - best))
                            .collect()
                    } else {
                        // The likeliest first character stands for all that may come first.
                        let best_first = highest(&self.questions.rows(*question)[0]);
                        let firsts = pairs.iter().filter(|pair| pair.draft == number).map(|pair| pair.first);
                        let lost = best_first - firsts.fold(f64::NEG_INFINITY, f64::max);
                        self.pairs(&pairs, number)
                            .into_iter()
                            .map(|(text, logprob, best)| (text, logprob - best - lost / 2.0))
                            .filter(|(_, nats)| *nats >= -self.likelihood)
                            .collect::<Vec<_>>()
                    };
                    for (text, nats) in found.into_iter().take(2) {
                        let Some(rewrite) = self.changed(parent, site, &text, "mask_fill", nats) else { continue };
                        match self.check_beside(parent, site, &rewrite.template, oracle) {
                            Some(check) => new.push((queues.len(), rewrite, check)),
                            None => self.dropped.broken += 1,
                        }
                    }
                }
                Draft::Without { changed, checks } => {
                    let nats = checks.iter().map(|check| self.gain(check)).fold(f64::INFINITY, f64::min);
                    if nats < -self.likelihood {
                        self.dropped.unlikely += 1;
                    } else if let Site::LeaveOut(word) = site {
                        queue.push(Rewrite {
                            template: changed.clone(),
                            parent: parent.number,
                            origin: format!("left out `{}`", parent.words[*word].text),
                            by: "mask_fill",
                            nats,
                        });
                    }
                }
            }
            queues.push(queue);
        }
        self.questions.ask(oracle)?;
        for (queue, mut rewrite, check) in new {
            rewrite.nats = rewrite.nats.min(self.gain(&check));
            if rewrite.nats < -self.likelihood {
                self.dropped.unlikely += 1;
            } else {
                queues[queue].push(rewrite);
            }
        }
        for queue in &mut queues {
            queue.sort_by(|a, b| b.nats.total_cmp(&a.nats));
        }
        Ok(queues)
    }

    /// The drafts of a site, their first questions noted.
    fn drafts(&mut self, parent: &Parent, site: &Site, oracle: &dyn Oracle) -> Vec<Draft> {
        let mut drafts = Vec::new();
        match site {
            Site::Replace(number) => {
                let word = &parent.words[*number];
                let after_space = parent.after_space(word);
                let Some(ids) = oracle.encode(&word.text, after_space) else { return drafts };
                let Some(gap) = self.gap(parent, site, ids.len()) else { return drafts };
                let n = ids.len();
                let question = self.questions.note(gap, vec![None; n]);
                if self.generators.thesaurus {
                    let mut others = Vec::new();
                    for other in self.thesaurus.synonyms(&word.text) {
                        let text = site::replace(word, &other).text;
                        let Some(other_ids) = oracle.encode(&text, after_space) else { continue };
                        if other_ids.len() > TOKENS || other_ids == ids {
                            continue;
                        }
                        // Three lengths at most are asked about: that of the old word, one token and two.
                        if other_ids.len() != n && other_ids.len() > 2 {
                            continue;
                        }
                        let Some(gap) = self.gap(parent, site, other_ids.len()) else { continue };
                        let question = self.questions.note(gap, vec![None; other_ids.len()]);
                        others.push((text, other_ids, question));
                    }
                    if !others.is_empty() {
                        drafts.push(Draft::Synonyms { old: Judged { ids: ids.clone(), question }, others });
                    }
                }
                let han = word.script == Script::Han;
                if self.generators.mask_fill && han && n == 2 && word.n_characters() == 2 {
                    if let Some(gap) = self.gap(parent, site, 2) {
                        let old_second = self.questions.note(gap, vec![Some(ids[0]), None]);
                        drafts.push(Draft::Pair { old_ids: ids, question, old_second });
                    }
                } else if self.generators.mask_fill
                    && (!han || n == 1)
                    && let Some(gap) = self.gap(parent, site, 1)
                {
                    let single = self.questions.note(gap, vec![None]);
                    drafts.push(Draft::Single { old: Judged { ids, question }, question: single });
                }
            }
            Site::PutIn { n, .. } if self.generators.mask_fill => {
                if let Some(gap) = self.gap(parent, site, *n) {
                    let question = self.questions.note(gap, vec![None; *n]);
                    drafts.push(Draft::New { question, n: *n });
                }
            }
            Site::LeaveOut(number) if self.generators.mask_fill => {
                let edit = site::leave_out(&parent.template, &parent.words[*number]);
                let Some(changed) = edit.apply(&parent.template) else {
                    self.dropped.broken += 1;
                    return drafts;
                };
                let child = Parent::new(parent.number, changed.clone(), self.thesaurus);
                let mut checks = Vec::new();
                for neighbour in parent.neighbours(*number) {
                    let now = if neighbour > *number { neighbour - 1 } else { neighbour };
                    checks.push(self.check(parent, neighbour, &child, now, oracle));
                }
                let checks: Option<Vec<Check>> = checks.into_iter().collect();
                match checks.filter(|checks| !checks.is_empty()) {
                    Some(checks) => drafts.push(Draft::Without { changed, checks }),
                    None => self.dropped.broken += 1,
                }
            }
            Site::PutIn { .. } | Site::LeaveOut(_) => {}
        }
        drafts
    }

    /// The questions for a neighbour in the old template and in the new; `None` if it is not the same word any more.
    fn check(&mut self, old: &Parent, word: usize, new: &Parent, now: usize, oracle: &dyn Oracle) -> Option<Check> {
        let (word, now) = (old.words.get(word)?, new.words.get(now)?);
        if word.text.to_lowercase() != now.text.to_lowercase() {
            return None;
        }
        let ids = oracle.encode(&word.text, old.after_space(word))?;
        let mut question = |parent: &Parent, word: &Word| {
            let edit = site::replace(word, &word.text);
            let gap = edit.gap(&parent.template, ids.len())?;
            Some(self.questions.note(gap, vec![None; ids.len()]))
        };
        let (before, after) = (question(old, word)?, question(new, now)?);
        Some(Check { ids, before, after })
    }

    /// The check of the word beside what was put in: the one behind it, else the one before.
    fn check_beside(&mut self, parent: &Parent, site: &Site, changed: &Template, oracle: &dyn Oracle) -> Option<Check> {
        let Site::PutIn { piece, before, .. } = site else { return None };
        let child = Parent::new(parent.number, changed.clone(), self.thesaurus);
        let grown = child.words.len().checked_sub(parent.words.len())?;
        match before {
            Some(word) => self.check(parent, *word, &child, word + grown, oracle),
            None => {
                let last = parent.words.iter().rposition(|w| w.piece == *piece)?;
                self.check(parent, last, &child, last, oracle)
            }
        }
    }

    /// How much likelier a neighbour has become.
    fn gain(&self, check: &Check) -> f64 {
        self.questions.mean(check.after, &check.ids) - self.questions.mean(check.before, &check.ids)
    }

    fn gap(&self, parent: &Parent, site: &Site, n: usize) -> Option<Template> {
        let edit = match site {
            Site::Replace(word) | Site::LeaveOut(word) => site::replace(&parent.words[*word], ""),
            Site::PutIn { piece, at, script, .. } => {
                let text = if *script == Script::Spaced { " ".to_owned() } else { String::new() };
                Edit { piece: *piece, start: *at, end: *at, text }
            }
        };
        edit.gap(&parent.template, n)
    }

    fn synonyms(
        &mut self,
        parent: &Parent,
        site: &Site,
        old: &Judged,
        others: &[(String, Vec<u32>, usize)],
        queue: &mut Vec<Rewrite>,
    ) {
        let least = self.questions.mean(old.question, &old.ids);
        for (text, ids, question) in others {
            let nats = self.questions.mean(*question, ids) - least;
            if nats < -self.likelihood {
                self.dropped.unlikely += 1;
            } else {
                queue.extend(self.changed(parent, site, text, "thesaurus", nats));
            }
        }
    }

    /// The model's likeliest words for one open place, not below `least`.
    fn answers(
        &self,
        parent: &Parent,
        site: &Site,
        row: &[f32],
        least: f64,
        oracle: &dyn Oracle,
    ) -> Vec<(String, f64)> {
        let script = match site {
            Site::Replace(word) | Site::LeaveOut(word) => parent.words[*word].script,
            Site::PutIn { script, .. } => *script,
        };
        likeliest(row, least, LOOKED_AT)
            .into_iter()
            .filter_map(|id| Some((oracle.word(id)?, f64::from(row[id as usize]))))
            .filter(|(text, _)| match script {
                Script::Han => text.chars().all(is_han) && self.thesaurus.is_han_word(text),
                Script::Spaced => !text.chars().any(is_han) && (!parent.english || self.thesaurus.is_word(text)),
            })
            .filter(|(text, _)| parent.fits(site, text))
            .map(|(text, logprob)| (if text == "i" { "I".to_owned() } else { text }, logprob))
            .take(ANSWERS)
            .collect()
    }

    /// Words of two characters: text, mean log-probability, and the mean with the likeliest in the second's place.
    fn pairs(&self, pairs: &[Pair], draft: usize) -> Vec<(String, f64, f64)> {
        let mut found: Vec<(String, f64, f64)> = pairs
            .iter()
            .filter(|pair| pair.draft == draft)
            .map(|pair| {
                let row = &self.questions.rows(pair.question)[0];
                let second = f64::from(row[pair.second as usize]);
                (pair.text.clone(), (pair.first + second) / 2.0, (pair.first + highest(row)) / 2.0)
            })
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found
    }

    /// The rewrite that puts `text` at a site.
    fn changed(&mut self, parent: &Parent, site: &Site, text: &str, by: &'static str, nats: f64) -> Option<Rewrite> {
        let (edit, origin) = match site {
            Site::Replace(word) => {
                let word = &parent.words[*word];
                let edit = site::replace(word, text);
                let origin = format!("{} -> {}", word.text, edit.text);
                (edit, origin)
            }
            Site::PutIn { piece, at, before, script, .. } => {
                let before = before.map(|word| &parent.words[word]);
                let edit = site::put_in(&parent.template, (*piece, *at), before, *script, text);
                let place = before.map_or("{mask}".to_owned(), |word| format!("`{}`", word.text));
                (edit, format!("put in `{text}` before {place}"))
            }
            Site::LeaveOut(_) => return None,
        };
        let Some(template) = edit.apply(&parent.template) else {
            self.dropped.broken += 1;
            return None;
        };
        Some(Rewrite { template, parent: parent.number, origin, by, nats })
    }
}
