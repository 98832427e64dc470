//! The cells of an item, driven to their ends within its budget.
//!
//! # Decisions
//!
//! - 2026-11: with `sweep: halving` a cell plans for what it may spend if it is never given up, so that a learning rate's schedule is
//!   the same whether it is; between two rungs it stands still and nothing is computed twice. It is stopped before the proposal that
//!   would lead it beyond its share, by what its last proposal cost; but in the first rung each has one look beyond its start, without
//!   which there is nothing to compare. Who comes through the last rung may spend all that is left.
//! - 2026-11: cells are compared by their best candidate so far, as dev chooses in the end. Every rung is one look at dev.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use crate::record::Event;
use crate::search::{Proposal, Scored, SearchError};

use super::cell::Cell;
use super::checkpoint::Keeper;
use super::oracle::TrialOracle;
use super::rungs::Rungs;
use super::trial::{Best, Stopped, Work};

/// Candidates of a cell before it may be given up: its start, and what it first made of it.
const FEWEST: usize = 2;

/// A cell under way.
struct Driven<'a> {
    cell: Cell,
    keeper: Keeper<'a>,
    /// What the others of this search have to beat: the best that was scored to the end.
    best: Option<Best>,
    step: u64,
    n_scored: usize,
    /// Evaluations, in all and for the last proposal.
    spent: u64,
    last: u64,
    over: bool,
}

impl Driven<'_> {
    fn name(&self) -> &str {
        self.cell.name.as_deref().unwrap_or_default()
    }

    fn score(&self) -> Option<Scored> {
        self.best.as_ref().map(|(scored, _)| *scored)
    }
}

impl<'t> Work<'t, '_> {
    /// Drives the cells one after the other, each with an equal share of what is left to it and those after it.
    pub(super) fn one_by_one(&mut self, cells: Vec<Cell>) -> Result<(), Stopped> {
        let (n_cells, budget) = (cells.len() as u64, self.trial.budget);
        for (index, cell) in cells.into_iter().enumerate() {
            let share = self.ledger.left() / (n_cells - index as u64);
            self.ledger.limit(self.ledger.spent().evaluations + share);
            let mut driven = self.begin(index, cell);
            while !driven.over {
                self.advance(&mut driven)?;
            }
            self.end(&driven);
            self.ledger.limit(budget);
        }
        Ok(())
    }

    /// Drives the cells together, and after each rung gives up those that are worse on dev.
    pub(super) fn halving(&mut self, cells: Vec<Cell>) -> Result<(), Stopped> {
        let rungs = Rungs::new(cells.len(), self.trial.budget);
        let mut field: Vec<Driven<'_>> =
            cells.into_iter().enumerate().map(|(index, cell)| self.begin(index, cell)).collect();
        for rung in 0..rungs.n() {
            let last = rung + 1 == rungs.n();
            for place in 0..field.len() {
                while self.goes_on(&mut field[place], rung, rungs) {
                    let planned = rungs.whole().saturating_sub(field[place].spent);
                    let budget = self.trial.budget;
                    let spent = self.ledger.spent().evaluations;
                    self.ledger.limit(if last { budget } else { budget.min(spent + planned) });
                    let advanced = self.advance(&mut field[place]);
                    self.ledger.limit(budget);
                    if matches!(advanced, Err(Stopped::Interrupted)) {
                        field.iter_mut().try_for_each(|driven| driven.keeper.keep()).map_err(Stopped::Fatal)?;
                    }
                    advanced?;
                }
            }
            if last {
                break;
            }
            // Equal ones stay in the order of the sweep.
            field.sort_by(|a, b| match (a.score(), b.score()) {
                (Some(a), Some(b)) => (b.score.total_cmp(&a.score)).then(b.margin.total_cmp(&a.margin)),
                (a, b) => b.is_some().cmp(&a.is_some()),
            });
            let given_up = field.split_off(rungs.n_cells(rung + 1));
            let names = |cells: &[Driven<'_>]| cells.iter().map(|driven| driven.name().to_owned()).collect::<Vec<_>>();
            let trace = json!({ "rung": rung, "kept": names(&field), "given_up": names(&given_up) });
            let evaluations = self.ledger.spent().evaluations;
            self.emit(Event::Step { step: rung as u64, trace, evaluations })?;
            self.looks += u64::from(!self.trial.data.dev.is_empty());
            given_up.iter().for_each(|driven| self.end(driven));
        }
        field.iter().for_each(|driven| self.end(driven));
        Ok(())
    }

    /// Whether a cell makes another proposal in a rung.
    fn goes_on(&mut self, driven: &mut Driven<'_>, rung: usize, rungs: Rungs) -> bool {
        if driven.over {
            return false;
        }
        if !self.ledger.affords(driven.last) {
            driven.over = true;
            self.flags.push("budget_cut".into());
            return false;
        }
        let last = rung + 1 == rungs.n();
        last || driven.n_scored < FEWEST || driven.spent + driven.last <= rungs.until(rung)
    }

    fn begin(&self, index: usize, mut cell: Cell) -> Driven<'t> {
        let trial = self.trial;
        let every = trial.checkpoints.as_ref().map_or(Duration::MAX, |(_, every)| *every);
        let checkpoints = trial.checkpoints.as_ref().map(|(checkpoints, _)| checkpoints);
        let keeper = Keeper::resume(checkpoints, every, index, &mut *cell.search);
        Driven { cell, keeper, best: None, step: 0, n_scored: 0, spent: 0, last: 0, over: false }
    }

    fn end(&mut self, driven: &Driven<'_>) {
        self.flags.extend(driven.cell.search.flags());
        self.looks += driven.cell.search.dev_looks();
    }

    /// One proposal of a cell, scored.
    fn advance(&mut self, driven: &mut Driven<'_>) -> Result<(), Stopped> {
        if self.stop.load(Ordering::Relaxed) {
            driven.keeper.keep().map_err(Stopped::Fatal)?;
            return Err(Stopped::Interrupted);
        }
        let before = self.ledger.spent().evaluations;
        let mut oracle = TrialOracle {
            scorer: self.trial.scorer,
            calibrated: &mut self.calibrated,
            cache: &mut self.cache,
            ledger: &mut self.ledger,
            columns: &self.trial.dataset.columns,
            train: &self.trial.data.train,
            texts: self.trial.data.texts(),
            unlabelled: &self.trial.data.unlabelled,
            n_selection: self.trial.data.selection().len(),
            vocabulary: &driven.cell.vocabulary,
            probe: driven.cell.probe.as_deref(),
            hardness: &mut self.hardness,
        };
        let proposal = match driven.cell.search.propose(&mut oracle) {
            Err(SearchError::OutOfBudget) => Proposal::OutOfBudget,
            proposal => proposal?,
        };
        (self.progress)(&self.ledger.spent());
        let (step, evaluations) = (driven.step, self.ledger.spent().evaluations);
        match proposal {
            Proposal::Candidates { candidates, trace } => {
                driven.keeper.proposed(&*driven.cell.search).map_err(Stopped::Fatal)?;
                if let Some(trace) = trace {
                    self.emit(Event::Step { step, trace, evaluations })?;
                }
                let scored = self.select(&driven.cell, candidates, &mut driven.best)?;
                driven.n_scored += scored.len();
                driven.cell.search.observe(&scored);
                (self.progress)(&self.ledger.spent());
            }
            Proposal::Nothing { trace } => self.emit(Event::Step { step, trace, evaluations })?,
            Proposal::Done => driven.over = true,
            Proposal::OutOfBudget => {
                driven.over = true;
                self.flags.push("budget_cut".into());
            }
        }
        driven.step += 1;
        driven.last = self.ledger.spent().evaluations - before;
        driven.spent += driven.last;
        Ok(())
    }
}
