//! `template_generation`: templates that a model writes into the gaps of skeletons.

use super::super::error::SpecError;
use super::super::model_source::ModelSource;
use super::super::reader::{At, Reader};
use super::Method;
use super::sweep::{each, sweep, within};
use crate::prompt::Skeleton;

/// Which kind of model writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanFill {
    /// Whichever the model is of.
    Auto,
    /// One that reads one text and writes another: gaps of any length.
    Seq2Seq,
    /// One that fills masks.
    MaskedLm,
}

impl SpanFill {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Seq2Seq, Self::MaskedLm];

    /// The name in YAML and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Seq2Seq => "seq2seq",
            Self::MaskedLm => "masked_lm",
        }
    }
}

/// Parameters of `template_generation` (LM-BFF, arXiv 2012.15723).
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateGeneration {
    /// The model that writes; default the one that templates are searched for.
    pub generator: Option<ModelSource>,
    /// What kind of model that is; default `auto`.
    pub fill: SpanFill,
    /// Templates with gaps. None at all means those of LM-BFF for the columns of the task's template.
    pub skeletons: Vec<Skeleton>,
    /// Texts that are kept at every step, at most; default 100.
    pub beam: usize,
    /// The most tokens in the gaps of a template together, of a model that writes token by token; default 20.
    pub max_length: usize,
    /// The numbers of masks that each gap is tried with, of a model that fills masks; default 1 to 3. 0 leaves a gap empty.
    pub masks: Vec<usize>,
    /// Training examples that are read; `None`, written `all`, for all of them, and the default.
    pub n_examples: Option<usize>,
    /// Templates that dev looks at, at most; default 100.
    pub n_candidates: usize,
}

/// Its keys.
const KEYS: [&str; 10] = [
    "method",
    "generator",
    "fill",
    "skeletons",
    "beam",
    "max_length",
    "masks",
    "n_examples",
    "n_candidates",
    "multi_token",
];

/// Its cells; `None` where they are too many. `skeletons` and `masks` are lists by nature; every other key may sweep.
pub(super) fn read(reader: &mut Reader, at: At) -> Result<Option<Vec<Method>>, SpecError> {
    let fields = reader.fields(at.clone(), &KEYS)?;
    let generator =
        sweep(reader, &fields, "generator", vec![None], |reader, at| match reader.text(at)?.parse::<ModelSource>() {
            Ok(model) => Ok(Some(model)),
            Err(error) => {
                reader.value(at, error);
                Ok(None)
            }
        })?;
    let known = SpanFill::ALL.map(|fill| (fill.name(), fill));
    let fill =
        sweep(reader, &fields, "fill", vec![SpanFill::Auto], |reader, at| reader.choice(at, "fill", &known, &[]))?;
    let skeletons =
        sweep(reader, &fields, "skeletons", Vec::new(), |reader, at| match Skeleton::parse(&reader.text(at)?) {
            Ok(skeleton) => Ok(Some(skeleton)),
            Err(error) => {
                reader.value(at, error);
                Ok(None)
            }
        })?;
    let mut whole = |key: &str, default: Vec<usize>, range: std::ops::RangeInclusive<u64>| {
        sweep(reader, &fields, key, default, |reader, at| Ok(reader.whole(at, range.clone())? as usize))
    };
    let beam = whole("beam", vec![100], 1..=10_000)?;
    let max_length = whole("max_length", vec![20], 1..=200)?;
    let mut masks = whole("masks", vec![1, 2, 3], 0..=20)?;
    let n_candidates = whole("n_candidates", vec![100], 1..=100_000)?;
    let n_examples = sweep(reader, &fields, "n_examples", vec![None], |reader, at| {
        if at.is_scalar() && reader.text(at)? == "all" {
            return Ok(None);
        }
        Ok(Some(reader.whole(at, 1..=1_000_000)? as usize))
    })?;
    masks.sort_unstable();
    for (key, other) in [("masks", SpanFill::Seq2Seq), ("max_length", SpanFill::MaskedLm)] {
        if let Some(at) = fields.get(key)
            && fill.iter().all(|fill| *fill == other)
        {
            reader.value(&at, format!("`{key}` is not for `fill: {}`", other.name()));
        }
    }
    if let Some(at) = fields.get("masks")
        && masks == [0]
    {
        reader.value(&at, "a template without a token of its own needs no model; a number above 0 is needed");
    }
    let lengths = [generator.len(), fill.len(), beam.len(), max_length.len(), n_examples.len(), n_candidates.len()];
    if !within(reader, &at, &lengths) {
        return Ok(None);
    }
    let skeletons = skeletons.into_iter().flatten().collect();
    let first = TemplateGeneration {
        generator: None,
        fill: SpanFill::Auto,
        skeletons,
        beam: 0,
        max_length: 0,
        masks,
        n_examples: None,
        n_candidates: 0,
    };
    let mut cells = vec![first];
    cells = each(cells, &generator, |cell, value| cell.generator.clone_from(value));
    cells = each(cells, &fill, |cell, &value| cell.fill = value);
    cells = each(cells, &beam, |cell, &value| cell.beam = value);
    cells = each(cells, &max_length, |cell, &value| cell.max_length = value);
    cells = each(cells, &n_examples, |cell, &value| cell.n_examples = value);
    cells = each(cells, &n_candidates, |cell, &value| cell.n_candidates = value);
    Ok(Some(cells.into_iter().map(Method::TemplateGeneration).collect()))
}
