//! The passes of large verbalizers, remembered: writing hundreds of words as tokens takes longer than many a forward pass, and a
//! search asks for the same ones at every step.

use std::sync::{Arc, Mutex, PoisonError};

use crate::prompt::Verbalizer;
use crate::spec::MultiToken;

use super::passes::{Passes, WordPlace};

/// Labels from which on passes are remembered.
const MANY: usize = 16;
/// Passes that are remembered, the oldest forgotten first.
const KEPT: usize = 64;

/// The passes that a scorer was asked for lately.
#[derive(Default)]
pub(super) struct KnownPasses(Mutex<Vec<(Asked, Arc<Passes>)>>);

/// What passes are determined by.
struct Asked {
    verbalizer: Arc<Verbalizer>,
    after_space: bool,
    fixed: Option<usize>,
    continues: Option<String>,
    rule: MultiToken,
}

impl Asked {
    fn is(&self, verbalizer: &Arc<Verbalizer>, place: &WordPlace<'_>, rule: MultiToken) -> bool {
        (self.after_space, self.fixed, self.continues.as_deref(), self.rule)
            == (place.after_space, place.fixed, place.continues, rule)
            && (Arc::ptr_eq(&self.verbalizer, verbalizer) || self.verbalizer == *verbalizer)
    }
}

impl KnownPasses {
    /// The passes, made by `make` where they are not known. Small verbalizers are made every time.
    pub(super) fn get<E>(
        &self,
        verbalizer: &Arc<Verbalizer>,
        place: WordPlace<'_>,
        rule: MultiToken,
        make: impl FnOnce() -> Result<Passes, E>,
    ) -> Result<Passes, E> {
        if verbalizer.labels.len() < MANY {
            return make();
        }
        let find = |known: &Vec<(Asked, Arc<Passes>)>| {
            known.iter().find(|(asked, _)| asked.is(verbalizer, &place, rule)).map(|(_, passes)| Arc::clone(passes))
        };
        let found = find(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(passes) = found {
            return Ok((*passes).clone());
        }
        let passes = make()?;
        let asked = Asked {
            verbalizer: Arc::clone(verbalizer),
            after_space: place.after_space,
            fixed: place.fixed,
            continues: place.continues.map(str::to_owned),
            rule,
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() == KEPT {
            known.remove(0);
        }
        known.push((asked, Arc::new(passes.clone())));
        Ok(passes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::Word;

    #[test]
    fn large_verbalizers_are_written_once_for_each_place() {
        let verbalizer = |n: usize| {
            let words = (0..n).map(|i| (format!("l{i}"), vec![format!("w{i}")]));
            Arc::new(Verbalizer::new(words).unwrap())
        };
        let known = KnownPasses::default();
        let place = |after_space| WordPlace { after_space, fixed: None, continues: Some("of"), decoded: false };
        let ask = |verbalizer: &Arc<Verbalizer>, after_space| {
            let mut made = false;
            let make = || -> Result<Passes, ()> {
                made = true;
                let words = vec![Word { label: 0, text: "w".into(), ids: vec![verbalizer.labels.len() as u32] }];
                Ok(Passes::continuing(words, 1, MultiToken::Joint))
            };
            let passes = known.get(verbalizer, place(after_space), MultiToken::Joint, make).unwrap();
            (made, passes.words[0].ids[0] as usize)
        };
        let (small, large) = (verbalizer(2), verbalizer(20));
        assert_eq!([ask(&small, true), ask(&small, true)], [(true, 2), (true, 2)]);
        assert_eq!(
            [ask(&large, true), ask(&large, true), ask(&verbalizer(20), true)],
            [(true, 20), (false, 20), (false, 20)]
        );
        assert_eq!([ask(&large, false), ask(&verbalizer(21), true)], [(true, 20), (true, 21)]);
    }
}
