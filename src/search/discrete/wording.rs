//! What searches over the wording of templates have in common: where other words come from, and what was there before.
//!
//! # Decisions
//!
//! - 2026-11: what the model said of a site is kept for the search: a site that is drawn again costs nothing more.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::paraphrase::{
    Dropped, Edit, GAPS, GAPS_HAN, Generators, Held, Offer, Parent, Questions, Rephrase, Rewrite, Rewriter, RoundTrip,
    Site, Thesaurus, back_translated, has_han, says, sites, stands_for, text_of, tokens,
};
use crate::prompt::{Prompt, Template, Verbalizer};
use crate::search::{Oracle, SearchError};
use crate::seed::Stream;

/// Templates that come back from another language, of one text.
const BACK: usize = 2;

/// Where other words come from.
#[derive(Clone)]
pub struct Rewording {
    /// Which of the generators that ask the model are on.
    pub generators: Generators,
    /// Where synonyms are looked up.
    pub thesaurus: Arc<Thesaurus>,
    /// The way by another language, where it is on.
    pub round_trip: Option<RoundTrip>,
    /// Whole rewordings that someone gave beforehand.
    pub rephrase: Option<Arc<dyn Rephrase>>,
    /// Unlabelled texts over which likelihood is taken.
    pub n_texts: usize,
    /// The most nats a token by which a replacement may be less likely than what it replaces.
    pub likelihood: f64,
}

impl Rewording {
    /// Whether there are other words at all.
    pub fn is_on(&self) -> bool {
        self.asks_model() || self.round_trip.is_some() || self.rephrase.is_some()
    }

    fn asks_model(&self) -> bool {
        self.generators.thesaurus || self.generators.mask_fill
    }

    /// The most evaluations that `n` rewordings cost, those of ways by another language left out: what these cost is known when
    /// their texts are.
    pub fn cost(&self, n: usize, offer: Offer) -> u64 {
        let gaps = if offer.han { GAPS_HAN } else { GAPS };
        let texts = self.n_texts.min(offer.n_texts) as u64;
        if self.asks_model() { n as u64 * gaps * texts } else { 0 }
    }
}

/// What is to be said in other words.
pub struct Asked<'a> {
    /// The template; its number says which of those asked it is.
    pub parent: &'a Parent,
    /// The text piece and the bytes within which; anywhere where `None`.
    pub within: Option<(usize, Range<usize>)>,
    /// Whether a word may also be left out.
    pub may_leave_out: bool,
}

impl Asked<'_> {
    fn holds(&self, site: &Site) -> bool {
        let inside = |piece: usize, place: &Range<usize>| match &self.within {
            None => true,
            Some((own, within)) => *own == piece && within.start <= place.start && place.end <= within.end,
        };
        match site {
            Site::Replace(word) => inside(self.parent.words[*word].piece, &self.parent.words[*word].place),
            Site::LeaveOut(word) => {
                self.may_leave_out && inside(self.parent.words[*word].piece, &self.parent.words[*word].place)
            }
            Site::PutIn { piece, at, .. } => inside(*piece, &(*at..*at)),
        }
    }
}

/// A way to other words.
enum Way {
    Words,
    BackTranslation,
    Offered,
}

/// The wording of a search.
pub struct Wording {
    rewording: Rewording,
    verbalizer: Arc<Verbalizer>,
    written: Vec<Template>,
    starts: VecDeque<Template>,
    texts: HashSet<String>,
    tokens: HashSet<String>,
    answers: HashMap<(String, Site), Vec<Rewrite>>,
}

impl Wording {
    /// The wording of a search that starts from `starts`, whose verbalizer is one.
    pub fn new(rewording: Rewording, starts: &[Prompt]) -> Self {
        let verbalizer =
            starts.first().map_or_else(|| Arc::new(Verbalizer { labels: Vec::new() }), |s| s.verbalizer.clone());
        Self {
            rewording,
            verbalizer,
            written: starts.iter().map(|start| start.template.clone()).collect(),
            starts: starts.iter().map(|start| start.template.clone()).collect(),
            texts: HashSet::new(),
            tokens: HashSet::new(),
            answers: HashMap::new(),
        }
    }

    /// Where other words come from.
    pub fn rewording(&self) -> &Rewording {
        &self.rewording
    }

    /// A template with its words.
    pub fn parent(&self, number: usize, template: &Template) -> Parent {
        Parent::new(number, template.clone(), &self.rewording.thesaurus)
    }

    /// The prompt of a template.
    pub fn prompt(&self, template: &Template) -> Prompt {
        Prompt::plain(template.clone(), self.verbalizer.clone())
    }

    /// The number of labels.
    pub fn n_labels(&self) -> usize {
        self.verbalizer.labels.len()
    }

    /// Whether a text was noted.
    pub fn is_known(&self, template: &Template) -> bool {
        self.texts.contains(&template.to_string())
    }

    /// Notes a template; whether it is new by its text and by its tokens.
    pub fn is_new(&mut self, template: &Template, oracle: &dyn Oracle) -> bool {
        let text = self.texts.insert(template.to_string());
        let tokens = self.tokens.insert(tokens(template, oracle));
        text && tokens
    }

    /// Whether there are templates to start from that were not proposed.
    pub fn has_starts(&self) -> bool {
        !self.starts.is_empty()
    }

    /// The next templates to start from, as many as the budget covers for selection, each once.
    ///
    /// # Errors
    /// [`SearchError`] if the model cannot take one.
    pub fn start(&mut self, oracle: &dyn Oracle) -> Result<Vec<Template>, SearchError> {
        let mut found = Vec::new();
        let mut cost = 0;
        while let Some(template) = self.starts.front().cloned() {
            cost += oracle.passes(&self.prompt(&template))? * oracle.n_selection() as u64;
            if !oracle.affords(cost) {
                break;
            }
            self.starts.pop_front();
            if self.is_new(&template, oracle) {
                found.push(template);
            }
        }
        Ok(found)
    }

    /// Notes a template that may be scored: whether it is new, and says no label word that none of the templates to start from says.
    pub fn admits(&mut self, template: &Template, oracle: &dyn Oracle, dropped: &mut Dropped) -> bool {
        let leaks = self.verbalizer.labels.iter().flat_map(|label| &label.words).any(|word| {
            says(template, word, oracle) && !self.written.iter().any(|written| says(written, word, oracle))
        });
        if leaks {
            dropped.leaks += 1;
            return false;
        }
        let new = self.is_new(template, oracle);
        dropped.repeated += u64::from(!new);
        new
    }

    /// What a step is planned by. `passes` is what a template costs an example, at most.
    ///
    /// # Errors
    /// [`SearchError`] if the model cannot take a template.
    pub fn offer<'t>(
        &self,
        templates: impl Iterator<Item = &'t Template>,
        oracle: &dyn Oracle,
    ) -> Result<Offer, SearchError> {
        let (mut passes, mut han) = (1, false);
        for template in templates {
            passes = passes.max(oracle.passes(&self.prompt(template))?);
            han |= has_han(template);
        }
        let (n_train, n_texts) = (oracle.n_train(), oracle.n_texts());
        Ok(Offer { n_train, n_texts, n_selection: oracle.n_selection(), passes, han })
    }

    /// The same in other words, for each of `asked` the templates of one way and place, drawn, likeliest first. `reserve`
    /// evaluations are left over. At most [`Rewording::cost`] is charged, and what ways by another language cost within the budget.
    ///
    /// # Errors
    /// As [`Oracle::fill`] and [`Oracle::likelihoods`].
    pub fn reword(
        &mut self,
        asked: &[Asked<'_>],
        stream: &mut Stream,
        reserve: u64,
        oracle: &mut dyn Oracle,
        dropped: &mut Dropped,
    ) -> Result<Vec<Vec<Rewrite>>, SearchError> {
        let n_texts = self.rewording.n_texts.min(oracle.n_texts());
        let mut made: Vec<Vec<Rewrite>> = asked.iter().map(|_| Vec::new()).collect();
        let mut drawn: Vec<(usize, Site)> = Vec::new();
        let mut translated: Vec<usize> = Vec::new();
        for (index, asked) in asked.iter().enumerate() {
            let site = self.draw_site(asked, stream);
            let offered = self.offered(asked);
            let mut ways: Vec<Way> = Vec::new();
            ways.extend(site.is_some().then_some(Way::Words));
            ways.extend(self.rewording.round_trip.is_some().then_some(Way::BackTranslation));
            ways.extend((!offered.is_empty()).then_some(Way::Offered));
            if ways.is_empty() {
                continue;
            }
            match (stream.choose(&ways), site) {
                (Way::Offered, _) => made[index] = offered,
                (Way::BackTranslation, _) => translated.push(index),
                (Way::Words, Some(site)) => drawn.push((index, site)),
                (Way::Words, None) => {}
            }
        }

        let known = |(index, site): &(usize, Site)| (asked[*index].parent.template.to_string(), site.clone());
        let mut open: Vec<(usize, Site)> = Vec::new();
        for draw in &drawn {
            let key = known(draw);
            if !self.answers.contains_key(&key) && !open.iter().any(|other| known(other) == key) {
                open.push(draw.clone());
            }
        }
        let thesaurus = self.rewording.thesaurus.clone();
        let mut rewriter = Rewriter {
            thesaurus: &thesaurus,
            generators: self.rewording.generators,
            likelihood: self.rewording.likelihood,
            questions: Questions::new(self.verbalizer.clone(), n_texts),
            dropped: *dropped,
        };
        // One template may be asked about at several places: each has a number of its own here.
        let numbered: Vec<Parent> = open
            .iter()
            .enumerate()
            .map(|(number, (index, _))| Parent::new(number, asked[*index].parent.template.clone(), &thesaurus))
            .collect();
        let chosen: Vec<(&Parent, Site)> =
            numbered.iter().zip(&open).map(|(parent, (_, site))| (parent, site.clone())).collect();
        let mut found: Vec<Vec<Rewrite>> = open.iter().map(|_| Vec::new()).collect();
        for rewrite in rewriter.rewrite(&chosen, oracle)?.into_iter().flatten() {
            found[rewrite.parent].push(rewrite);
        }
        *dropped = rewriter.dropped;
        for (draw, mut found) in open.iter().zip(found) {
            found.sort_by(|a, b| b.nats.total_cmp(&a.nats));
            self.answers.insert(known(draw), found);
        }
        for draw in &drawn {
            made[draw.0] = self.answers.get(&known(draw)).cloned().unwrap_or_default();
        }
        for index in translated {
            made[index] = self.translate(&asked[index], (n_texts, reserve), oracle, dropped)?;
        }
        for (index, found) in made.iter_mut().enumerate() {
            found.iter_mut().for_each(|rewrite| rewrite.parent = index);
        }
        Ok(made)
    }

    /// A site: at even chance one that the thesaurus knows words for, or any.
    fn draw_site(&self, asked: &Asked<'_>, stream: &mut Stream) -> Option<Site> {
        let generators = self.rewording.generators;
        let words = &asked.parent.words;
        let all: Vec<Site> =
            sites(&asked.parent.template, words).into_iter().filter(|site| asked.holds(site)).collect();
        let has_words = |site: &&Site| {
            matches!(site, Site::Replace(word)
                if generators.thesaurus && !self.rewording.thesaurus.synonyms(&words[*word].text).is_empty())
        };
        let known: Vec<Site> = all.iter().filter(has_words).cloned().collect();
        let any = if generators.mask_fill { all } else { Vec::new() };
        let first = stream.uniform() < 0.5;
        let from = match (known.is_empty(), any.is_empty()) {
            (true, true) => return None,
            (false, true) => known,
            (true, false) => any,
            (false, false) if first => known,
            (false, false) => any,
        };
        Some(stream.choose(&from).clone())
    }

    /// Whole rewordings that were given and were not there before.
    fn offered(&self, asked: &Asked<'_>) -> Vec<Rewrite> {
        let Some(rephrase) = &self.rewording.rephrase else { return Vec::new() };
        let own = &asked.parent.template;
        let new = rephrase.rewordings(own).into_iter();
        new.filter(|template| stands_for(template, own) && !self.is_known(template))
            .map(|template| Rewrite {
                origin: format!("{} says `{template}`", rephrase.name()),
                template,
                parent: asked.parent.number,
                by: "endpoint",
                nats: f64::NAN,
            })
            .collect()
    }

    fn translate(
        &self,
        asked: &Asked<'_>,
        (n_texts, reserve): (usize, u64),
        oracle: &mut dyn Oracle,
        dropped: &mut Dropped,
    ) -> Result<Vec<Rewrite>, SearchError> {
        let Some(round_trip) = &self.rewording.round_trip else { return Ok(Vec::new()) };
        let edits = match &asked.within {
            None => round_trip.edits(asked.parent)?,
            Some((piece, place)) => {
                let own = text_of(&asked.parent.template, *piece).get(place.clone()).unwrap_or_default();
                let edit = |text: &str| Edit { piece: *piece, start: place.start, end: place.end, text: text.into() };
                let ends = |c: char| !c.is_alphanumeric();
                let new = round_trip.of(own)?.into_iter();
                new.map(|(back, score)| (edit(back.trim_matches(ends)), score))
                    .filter(|(edit, _)| !edit.text.is_empty() && edit.text != own)
                    .collect()
            }
        };
        let held = Held {
            verbalizer: self.verbalizer.clone(),
            n_texts,
            likelihood: self.rewording.likelihood,
            most: BACK,
            reserve,
        };
        back_translated(edits, asked.parent, &held, &|text| self.texts.contains(text), oracle, dropped)
    }
}
