//! One experiment: one YAML file, one question.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::choice::{Budget, Calibration, Select, budget, calibration, limits, select};
use super::control::{Control, controls};
use super::ensemble::{Ensembles, ensembles};
use super::error::SpecError;
use super::method::{Method, SearchItem, search};
use super::model_source::ModelSource;
use super::node::{Node, Place, Value, shortened};
use super::overrides;
use super::reader::{At, Reader};
use super::references;
use super::task::{TaskSpec, task};
use super::transfer::{Transfer, transfer};
use super::yaml::{self, MAX_BYTES, Syntax};
use crate::task::{DatasetSource, Files, Limits, Shots};

/// The version of the file format that is read and written.
pub const FORMAT: u64 = 1;
/// The shots of an experiment that names none.
pub const DEFAULT_SHOTS: [Shots; 1] = [Shots::Count(16)];
/// The seeds of an experiment that names none.
pub const DEFAULT_SEEDS: [u64; 3] = [13, 21, 42];

/// Levels of keys whose places are kept: faults that show when data and models are opened go back to `task.dataset`,
/// `models[0]` or `search[1]`.
const DEEPEST_PLACE: usize = 2;

/// The longest name, in characters.
const MAX_NAME: usize = 80;

/// The keys of an experiment file.
const KEYS: [&str; 15] = [
    "format",
    "name",
    "question",
    "task",
    "models",
    "shots",
    "seeds",
    "search",
    "budget",
    "select",
    "calibration",
    "ensembles",
    "limits",
    "controls",
    "transfer",
];

/// What one file asks, with every default filled in.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// The name, which is that of its results folder too; default the file's name without its ending.
    pub name: String,
    /// What the experiment is to answer, in words.
    pub question: Option<String>,
    /// The task.
    pub task: TaskSpec,
    /// The models, paths as written; see [`Experiment::model`].
    pub models: Vec<ModelSource>,
    /// Default [`DEFAULT_SHOTS`].
    pub shots: Vec<Shots>,
    /// Default [`DEFAULT_SEEDS`].
    pub seeds: Vec<u64>,
    /// The items; `manual` and `random` stand at the end where the file has none.
    pub search: Vec<SearchItem>,
    /// What one item may spend.
    pub budget: Budget,
    /// How dev chooses.
    pub select: Select,
    /// Default none.
    pub calibration: Vec<Calibration>,
    /// Default none.
    pub ensembles: Ensembles,
    /// Fixed subsets; default the whole splits.
    pub limits: Limits,
    /// What every item is rerun under, beside the rows that are ranked; default nothing.
    pub controls: Vec<Control>,
    /// Where else the chosen prompts are scored; default nowhere.
    pub transfer: Option<Transfer>,
    /// The file's folder, where paths are tried that the working directory does not have.
    pub folder: PathBuf,
    /// Where values stand, by key path.
    pub(super) places: BTreeMap<String, String>,
}

/// Experiments are equal if they ask the same, wherever they stand.
impl PartialEq for Experiment {
    fn eq(&self, other: &Self) -> bool {
        self.tree() == other.tree()
    }
}

impl Experiment {
    /// Reads a file and puts `overrides`, keys and values as [`super::parse_override`] splits them, over it.
    ///
    /// # Errors
    /// If the file cannot be read; at the first fault of shape; with all faults of value.
    pub fn load(path: &Path, overrides: &[(String, String)]) -> Result<Self, SpecError> {
        let origin = path.display().to_string();
        let unreadable = |source| SpecError::Read { file: origin.clone(), source };
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        Self::read(&bytes, path, overrides)
    }

    /// Reads YAML that stands in `origin`, a file's name for messages and for the folder that paths are tried in.
    ///
    /// # Errors
    /// As [`Experiment::load`].
    pub fn from_yaml(text: &str, origin: &Path, overrides: &[(String, String)]) -> Result<Self, SpecError> {
        Self::read(text.as_bytes(), origin, overrides)
    }

    fn read(bytes: &[u8], path: &Path, overrides: &[(String, String)]) -> Result<Self, SpecError> {
        let origin = path.display().to_string();
        let fault =
            |Syntax { line, column, what }: Syntax| SpecError::Shape { at: format!("{origin}:{line}:{column}"), what };
        let tree = yaml::text_of(bytes).and_then(yaml::tree).map_err(fault)?;
        let Some(mut root) = tree else {
            return Err(SpecError::Shape {
                at: origin,
                what: "the file is empty; an experiment is expected".to_owned(),
            });
        };
        if !matches!(root.value, Value::Map(_)) {
            let what = format!("a mapping is expected ({}), found {}", KEYS.join(", "), root.kind());
            return Err(SpecError::Shape { at: origin, what });
        }
        for (number, set) in overrides.iter().enumerate() {
            overrides::apply(&mut root, set, number)?;
        }
        let mut reader = Reader::new(&origin, overrides);
        let experiment = Self::decode(&mut reader, &root, path)?;
        reader.finish(experiment)
    }

    fn decode(reader: &mut Reader, root: &Node, path: &Path) -> Result<Self, SpecError> {
        let top = Node { place: Place::File { line: 1, column: 1 }, value: root.value.clone() };
        let fields = reader.fields(At { node: &top, path: String::new() }, &KEYS)?;
        let missing = |reader: &mut Reader, key: &str, hint: &str| {
            reader.value(&At { node: &top, path: key.to_owned() }, format!("is missing ({hint})"));
        };
        match fields.get("format") {
            Some(at) => {
                reader.whole(&at, FORMAT..=FORMAT)?;
            }
            None => missing(reader, "format", "write `format: 1`"),
        }
        let name = name(reader, fields.get("name"), path, &top)?;
        let question = match fields.get("question") {
            Some(at) => Some(reader.text(&at)?),
            None => None,
        };
        let task = match fields.get("task") {
            Some(at) => Some(task(reader, at)?),
            None => {
                missing(reader, "task", "a mapping with `dataset`, `template` and `verbalizer`");
                None
            }
        };
        let models = match fields.get("models") {
            Some(at) => models(reader, &at)?,
            None => {
                missing(reader, "models", "a list, as in [builtin:reviews-en]");
                Vec::new()
            }
        };
        let shots = match fields.get("shots") {
            Some(at) => each(reader, &at, shots)?,
            None => DEFAULT_SHOTS.to_vec(),
        };
        let seeds = match fields.get("seeds") {
            Some(at) => each(reader, &at, |reader, at| Ok(Some(reader.whole(at, 0..=u64::MAX)?)))?,
            None => DEFAULT_SEEDS.to_vec(),
        };
        let task = task.unwrap_or_else(TaskSpec::absent);
        let search = search(reader, fields.get("search"), task.template.as_ref(), &task.words)?;
        let budget = budget(reader, fields.get("budget"))?;
        let select = select(reader, fields.get("select"), task.metric)?;
        let calibration = calibration(reader, fields.get("calibration"))?;
        let ensembles = ensembles(reader, fields.get("ensembles"))?;
        let limits = limits(reader, fields.get("limits"))?;
        let controls = controls(reader, fields.get("controls"))?;
        if task.target.is_some() {
            references::check(reader, &fields, &task, &search)?;
        }
        let transfer = transfer(reader, fields.get("transfer"))?;
        if let (Some(at), true) = (fields.get("transfer"), task.target.is_some() || task.facts.is_some()) {
            reader
                .value(&at, "prompts are transferred between tasks of labels; leave it out with references and facts");
        }
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut places = BTreeMap::new();
        gather_places(reader, &At { node: &top, path: String::new() }, DEEPEST_PLACE, &mut places);
        Ok(Self {
            name,
            question,
            task,
            models,
            shots,
            seeds,
            search,
            budget,
            select,
            calibration,
            ensembles,
            limits,
            controls,
            transfer,
            folder,
            places,
        })
    }

    /// Where a value stands, with its key path: `x.yaml:4:12: task.dataset`; `None` for one that the file does not write.
    pub fn place(&self, path: &str) -> Option<String> {
        self.places.get(path).map(|place| format!("{place}: {path}"))
    }

    /// A path of the file: as it stands if it is absolute or exists from the working directory, else from the file's folder if
    /// it exists there, else as it stands.
    ///
    /// Of facts `{relation}` in it is the name of the relation.
    pub fn resolve_path(&self, path: &Path) -> PathBuf {
        let of_relation = self.task.facts.as_ref().and_then(|facts| facts.path_of(path));
        resolve_path(of_relation.as_deref().unwrap_or(path), &self.folder)
    }

    /// The corpora that are not there, each with the place of its item and its path.
    pub fn missing_corpora(&self) -> Vec<(String, PathBuf)> {
        let mut missing = Vec::new();
        for (index, item) in self.search.iter().enumerate() {
            let Some(Method::Mining(method)) = item.cells.first() else { continue };
            let key = format!("search[{index}]");
            let place = self.place(&key).unwrap_or(key);
            let absent = method.corpus.iter().map(|path| self.resolve_path(path)).filter(|path| !path.is_file());
            missing.extend(absent.map(|path| (format!("{place}.corpus"), path)));
        }
        missing
    }

    /// Where the task's data are, paths resolved.
    pub fn dataset(&self) -> DatasetSource {
        self.resolve_dataset(&self.task.dataset)
    }

    /// Where data are, paths resolved.
    pub fn resolve_dataset(&self, source: &DatasetSource) -> DatasetSource {
        let resolved = |path: &Option<PathBuf>| path.as_ref().map(|path| self.resolve_path(path));
        match source {
            DatasetSource::Builtin(_) | DatasetSource::Hub(_) => source.clone(),
            DatasetSource::Folder(path) => DatasetSource::Folder(self.resolve_path(path)),
            DatasetSource::Files(files) => DatasetSource::Files(Box::new(Files {
                train: resolved(&files.train),
                dev: resolved(&files.dev),
                test: resolved(&files.test),
                all: resolved(&files.all),
                ..(**files).clone()
            })),
        }
    }

    /// Where one of the models is, its path resolved.
    pub fn model(&self, source: &ModelSource) -> ModelSource {
        match source {
            ModelSource::Folder(path) => ModelSource::Folder(self.resolve_path(path)),
            ModelSource::Gguf(path) => ModelSource::Gguf(self.resolve_path(path)),
            ModelSource::Builtin(_) | ModelSource::Hub { .. } => source.clone(),
        }
    }

    /// The names of the methods that were added because the file has none of them.
    pub fn added_methods(&self) -> Vec<&'static str> {
        self.search.iter().filter(|item| item.added).map(SearchItem::name).collect()
    }
}

/// Notes the places of the values below `at`.
fn gather_places(reader: &Reader, at: &At, depth: usize, places: &mut BTreeMap<String, String>) {
    let below = match &at.node.value {
        Value::Map(_) => at.entries().unwrap_or_default().into_iter().map(|(_, at)| at).collect(),
        Value::List(_) => at.items(),
        Value::Scalar { .. } => Vec::new(),
    };
    for at in below {
        places.insert(at.path.clone(), reader.place(at.node.place));
        if depth > 1 {
            gather_places(reader, &at, depth - 1, places);
        }
    }
}

/// `path` as it stands if it is absolute or exists from the working directory, else from `folder` if it exists there, else as
/// it stands.
pub fn resolve_path(path: &Path, folder: &Path) -> PathBuf {
    let beside = folder.join(path);
    if path.is_relative() && !path.exists() && beside.exists() { beside } else { path.to_path_buf() }
}

fn name(reader: &mut Reader, at: Option<At>, path: &Path, top: &Node) -> Result<String, SpecError> {
    let (at, name) = match at {
        Some(at) => {
            let name = reader.text(&at)?;
            (at, name)
        }
        None => {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            (At { node: top, path: "name".to_owned() }, stem)
        }
    };
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let length = name.chars().count();
    let shown = shortened(&name);
    if name.is_empty() {
        reader.value(&at, "is empty; it becomes the name of the results folder");
    } else if length > MAX_NAME {
        reader.value(&at, format!("`{shown}` has {length} characters and at most {MAX_NAME} are allowed"));
    } else if name.starts_with('.') || !name.chars().all(allowed) {
        reader.value(
            &at,
            format!("`{shown}` cannot name a folder (letters of any script, digits, `-`, `_` and `.`, the last not in front)"),
        );
    }
    Ok(name)
}

fn shots(reader: &mut Reader, at: &At) -> Result<Option<Shots>, SpecError> {
    let text = reader.text(at)?;
    Ok(match text.parse::<Shots>() {
        Ok(shots) => Some(shots),
        Err(_) => {
            let text = shortened(&text);
            reader.value(at, format!("`{text}` is no number of shots (0, a count per class, full, given)"));
            None
        }
    })
}

fn models(reader: &mut Reader, at: &At) -> Result<Vec<ModelSource>, SpecError> {
    each(reader, at, |reader, at| {
        let source = match reader.text(at)?.parse::<ModelSource>() {
            Ok(source) => source,
            Err(error) => {
                reader.value(at, error);
                return Ok(None);
            }
        };
        Ok(Some(source))
    })
}

/// The values of a list that is not empty and holds nothing twice; without those that are at fault.
fn each<T: PartialEq>(
    reader: &mut Reader,
    at: &At,
    mut read: impl FnMut(&mut Reader, &At) -> Result<Option<T>, SpecError>,
) -> Result<Vec<T>, SpecError> {
    let items = at.items();
    if items.is_empty() {
        reader.value(at, "an empty list; at least one is needed");
    }
    let mut sound = Vec::new();
    let mut values = Vec::new();
    for item in items {
        if let Some(value) = read(reader, &item)? {
            sound.push(item);
            values.push(value);
        }
    }
    reader.distinct(&sound, &values);
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "format: 1
name: small
task:
  dataset: builtin:film-reviews
  template: \"{text} It was {mask}.\"
  verbalizer: { 0: [terrible], no: great, 是: ['null', \"true\"] }
models: builtin:reviews-en
";

    fn read(yaml: &str) -> Result<Experiment, SpecError> {
        Experiment::from_yaml(yaml, Path::new("experiments/x.yaml"), &[])
    }

    fn message(yaml: &str) -> String {
        read(yaml).unwrap_err().to_string()
    }

    fn set(pairs: &[(&str, &str)]) -> Result<Experiment, SpecError> {
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        Experiment::from_yaml(SMALL, Path::new("x.yaml"), &pairs)
    }

    #[test]
    fn a_small_file_gets_every_default() {
        let experiment = read(SMALL).unwrap();
        assert_eq!(experiment.shots, DEFAULT_SHOTS);
        assert_eq!(experiment.seeds, DEFAULT_SEEDS);
        assert_eq!(experiment.budget.evaluations, 1000);
        assert_eq!(experiment.added_methods(), ["manual", "random"]);
        assert_eq!(experiment.folder, Path::new("experiments"));
        assert_eq!(
            experiment.task.verbalizer.as_ref().unwrap().to_string(),
            "0=terrible,no=great,是=null|true",
            "keys and words are read as written"
        );
        assert_eq!(
            experiment.to_yaml(),
            r#"format: 1
name: small
task:
  dataset: builtin:film-reviews
  template: "{text} It was {mask}."
  verbalizer:
    "0": [terrible]
    "no": [great]
    是: ["null", "true"]
  multi_token: joint
  metric: accuracy
  truncate: true
models: [builtin:reviews-en]
shots: [16]
seeds: [13, 21, 42]
search:
  - method: manual
    templates: ["{text} It was {mask}."]
  - method: random
    n_trigger: 3
    words_only: true
    script: any
    lower_case: false
budget:
  evaluations: 1000
  sweep: even
select:
  by: expected_accuracy
  tie_break: margin
  racing: exact
calibration: [none]
limits: {}
controls: []
"#
        );
    }

    #[test]
    fn what_is_written_is_read_back_as_an_equal_experiment() {
        let full = SMALL.replace(
            "dataset: builtin:film-reviews",
            "dataset: { train: a.tsv, test: '../b c.csv', columns: { text: review, label: gold }, header: no, labels: [0, no, 是] }",
        ) + "question: \"Why: 'so'?\\n # \\u2028 \\\"\"
shots: [1, full, given]
seeds: [0, 18446744073709551615]
search:
  - { method: manual, templates: ['{mask}{text}', \"{\\\"[X]\\\"} {text}{{ {mask:2}\\n\"] }
  - { method: autoprompt, n_trigger: [3, 5], n_candidates: [8, 4], init: [the, '1'], words_only: [true, false], exclude: [film, 电影], fluency: [0, 0.2], restarts: 3 }
  - { method: gcg, top_k: [auto, 7], probe: { model: ../small, reduction: 3 }, script: [latin, han], buffer_size: 0, stable: false }
  - { method: pez, nearness: [euclidean, cosine], learning_rate: 1e-2, lower_case: true }
  - { method: autoprompt, template: ['{trigger:2}{text}{trigger:1}{mask}', '{text}{trigger:4} {mask}'], patience: 2 }
  - { method: soft_prompt, n_soft: [2, 30], init: [labels, text], init_text: ['the film', a], learning_rate: [0.1, 1e-3], steps: 7 }
  - { method: soft_prompt, template: ['{soft:2}{text}{mask}', '{soft:\"so: \\\"x\\\"\"}{text} {mask}'], weight_decay: 0.01, warm_up: 0 }
limits: { dev: 7, unlabelled: 9 }
controls: [shuffled_labels, random_model]
";
        let experiment = read(&full).unwrap();
        let again = Experiment::from_yaml(&experiment.to_yaml(), Path::new("results/experiment.yaml"), &[]).unwrap();
        assert_eq!(experiment, again);
        assert_eq!(experiment.content_hash(), again.content_hash());
        assert_eq!(experiment.to_yaml(), again.to_yaml());
        assert_eq!(experiment.added_methods(), ["random"]);
        assert_eq!(experiment.question.unwrap(), "Why: 'so'?\n # \u{2028} \"");
    }

    #[test]
    fn faults_of_shape_are_told_one_at_a_time_with_line_and_column() {
        assert_eq!(
            message("format: 1\nname: x\nsedes: [1]\nmodles: 1\n"),
            "experiments/x.yaml:3:1: unknown key `sedes` (did you mean seeds? known: format, name, question, task, models, shots, \
             seeds, search, budget, select, calibration, ensembles, limits, controls, transfer)"
        );
        assert_eq!(
            message(&format!("{SMALL}budget: {{ evaluation: 5 }}\n")),
            "experiments/x.yaml:8:11: budget: unknown key `evaluation` (did you mean evaluations? known: evaluations, sweep)"
        );
        assert_eq!(
            message(&format!("{SMALL}seeds: [1, x]\n")),
            "experiments/x.yaml:8:12: seeds[1]: a whole number is expected, found `x`"
        );
        assert_eq!(
            message(&format!("{SMALL}seeds: '13'\n")),
            "experiments/x.yaml:8:8: seeds: a whole number is expected, found the text `13`"
        );
        assert_eq!(
            message(&SMALL.replace("\"{text} It was {mask}.\"", "{text}")),
            "experiments/x.yaml:5:13: task.template: a text is expected, found a mapping (a text that begins with a brace must stand in \
             quotation marks)"
        );
        assert_eq!(
            message(&SMALL.replace("  dataset", "  truncate: yes\n  dataset")),
            "experiments/x.yaml:4:13: task.truncate: true or false is expected, found `yes`"
        );
        assert_eq!(
            message("- a\n"),
            format!("experiments/x.yaml: a mapping is expected ({}), found a list", KEYS.join(", "))
        );
        assert_eq!(message("# nothing\n"), "experiments/x.yaml: the file is empty; an experiment is expected");
        assert!(message("name: [a\nb: c").starts_with("experiments/x.yaml:2:"), "{}", message("name: [a\nb: c"));
    }

    #[test]
    fn faults_of_value_are_told_all_in_one_go() {
        let yaml = "name: a/b
task:
  dataset: hf:../sst2
  template: \"{text} was\"
  verbalizer: { a: [x], b: [x] }
  metric: rouge_l
models: [builtin:reviews-en, builtin:reviews-en, hf:a/../b, m.gguf]
shots: [0, many]
seeds: []
search:
  - { method: manual, templates: ['{text} {mask} {trigger:2}'] }
  - { method: autopromt }
  - { method: generate, n: 1 }
  - { method: autoprompt, n_trigger: [0, 51], n_candidates: [] }
budget: { evaluations: 0 }
select: { by: accurcy, racing: exakt }
calibration: contextul
limits: { dev: 0 }
";
        assert_eq!(
            message(yaml),
            "experiments/x.yaml:1:1: format: is missing (write `format: 1`)
experiments/x.yaml:1:7: name: `a/b` cannot name a folder (letters of any script, digits, `-`, `_` and `.`, the last not in front)
experiments/x.yaml:3:12: task.dataset: data set `hf:../sst2`: a hub name is owner/name, each of letters, digits, `-`, `_` and `.`, without `..` and `--`
experiments/x.yaml:4:13: task.template: template `{text} was`: it has no {mask}, the slot where the model answers
experiments/x.yaml:5:15: task.verbalizer: the word `x` stands for both `a` and `b`
experiments/x.yaml:6:11: task.metric: rouge_l is for tasks with references: name their column with `target`
experiments/x.yaml:7:30: models[1]: the same as models[0]
experiments/x.yaml:7:50: models[2]: model `hf:a/../b`: a hub name is owner/name, each of letters, digits, `-`, `_` and `.`, without `..` and `--`
experiments/x.yaml:8:12: shots[1]: `many` is no number of shots (0, a count per class, full, given)
experiments/x.yaml:9:8: seeds: an empty list; at least one is needed
experiments/x.yaml:11:34: search[0].templates: {trigger:N} belongs to a method that fills it (random, autoprompt)
experiments/x.yaml:12:15: search[1].method: unknown method `autopromt` (did you mean autoprompt? known: manual, random, paraphrase, autoprompt, gcg, pez, soft_prompt, demonstrations, label_words, template_and_words, prefix, p_tuning, optiprompt, bbt, warp, fine_tune, template_generation, edits, evolution, mining)
experiments/x.yaml:13:15: search[2].method: method `generate` is not in this version (this version has manual, random, paraphrase, autoprompt, gcg, pez, soft_prompt, demonstrations, label_words, template_and_words, prefix, p_tuning, optiprompt, bbt, warp, fine_tune, template_generation, edits, evolution, mining)
experiments/x.yaml:14:39: search[3].n_trigger[0]: 0 is not allowed (1 to 50)
experiments/x.yaml:14:42: search[3].n_trigger[1]: 51 is not allowed (1 to 50)
experiments/x.yaml:14:61: search[3].n_candidates: an empty list; at least one value is needed
experiments/x.yaml:15:24: budget.evaluations: 0 is not allowed (1 to 1000000000000)
experiments/x.yaml:16:15: select.by: unknown selection `accurcy` (did you mean accuracy? known: accuracy, macro_f1, matthews, margin, mean_log_likelihood, expected_accuracy)
experiments/x.yaml:16:32: select.racing: unknown racing `exakt` (did you mean exact? known: none, exact, confidence, successive_halving, continuously_reject)
experiments/x.yaml:17:14: calibration: unknown calibration `contextul` (did you mean contextual? known: none, contextual, pmi_dc, batch)
experiments/x.yaml:18:16: limits.dev: 0 is not allowed (1 to 1000000000)"
        );
    }

    #[test]
    fn overrides_are_checked_like_the_file_and_named_in_faults() {
        let experiment =
            set(&[("budget.evaluations", "100"), ("task.template", "{text} {mask}"), ("shots", "[1, full]")]).unwrap();
        assert_eq!(experiment.budget.evaluations, 100);
        assert_eq!(experiment.task.template.unwrap().to_string(), "{text} {mask}");
        assert_eq!(experiment.shots.len(), 2);
        let error = |key, value| set(&[(key, value)]).unwrap_err().to_string();
        assert_eq!(
            error("budget.evaluations", "0"),
            "--set budget.evaluations=0: budget.evaluations: 0 is not allowed (1 to 1000000000000)"
        );
        assert_eq!(
            error("budget.evals", "1"),
            "--set budget.evals=1: budget: unknown key `evals` (known: evaluations, sweep)"
        );
        assert_eq!(error("name.x", "1"), "--set name.x=1: name is `small` and holds no `x`");
    }

    #[test]
    fn names_are_folder_names_of_any_script() {
        for name in ["a-b_c.1", "电影评论", "фильм"] {
            assert_eq!(set(&[("name", name)]).unwrap().name, name);
        }
        for name in ["..", ".hidden", "a b", "a/b", "a\\b", "C:", "'x\ny'", &"x".repeat(81), "''"] {
            assert!(set(&[("name", name)]).is_err(), "{name}");
        }
        let unnamed = SMALL.replace("name: small\n", "");
        assert_eq!(read(&unnamed).unwrap().name, "x", "the file's name is the default");
    }

    #[test]
    fn the_hash_knows_what_determines_results() {
        let experiment = set(&[]).unwrap();
        let same = set(&[("name", "other"), ("question", "why?")]).unwrap();
        assert_eq!(experiment.content_hash(), same.content_hash());
        let more = set(&[("seeds", "[1]")]).unwrap();
        assert_ne!(experiment.content_hash(), more.content_hash());
        assert_eq!(experiment.shared_hash(), more.shared_hash());
        let other = set(&[("budget.evaluations", "7")]).unwrap();
        assert_ne!(experiment.shared_hash(), other.shared_hash());
    }

    #[test]
    fn a_path_is_tried_from_here_and_then_from_the_files_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("only-there.tsv"), "x").unwrap();
        let path = Path::new("only-there.tsv");
        assert_eq!(resolve_path(path, folder.path()), folder.path().join("only-there.tsv"));
        assert_eq!(resolve_path(Path::new("nowhere.tsv"), folder.path()), Path::new("nowhere.tsv"));
        assert_eq!(resolve_path(Path::new("Cargo.toml"), folder.path()), Path::new("Cargo.toml"));
        let file = folder.path().join("e.yaml");
        std::fs::write(&file, SMALL.replace("builtin:film-reviews", "{ train: only-there.tsv }")).unwrap();
        let experiment = Experiment::load(&file, &[]).unwrap();
        let DatasetSource::Files(files) = experiment.dataset() else { panic!("files") };
        assert_eq!(files.train.unwrap(), folder.path().join("only-there.tsv"));
    }

    #[test]
    fn unreadable_files_are_one_line() {
        let message = |path: &str| Experiment::load(Path::new(path), &[]).unwrap_err().to_string();
        assert!(message("no/such.yaml").starts_with("no/such.yaml: cannot be read: "));
        assert!(message("/").starts_with("/: cannot be read: "));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("large.yaml");
        std::fs::write(&file, vec![b'#'; 3 << 20]).unwrap();
        let large = Experiment::load(&file, &[]).unwrap_err().to_string();
        assert!(large.ends_with(":1:1: larger than 1024 KiB, the most that an experiment file may have"), "{large}");
    }

    #[test]
    fn the_experiments_of_this_project_are_read_and_written_back() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
        let mut n = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let experiment = Experiment::load(&path, &[]).unwrap();
            assert_eq!(path.file_stem().unwrap().to_str().unwrap(), experiment.name);
            assert_eq!(Experiment::from_yaml(&experiment.to_yaml(), &path, &[]).unwrap(), experiment);
            assert!(experiment.added_methods().is_empty() && experiment.question.is_some());
            n += 1;
        }
        assert!(n >= 3);
    }

    #[test]
    fn whatever_is_cut_out_of_a_file_the_answer_is_short_and_never_a_panic() {
        let yaml = include_str!("../../experiments/sst2.yaml");
        for (start, _) in yaml.char_indices() {
            for end in [start + 1, start + 7, yaml.len()] {
                let Some(rest) = yaml.get(end..) else { continue };
                if let Err(error) = read(&format!("{}{rest}", &yaml[..start])) {
                    assert!(error.to_string().len() < 4000, "{error}");
                }
            }
        }
    }
}
