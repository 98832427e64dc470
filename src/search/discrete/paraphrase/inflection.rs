//! The forms of English words: what a word is a form of, and the same form of another word.

use super::irregular::{ADJECTIVES, NOUNS, THIRD, VERBS};

/// A form of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// As the dictionary has it.
    Base,
    /// `films`
    Plural,
    /// `he films`
    Third,
    /// `filmed`
    Past,
    /// `has filmed`
    Participle,
    /// `filming`
    Progressive,
    /// `longer`
    Comparative,
    /// `longest`
    Superlative,
}

impl Form {
    const DERIVED: [Self; 7] = [
        Self::Plural,
        Self::Third,
        Self::Past,
        Self::Participle,
        Self::Progressive,
        Self::Comparative,
        Self::Superlative,
    ];
}

/// What a lower-case word may be a form of, for the words that `known` says there are; the word itself first.
pub fn lemmas(word: &str, known: impl Fn(&str) -> bool) -> Vec<(String, Form)> {
    let mut found = Vec::new();
    if known(word) {
        found.push((word.to_owned(), Form::Base));
    }
    let mut stems: Vec<String> = irregular_stems(word);
    for suffix in ["s", "es", "ed", "d", "ing", "er", "r", "est", "st"] {
        let Some(stem) = word.strip_suffix(suffix).filter(|stem| stem.chars().count() > 1) else { continue };
        stems.push(stem.to_owned());
        stems.push(format!("{stem}e"));
        stems.extend(stem.strip_suffix('i').map(|stem| format!("{stem}y")));
        stems.extend(stem.strip_suffix('y').map(|stem| format!("{stem}ie")));
        let mut letters = stem.chars().rev();
        if letters.next() == letters.next() {
            stems.push(stem[..stem.len() - stem.chars().next_back().map_or(0, char::len_utf8)].to_owned());
        }
    }
    for stem in stems {
        if stem == word || !known(&stem) {
            continue;
        }
        for form in Form::DERIVED {
            // What the rules would not make of the stem is not a form of it.
            let reading = (stem.clone(), form);
            if inflect(&stem, form) == word && !found.contains(&reading) {
                found.push(reading);
            }
        }
    }
    found
}

fn irregular_stems(word: &str) -> Vec<String> {
    let verbs = VERBS.iter().filter(|(_, past, participle)| [*past, *participle].contains(&word)).map(|v| v.0);
    let nouns = NOUNS.iter().filter(|(_, plural)| *plural == word).map(|n| n.0);
    let third = THIRD.iter().filter(|(_, third)| *third == word).map(|t| t.0);
    let adjectives = ADJECTIVES.iter().filter(|(_, more, most)| [*more, *most].contains(&word)).map(|a| a.0);
    verbs.chain(nouns).chain(third).chain(adjectives).map(str::to_owned).collect()
}

/// A form of a lower-case word; of several words the last is inflected in nouns, and the first in verbs.
pub fn inflect(word: &str, form: Form) -> String {
    let split = match form {
        Form::Plural => word.rsplit_once(' ').map(|(rest, last)| (format!("{rest} "), last, String::new())),
        Form::Third | Form::Past | Form::Participle | Form::Progressive => {
            word.split_once(' ').map(|(first, rest)| (String::new(), first, format!(" {rest}")))
        }
        Form::Base | Form::Comparative | Form::Superlative => None,
    };
    match split {
        Some((before, word, after)) => format!("{before}{}{after}", single(word, form)),
        None => single(word, form),
    }
}

fn single(word: &str, form: Form) -> String {
    let irregular = match form {
        Form::Base => Some(word),
        Form::Plural => NOUNS.iter().find(|n| n.0 == word).map(|n| n.1),
        Form::Third => THIRD.iter().find(|t| t.0 == word).map(|t| t.1),
        Form::Past => VERBS.iter().find(|v| v.0 == word).map(|v| v.1),
        Form::Participle => VERBS.iter().find(|v| v.0 == word).map(|v| v.2),
        Form::Progressive => None,
        Form::Comparative => ADJECTIVES.iter().find(|a| a.0 == word).map(|a| a.1),
        Form::Superlative => ADJECTIVES.iter().find(|a| a.0 == word).map(|a| a.2),
    };
    if let Some(irregular) = irregular {
        return irregular.to_owned();
    }
    match form {
        Form::Base => word.to_owned(),
        Form::Plural | Form::Third => with_s(word),
        Form::Past | Form::Participle => with_vowel(word, "ed"),
        Form::Progressive => progressive(word),
        Form::Comparative if is_short(word) => with_vowel(word, "er"),
        Form::Superlative if is_short(word) => with_vowel(word, "est"),
        Form::Comparative => format!("more {word}"),
        Form::Superlative => format!("most {word}"),
    }
}

fn with_s(word: &str) -> String {
    match after_consonant_y(word) {
        Some(stem) => format!("{stem}ies"),
        None if ["s", "x", "z", "ch", "sh"].iter().any(|end| word.ends_with(end)) => format!("{word}es"),
        None => format!("{word}s"),
    }
}

/// With an ending that begins with e.
fn with_vowel(word: &str, ending: &str) -> String {
    match after_consonant_y(word) {
        Some(stem) => format!("{stem}i{ending}"),
        None if word.ends_with('e') => format!("{word}{}", &ending[1..]),
        None => format!("{}{ending}", doubled(word)),
    }
}

fn progressive(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ie") {
        return format!("{stem}ying");
    }
    match word.strip_suffix('e') {
        Some(stem) if !stem.ends_with(['e', 'o', 'y']) && n_vowel_groups(stem) > 0 => format!("{stem}ing"),
        Some(_) => format!("{word}ing"),
        None => format!("{}ing", doubled(word)),
    }
}

/// What stands before a final y after a consonant.
fn after_consonant_y(word: &str) -> Option<&str> {
    word.strip_suffix('y').filter(|stem| stem.chars().next_back().is_some_and(|c| !is_vowel(c)))
}

/// The last consonant doubled after a single short vowel: `plan` -> `plann`, in words of one syllable only; in longer ones it
/// depends on the stress.
fn doubled(word: &str) -> String {
    let letters: Vec<char> = word.chars().collect();
    match letters[..] {
        [.., before, vowel, last]
            if n_vowel_groups(word) == 1
                && is_vowel(vowel)
                && !is_vowel(last)
                && !matches!(last, 'w' | 'x' | 'y' | 'h')
                && (!is_vowel(before)
                    || (before == 'u' && letters.get(letters.len().wrapping_sub(4)) == Some(&'q'))) =>
        {
            format!("{word}{last}")
        }
        _ => word.to_owned(),
    }
}

/// Whether `more` is put before its longer forms or an ending behind.
fn is_short(word: &str) -> bool {
    let groups = n_vowel_groups(word) - usize::from(word.ends_with('e') && n_vowel_groups(word) > 1);
    !word.contains([' ', '-']) && (groups == 1 || groups == 2 && after_consonant_y(word).is_some())
}

fn n_vowel_groups(word: &str) -> usize {
    let vowels: Vec<bool> = word.chars().map(|c| is_vowel(c) || c == 'y').collect();
    vowels.iter().enumerate().filter(|&(i, &vowel)| vowel && (i == 0 || !vowels[i - 1])).count()
}

fn is_vowel(c: char) -> bool {
    matches!(c, 'a' | 'e' | 'i' | 'o' | 'u')
}

/// `a` or `an`, by the sound that a word begins with.
pub fn article(word: &str) -> &'static str {
    const SILENT: [&str; 4] = ["hour", "honest", "honor", "heir"];
    const CONSONANT: [&str; 8] = ["one", "once", "uni", "use", "usu", "eu", "ubiq", "ut"];
    // `un` before `uni`: unimportant, uninspired.
    const VOWEL: [&str; 3] = ["unim", "unin", "utt"];
    let word = word.to_lowercase();
    let begins = |list: &[&str]| list.iter().any(|start| word.starts_with(start));
    let vowel = begins(&VOWEL) || begins(&SILENT) || (word.starts_with(is_vowel) && !begins(&CONSONANT));
    if vowel { "an" } else { "a" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_and_irregular_forms_are_made() {
        let table = [
            ("film", "films", "filmed", "filming"),
            ("watch", "watches", "watched", "watching"),
            ("carry", "carries", "carried", "carrying"),
            ("play", "plays", "played", "playing"),
            ("plan", "plans", "planned", "planning"),
            ("rate", "rates", "rated", "rating"),
            ("agree", "agrees", "agreed", "agreeing"),
            ("tie", "ties", "tied", "tying"),
            ("quit", "quits", "quitted", "quitting"),
            ("visit", "visits", "visited", "visiting"),
            ("show", "shows", "showed", "showing"),
            ("fix", "fixes", "fixed", "fixing"),
            ("take", "takes", "took", "taking"),
            ("go", "goes", "went", "going"),
        ];
        for (base, third, past, progressive) in table {
            assert_eq!(inflect(base, Form::Third), third);
            assert_eq!(inflect(base, Form::Past), past);
            assert_eq!(inflect(base, Form::Progressive), progressive);
        }
        for (base, plural) in [("child", "children"), ("story", "stories"), ("hero", "heroes"), ("review", "reviews")] {
            assert_eq!(inflect(base, Form::Plural), plural);
        }
        for (base, more, most) in [
            ("good", "better", "best"),
            ("nice", "nicer", "nicest"),
            ("big", "bigger", "biggest"),
            ("happy", "happier", "happiest"),
            ("great", "greater", "greatest"),
            ("awful", "more awful", "most awful"),
            ("enjoyable", "more enjoyable", "most enjoyable"),
        ] {
            assert_eq!(inflect(base, Form::Comparative), more);
            assert_eq!(inflect(base, Form::Superlative), most);
        }
        assert_eq!(inflect("moving picture", Form::Plural), "moving pictures");
        assert_eq!(inflect("make up", Form::Past), "made up");
    }

    #[test]
    fn a_form_is_traced_to_its_words_and_back() {
        let known =
            |word: &str| ["film", "good", "well", "see", "saw", "story", "plan", "watch", "rate"].contains(&word);
        let read = |word: &str| lemmas(word, known);
        assert_eq!(read("films"), [("film".into(), Form::Plural), ("film".into(), Form::Third)]);
        assert_eq!(read("filmed"), [("film".into(), Form::Past), ("film".into(), Form::Participle)]);
        assert_eq!(read("planning"), [("plan".into(), Form::Progressive)]);
        assert_eq!(read("rated"), [("rate".into(), Form::Past), ("rate".into(), Form::Participle)]);
        assert_eq!(read("stories"), [("story".into(), Form::Plural), ("story".into(), Form::Third)]);
        assert_eq!(read("best"), [("good".into(), Form::Superlative), ("well".into(), Form::Superlative)]);
        assert_eq!(read("saw"), [("saw".into(), Form::Base), ("see".into(), Form::Past)]);
        assert_eq!(read("thing"), [], "not every -ing is a form");
        assert_eq!(read("filmes"), []);
    }

    #[test]
    fn the_article_follows_the_sound() {
        for word in ["awful", "hour", "Excellent", "unimportant", "utter"] {
            assert_eq!(article(word), "an", "{word}");
        }
        for word in ["film", "one", "useful", "unique", "European", "happy"] {
            assert_eq!(article(word), "a", "{word}");
        }
    }
}
