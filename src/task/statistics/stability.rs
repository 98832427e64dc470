//! Whether the order of candidates survives another seed.

/// Kendall's tau-b between two scorings of the same items: 1 where they order alike, -1 where oppositely; pairs tied in
/// either are left out of its numerator and taken out of its scale. None where either holds only ties, or the lengths
/// differ.
///
/// τ = (concordant - discordant) / √((pairs - ties in x) (pairs - ties in y)).
///
/// Source: Kendall, Biometrika 33 (1945) 239.
pub fn kendall_tau_b(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() != y.len() {
        return None;
    }
    let (mut balance, mut untied_x, mut untied_y) = (0_i64, 0_u64, 0_u64);
    for i in 0..x.len() {
        for j in 0..i {
            let sign_x = i64::from(x[i] > x[j]) - i64::from(x[i] < x[j]);
            let sign_y = i64::from(y[i] > y[j]) - i64::from(y[i] < y[j]);
            balance += sign_x * sign_y;
            untied_x += sign_x.unsigned_abs();
            untied_y += sign_y.unsigned_abs();
        }
    }
    (untied_x > 0 && untied_y > 0).then(|| balance as f64 / (untied_x as f64 * untied_y as f64).sqrt())
}

/// Spearman's rank correlation of two scorings of the same items, equals sharing the mean of their ranks: Pearson's
/// correlation of the ranks. None where either holds only ties, or the lengths differ.
///
/// Source: Spearman, American Journal of Psychology 15 (1904) 72.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() != y.len() || x.len() < 2 {
        return None;
    }
    // The mean of n ranks is (n + 1) / 2 whatever is tied.
    let middle = (x.len() as f64 + 1.0) / 2.0;
    let (x, y) = (shared_ranks(x), shared_ranks(y));
    let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum::<f64>();
    let scale = (sum(&x, &x) * sum(&y, &y)).sqrt();
    (scale > 0.0).then(|| (sum(&x, &y) / scale).clamp(-1.0, 1.0))
}

/// Ranks from 1; equals share the mean of the ranks that they take up.
fn shared_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equals in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let shared = before as f64 + (equals.len() as f64 + 1.0) / 2.0;
        equals.iter().for_each(|&item| ranks[item] = shared);
        before += equals.len();
    }
    ranks
}

/// How well the order of candidates agrees between seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankStability {
    /// Mean tau-b over the pairs of seeds that have one.
    pub tau: f64,
    /// The lowest tau-b of a pair.
    pub lowest: f64,
    /// The number of pairs of seeds behind the mean.
    pub n_pairs: usize,
}

/// The agreement between seeds of `scores[seed][candidate]`, each pair of seeds over the candidates scored in both; none
/// where no pair of seeds has an order to compare.
pub fn rank_stability(scores: &[Vec<Option<f64>>]) -> Option<RankStability> {
    let mut taus = Vec::new();
    for (later, second) in scores.iter().enumerate() {
        for first in &scores[..later] {
            let (x, y): (Vec<f64>, Vec<f64>) =
                first.iter().zip(second).filter_map(|(x, y)| Some(((*x)?, (*y)?))).unzip();
            taus.extend(kendall_tau_b(&x, &y));
        }
    }
    (!taus.is_empty()).then(|| RankStability {
        tau: taus.iter().sum::<f64>() / taus.len() as f64,
        lowest: taus.iter().copied().fold(1.0, f64::min),
        n_pairs: taus.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_and_opposite_orders_have_tau_one_and_minus_one() {
        assert_eq!(kendall_tau_b(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]), Some(1.0));
        assert_eq!(kendall_tau_b(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
        assert_eq!(kendall_tau_b(&[1.0, 1.0, 1.0], &[3.0, 2.0, 1.0]), None);
        assert_eq!(kendall_tau_b(&[1.0], &[1.0, 2.0]), None);
    }

    #[test]
    fn equals_share_their_rank_and_one_scoring_of_ties_has_no_rank_correlation() {
        assert_eq!(shared_ranks(&[0.5, 0.1, 0.5, 0.9]), [2.5, 1.0, 2.5, 4.0]);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[1.0, 4.0, 9.0]), Some(1.0));
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
        assert_eq!(spearman(&[1.0, 2.0], &[3.0, 3.0]), None);
        assert_eq!(spearman(&[1.0], &[1.0]), None);
    }

    #[test]
    fn candidates_missing_in_a_seed_are_left_out_of_its_pairs() {
        let scores = [
            vec![Some(0.1), Some(0.2), Some(0.3), None],
            vec![Some(0.1), None, Some(0.4), Some(0.5)],
            vec![None, None, None, Some(0.5)],
        ];
        assert_eq!(rank_stability(&scores), Some(RankStability { tau: 1.0, lowest: 1.0, n_pairs: 1 }));
        assert_eq!(rank_stability(&scores[..1]), None);
    }
}
