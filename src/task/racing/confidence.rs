//! `confidence`: drops what is shown to be worse.

use super::field::{Field, Race};

/// Chance that `confidence` drops the candidate that scoring everything would choose.
pub const ALPHA: f64 = 0.05;

/// Bets of the confidence sequence, as shares of the largest bet that cannot lose more than everything.
const BETS: [f64; 6] = [0.05, 0.1, 0.2, 0.35, 0.55, 0.8];

/// Drops a candidate after a block when the leader is shown to be better on all examples, at 5 % over all candidates.
///
/// For a pair, D is the leader's examples right minus the candidate's in each block. Blocks are a random sample without
/// replacement of all of them, so if the candidate is at least as good on all examples (ΣD <= 0), the next D has
/// expectation at most m = -(sum so far) / (blocks left). A bettor who stakes λ on D > m, 0 <= λ < 1 / (m + largest
/// block), then has a capital Π (1 + λ (D - m)) that is a nonnegative supermartingale: it ever reaches (K - 1) / α with
/// chance α / (K - 1) at most (Ville), and any of the K - 1 rivals' against the candidate that scoring everything would
/// choose with α at most, whichever of them lead when. The capital is the mean over several sizes of stake.
///
/// Source: Waudby-Smith and Ramdas, arXiv 2006.04347, section 4, one-sided and on blocks.
pub(super) fn race<F: Field>(field: &mut F) -> Result<Race, F::Error> {
    let k = field.n_candidates();
    let n_entrants = field.n_entrants();
    let ends = field.block_ends().to_vec();
    let n_blocks = ends.len();
    let threshold = k.saturating_sub(1).max(1) as f64 / ALPHA;
    let starts: Vec<usize> = std::iter::once(0).chain(ends).collect();
    let largest = (0..n_blocks).map(|block| starts[block + 1] - starts[block]).max().unwrap_or(1) as f64;

    let mut in_block: Vec<Vec<f64>> = vec![Vec::with_capacity(n_blocks); k];
    let mut right = vec![0.0; k];
    let mut active: Vec<usize> = (0..k).collect();
    let mut wagers: Vec<Wager> = vec![Wager::new(usize::MAX); k];
    let mut leader = 0;
    let mut looked = 0;
    for block in 0..n_blocks {
        let (from, to) = (starts[block], starts[block + 1]);
        if to > looked {
            // As far ahead as the field scores at a time: what is dropped before costs no less for it.
            let n_racing = active.iter().filter(|&&candidate| candidate < n_entrants).count();
            if n_racing == 0 {
                break;
            }
            let next = field.next_look(looked, n_racing);
            looked = starts.iter().copied().find(|&end| end >= next.max(to)).unwrap_or(to);
            let racing: Vec<usize> = active.iter().copied().filter(|&candidate| candidate < n_entrants).collect();
            field.score(&racing, looked)?;
        }
        for &candidate in &active {
            let found = field.right(candidate, from, to) as f64;
            in_block[candidate].push(found);
            right[candidate] += found;
        }
        let best = active.iter().map(|&candidate| right[candidate]).fold(0.0, f64::max);
        // A leader that is still level stays, or every wager would start anew.
        if right[leader] < best {
            let level = active.iter().copied().filter(|&candidate| right[candidate] == best);
            leader = level.min_by_key(|&candidate| field.name(candidate).to_owned()).unwrap_or(leader);
        }
        active.retain(|&candidate| {
            // Who is not behind cannot be shown to be; the wager catches up when it must.
            if candidate >= n_entrants || right[candidate] >= best {
                return true;
            }
            let wager = &mut wagers[candidate];
            if wager.leader != leader {
                *wager = Wager::new(leader);
            }
            while wager.block <= block {
                let difference = in_block[leader][wager.block] - in_block[candidate][wager.block];
                wager.settle(difference, n_blocks, largest);
            }
            wager.peak < threshold
        });
    }
    active.retain(|&candidate| candidate < n_entrants);
    Ok(Race { survivors: active })
}

/// Capital against the claim that a candidate is at least as good as `leader` on all examples.
#[derive(Debug, Clone)]
struct Wager {
    leader: usize,
    block: usize,
    sum: f64,
    capital: [f64; BETS.len()],
    peak: f64,
}

impl Wager {
    fn new(leader: usize) -> Self {
        Self { leader, block: 0, sum: 0.0, capital: [1.0; BETS.len()], peak: 1.0 }
    }

    fn settle(&mut self, difference: f64, n_blocks: usize, largest: f64) {
        let expected = -self.sum / (n_blocks - self.block) as f64;
        let room = expected + largest;
        if room <= 0.0 {
            // Not even losing every block to come brings the sum down to 0.
            self.peak = f64::INFINITY;
        } else {
            for (capital, bet) in self.capital.iter_mut().zip(BETS) {
                *capital *= 1.0 + bet / room * (difference - expected);
            }
            self.peak = self.peak.max(self.capital.iter().sum::<f64>() / BETS.len() as f64);
        }
        self.sum += difference;
        self.block += 1;
    }
}
