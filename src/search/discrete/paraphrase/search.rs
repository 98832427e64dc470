//! The rounds.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use serde_json::json;

use super::back_translation::RoundTrip;
use super::beam::{Member, beam};
use super::config::{Offer, ParaphraseConfig, has_han, n_sites};
use super::likelihood::Questions;
use super::parent::Parent;
use super::rephrase::{Rephrase, stands_for};
use super::rewrite::{Dropped, Rewrite, Rewriter};
use super::said::{says, tokens};
use super::site::{Site, sites};
use super::thesaurus::Thesaurus;
use crate::prompt::{Candidate, Prompt, Template, Verbalizer};
use crate::search::discrete::train_batch::train_batch;
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};
use crate::seed::Stream;

/// Paraphrase as a state machine.
pub struct Paraphrase {
    pub(super) config: ParaphraseConfig,
    thesaurus: Arc<Thesaurus>,
    pub(super) verbalizer: Arc<Verbalizer>,
    stream: Stream,
    starts: VecDeque<Template>,
    members: Vec<Member>,
    pending: Vec<usize>,
    batch: Option<Vec<usize>>,
    parents: Vec<usize>,
    round: usize,
    pub(super) texts: HashSet<String>,
    tokens: HashSet<String>,
    tried: HashSet<(usize, Site)>,
    left_over: Vec<Rewrite>,
    rephrase: Option<Arc<dyn Rephrase>>,
    rephrased: HashSet<usize>,
    looks: u64,
    /// The way by another language, where it is on.
    pub(super) round_trip: Option<RoundTrip>,
    /// The members that went it.
    pub(super) translated: HashSet<usize>,
}

impl Paraphrase {
    /// A search that starts from the templates of `starts`, whose verbalizer is one.
    pub fn new(config: ParaphraseConfig, thesaurus: Arc<Thesaurus>, starts: &[Prompt], stream: Stream) -> Self {
        let verbalizer =
            starts.first().map_or_else(|| Arc::new(Verbalizer { labels: Vec::new() }), |s| s.verbalizer.clone());
        Self {
            config,
            thesaurus,
            verbalizer,
            stream,
            starts: starts.iter().map(|start| start.template.clone()).collect(),
            members: Vec::new(),
            pending: Vec::new(),
            batch: None,
            parents: Vec::new(),
            round: 0,
            texts: HashSet::new(),
            tokens: HashSet::new(),
            tried: HashSet::new(),
            left_over: Vec::new(),
            rephrase: None,
            rephrased: HashSet::new(),
            looks: 0,
            round_trip: None,
            translated: HashSet::new(),
        }
    }

    /// The same search with whole rewordings from somewhere else.
    #[must_use]
    pub fn with_rephrase(mut self, rephrase: Arc<dyn Rephrase>) -> Self {
        self.rephrase = Some(rephrase);
        self
    }

    /// The same with paraphrases by way of another language.
    #[must_use]
    pub fn with_round_trip(self, round_trip: Option<RoundTrip>) -> Self {
        Self { round_trip, ..self }
    }

    pub(super) fn prompt(&self, template: &Template) -> Prompt {
        Prompt::plain(template.clone(), self.verbalizer.clone())
    }

    /// Notes a template; whether it is new by its text and by its tokens.
    fn is_new(&mut self, template: &Template, oracle: &dyn Oracle) -> bool {
        let text = self.texts.insert(template.to_string());
        let tokens = self.tokens.insert(tokens(template, oracle));
        text && tokens
    }

    /// The templates that somebody wrote, as many as the budget covers.
    fn start(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        let mut candidates = Vec::new();
        let mut cost = 0;
        while let Some(template) = self.starts.front().cloned() {
            let prompt = self.prompt(&template);
            cost += oracle.passes(&prompt)? * oracle.n_selection() as u64;
            if !oracle.affords(cost) {
                break;
            }
            self.starts.pop_front();
            if self.is_new(&template, oracle) {
                self.join(template, None);
                candidates.push(Candidate { prompt, parent: None, origin: "written".into() });
            }
        }
        if candidates.is_empty() {
            return Ok(Proposal::OutOfBudget);
        }
        Ok(Proposal::Candidates { candidates, trace: None })
    }

    fn join(&mut self, template: Template, loss: Option<f64>) {
        self.pending.push(self.members.len());
        self.members.push(Member { template, scored: None, loss });
    }

    /// Sites of the parents that were not tried yet: in turn one that the thesaurus knows words for and any.
    fn choose_sites(&mut self, parents: &[Parent], n: usize) -> Vec<(usize, Site)> {
        let mut any = Vec::new();
        let mut known = Vec::new();
        for (index, parent) in parents.iter().enumerate() {
            for site in sites(&parent.template, &parent.words) {
                if self.tried.contains(&(parent.number, site.clone())) {
                    continue;
                }
                let has_synonyms = self.config.generators.thesaurus
                    && matches!(&site, Site::Replace(word) if !self.thesaurus.synonyms(&parent.words[*word].text).is_empty());
                if has_synonyms {
                    known.push((index, site.clone()));
                }
                if self.config.generators.mask_fill {
                    any.push((index, site));
                }
            }
        }
        self.stream.shuffle(&mut known);
        self.stream.shuffle(&mut any);
        let mut chosen: Vec<(usize, Site)> = Vec::new();
        let (mut known, mut any) = (known.into_iter(), any.into_iter());
        let mut turn = true;
        while chosen.len() < n {
            let next = if turn { known.next().or_else(|| any.next()) } else { any.next().or_else(|| known.next()) };
            turn = !turn;
            let Some(next) = next else { break };
            if !chosen.contains(&next) {
                chosen.push(next);
            }
        }
        for (index, site) in &chosen {
            self.tried.insert((parents[*index].number, site.clone()));
        }
        chosen
    }

    /// Whole rewordings of parents that were not offered yet, a queue for each parent.
    fn offered(&mut self, parents: &[Parent]) -> Vec<Vec<Rewrite>> {
        let Some(rephrase) = self.rephrase.clone() else { return Vec::new() };
        let mut queues = Vec::new();
        for parent in parents {
            if !self.rephrased.insert(parent.number) {
                continue;
            }
            let new = rephrase.rewordings(&parent.template).into_iter();
            let queue: Vec<Rewrite> = new
                .filter(|template| stands_for(template, &parent.template))
                .map(|template| Rewrite {
                    origin: format!("{} says `{template}`", rephrase.name()),
                    template,
                    parent: parent.number,
                    by: "endpoint",
                    nats: f64::NAN,
                })
                .collect();
            queues.extend((!queue.is_empty()).then_some(queue));
        }
        queues
    }

    /// Takes from the queues in turn, the best of each first, what is new; the rest is kept for later rounds.
    fn take(
        &mut self,
        queues: Vec<Vec<Rewrite>>,
        n: usize,
        oracle: &dyn Oracle,
        dropped: &mut Dropped,
    ) -> Vec<Rewrite> {
        let longest = queues.iter().map(Vec::len).max().unwrap_or(0);
        let mut queues: Vec<_> = queues.into_iter().map(Vec::into_iter).collect();
        let mut waiting: Vec<Rewrite> = Vec::new();
        for _ in 0..longest {
            waiting.extend(queues.iter_mut().filter_map(Iterator::next));
        }
        waiting.append(&mut self.left_over);
        let mut taken = Vec::new();
        for rewrite in waiting {
            if taken.len() == n || !self.parents.contains(&rewrite.parent) {
                self.left_over.push(rewrite);
            } else if self.leaks(&rewrite, oracle) {
                dropped.leaks += 1;
            } else if self.is_new(&rewrite.template, oracle) {
                taken.push(rewrite);
            } else {
                dropped.repeated += 1;
            }
        }
        taken
    }

    /// Whether a rewrite says a label word that its parent does not say.
    fn leaks(&self, rewrite: &Rewrite, oracle: &dyn Oracle) -> bool {
        let parent = &self.members[rewrite.parent].template;
        self.verbalizer
            .labels
            .iter()
            .flat_map(|label| &label.words)
            .any(|word| says(&rewrite.template, word, oracle) && !says(parent, word, oracle))
    }

    fn trace(&self, made: &[Rewrite], losses: &[f64], dropped: Dropped, n_sites: usize) -> serde_json::Value {
        let made: Vec<_> = made
            .iter()
            .enumerate()
            .map(|(index, rewrite)| {
                let mut entry = json!({
                    "template": rewrite.template.to_string(),
                    "parent": self.number(rewrite.parent),
                    "by": rewrite.by,
                    "change": rewrite.origin,
                    "nats": rewrite.nats,
                });
                if let Some(loss) = losses.get(index) {
                    entry["loss"] = json!(loss);
                }
                entry
            })
            .collect();
        json!({
            "round": self.round,
            "parents": self.parents.iter().map(|&p| self.number(p)).collect::<Vec<_>>(),
            "sites": n_sites,
            "made": made,
            "dropped": dropped.as_json(),
        })
    }

    fn number(&self, member: usize) -> Option<u64> {
        self.members[member].scored.map(|scored| scored.candidate)
    }
}

impl Search for Paraphrase {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        if !self.starts.is_empty() {
            return self.start(oracle);
        }
        if self.config.rounds.is_some_and(|most| self.round >= most) || self.members.is_empty() {
            return Ok(Proposal::Done);
        }
        let mut passes = 1;
        for member in &self.members {
            passes = passes.max(oracle.passes(&self.prompt(&member.template))?);
        }
        let (n_train, n_texts) = (oracle.n_train(), oracle.n_texts());
        let han = self.members.iter().any(|member| has_han(&member.template));
        let offer = Offer { n_train, n_texts, n_selection: oracle.n_selection(), passes, han };
        if n_texts == 0 {
            return Ok(Proposal::Done);
        }
        let unknown: Vec<usize> =
            (0..self.members.len()).filter(|&m| n_train > 0 && self.members[m].loss.is_none()).collect();
        let before = self.config.first_comparison(unknown.len(), offer);
        let most = (1..=self.config.n_candidates).rev().find(|&n| oracle.affords(before + self.config.round(n, offer)));
        let Some(most) = most else { return Ok(Proposal::OutOfBudget) };

        let batch = match &self.batch {
            Some(batch) => batch.clone(),
            None => {
                let n_labels = self.verbalizer.labels.len();
                let batch = train_batch(n_labels, self.config.batch_size, n_train, &mut self.stream);
                self.batch = Some(batch.clone());
                batch
            }
        };
        if !unknown.is_empty() {
            let prompts: Vec<Prompt> = unknown.iter().map(|&m| self.prompt(&self.members[m].template)).collect();
            let losses = oracle.train_losses(&prompts, &batch)?;
            unknown.iter().zip(losses).for_each(|(&member, loss)| self.members[member].loss = Some(loss));
        }
        let (parents, passed_over) = beam(&self.members, self.config.beam);
        self.parents = parents;
        self.looks += u64::from(passed_over > 0 || n_train == 0);
        self.round += 1;

        let parents: Vec<Parent> =
            self.parents.iter().map(|&m| Parent::new(m, self.members[m].template.clone(), &self.thesaurus)).collect();
        let chosen = self.choose_sites(&parents, n_sites(most));
        let offered = self.offered(&parents);
        let waiting = self.left_over.iter().any(|rewrite| self.parents.contains(&rewrite.parent));
        let untranslated =
            self.round_trip.is_some() && self.parents.iter().any(|parent| !self.translated.contains(parent));
        if chosen.is_empty() && offered.is_empty() && !waiting && !untranslated {
            return Ok(Proposal::Done);
        }
        let thesaurus = self.thesaurus.clone();
        let mut rewriter = Rewriter {
            thesaurus: &thesaurus,
            generators: self.config.generators,
            likelihood: self.config.likelihood,
            questions: Questions::new(self.verbalizer.clone(), self.config.n_texts.min(n_texts)),
            dropped: Dropped::default(),
        };
        let sites: Vec<(&Parent, Site)> = chosen.iter().map(|(p, site)| (&parents[*p], site.clone())).collect();
        let mut queues = rewriter.rewrite(&sites, oracle)?;
        queues.extend(offered);
        let mut dropped = rewriter.dropped;
        let reserve = self.config.scoring(most, offer);
        queues.extend(self.translate(&parents, (most, reserve), oracle, &mut dropped)?);
        let mut made = self.take(queues, most, oracle, &mut dropped);
        // A template may need more passes than its parent, where its label words come to stand otherwise.
        let mut cost = 0;
        let mut within = 0;
        for rewrite in &made {
            cost += oracle.passes(&self.prompt(&rewrite.template))?
                * (self.config.batch(offer)
                    + if within < self.config.beam || n_train == 0 { offer.n_selection as u64 } else { 0 });
            if !oracle.affords(cost) {
                break;
            }
            within += 1;
        }
        made.truncate(within);
        if made.is_empty() {
            return Ok(Proposal::Nothing { trace: self.trace(&made, &[], dropped, chosen.len()) });
        }

        let prompts: Vec<Prompt> = made.iter().map(|rewrite| self.prompt(&rewrite.template)).collect();
        let losses = if n_train > 0 { oracle.train_losses(&prompts, &batch)? } else { Vec::new() };
        let trace = self.trace(&made, &losses, dropped, chosen.len());
        let mut order: Vec<usize> = (0..made.len()).collect();
        if !losses.is_empty() {
            order.sort_by(|&a, &b| losses[a].total_cmp(&losses[b]).then(a.cmp(&b)));
            order.truncate(self.config.beam);
        }
        let mut candidates = Vec::new();
        for index in order {
            let rewrite = &made[index];
            candidates.push(Candidate {
                prompt: prompts[index].clone(),
                parent: self.number(rewrite.parent),
                origin: rewrite.origin.clone(),
            });
            self.join(rewrite.template.clone(), losses.get(index).copied());
        }
        Ok(Proposal::Candidates { candidates, trace: Some(trace) })
    }

    fn observe(&mut self, scored: &[Scored]) {
        for (member, &scored) in std::mem::take(&mut self.pending).into_iter().zip(scored) {
            self.members[member].scored = Some(scored);
        }
    }

    fn state(&self) -> serde_json::Value {
        json!({
            "round": self.round,
            "templates": self.members.len(),
            "parents": self.parents.iter().map(|&p| self.members[p].template.to_string()).collect::<Vec<_>>(),
        })
    }

    fn dev_looks(&self) -> u64 {
        self.looks
    }
}
