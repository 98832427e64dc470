//! Who of the templates that were compared is gone on from.

/// Members in order, the lowest value first, of equals the earlier; and how many are not among them because they predict on all
/// selection examples what a better one predicts.
pub fn ranked(
    mut members: Vec<usize>,
    value: impl Fn(usize) -> f64,
    signature: impl Fn(usize) -> Option<u64>,
) -> (Vec<usize>, u64) {
    members.sort_by(|&a, &b| value(a).total_cmp(&value(b)).then(a.cmp(&b)));
    let n = members.len();
    let mut seen = Vec::new();
    members.retain(|&member| match signature(member) {
        Some(signature) if seen.contains(&signature) => false,
        known => {
            seen.extend(known);
            true
        }
    });
    let passed_over = (n - members.len()) as u64;
    (members, passed_over)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_come_first_and_of_equal_predictions_the_best_stays() {
        let values = [0.5, 0.4, 0.6, 0.4];
        let signatures = [Some(1), Some(2), None, Some(1)];
        let of = |members| ranked(members, |m: usize| values[m], |m: usize| signatures[m]);
        assert_eq!(of(vec![0, 1, 2, 3]), (vec![1, 3, 2], 1));
        assert_eq!(of(vec![2, 0]), (vec![0, 2], 0));
    }
}
