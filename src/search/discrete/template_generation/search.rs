//! The search as a state machine: everything is written before the first proposal.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::prompt::{Candidate, Prompt, Skeleton, Template, Verbalizer};
use crate::scoring::Cost;
use crate::search::discrete::paraphrase::says_in_letters;
use crate::search::discrete::waiting::Waiting;
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};
use crate::task::Example;

use super::TemplateGenerationConfig;
use super::beam::{Words, Written, written};
use super::filler::{Data, SpanFiller};
use super::masks::{filled, layouts, passes};

/// Templates scored in one round: their scores are in memory together.
const ROUND: usize = 64;
/// Templates that the record names.
const NAMED: usize = 20;

/// Searches templates that a model writes.
pub struct TemplateGeneration {
    config: TemplateGenerationConfig,
    skeletons: Vec<Skeleton>,
    verbalizer: Arc<Verbalizer>,
    filler: Arc<dyn SpanFiller>,
    /// What waits for selection; `None` before anything is written.
    waiting: Option<Waiting>,
    cut: bool,
}

/// One beam: a skeleton, and how many masks its gaps have where masks are filled.
type Beam<'s> = (&'s Skeleton, Option<Vec<usize>>);

/// A template with the number of its beam and its score.
struct Made {
    template: Template,
    beam: usize,
    score: f64,
}

impl TemplateGeneration {
    /// A search that fills the gaps of `skeletons` with what `filler` writes.
    pub fn new(
        config: TemplateGenerationConfig,
        skeletons: Vec<Skeleton>,
        verbalizer: Arc<Verbalizer>,
        filler: Arc<dyn SpanFiller>,
    ) -> Self {
        Self { config, skeletons, verbalizer, filler, waiting: None, cut: false }
    }

    /// The beams of all skeletons.
    fn beams(&self) -> Vec<Beam<'_>> {
        let of = |skeleton| -> Vec<Beam<'_>> {
            match self.filler.fills_masks() {
                true => {
                    let layouts = layouts(&self.config.masks, Skeleton::n_gaps(skeleton));
                    layouts.into_iter().map(|layout| (skeleton, Some(layout))).collect()
                }
                false => vec![(skeleton, None)],
            }
        };
        let mut beams: Vec<Beam<'_>> = self.skeletons.iter().flat_map(of).collect();
        // Of all skeletons those with fewer masks first: what is left out for want of budget comes last.
        beams.sort_by_key(|(_, layout)| layout.as_ref().map_or(0, |layout| layout.iter().sum::<usize>()));
        beams
    }

    /// What a beam of `width` costs at most.
    fn most(&self, (skeleton, layout): &Beam<'_>, data: &Data<'_>, width: usize) -> Result<u64, SearchError> {
        let own = match layout {
            Some(layout) => passes(layout, width) * data.examples.len() as u64,
            None => self.filler.most(skeleton, data, width, self.config.max_length)?,
        };
        Ok(self.filler.charge(own))
    }

    /// How wide the beams are, and how many of them, for which half of the budget suffices; `None` where it does for none.
    fn within(
        &self,
        beams: &[Beam<'_>],
        data: &Data<'_>,
        oracle: &dyn Oracle,
    ) -> Result<Option<(usize, usize)>, SearchError> {
        let mut passes = 1;
        for skeleton in &self.skeletons {
            passes = passes.max(oracle.passes(&Prompt::plain(skeleton.bare(), self.verbalizer.clone()))?);
        }
        let candidate = passes * oracle.n_selection() as u64;
        let affords = |n: usize, width: usize| -> Result<bool, SearchError> {
            let mut cost = 0;
            for beam in &beams[..n] {
                cost += self.most(beam, data, width)?;
            }
            Ok(oracle.affords(cost + cost.max(candidate)))
        };
        for n in (1..=beams.len()).rev() {
            if !affords(n, 1)? {
                continue;
            }
            let (mut width, mut most) = (1, self.config.beam);
            while width < most {
                let middle = (width + most).div_ceil(2);
                if affords(n, middle)? { width = middle } else { most = middle - 1 }
            }
            return Ok(Some((n, width)));
        }
        Ok(None)
    }

    /// The training examples that are read, with their columns.
    fn examples(&self, oracle: &dyn Oracle) -> Result<(Vec<String>, Vec<Example>), SearchError> {
        let n = self.config.n_examples.unwrap_or(usize::MAX).min(oracle.n_train());
        let none = || SearchError::NoTraining { method: "template_generation" };
        let mut columns = Vec::new();
        let mut examples = Vec::new();
        for row in 0..n {
            let (fields, label) = oracle.example(row).ok_or_else(none)?;
            let (names, fields) = fields.into_iter().unzip();
            columns = names;
            examples.push(Example { row, fields, label: Some(label) });
        }
        if examples.is_empty() { Err(none()) } else { Ok((columns, examples)) }
    }

    /// Writes with every beam that the budget covers; the templates by beam, best first, and what is to be recorded.
    fn write(&mut self, oracle: &mut dyn Oracle) -> Result<Option<(Waiting, Value)>, SearchError> {
        let (columns, examples) = self.examples(oracle)?;
        let first_words = self.verbalizer.clone();
        let data = Data { columns: &columns, examples: &examples, verbalizer: &first_words };
        let beams = self.beams();
        let Some((n_beams, width)) = self.within(&beams, &data, oracle)? else { return Ok(None) };
        let cut = n_beams < beams.len() || width < self.config.beam;
        let mut queues: Vec<VecDeque<Made>> = Vec::new();
        let mut n_written = 0;
        let mut spent = Cost::default();
        for (number, (skeleton, layout)) in beams[..n_beams].iter().enumerate() {
            let (texts, cost) = match layout {
                Some(layout) => filled(&*self.filler, skeleton, layout, &data, width)?,
                None => {
                    let max_length = self.config.max_length;
                    let mut spans = self.filler.begin(skeleton, &data, max_length)?;
                    let vocabulary =
                        Words { first: self.filler.vocabulary(true), behind: self.filler.vocabulary(false) };
                    let texts = written(&mut *spans, vocabulary, skeleton.n_gaps(), width, max_length)?;
                    (texts, spans.cost())
                }
            };
            let cost = Cost { evaluations: self.filler.charge(cost.evaluations), ..cost };
            oracle.charge(cost);
            spent += cost;
            n_written += texts.len();
            let own = texts.iter().filter_map(|text| self.made(skeleton, text, number, oracle));
            queues.push(own.collect());
        }
        let n_made: usize = queues.iter().map(VecDeque::len).sum();
        let made = in_turn(queues, self.config.n_candidates);
        if made.is_empty() {
            return Err(SearchError::NothingWritten { n_written });
        }
        let n_examples = examples.len() as f64;
        let trace = json!({
            "examples": examples.len(),
            "beams": n_beams,
            "width": width,
            "written": n_written,
            "left_out": n_written - n_made,
            "evaluations": spent.evaluations,
            "best": made.iter().take(NAMED).map(|made| json!({
                "template": made.template.to_string(),
                "skeleton": beams[made.beam].0.to_string(),
                "nats": made.score / n_examples,
            })).collect::<Vec<_>>(),
        });
        let candidate = |made: &Made| Candidate {
            prompt: Prompt::plain(made.template.clone(), self.verbalizer.clone()),
            parent: None,
            origin: format!("`{}`: {:.3} nats an example", beams[made.beam].0, made.score / n_examples),
        };
        let waiting = Waiting::new(made.iter().map(candidate), ROUND);
        self.cut = cut;
        Ok(Some((waiting, trace)))
    }

    /// The template of what was written; `None` where it says a label word, or the searched model cannot write it.
    fn made(&self, skeleton: &Skeleton, text: &Written, beam: usize, oracle: &dyn Oracle) -> Option<Made> {
        let texts: Vec<String> = text.gaps.iter().map(|ids| self.filler.text(ids)).collect();
        let words = || self.verbalizer.labels.iter().flat_map(|label| &label.words);
        let sound = texts.iter().filter(|text| !text.is_empty()).all(|text| {
            oracle.encode(text.trim(), false).is_some() && !words().any(|word| says_in_letters(text, word))
        });
        let template = skeleton.filled(&texts);
        // What cannot be read again as it is printed is no template.
        (sound && Template::parse(&template.to_string()).as_ref() == Ok(&template)).then_some(Made {
            template,
            beam,
            score: text.score,
        })
    }
}

/// The first of each queue in turn, each template once, `most` of them.
fn in_turn(mut queues: Vec<VecDeque<Made>>, most: usize) -> Vec<Made> {
    let mut seen: HashSet<String> = HashSet::new();
    let mut made = Vec::new();
    while made.len() < most && queues.iter().any(|queue| !queue.is_empty()) {
        for queue in &mut queues {
            // The next that no other beam has written.
            while let Some(next) = queue.pop_front() {
                if seen.insert(next.template.to_string()) {
                    made.push(next);
                    break;
                }
            }
        }
    }
    made.truncate(most);
    made
}

impl Search for TemplateGeneration {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        if let Some(waiting) = &mut self.waiting {
            return waiting.next(oracle, None);
        }
        match self.write(oracle)? {
            Some((waiting, trace)) => self.waiting.insert(waiting).next(oracle, Some(trace)),
            None => Ok(Proposal::OutOfBudget),
        }
    }

    fn observe(&mut self, _scored: &[Scored]) {}

    fn state(&self) -> serde_json::Value {
        json!({ "waiting": self.waiting.as_ref().map(Waiting::len) })
    }

    fn flags(&self) -> Vec<String> {
        self.cut.then(|| "budget_cut".to_owned()).into_iter().collect()
    }
}
