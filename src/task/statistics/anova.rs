//! How much of the variance of scores goes with which factor: the analysis of variance of main effects.
//!
//! # Decisions
//!
//! - 2026-11: sums of squares of type II: what a factor explains beyond all the others. Trials that fail, and methods that cannot be
//!   run at 0 shots, leave holes in the design; type I would then depend on the order of the factors, and type III asks about means over
//!   cells that may be empty. Without interactions, as here, types II and III are the same. In a balanced design all types agree and the
//!   parts add up to the total.
//! - 2026-11: main effects only. With one score a cell, as is usual, interactions cannot be told from chance, so both are the rest.

use statrs::function::beta::beta_reg;

/// A column is taken for a combination of earlier ones where less than this of its square is left.
const ALIASED: f64 = 1e-9;

/// A sum of squares below this share of the total is rounding.
const NOTHING: f64 = 1e-12;

/// What goes with one factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Degrees of freedom; 0 where the other factors say all that it says, so that nothing can be told of it.
    pub df: usize,
    /// The sum of squares, in squares of the scores' unit.
    pub sum_squares: f64,
    /// Its share of the total; `None` where all scores are equal.
    pub share: Option<f64>,
    /// The F statistic against the rest; `None` where the rest is nothing, or has no degrees of freedom.
    pub f: Option<f64>,
    /// Its p-value.
    pub p: Option<f64>,
}

/// An analysis of variance.
#[derive(Debug, Clone, PartialEq)]
pub struct Anova {
    /// The factors in the order in which they were given.
    pub effects: Vec<Effect>,
    /// Degrees of freedom of the rest.
    pub rest_df: usize,
    /// Sum of squares of the rest.
    pub rest: f64,
    /// Sum of squares of the scores about their mean.
    pub total: f64,
    /// The number of scores.
    pub n: usize,
}

impl Anova {
    /// Whether the parts add up to the total, as they do in a balanced design.
    pub fn adds_up(&self) -> bool {
        let parts: f64 = self.effects.iter().map(|effect| effect.sum_squares).sum();
        (parts + self.rest - self.total).abs() <= 1e-9 * self.total
    }
}

/// The analysis of variance of `scores` by `factors`, each of which gives the level of every score; sums of squares of type II of a
/// linear model of main effects, fitted by least squares.
///
/// `None` if there are fewer than two scores, a score that is not finite, or a factor of another length.
///
/// # Shapes
/// `scores`: `[n]`; `factors`: `[n_factors, n]`.
pub fn anova(scores: &[f64], factors: &[Vec<usize>]) -> Option<Anova> {
    let n = scores.len();
    let is_sound = scores.iter().all(|score| score.is_finite()) && factors.iter().all(|levels| levels.len() == n);
    if n < 2 || !is_sound {
        return None;
    }
    let mean = scores.iter().sum::<f64>() / n as f64;
    let deviations: Vec<f64> = scores.iter().map(|score| score - mean).collect();
    let total: f64 = deviations.iter().map(|deviation| deviation * deviation).sum();
    // Equal scores differ from their mean by rounding alone.
    let size = scores.iter().map(|score| score.abs()).fold(0.0, f64::max);
    let total = if total <= n as f64 * (size * f64::EPSILON * 4.0).powi(2) { 0.0 } else { total };
    let scale = if total > 0.0 { total.sqrt().recip() } else { 0.0 };
    let products = Products::of(&deviations.iter().map(|deviation| deviation * scale).collect::<Vec<_>>(), factors);

    let whole = products.fit(None);
    let rest_df = n - whole.rank;
    let rest = if whole.rest < NOTHING { 0.0 } else { whole.rest };
    let effect = |factor: usize| {
        let without = products.fit(Some(factor));
        let df = whole.rank - without.rank;
        let part = (without.rest - whole.rest).max(0.0);
        let part = if df == 0 || part < NOTHING { 0.0 } else { part };
        let f = (df > 0 && rest_df > 0 && rest > 0.0).then(|| (part / df as f64) / (rest / rest_df as f64));
        Effect {
            df,
            sum_squares: part * total,
            share: (total > 0.0).then_some(part),
            f,
            p: f.map(|f| f_upper(f, df as f64, rest_df as f64)),
        }
    };
    Some(Anova { effects: (0..factors.len()).map(effect).collect(), rest_df, rest: rest * total, total, n })
}

/// P(F >= f) for Fisher's F with these degrees of freedom.
fn f_upper(f: f64, df: f64, rest_df: f64) -> f64 {
    if f <= 0.0 { 1.0 } else { beta_reg(0.5 * rest_df, 0.5 * df, rest_df / (rest_df + df * f)) }
}

/// The products of all columns of a design with one another: the constant, an indicator of every level, the scores last.
struct Products {
    matrix: Vec<Vec<f64>>,
    /// The columns of each factor.
    columns: Vec<std::ops::Range<usize>>,
}

/// What is left of the scores' sum of squares, and the rank of the columns that took the rest.
struct Fit {
    rest: f64,
    rank: usize,
}

impl Products {
    fn of(scores: &[f64], factors: &[Vec<usize>]) -> Self {
        let mut columns = Vec::with_capacity(factors.len());
        let mut next = 1;
        for levels in factors {
            let n_levels = levels.iter().max().map_or(0, |most| most + 1);
            columns.push(next..next + n_levels);
            next += n_levels;
        }
        let last = next;
        let mut matrix = vec![vec![0.0; last + 1]; last + 1];
        for (row, score) in scores.iter().enumerate() {
            // Every row is 0 but for the constant, one level of each factor, and its score.
            let mut filled = vec![(0, 1.0)];
            filled.extend(factors.iter().zip(&columns).map(|(levels, columns)| (columns.start + levels[row], 1.0)));
            filled.push((last, *score));
            for (a, of_a) in &filled {
                for (b, of_b) in &filled {
                    matrix[*a][*b] += of_a * of_b;
                }
            }
        }
        Self { matrix, columns }
    }

    /// Takes out of the scores what the constant and the factors explain, but for one, by elimination.
    fn fit(&self, without: Option<usize>) -> Fit {
        let mut left = self.matrix.clone();
        let last = left.len() - 1;
        let factors = self.columns.iter().enumerate().filter(|(factor, _)| Some(*factor) != without);
        let order = std::iter::once(0).chain(factors.flat_map(|(_, columns)| columns.clone()));
        let mut rank = 0;
        for pivot in order {
            // What is left of a column that others combine to is nothing.
            if left[pivot][pivot] <= ALIASED * self.matrix[pivot][pivot] || self.matrix[pivot][pivot] == 0.0 {
                continue;
            }
            rank += 1;
            let row = left[pivot].clone();
            for (index, other) in left.iter_mut().enumerate() {
                let factor = row[index] / row[pivot];
                if factor != 0.0 && index != pivot {
                    other.iter_mut().zip(&row).for_each(|(cell, of_row)| *cell -= factor * of_row);
                }
            }
            // The column has been used up.
            left[pivot].fill(0.0);
            left.iter_mut().for_each(|other| other[pivot] = 0.0);
        }
        Fit { rest: left[last][last].max(0.0), rank }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balanced_table_is_taken_apart_by_hand() {
        // Rows 1 and 3, columns -0.5 and +0.5 about them: sums of squares 4 and 1, nothing left.
        let scores = [0.5, 1.5, 2.5, 3.5];
        let anova = anova(&scores, &[vec![0, 0, 1, 1], vec![0, 1, 0, 1]]).unwrap();
        assert_eq!((anova.rest_df, anova.rest, anova.total), (1, 0.0, 5.0));
        let [rows, columns] = anova.effects[..] else { panic!("two factors") };
        assert!((rows.sum_squares - 4.0).abs() < 1e-12 && (columns.sum_squares - 1.0).abs() < 1e-12);
        assert!((rows.share.unwrap() - 0.8).abs() < 1e-12);
        assert_eq!((rows.df, rows.f, rows.p), (1, None, None), "against nothing no F can be taken");
        assert!(anova.adds_up());
    }

    #[test]
    fn factors_that_always_change_together_are_not_told_apart() {
        let levels = vec![0, 0, 1, 1, 2, 2];
        let anova = anova(&[0.1, 0.2, 0.5, 0.6, 0.3, 0.4], &[levels.clone(), levels]).unwrap();
        assert!(anova.effects.iter().all(|effect| effect.df == 0 && effect.sum_squares == 0.0 && effect.p.is_none()));
        assert_eq!(anova.rest_df, 3);
        assert!(!anova.adds_up());
    }

    #[test]
    fn equal_scores_have_no_shares_and_what_is_no_number_no_analysis() {
        let factors = [vec![0, 0, 1, 1], vec![0, 1, 0, 1]];
        let equal = anova(&[0.1; 4], &factors).unwrap();
        assert_eq!((equal.total, equal.rest), (0.0, 0.0));
        assert!(equal.effects.iter().all(|effect| effect.share.is_none() && effect.f.is_none()));
        assert_eq!(anova(&[0.1, f64::NAN, 0.2, 0.3], &factors), None);
        assert_eq!(anova(&[0.1], &[vec![0]]), None);
        assert_eq!(anova(&[0.1, 0.2], &[vec![0]]), None);
    }

    #[test]
    fn the_order_of_scores_and_of_factors_changes_nothing_to_rounding() {
        let scores = [-812.5, -810.0, -799.25, -805.0, -820.5];
        let (method, seed) = (vec![0, 0, 1, 1, 2], vec![0, 1, 0, 1, 0]);
        let one = anova(&scores, &[method.clone(), seed.clone()]).unwrap();
        let turned = |levels: &[usize]| levels.iter().rev().copied().collect::<Vec<_>>();
        let scores: Vec<f64> = scores.iter().rev().copied().collect();
        let other = anova(&scores, &[turned(&seed), turned(&method)]).unwrap();
        for (a, b) in one.effects.iter().zip(other.effects.iter().rev()) {
            assert!((a.sum_squares - b.sum_squares).abs() < 1e-9 && a.df == b.df, "{a:?} {b:?}");
        }
        assert!(!one.adds_up(), "a cell is missing, and factors overlap");
    }
}
