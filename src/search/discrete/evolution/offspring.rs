//! The children of a generation.

use super::super::paraphrase::{Dropped, Parent};
use super::super::phrase::{Level, phrases};
use super::super::wording::{Asked, Wording};
use super::config::{Algorithm, EvolutionConfig};
use super::crossing::{child, columns, cross, differs};
use super::genome::Genome;
use crate::prompt::Template;
use crate::search::{Oracle, SearchError};
use crate::seed::Stream;

/// A template that may become a member.
#[derive(Debug, Clone)]
pub struct Offspring {
    /// It.
    pub template: Template,
    /// Its parents' places in the population, the one whose slots it has first.
    pub parents: Vec<usize>,
    /// Whom it may replace, where that is one: a place in the population.
    pub target: Option<usize>,
    /// What was done, in words.
    pub origin: String,
    /// By which operators, and of mutations by which generator.
    pub by: Vec<&'static str>,
    /// Whether a word of it is to be mutated.
    mutates: bool,
    /// The phrases within which, where the operator says.
    within: Vec<String>,
}

/// A member that may become a parent.
pub struct Breeder {
    /// Its number, for people.
    pub number: String,
    /// It.
    pub template: Template,
    /// Its share of the wheel.
    pub share: f64,
    genome: Genome,
}

impl Breeder {
    /// A member with its share of the wheel.
    pub fn new(number: Option<u64>, template: Template, share: f64, wording: &Wording) -> Self {
        let genome = Genome::of(&wording.parent(0, &template));
        Self { number: number.map_or_else(|| "?".into(), |number| number.to_string()), template, share, genome }
    }
}

/// The making of a generation.
pub struct Breeding<'a> {
    /// The parameters.
    pub config: EvolutionConfig,
    /// The population, the best first.
    pub population: &'a [Breeder],
    /// The wording.
    pub wording: &'a mut Wording,
    /// Random numbers.
    pub stream: &'a mut Stream,
    /// Evaluations that are left for the children's comparison.
    pub reserve: u64,
    /// Children that were bred beforehand and have come into this generation.
    pub offered: Vec<Template>,
}

impl Breeding<'_> {
    /// The child of this number, in the first generation a paraphrase.
    pub fn breed(&mut self, number: usize, first: bool) -> Offspring {
        let member = number % self.population.len();
        match (first, self.config.algorithm) {
            (true, _) => self.paraphrase(member),
            (false, Algorithm::Ga) => self.ga(),
            (false, Algorithm::De) => self.de(member),
        }
    }

    /// A paraphrase to be made of a member.
    fn paraphrase(&self, of: usize) -> Offspring {
        let template = self.population[of].template.clone();
        Offspring {
            template,
            parents: vec![of],
            target: None,
            origin: String::new(),
            by: Vec::new(),
            mutates: true,
            within: Vec::new(),
        }
    }

    /// Whether a child was not there before.
    pub fn is_fresh(&self, child: &Offspring, others: &[Offspring]) -> bool {
        !self.wording.is_known(&child.template) && !others.iter().any(|other| other.template == child.template)
    }

    /// A child of two parents that the wheel chooses.
    fn ga(&mut self) -> Offspring {
        let first = self.wheel(None);
        let mut offspring = self.paraphrase(first);
        offspring.mutates = false;
        if self.population.len() > 1 {
            let second = self.wheel(Some(first));
            let told = self.told(first, second);
            let (one, two) = (&self.population[first], &self.population[second]);
            if let Some(template) = told {
                let name = self.wording.rewording().rephrase.as_ref().map_or("", |rephrase| rephrase.name());
                offspring.origin = format!("{name} crossed {} with {}: `{template}`", one.number, two.number);
                offspring.parents.push(second);
                offspring.by.push("endpoint");
                offspring.template = template;
                return offspring;
            }
            if let Some(child) = cross(&one.genome, &two.genome, self.config.crossover, self.stream) {
                offspring.origin = format!("crossed {} with {}: {}", one.number, two.number, child.words());
                offspring.parents.push(second);
                offspring.by.push("crossover");
                offspring.template = child.template;
            }
        }
        offspring.mutates = self.stream.uniform() < self.config.mutation;
        offspring
    }

    /// The trial for a member: the difference of two others put into the best, crossed with the member.
    fn de(&mut self, target: usize) -> Offspring {
        let others: Vec<usize> = (0..self.population.len()).filter(|&at| at != target).collect();
        if others.len() < 2 {
            return Offspring { target: Some(target), ..self.ga() };
        }
        if target != 0
            && let Some(template) = self.told(0, target)
        {
            let (best, own) = (&self.population[0].number, &self.population[target].number);
            let name = self.wording.rewording().rephrase.as_ref().map_or("", |rephrase| rephrase.name());
            let origin = format!("{name} crossed {best} with {own}: `{template}`");
            let by = vec!["endpoint"];
            let parents = vec![0, target];
            return Offspring {
                template,
                parents,
                target: Some(target),
                origin,
                by,
                mutates: false,
                within: Vec::new(),
            };
        }
        let drawn = self.stream.sample(others.len(), 2);
        let (a, b) = (others[drawn[0]], others[drawn[1]]);
        let mut offspring = self.paraphrase(0);
        offspring.target = Some(target);
        let mut words = Vec::new();
        if let Some((template, took, said)) = self.shifted(a, b) {
            let number = |at: usize| &self.population[at].number;
            words.push(format!("{} by what {} says otherwise than {}: {said}", number(0), number(b), number(a)));
            offspring.parents.extend([b, a]);
            offspring.by.push("difference");
            offspring.within = took;
            offspring.template = template;
        }
        if target != 0 || !words.is_empty() {
            let shifted = Genome::of(&self.wording.parent(0, &offspring.template));
            let own = &self.population[target];
            if let Some(child) = cross(&shifted, &own.genome, self.config.crossover, self.stream) {
                let begun = if words.is_empty() { format!("{} ", self.population[0].number) } else { String::new() };
                words.push(format!("{begun}crossed with {}: {}", own.number, child.words()));
                offspring.parents.push(target);
                offspring.by.push("crossover");
                offspring.template = child.template;
            }
        }
        offspring.origin = words.join("; ");
        offspring.mutates = self.stream.uniform() < self.config.mutation;
        offspring
    }

    /// A child of two that someone bred beforehand and that was not there before; the next one each time.
    fn told(&mut self, first: usize, second: usize) -> Option<Template> {
        let (one, two) = (&self.population[first].template, &self.population[second].template);
        let children = self.wording.rewording().rephrase.as_ref()?.children(one, two);
        let child = children.into_iter().find(|c| !self.wording.is_known(c) && !self.offered.contains(c))?;
        self.offered.push(child.clone());
        Some(child)
    }

    /// The best with some of what `b` says otherwise than `a`: the template, the phrases that came, and both in words.
    fn shifted(&mut self, a: usize, b: usize) -> Option<(Template, Vec<String>, String)> {
        let (best, a, b) = (&self.population[0].genome, &self.population[a].genome, &self.population[b].genome);
        let mut new: Vec<String> = Vec::new();
        let mut old: Vec<String> = Vec::new();
        for (gap, own) in columns(a, b).iter().enumerate() {
            let Some(other) = b.gap_of(a.key(gap)) else { continue };
            for &(left, right) in own.iter().filter(|column| differs(a, b, gap, **column)) {
                new.extend(right.map(|at| b.gaps[other].phrases[at].to_lowercase()));
                old.extend(left.filter(|_| right.is_none()).map(|at| a.gaps[gap].phrases[at].to_lowercase()));
            }
        }
        let all = columns(best, b);
        let mut places: Vec<(usize, usize)> = Vec::new();
        for (gap, own) in all.iter().enumerate() {
            let other = b.gap_of(best.key(gap));
            for (at, column) in own.iter().enumerate().filter(|(_, column)| differs(best, b, gap, **column)) {
                let differs = match (*column, other) {
                    ((_, Some(phrase)), Some(other)) => new.contains(&b.gaps[other].phrases[phrase].to_lowercase()),
                    ((Some(phrase), None), _) => old.contains(&best.gaps[gap].phrases[phrase].to_lowercase()),
                    _ => false,
                };
                places.extend(differs.then_some((gap, at)));
            }
        }
        let mut taken: Vec<(usize, usize)> = places.iter().copied().filter(|_| self.stream.uniform() < 0.5).collect();
        if taken.is_empty() && !places.is_empty() {
            taken.push(*self.stream.choose(&places));
        }
        let child = (!taken.is_empty()).then(|| child(best, b, &all, &taken))??;
        let words = child.words();
        Some((child.template, child.took, words))
    }

    /// A place of the population other than `but`, each by its share.
    fn wheel(&mut self, but: Option<usize>) -> usize {
        let share = |at: usize| if Some(at) == but { 0.0 } else { self.population[at].share };
        let total: f64 = (0..self.population.len()).map(share).sum();
        let mut left = self.stream.uniform() * total;
        for at in 0..self.population.len() {
            left -= share(at);
            if left < 0.0 && Some(at) != but {
                return at;
            }
        }
        (0..self.population.len()).rev().find(|&at| Some(at) != but).unwrap_or(0)
    }

    /// The children with their mutations, each template new: at most `most` of each.
    ///
    /// # Errors
    /// As [`Wording::reword`].
    pub fn mutate(
        &mut self,
        children: Vec<Offspring>,
        most: usize,
        oracle: &mut dyn Oracle,
        dropped: &mut Dropped,
    ) -> Result<Vec<Vec<Offspring>>, SearchError> {
        let mut seen: Vec<Template> = Vec::new();
        let mut mutates: Vec<usize> = Vec::new();
        for (index, child) in children.iter().enumerate() {
            let fresh = !self.wording.is_known(&child.template) && !seen.contains(&child.template);
            if child.mutates || !fresh {
                mutates.push(index);
            } else {
                seen.push(child.template.clone());
            }
        }
        let parents: Vec<Parent> = mutates
            .iter()
            .enumerate()
            .map(|(number, &index)| self.wording.parent(number, &children[index].template))
            .collect();
        let asked: Vec<Asked<'_>> = parents
            .iter()
            .zip(&mutates)
            .map(|(parent, &index)| {
                let found = phrases(parent, Level::Phrase);
                let inside: Vec<_> =
                    found.iter().filter(|phrase| children[index].within.contains(&phrase.text)).collect();
                let within = (!inside.is_empty()).then(|| *self.stream.choose(&inside));
                let within = within.map(|phrase| (phrase.piece, phrase.place.clone()));
                Asked { parent, within, may_leave_out: true }
            })
            .collect();
        let reworded = self.wording.reword(&asked, self.stream, self.reserve, oracle, dropped)?;
        let mut made: Vec<Vec<Offspring>> = children.iter().map(|child| vec![child.clone()]).collect();
        for (&index, rewrites) in mutates.iter().zip(reworded) {
            let own = &children[index];
            let mut found = Vec::new();
            for rewrite in rewrites {
                if found.len() == most {
                    break;
                }
                if self.wording.is_known(&rewrite.template) || seen.contains(&rewrite.template) {
                    continue;
                }
                seen.push(rewrite.template.clone());
                let mut child = Offspring { template: rewrite.template, ..own.clone() };
                child.by.push(rewrite.by);
                child.origin = match own.origin.is_empty() {
                    true => rewrite.origin,
                    false => format!("{}; {}", own.origin, rewrite.origin),
                };
                found.push(child);
            }
            let fresh = !self.wording.is_known(&own.template) && !seen.contains(&own.template);
            if found.is_empty() && fresh {
                seen.push(own.template.clone());
                found.push(own.clone());
            }
            made[index] = found;
        }
        Ok(made)
    }
}
