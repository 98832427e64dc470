//! The rank of the right answer among all that are ranked.

/// How many answers are at least as likely as the right one, itself counted: 1 where it is the likeliest alone.
///
/// An equal score counts against it: a prompt that makes all answers alike has found none. So precision at 1 asks for more than
/// accuracy, for which the first of equal labels is the prediction.
pub fn answer_rank(scores: &[f64], gold: usize) -> Option<usize> {
    let own = *scores.get(gold)?;
    Some(scores.iter().filter(|score| **score >= own).count().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_counts_what_is_no_less_likely() {
        let scores = [-1.0, -3.0, -2.0, -2.0];
        assert_eq!([0, 1, 2, 3].map(|gold| answer_rank(&scores, gold)), [Some(1), Some(4), Some(3), Some(3)]);
        assert_eq!((answer_rank(&[-1.0; 5], 0), answer_rank(&scores, 4)), (Some(5), None));
    }
}
