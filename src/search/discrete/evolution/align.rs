//! Phrases of two texts beside each other.

use super::super::paraphrase::is_han;

/// What stands in one column: the number of a phrase of the first text, of the second, or of both where they are the same.
pub type Column = (Option<usize>, Option<usize>);

/// What a pair of equal phrases counts.
const EQUAL: usize = 100;
/// What any pair counts.
const PAIR: usize = 10;
/// How much more one counts that shares all its words.
const SHARED: usize = 80;

/// The columns of two lists in order: the pairs that are most alike in all, by the words that they share (Needleman and Wunsch's
/// alignment without a cost of gaps).
pub fn align(first: &[String], second: &[String]) -> Vec<Column> {
    let (n, m) = (first.len(), second.len());
    // The most that what is left from here on can count.
    let mut most = vec![vec![0usize; m + 1]; n + 1];
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            let pair = most[i + 1][j + 1] + alike(&first[i], &second[j]);
            most[i][j] = pair.max(most[i + 1][j]).max(most[i][j + 1]);
        }
    }
    let mut columns = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < n && j < m {
        if most[i][j] == most[i + 1][j + 1] + alike(&first[i], &second[j]) {
            columns.push((Some(i), Some(j)));
            (i, j) = (i + 1, j + 1);
        } else if most[i][j] == most[i + 1][j] {
            columns.push((Some(i), None));
            i += 1;
        } else {
            columns.push((None, Some(j)));
            j += 1;
        }
    }
    columns.extend((i..n).map(|i| (Some(i), None)));
    columns.extend((j..m).map(|j| (None, Some(j))));
    columns
}

/// How much a pair counts: any a little, one that shares words (Chinese: characters) more by their share.
fn alike(one: &str, other: &str) -> usize {
    if one == other {
        return EQUAL;
    }
    let (one, other) = (units(one), units(other));
    let shared = one.iter().filter(|unit| other.contains(unit)).count();
    PAIR + SHARED * 2 * shared / (one.len() + other.len()).max(1)
}

fn units(phrase: &str) -> Vec<String> {
    match phrase.contains(is_han) {
        true => phrase.chars().filter(|c| !c.is_whitespace()).map(String::from).collect(),
        false => phrase.split_whitespace().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(first: &str, second: &str) -> Vec<Column> {
        let split = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<String>>();
        align(&split(first), &split(second))
    }

    #[test]
    fn phrases_that_are_alike_stand_beside_each_other() {
        assert_eq!(of("a b c", "a x c"), [(Some(0), Some(0)), (Some(1), Some(1)), (Some(2), Some(2))]);
        assert_eq!(of("a c", "a b c"), [(Some(0), Some(0)), (None, Some(1)), (Some(1), Some(2))]);
        assert_eq!(of("a b", "x"), [(Some(0), Some(0)), (Some(1), None)]);
        assert_eq!(of("", "x"), [(None, Some(0))]);
        assert_eq!(of("", ""), []);
        let (first, second) = (["in short", "the old film", "was"], ["the new film", "was"]);
        let own = |phrases: &[&str]| phrases.iter().map(|phrase| (*phrase).to_owned()).collect::<Vec<String>>();
        assert_eq!(align(&own(&first), &own(&second)), [(Some(0), None), (Some(1), Some(0)), (Some(2), Some(1))]);
        assert_eq!(align(&own(&["总之", "这家酒店"]), &own(&["那家酒店"])), [(Some(0), None), (Some(1), Some(0))]);
        assert_eq!(of("a b c d", "c d"), [(Some(0), None), (Some(1), None), (Some(2), Some(0)), (Some(3), Some(1))]);
    }
}
