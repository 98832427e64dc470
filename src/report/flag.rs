//! Flags: warnings that stand beside a number (contract, definition 13).

/// The known flags in the order in which they are listed; others follow in alphabetical order.
const KNOWN: [&str; 10] = [
    "failed",
    "nan",
    "budget_cut",
    "dev_only",
    "one_seed",
    "majority_class",
    "label_leak",
    "retokenises",
    "zero_gradient",
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

/// Whether the predictions are hardly more than one label: at least 95 % of them one label, whose share of the gold labels is
/// below 60 %.
pub(super) fn is_majority_class(gold: &[u16], predicted: &[u16], n_labels: usize) -> bool {
    let n = predicted.len();
    if n == 0 || gold.len() < n {
        return false;
    }
    (0..n_labels as u16).any(|label| {
        let among = |labels: &[u16]| labels.iter().filter(|l| **l == label).count() as f64 / n as f64;
        among(predicted) >= 0.95 && among(&gold[..n]) < 0.6
    })
}

/// Whether a failure's reason says that a number was not finite.
pub(super) fn is_not_a_number(reason: &str) -> bool {
    let words = reason.to_lowercase();
    words.contains("not finite")
        || words.split(|c: char| !c.is_alphanumeric()).any(|word| matches!(word, "nan" | "inf" | "infinite" | "infinity"))
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
    fn one_label_almost_everywhere_is_the_majority_class_only_if_gold_is_balanced() {
        let gold: Vec<u16> = (0..20).map(|i| i % 2).collect();
        let mut predicted = vec![1; 20];
        predicted[0] = 0;
        assert!(is_majority_class(&gold, &predicted, 2));
        predicted[2] = 0;
        assert!(!is_majority_class(&gold, &predicted, 2));
        assert!(!is_majority_class(&[1; 20], &[1; 20], 2));
        assert!(!is_majority_class(&[], &[], 2));
    }

    #[test]
    fn reasons_about_infinity_are_told_from_others() {
        assert!(is_not_a_number("the score of candidate 3 is NaN"));
        assert!(is_not_a_number("loss became inf at step 2"));
        assert!(!is_not_a_number("the information file is gone"));
    }
}
