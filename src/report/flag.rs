//! Flags: warnings that stand beside a number (contract, definition 13).

/// The known flags in the order in which they are listed; others follow in alphabetical order.
const KNOWN: [&str; 14] = [
    "failed",
    "nan",
    "budget_cut",
    "dev_only",
    "one_seed",
    "batch_halved",
    "majority_class",
    "label_leak",
    "retokenises",
    "zero_gradient",
    "diverged",
    "no_stable_candidate",
    "not_above_control",
    "truncated",
];

/// Flags in their fixed order, each once.
pub(super) fn ordered<'a>(flags: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let place = |flag: &str| KNOWN.iter().position(|known| *known == flag).unwrap_or(KNOWN.len());
    let mut flags: Vec<&str> = flags.into_iter().filter(|flag| !flag.is_empty()).collect();
    flags.sort_by(|a, b| (place(a), a).cmp(&(place(b), b)));
    flags.dedup();
    // `;` parts the flags of a cell, so no flag may hold one.
    flags.into_iter().map(|flag| flag.replace([';', '\n'], ",")).collect()
}

/// Whether a failure's reason says that a number was not finite.
pub(super) fn is_not_a_number(reason: &str) -> bool {
    let words = reason.to_lowercase();
    words.contains("not finite")
        || words
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| matches!(word, "nan" | "inf" | "infinite" | "infinity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_stand_once_and_in_one_order_however_they_come() {
        let flags = ordered(["zebra", "one_seed", "budget_cut", "one_seed", "a;b", ""]);
        assert_eq!(flags, ["budget_cut", "one_seed", "a,b", "zebra"]);
    }

    #[test]
    fn reasons_about_infinity_are_told_from_others() {
        assert!(is_not_a_number("the score of candidate 3 is NaN"));
        assert!(is_not_a_number("loss became inf at step 2"));
        assert!(!is_not_a_number("the information file is gone"));
    }
}
