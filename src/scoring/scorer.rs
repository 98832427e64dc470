//! The engine: prompts x examples through a frozen model.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use burn::tensor::Tensor;

use crate::model::{LoadedModel, ModelKind, TunedModel};
use crate::prompt::{Piece, Prompt, Template};
use crate::spec::MultiToken;
use crate::task::Example;

use super::answer_way::AnswerWay;
use super::batch::Sequence;
use super::beginnings::{in_common, key, same_encoder};
use super::encode::Encoder;
use super::known_passes::KnownPasses;
use super::nearest_demonstrations::PoolVectors;
use super::passes::{Passes, WordPlace, encode_words};
use super::past::prefix_groups;
use super::read::Reads;
use super::tuned::Tunables;
use super::twins::Twins;
use super::{Cost, ScoringError, Settings};

/// Rows of states that a batch has for each of the sequences it may have, where no padding is computed.
const ROWS: usize = 32;

/// Sequences of one call that are held at a time, where it has several prompts.
const SEQUENCES: usize = 1 << 18;

/// The scores of a round of prompts on the same examples.
#[derive(Debug, Clone)]
pub struct Round {
    /// Log-probabilities among the labels, in nats: `[prompt][example][label]`.
    pub scores: Vec<Vec<Vec<f64>>>,
    /// How many examples were shortened, by prompt.
    pub truncated: Vec<usize>,
    /// What each prompt cost.
    pub costs: Vec<Cost>,
}

/// A prompt with the settings that may differ from prompt to prompt of one call.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'p> {
    /// The prompt.
    pub prompt: &'p Prompt,
    /// The rule for its label words of several tokens.
    pub multi_token: MultiToken,
    /// Whether inputs that do not fit it are shortened.
    pub truncate: bool,
}

/// Scores prompts with one frozen model.
pub struct Scorer {
    loaded: LoadedModel,
    settings: Settings,
    way: AnswerWay,
    known_passes: KnownPasses,
    /// The representations of demonstrations that the nearest are chosen from.
    pub(super) pools: Mutex<HashMap<[u8; 32], Arc<PoolVectors>>>,
    /// What prompts with trained weights are scored with.
    pub(super) tunables: Mutex<Tunables>,
    /// The trained weights that the model has, and what reads them.
    pub(super) tuned: Option<([u8; 32], TunedModel)>,
}

impl Scorer {
    /// A scorer for `loaded`.
    pub fn new(loaded: LoadedModel, settings: Settings) -> Self {
        let way = AnswerWay::of(&loaded);
        let (pools, tunables, known_passes) = (Mutex::default(), Mutex::default(), KnownPasses::default());
        Self { way, known_passes, loaded, settings, pools, tunables, tuned: None }
    }

    /// The model, its tokenizer and hashes.
    pub fn loaded(&self) -> &LoadedModel {
        &self.loaded
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A prompt with the settings of this scorer.
    pub fn ask<'p>(&self, prompt: &'p Prompt) -> Ask<'p> {
        Ask { prompt, multi_token: self.settings.multi_token, truncate: self.settings.truncate }
    }

    /// Checks that the model can take a prompt: words, template, columns and vectors.
    ///
    /// # Errors
    /// [`ScoringError`] naming what it cannot take.
    pub fn check(&self, prompt: &Prompt, columns: &[String]) -> Result<(), ScoringError> {
        self.check_template(prompt, columns)?;
        self.check_vectors(prompt)
    }

    /// [`Scorer::check`] of a prompt whose vectors are yet to be trained.
    ///
    /// # Errors
    /// The same, but for the vectors.
    pub fn check_template(&self, prompt: &Prompt, columns: &[String]) -> Result<(), ScoringError> {
        if let Some(tuned) = &prompt.tuned {
            self.tunable(tuned.tuning(), tuned.n_classes())?;
            if prompt.classifies() {
                return self.check_unmasked(&prompt.template, columns);
            }
        }
        self.check_sides(&prompt.template)?;
        if prompt.verbalizer.reference_column().is_some() {
            return self.check_references(prompt, columns);
        }
        let passes = self.passes(prompt)?;
        for n_mask in mask_counts(&passes) {
            self.encoder(&prompt.template, columns, n_mask)?;
        }
        Ok(())
    }

    /// How many evaluations one example costs: one for each pass, and one where its nearest demonstrations are to be found.
    ///
    /// # Errors
    /// [`ScoringError`] if the words cannot be written.
    pub fn evaluations_per_example(&self, prompt: &Prompt) -> Result<u64, ScoringError> {
        if prompt.classifies() || prompt.verbalizer.reference_column().is_some() {
            return Ok(1);
        }
        let nearest = u64::from(prompt.template.nearest().is_some());
        Ok(self.passes(prompt)?.passes.len() as u64 + nearest)
    }

    /// The passes of a prompt's verbalizer in its template.
    ///
    /// # Errors
    /// [`ScoringError`] if the words cannot be written.
    pub fn passes(&self, prompt: &Prompt) -> Result<Passes, ScoringError> {
        self.passes_by(prompt, self.settings.multi_token)
    }

    pub(super) fn passes_by(&self, prompt: &Prompt, rule: MultiToken) -> Result<Passes, ScoringError> {
        if prompt.label_vectors.is_some() {
            let n_mask = usize::from(!self.continues());
            return Ok(Passes::of_vectors(prompt.verbalizer.label_names(), n_mask));
        }
        let pieces = prompt.template.pieces();
        let mask = pieces.iter().position(|p| matches!(p, Piece::Mask(_)));
        let fixed = match mask.map(|at| &pieces[at]) {
            Some(Piece::Mask(n)) => *n,
            _ => None,
        };
        let causal = self.kind() == ModelKind::Causal;
        // What continues a text stands behind a line break without a space.
        let ends_spaced = |text: &str| if causal { text.ends_with(' ') } else { text.ends_with(char::is_whitespace) };
        let after_space = match mask.and_then(|at| at.checked_sub(1)).map(|at| &pieces[at]) {
            Some(Piece::Text(text)) => ends_spaced(text),
            Some(Piece::Trigger(_) | Piece::Soft(_) | Piece::Demos | Piece::Nearest(_)) => true,
            Some(Piece::Demo(demonstration)) => ends_spaced(&demonstration.end),
            Some(Piece::Column(_) | Piece::Mask(_) | Piece::Prefix(_)) | None => false,
        };
        let before = mask.and_then(|at| at.checked_sub(1)).map(|at| &pieces[at]);
        let context = match before {
            Some(Piece::Text(text)) => text.trim_end_matches(' '),
            _ => "",
        };
        let decoded = matches!(self.way, AnswerWay::Sentinels { .. });
        let place = WordPlace { after_space, fixed, continues: causal.then_some(context), decoded };
        self.known_passes.get(&prompt.verbalizer, place, rule, || self.passes_at(prompt, place, rule))
    }

    fn passes_at(&self, prompt: &Prompt, place: WordPlace<'_>, rule: MultiToken) -> Result<Passes, ScoringError> {
        let words = encode_words(&prompt.verbalizer, &self.loaded.tokenizer, place, &self.loaded.name)?;
        let n_labels = prompt.verbalizer.labels.len();
        if !self.way.continues() {
            return Ok(Passes::new(words, n_labels, rule));
        }
        if matches!(rule, MultiToken::Independent | MultiToken::PseudoLikelihood) {
            return Err(ScoringError::Template {
                template: prompt.template.to_string(),
                reason: format!(
                    "{} continues text, and multi_token `{}` is for models that fill masks (allowed: joint, mean)",
                    self.loaded.name,
                    rule.name()
                ),
            });
        }
        Ok(Passes::continuing(words, n_labels, rule))
    }

    /// How the model is asked for a word.
    pub(super) fn way(&self) -> &AnswerWay {
        &self.way
    }

    /// Whether a word is read from left to right behind what is known of it.
    pub(super) fn continues(&self) -> bool {
        self.way.continues()
    }

    /// How the model reads its input.
    pub(super) fn kind(&self) -> ModelKind {
        self.loaded.model.shape().kind
    }

    /// The fewest places that any pass of the prompt expands `{mask}` to.
    ///
    /// # Errors
    /// As [`Scorer::passes`].
    pub(super) fn fewest_masks(&self, prompt: &Prompt) -> Result<usize, ScoringError> {
        if prompt.verbalizer.reference_column().is_some() {
            return Ok(1);
        }
        let passes = self.passes(prompt)?;
        Ok(passes.passes.iter().map(|pass| pass.filled.len()).min().unwrap_or(1))
    }

    /// An encoder for a template.
    ///
    /// # Errors
    /// [`ScoringError`] if the model cannot take the template.
    pub fn encoder<'a>(
        &'a self,
        template: &'a Template,
        columns: &[String],
        n_mask: usize,
    ) -> Result<Encoder<'a>, ScoringError> {
        self.encoder_by(template, columns, n_mask, self.settings.truncate)
    }

    pub(super) fn encoder_by<'a>(
        &'a self,
        template: &'a Template,
        columns: &[String],
        n_mask: usize,
        truncate: bool,
    ) -> Result<Encoder<'a>, ScoringError> {
        Encoder::new(
            (&self.loaded.tokenizer, &self.way),
            &self.loaded.name,
            template,
            columns,
            n_mask,
            self.loaded.model.shape().max_positions,
            truncate,
        )
    }

    /// Scores every prompt on every example.
    ///
    /// Sequences of all prompts are grouped by length, so that little is padding. The batches, and with them the last bits
    /// of the scores, depend on the prompts and examples of this call alone.
    ///
    /// # Errors
    /// [`ScoringError`] if a prompt cannot be taken, an input does not fit, or a score is not a number.
    pub fn score(&self, prompts: &[Prompt], columns: &[String], examples: &[&Example]) -> Result<Round, ScoringError> {
        let asks: Vec<Ask<'_>> = prompts.iter().map(|prompt| self.ask(prompt)).collect();
        self.score_mixed(&asks, columns, examples)
    }

    /// [`Scorer::score`] of prompts that may be of different tasks, each with its own settings: sequences of all of them,
    /// with virtual tokens or without, share batches.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn score_mixed(
        &self,
        asks: &[Ask<'_>],
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Round, ScoringError> {
        if asks.iter().any(|ask| !self.is_own(ask.prompt)) {
            return self.score_by_model(asks, columns, examples);
        }
        if asks.iter().any(|ask| ask.prompt.verbalizer.reference_column().is_some()) {
            return self.score_references(asks, columns, examples);
        }
        if let [ask] = asks
            && ask.prompt.classifies()
        {
            return self.score_by_head(ask, columns, examples);
        }
        let ready = self.ready_all(asks, columns, examples)?;
        let n_sequences: usize = ready.iter().map(|ready| ready.encoded.len() * examples.len()).sum();
        if n_sequences > SEQUENCES && asks.len() > 1 {
            let (first, second) = asks.split_at(asks.len() / 2);
            let mut round = self.score_mixed(first, columns, examples)?;
            let rest = self.score_mixed(second, columns, examples)?;
            round.scores.extend(rest.scores);
            round.truncated.extend(rest.truncated);
            round.costs.extend(rest.costs);
            return Ok(round);
        }
        let mut sequences = Vec::new();
        let mut costs: Vec<Cost> = ready.iter().map(|ready| ready.found).collect();
        for (prompt, (ready, cost)) in ready.iter().zip(&mut costs).enumerate() {
            for example in 0..examples.len() {
                for pass in 0..ready.reading.passes.passes.len() {
                    let sequence = ready.sequence(prompt, example, pass);
                    cost.evaluations += 1;
                    cost.forwards += 1;
                    cost.tokens += sequence.ids.len() as u64;
                    sequences.push(sequence);
                }
            }
        }
        let group = prefix_groups(asks.iter().map(|ask| ask.prompt));
        let (mut sequences, twins) =
            Twins::part(sequences, |prompt| (asks[prompt].prompt.soft.as_deref(), group[prompt]));
        if self.shares() {
            sequences.sort_by_cached_key(|s| (s.positions.len(), group[s.prompt], key(s)));
        } else {
            sequences.sort_by_key(|s| (s.positions.len(), group[s.prompt], s.ids.len()));
        }
        let mut reads: Reads = ready
            .iter()
            .map(|r| vec![r.reading.passes.passes.iter().map(|p| vec![0.0; p.reads.len()]).collect(); examples.len()])
            .collect();
        let alike =
            |a: &Sequence, b: &Sequence| (a.positions.len(), group[a.prompt]) == (b.positions.len(), group[b.prompt]);
        for batch in sequences.chunk_by(alike) {
            for batch in self.batches(batch) {
                self.read_batch(batch, &ready, &twins, &mut reads);
            }
        }
        let scores: Vec<Vec<Vec<f64>>> = ready
            .iter()
            .zip(&reads)
            .map(|(ready, reads)| reads.iter().map(|passes| ready.reading.passes.label_logprobs(passes)).collect())
            .collect();
        for (ask, scores) in asks.iter().zip(&scores) {
            if !scores.iter().flatten().all(|x| x.is_finite()) {
                return Err(ScoringError::NotFinite { prompt: ask.prompt.template.to_string() });
            }
        }
        let truncated = ready
            .iter()
            .map(|r| (0..examples.len()).filter(|&e| r.encoded.iter().any(|all| !all[e].shortened.is_empty())).count())
            .collect();
        Ok(Round { scores, truncated, costs })
    }

    /// The batches of sequences that are read at equally many places: by their number, or where no padding is computed by rows
    /// of states, which is what memory and speed depend on there.
    pub(super) fn batches<'s>(&self, sequences: &'s [Sequence]) -> Vec<&'s [Sequence]> {
        let Settings { batch_size, .. } = self.settings;
        if !self.loaded.model.is_unpadded() {
            return sequences.chunks(batch_size).collect();
        }
        let shares = self.shares();
        let mut batches = Vec::new();
        let (mut rest, mut rows, mut n) = (sequences, 0, 0);
        let mut last: Option<(&Sequence, Vec<u64>)> = None;
        for sequence in sequences {
            let own_key = if shares { key(sequence) } else { Vec::new() };
            let known = last.as_ref().map_or(0, |(last, last_key)| match sequence.decoder_from {
                Some(_) => same_encoder((last_key, last), (&own_key, sequence)),
                None => in_common((last_key, last), (&own_key, sequence)),
            });
            let own = sequence.ids.len() - known;
            if n > 0 && rows + own > batch_size * ROWS {
                let (batch, after) = rest.split_at(n);
                batches.push(batch);
                (rest, rows, n) = (after, known, 0);
            }
            rows += own;
            n += 1;
            last = shares.then_some((sequence, own_key));
        }
        batches.extend((!rest.is_empty()).then_some(rest));
        batches
    }
}

fn mask_counts(passes: &Passes) -> Vec<usize> {
    let mut counts: Vec<usize> = passes.passes.iter().map(|p| p.filled.len()).collect();
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// A list of ids as an index tensor.
pub(super) fn ids_tensor(ids: &[u32], device: &burn::tensor::Device) -> Tensor<1, burn::tensor::Int> {
    let ids: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
    let n = ids.len();
    Tensor::from_data(burn::tensor::TensorData::new(ids, [n]), device)
}

/// A tensor's numbers on the host, row by row.
pub(super) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().expect("converted to f32 before")
}
