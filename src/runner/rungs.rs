//! The parts of a budget that successive halving gives the cells of a sweep.

/// Successive halving (arXiv 1502.07943) of some cells within a budget of evaluations.
///
/// As many rungs as it takes to come from all cells to one, each with the same part of the budget, which the cells that are still
/// in it share: of `n` cells `n / 2^r` in rung `r`, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rungs {
    n_cells: usize,
    budget: u64,
}

impl Rungs {
    /// Of `n_cells`, at least one.
    pub fn new(n_cells: usize, budget: u64) -> Self {
        Self { n_cells: n_cells.max(1), budget }
    }

    /// Rungs.
    pub fn n(&self) -> usize {
        self.n_cells.ilog2() as usize + 1
    }

    /// The cells that are in a rung, from 0; one behind the last.
    pub fn n_cells(&self, rung: usize) -> usize {
        self.n_cells.checked_shr(rung as u32).unwrap_or(0).max(1)
    }

    /// What a cell may have spent by the end of a rung, in evaluations.
    pub fn until(&self, rung: usize) -> u64 {
        (0..=rung).map(|rung| self.budget / (self.n() * self.n_cells(rung)) as u64).sum()
    }

    /// What a cell may spend that is given up in no rung.
    pub fn whole(&self) -> u64 {
        self.until(self.n() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_cells_become_three_and_one() {
        let rungs = Rungs::new(6, 5_400);
        assert_eq!((0..rungs.n()).map(|rung| rungs.n_cells(rung)).collect::<Vec<_>>(), [6, 3, 1]);
        assert_eq!((0..rungs.n()).map(|rung| rungs.until(rung)).collect::<Vec<_>>(), [300, 900, 2_700]);
        assert_eq!(rungs.whole(), 2_700);
    }

    #[test]
    fn one_cell_has_all() {
        let rungs = Rungs::new(1, 77);
        assert_eq!((rungs.n(), rungs.whole()), (1, 77));
    }

    #[test]
    fn no_number_of_cells_spends_more_than_the_budget() {
        for n in 1..70 {
            let rungs = Rungs::new(n, 10_000);
            let spent: u64 = (0..rungs.n())
                .map(|rung| {
                    let before = if rung == 0 { 0 } else { rungs.until(rung - 1) };
                    rungs.n_cells(rung) as u64 * (rungs.until(rung) - before)
                })
                .sum();
            assert!(spent <= 10_000 && spent > 9_000, "{n} cells: {spent}");
            assert_eq!(rungs.n_cells(rungs.n() - 1), 1);
        }
    }
}
