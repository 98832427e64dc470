//! What a dictionary does not tell of English: the words that hold a sentence together.

/// Words that carry no meaning of their own: no synonyms are looked up for them.
const FUNCTION_WORDS: &str = "a about above after again against ain't all am an and another any are aren't as at be because \
been before being below between both but by can can't cannot could couldn't did didn't do does doesn't doing don't done down \
during each either else ever every few for from further had hadn't has hasn't have haven't having he her here hers herself \
him himself his how however i i'd i'll i'm i've if in into is isn't it it's its itself just let let's many may me might mine \
more most much must my myself neither no none nor not now of off on once one only onto or other our ours ourselves out over \
own per rather same shall she should shouldn't since so some still such than that that's the their theirs them themselves \
then there there's these they this those though through thus to too toward towards under until up upon us very was wasn't we \
were weren't what when where whether which while who whom whose why will with within without won't would wouldn't yes yet you \
your yours yourself";

/// The words of two letters or one that stand in texts; what else is so short is an abbreviation or a piece of a word.
const SHORT_WORDS: &str =
    "a i ad ah am an as at be by do ex go ha he hi hm if in is it me my no of oh ok on or ox so to tv up us we";

/// Whether a lower-case word only holds a sentence together. `very` and `all` are among them to a grammar, but have synonyms.
pub fn is_function_word(word: &str) -> bool {
    !matches!(word, "very" | "however" | "about" | "just" | "still" | "only" | "rather")
        && is_listed(FUNCTION_WORDS, word)
}

/// Whether a lower-case word holds a sentence together, or is one of the shortest.
pub fn is_common(word: &str) -> bool {
    is_listed(FUNCTION_WORDS, word) || is_listed(SHORT_WORDS, word)
}

fn is_listed(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|listed| listed == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_between_the_words_are_known() {
        assert!(is_function_word("it") && is_function_word("was") && !is_function_word("very"));
        assert!(is_common("very") && is_common("tv") && !is_common("th") && !is_common("film"));
    }
}
