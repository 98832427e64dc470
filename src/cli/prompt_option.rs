//! `--template` and `--verbalizer`, or `--prompt FILE`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::error::Result;
use crate::model::LoadedModel;
use crate::prompt::{Prompt, Template, TriggerTokens, TunedWeights, Vectors, Verbalizer};
use crate::record::{SavedEnsemble, SavedMember, SavedPrior, SavedPrompt, SavedTuning};
use crate::scoring::{Ensemble, Prior, Scorer, Settings};
use crate::spec::{Calibration, EnsembleKind, MultiToken};
use crate::task::Writing;

use super::CliError;
use super::log::Log;
use super::model_option::{DeviceOption, Opened, open, prepare_line};

/// How a label word of several tokens is scored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum MultiTokenName {
    /// Left to right, earlier masks filled in.
    #[default]
    Joint,
    /// The product of all masks at once.
    Independent,
    /// Each token with all others filled in.
    PseudoLikelihood,
    /// Joint divided by the number of tokens.
    Mean,
}

impl From<MultiTokenName> for MultiToken {
    fn from(name: MultiTokenName) -> Self {
        match name {
            MultiTokenName::Joint => Self::Joint,
            MultiTokenName::Independent => Self::Independent,
            MultiTokenName::PseudoLikelihood => Self::PseudoLikelihood,
            MultiTokenName::Mean => Self::Mean,
        }
    }
}

/// A model and what to ask it.
#[derive(Debug, Clone, Args)]
pub struct PromptOptions {
    /// The model: builtin:NAME, a folder, a .gguf file, or hf:owner/name [default: the one that the prompt was found with]
    #[arg(long, value_name = "MODEL", required_unless_present_any = ["prompt", "ensemble"])]
    pub model: Option<String>,
    /// The template: text with the slots {text} and {mask}
    #[arg(long, value_name = "TEMPLATE", required_unless_present_any = ["prompt", "ensemble"], requires = "verbalizer")]
    pub template: Option<String>,
    /// The words that stand for the labels, as in negative=terrible|awful,positive=great; or the column that holds each example's own answer, as in {summary}
    #[arg(long, value_name = "WORDS", required_unless_present_any = ["prompt", "ensemble"], requires = "template")]
    pub verbalizer: Option<String>,
    /// A prompt that a run saved (trials/<trial>/prompt.json or prompt.safetensors), in place of --template and --verbalizer
    #[arg(long, value_name = "FILE", conflicts_with_all = ["template", "verbalizer", "multi_token", "refuse_long"])]
    pub prompt: Vec<PathBuf>,
    /// Prompts that a run put together (trials/<trial>/ensemble.json), in place of one; for `predict` and `score`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["template", "verbalizer", "multi_token", "refuse_long", "prompt"])]
    pub ensemble: Option<PathBuf>,
    /// How a label word of several tokens is scored
    #[arg(long, value_name = "RULE", value_enum, default_value_t)]
    pub multi_token: MultiTokenName,
    /// Refuse an input that is too long, instead of shortening it
    #[arg(long)]
    pub refuse_long: bool,
    /// Where to compute.
    #[command(flatten)]
    pub device: DeviceOption,
}

/// What a file of a prompt holds.
type Saved = (SavedPrompt, Vectors);

/// A prompt with the settings that it is scored with.
pub struct Asked {
    /// The file that it came from, as it was named; empty where it came from the command line.
    pub name: String,
    /// The prompt.
    pub prompt: Prompt,
    /// A scorer with the prompt's settings.
    pub scorer: Scorer,
    /// What its label scores are corrected by.
    pub prior: Option<Prior>,
    /// How texts are written with it, where it was saved with that.
    pub writing: Option<Writing>,
}

/// A model with the prompts to ask it.
pub struct Ready {
    /// The model and its device.
    pub opened: Opened,
    /// At least one.
    pub prompts: Vec<Asked>,
    /// How their answers are put together, where they are an ensemble.
    pub ensemble: Option<Ensemble>,
}

impl PromptOptions {
    /// Reads the prompts, opens the model, and checks that they go together.
    ///
    /// # Errors
    /// What is wrong with a prompt, the model or the pair of them.
    pub fn ready(&self, log: Log) -> Result<Ready> {
        let mut saved: Vec<(&Path, Saved)> =
            self.prompt.iter().map(|path| Ok((path.as_path(), load(path)?))).collect::<Result<_>>()?;
        let ensemble = match &self.ensemble {
            None => None,
            Some(path) => {
                let read = SavedEnsemble::load(path).map_err(CliError::PromptFile)?;
                let ensemble = together(path, &read)?;
                saved.extend(
                    read.members.into_iter().map(|member| (path.as_path(), (member.prompt, Vectors::default()))),
                );
                Some(ensemble)
            }
        };
        let opened = open(&self.model_name(&saved)?, self.device, log)?;
        prepare_line(&opened.device, log);
        let prompts = if saved.is_empty() {
            vec![self.written(&opened)?]
        } else {
            let read = |(path, (prompt, vectors)): (&Path, Saved)| from_saved(path, &prompt, &vectors, &opened, log);
            saved.into_iter().map(read).collect::<Result<_>>()?
        };
        Ok(Ready { opened, prompts, ensemble })
    }

    /// As [`PromptOptions::ready`], for a command that takes one prompt or one ensemble.
    ///
    /// # Errors
    /// The same, and [`CliError::Usage`] for several prompts.
    pub fn ready_together(&self, log: Log) -> Result<Ready> {
        if self.prompt.len() > 1 {
            return Err(CliError::Usage("one --prompt is taken here; `predict` takes several".into()).into());
        }
        self.ready(log)
    }

    /// As [`PromptOptions::ready_together`], for a command that takes one prompt alone.
    ///
    /// # Errors
    /// The same, and [`CliError::Usage`] for an ensemble.
    pub fn ready_one(&self, log: Log) -> Result<(Opened, Asked)> {
        if self.ensemble.is_some() {
            return Err(CliError::Usage(
                "an ensemble is applied by `predict` and `score`; here one --prompt is taken".into(),
            )
            .into());
        }
        let mut ready = self.ready_together(log)?;
        Ok((ready.opened, ready.prompts.remove(0)))
    }

    fn model_name(&self, saved: &[(&Path, Saved)]) -> Result<String> {
        if let Some(model) = &self.model {
            return Ok(model.clone());
        }
        let Some((first_path, (first, _))) = saved.first() else {
            return Err(CliError::Usage("--model is missing".into()).into());
        };
        if let Some((path, (other, _))) = saved.iter().find(|(_, (other, _))| other.model != first.model) {
            return Err(CliError::Usage(format!(
                "{} was found with {}, {} with {}; say which with --model",
                first_path.display(),
                first.model,
                path.display(),
                other.model
            ))
            .into());
        }
        Ok(first.model.clone())
    }

    fn written(&self, opened: &Opened) -> Result<Asked> {
        let (Some(template), Some(verbalizer)) = (&self.template, &self.verbalizer) else {
            return Err(CliError::Usage("--template and --verbalizer, or --prompt FILE, are needed".into()).into());
        };
        let template = Template::parse(template)?;
        template.check_mask()?;
        if template.n_trigger() > 0 {
            let what =
                "has a {trigger:N} slot, whose tokens only a search finds; write text there, or give --prompt FILE";
            return Err(CliError::Usage(format!("template `{template}` {what}")).into());
        }
        if template.n_prefix() > 0 {
            let what = "has a {prefix} slot, whose keys and values only a search finds; give --prompt FILE";
            return Err(CliError::Usage(format!("template `{template}` {what}")).into());
        }
        if template.has_soft() {
            let what = "has a {soft} slot, whose vectors only a search finds; give --prompt FILE";
            return Err(CliError::Usage(format!("template `{template}` {what}")).into());
        }
        let prompt = Prompt::plain(template, Arc::new(Verbalizer::parse(verbalizer)?));
        let settings =
            Settings { multi_token: self.multi_token.into(), truncate: !self.refuse_long, ..opened.settings() };
        asked(String::new(), prompt, settings, &opened.loaded)
    }
}

/// The columns that any of the prompts reads.
pub fn needed(prompts: &[Asked]) -> Vec<String> {
    let mut needed: Vec<String> = Vec::new();
    for column in prompts.iter().flat_map(|asked| asked.prompt.template.columns()) {
        if !needed.iter().any(|known| known == column) {
            needed.push(column.to_owned());
        }
    }
    needed
}

fn asked(name: String, prompt: Prompt, settings: Settings, loaded: &LoadedModel) -> Result<Asked> {
    let scorer = Scorer::new(loaded.clone(), settings);
    let columns: Vec<String> = prompt.template.columns().into_iter().map(str::to_owned).collect();
    // The prompt's own columns: whether the data has them is a question to the data.
    scorer.check(&prompt, &columns)?;
    Ok(Asked { name, prompt, scorer, prior: None, writing: None })
}

fn load(path: &Path) -> Result<Saved, CliError> {
    SavedPrompt::open(path).map_err(CliError::PromptFile)
}

fn from_saved(path: &Path, saved: &SavedPrompt, vectors: &Vectors, opened: &Opened, log: Log) -> Result<Asked> {
    let loaded = &opened.loaded;
    if saved.tokenizer_blake3 != loaded.tokenizer_hash {
        return Err(CliError::OtherTokenizer {
            path: path.into(),
            saved_model: saved.model.clone(),
            saved: short(&saved.tokenizer_blake3),
            model: loaded.source.clone(),
            found: short(&loaded.tokenizer_hash),
        }
        .into());
    }
    if saved.weights_blake3 != loaded.weights_hash && (!vectors.is_empty() || saved.tuned.is_some()) {
        return Err(CliError::OtherWeights {
            path: path.into(),
            saved_model: saved.model.clone(),
            saved: short(&saved.weights_blake3),
            model: loaded.source.clone(),
            found: short(&loaded.weights_hash),
        }
        .into());
    }
    if saved.weights_blake3 != loaded.weights_hash {
        log.note(&format!(
            "{} was found with the weights of {} (blake3 {}); {} has others (blake3 {}), so its scores may differ from the record's",
            path.display(),
            saved.model,
            short(&saved.weights_blake3),
            loaded.source,
            short(&loaded.weights_hash)
        ));
    }
    let bad = |what: String| CliError::BadPrompt { path: path.into(), what };
    let template = Template::parse(&saved.template)?;
    if saved.tuned.as_ref().is_none_or(|tuned| tuned.n_classes.is_none()) {
        template.check_mask()?;
    }
    let (slots, ids) = (template.n_trigger(), saved.trigger_ids.len());
    if slots != ids {
        return Err(bad(format!("the template has {slots} trigger tokens and `trigger_ids` has {ids}")).into());
    }
    for (asked, given, what) in [
        (template.has_soft(), vectors.soft.is_some(), ["virtual tokens", "vectors for them", "vectors"]),
        (template.n_prefix() > 0, vectors.prefix.is_some(), ["a prefix", "keys and values for it", "keys and values"]),
    ] {
        let [slot, missing, held] = what;
        if asked && !given {
            return Err(bad(format!("the template has {slot} and the file no {missing}")).into());
        }
        if given && !asked {
            let slot = slot.trim_start_matches("a ");
            return Err(bad(format!("the file has {held} and the template no {slot}")).into());
        }
    }
    let n_vocabulary = loaded.tokenizer.vocab_size();
    if let Some(id) = saved.trigger_ids.iter().find(|&&id| id as usize >= n_vocabulary) {
        return Err(bad(format!("trigger id {id} is outside the vocabulary (0 to {})", n_vocabulary - 1)).into());
    }
    let Some(multi_token) = MultiToken::ALL.into_iter().find(|rule| rule.name() == saved.multi_token) else {
        let known = MultiToken::ALL.map(MultiToken::name).join(", ");
        return Err(bad(format!("unknown rule multi_token `{}` (known: {known})", saved.multi_token)).into());
    };
    let verbalizer = Verbalizer::restored(saved.verbalizer.iter().map(|l| (l.label.clone(), l.words.clone())))?;
    let triggers = TriggerTokens(saved.trigger_ids.clone());
    let prompt = Prompt {
        template,
        triggers,
        soft: vectors.soft.clone(),
        prefix: vectors.prefix.clone(),
        label_vectors: vectors.labels.clone(),
        verbalizer: Arc::new(verbalizer),
        pool: saved.pool.clone().map(Arc::new),
        tuned: None,
    };
    let settings = Settings { multi_token, truncate: saved.truncate, ..opened.settings() };
    let tuned = saved.tuned.as_ref().map(|tuned| trained(path, tuned, loaded, settings)).transpose()?;
    let prompt = Prompt { tuned: tuned.map(Arc::new), ..prompt };
    let prior = saved.calibration.as_ref().map(|prior| saved_prior(prior, &prompt)).transpose().map_err(bad)?;
    let writing = saved.writing.clone();
    Ok(Asked { prior, writing, ..asked(path.display().to_string(), prompt, settings, loaded)? })
}

/// The weights that were trained with a prompt.
fn trained(path: &Path, saved: &SavedTuning, loaded: &LoadedModel, settings: Settings) -> Result<TunedWeights> {
    let tuning = saved.tuning().ok_or_else(|| CliError::BadPrompt {
        path: path.into(),
        what: format!("`tuned` says tune: {} (known: all, biases, lora)", saved.tune),
    })?;
    let tunable = Scorer::new(loaded.clone(), settings).tunable(&tuning, saved.n_classes)?;
    Ok(saved.load(path, tunable.tensors()).map_err(CliError::PromptFile)?)
}

/// How the members of a saved ensemble are put together.
fn together(path: &Path, saved: &SavedEnsemble) -> Result<Ensemble, CliError> {
    let bad = |what: String| CliError::BadPrompt { path: path.into(), what };
    let Some(kind) = EnsembleKind::ALL.into_iter().find(|kind| kind.name() == saved.kind) else {
        let known = EnsembleKind::ALL.map(EnsembleKind::name).join(", ");
        return Err(bad(format!("unknown kind of ensemble `{}` (known: {known})", saved.kind)));
    };
    let names = |member: &SavedMember| -> Vec<String> {
        member.prompt.verbalizer.iter().map(|label| label.label.clone()).collect()
    };
    let first = names(&saved.members[0]);
    if let Some(other) = saved.members.iter().map(names).find(|other| *other != first) {
        return Err(bad(format!("its members have different labels ({} and {})", first.join(", "), other.join(", "))));
    }
    let total: f64 = saved.members.iter().map(|member| member.weight).sum();
    Ok(Ensemble { kind, weights: saved.members.iter().map(|member| member.weight / total).collect() })
}

fn saved_prior(saved: &SavedPrior, prompt: &Prompt) -> std::result::Result<Prior, String> {
    let known = Calibration::ALL.into_iter().filter(|way| *way != Calibration::None);
    let Some(way) = known.clone().find(|way| way.name() == saved.name) else {
        let known: Vec<&str> = known.map(Calibration::name).collect();
        return Err(format!("unknown calibration `{}` (known: {})", saved.name, known.join(", ")));
    };
    let prior = Prior { way, logprobs: saved.logprobs.clone() };
    if !prior.fits(&prompt.verbalizer) || saved.logprobs.iter().any(|x| !x.is_finite()) {
        let n = saved.logprobs.len();
        return Err(format!("its calibration `{}` has {n} numbers, which do not fit the label words", saved.name));
    }
    Ok(prior)
}

/// The beginning of a hash, enough to tell two apart.
fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}
