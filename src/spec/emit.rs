//! Back to YAML: an experiment with every default filled in, and the hash of what it asks.

use serde_yaml::{Mapping, Value};

use super::choice::Budget;
use super::emit_dataset::dataset;
use super::experiment::{Experiment, FORMAT};
use super::method::{
    Choose, Method, OptimiserKind, Paraphrase, PrefixInit, Probe, PromptEncoderKind, SearchItem, SoftInit,
    TrainingParameters, TriggerSlots, Walk, WordSearch,
};
use super::task::TaskSpec;
use super::transfer::Transfer;
use super::tree::{count, folded, hash, list, mapping, plain, text};
use super::write;
use crate::prompt::{Lora, Template, Tuning};

impl Experiment {
    /// The experiment as YAML, with every default filled in. Reading it gives an equal experiment.
    pub fn to_yaml(&self) -> String {
        write::block(&self.tree())
    }

    /// The BLAKE3 hash of everything that determines results: all but `name` and `question`.
    pub fn content_hash(&self) -> [u8; 32] {
        let asked = Self { name: String::new(), question: None, ..self.clone() };
        hash(&asked.tree())
    }

    /// The BLAKE3 hash of what all trials share: task, budget, selection and limits. A file that differs only in items, models,
    /// shots, seeds or calibrations still belongs to the same results.
    pub fn shared_hash(&self) -> [u8; 32] {
        let shared: Mapping = self
            .entries()
            .into_iter()
            .filter(|(key, _)| matches!(*key, "format" | "task" | "budget" | "select" | "limits"))
            .map(|(key, value)| (Value::from(key), value))
            .collect();
        hash(&Value::Mapping(shared))
    }

    pub(super) fn tree(&self) -> Value {
        mapping(self.entries())
    }

    fn entries(&self) -> Vec<(&'static str, Value)> {
        let limits = [
            ("dev", self.limits.dev),
            ("test", self.limits.test),
            ("unlabelled", self.limits.unlabelled),
            ("calibration", self.limits.calibration),
            ("diagnostics", self.limits.diagnostics),
        ];
        let limits = limits.into_iter().filter_map(|(key, limit)| Some((key, Value::from(limit?))));
        let mut entries = vec![("format", Value::from(FORMAT)), ("name", text(&self.name))];
        entries.extend(self.question.iter().map(|question| ("question", text(question))));
        entries.extend([
            ("task", task(&self.task)),
            ("models", list(&self.models)),
            ("shots", Value::Sequence(self.shots.iter().map(|shots| plain(&shots.to_string())).collect())),
            ("seeds", Value::Sequence(self.seeds.iter().map(|&seed| Value::from(seed)).collect())),
            ("search", Value::Sequence(self.search.iter().map(item).collect())),
            ("budget", budget(self.budget)),
            (
                "select",
                mapping([
                    ("by", text(self.select.by.name())),
                    ("tie_break", text(self.select.tie_break.name())),
                    ("racing", text(self.select.racing.name())),
                ]),
            ),
            ("calibration", Value::Sequence(self.calibration.iter().map(|way| text(way.name())).collect())),
        ]);
        if !self.ensembles.kinds.is_empty() {
            let kinds: Vec<&str> = self.ensembles.kinds.iter().map(|kind| kind.name()).collect();
            let members = Value::from(self.ensembles.members as u64);
            entries.push(("ensembles", mapping([("kinds", list(&kinds)), ("members", members)])));
        }
        let controls = self.controls.iter().map(|control| text(control.name())).collect();
        entries.extend([("limits", mapping(limits)), ("controls", Value::Sequence(controls))]);
        entries.extend(self.transfer.iter().map(|asked| ("transfer", transfer(asked))));
        entries
    }
}

fn budget(Budget { evaluations, sweep }: Budget) -> Value {
    mapping([("evaluations", Value::from(evaluations)), ("sweep", text(sweep.name()))])
}

impl SearchItem {
    /// The BLAKE3 hash of the method and its parameters.
    pub fn content_hash(&self) -> [u8; 32] {
        hash(&item(self))
    }

    /// The item as one line of YAML, for people.
    pub fn describe(&self) -> String {
        write::line(&item(self))
    }
}

fn transfer(transfer: &Transfer) -> Value {
    if transfer.tasks.is_empty() {
        return Value::from(true);
    }
    let tasks = transfer.tasks.iter().map(|(name, spec)| (text(name), task(spec)));
    mapping([("tasks", Value::Mapping(tasks.collect()))])
}

fn task(task: &TaskSpec) -> Value {
    let mut entries = vec![("dataset", dataset(&task.dataset))];
    entries.extend(task.template.iter().map(|template| ("template", text(template))));
    if let Some(verbalizer) = &task.verbalizer {
        let words = verbalizer.labels.iter().map(|label| (text(&label.label), list(&label.words)));
        entries.push(("verbalizer", Value::Mapping(words.collect())));
    } else if !task.words.is_empty() {
        entries.push(("verbalizer", folded(task.words.iter().map(word_search).collect())));
    }
    entries.extend([
        ("multi_token", text(task.multi_token.name())),
        ("metric", text(task.metric.name())),
        ("truncate", Value::from(task.truncate)),
    ]);
    mapping(entries)
}

/// An item with its sweep folded: a key with several values in the cells is a list of them.
fn item(item: &SearchItem) -> Value {
    let cells: Vec<Vec<(&'static str, Value)>> = item.cells.iter().map(parameters).collect();
    let mut entries = vec![("method", text(item.name()))];
    entries.extend(item.multi_token.iter().map(|way| ("multi_token", text(way.name()))));
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in cells.iter().flatten() {
        if !keys.contains(key) {
            keys.push(key);
        }
    }
    for key in keys {
        let mut values: Vec<Value> = Vec::new();
        for (_, value) in cells.iter().flatten().filter(|(other, _)| *other == key) {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        entries.push((key, folded(values)));
    }
    mapping(entries)
}

fn triggers(slots: &TriggerSlots) -> Vec<(&'static str, Value)> {
    let TriggerSlots { n_trigger, template, filter } = slots;
    // A template with slots of its own says how many tokens there are.
    let own = template.as_ref().is_some_and(|template| template.n_trigger() > 0);
    let mut entries = Vec::new();
    entries.extend((!own).then(|| ("n_trigger", count(*n_trigger))));
    entries.extend(template.iter().map(|template| ("template", text(template))));
    entries.push(("words_only", Value::from(filter.words_only)));
    entries.push(("script", text(filter.script.name())));
    entries.push(("lower_case", Value::from(filter.lower_case)));
    entries.extend((!filter.exclude.is_empty()).then(|| ("exclude", list(&filter.exclude))));
    entries
}

fn walk(walk: &Walk) -> Vec<(&'static str, Value)> {
    let mut entries = vec![("batch_size", count(walk.batch_size)), ("patience", count(walk.patience))];
    entries.extend(walk.restarts.iter().map(|&restarts| ("restarts", count(restarts))));
    entries.extend(walk.init.iter().map(|init| ("init", text(init))));
    entries.extend([("fluency", Value::from(walk.fluency)), ("fluency_texts", count(walk.fluency_texts))]);
    entries
}

fn training(training: &TrainingParameters) -> Vec<(&'static str, Value)> {
    let mut entries = vec![
        ("learning_rate", Value::from(training.learning_rate)),
        ("optimiser", text(training.optimiser.name())),
        ("weight_decay", Value::from(training.weight_decay)),
        ("warm_up", Value::from(training.warm_up)),
        ("decay", text(training.decay.name())),
        ("batch_size", count(training.batch_size)),
        ("accumulate", count(training.accumulate)),
        ("eval_every", count(training.eval_every)),
        ("patience", count(training.patience)),
    ];
    if let OptimiserKind::Sgd { momentum } = training.optimiser {
        entries.push(("momentum", Value::from(momentum)));
    }
    entries.extend(training.clip_norm.iter().map(|&norm| ("clip_norm", Value::from(norm))));
    entries.extend(training.steps.iter().map(|&steps| ("steps", count(steps))));
    entries
}

fn probe(probe: &Probe) -> Value {
    mapping([
        ("model", text(&probe.model)),
        ("sampling_factor", count(probe.sampling_factor)),
        ("reduction", count(probe.reduction)),
    ])
}

fn word_search(words: &WordSearch) -> Value {
    let n_tokens: Vec<Value> = words.n_tokens.iter().map(|&n| count(n)).collect();
    mapping([
        ("search", text(words.ranking.name())),
        ("per_label", count(words.per_label)),
        ("known_words", Value::from(words.known_words)),
        ("n_tokens", folded(n_tokens)),
        ("pool", count(words.pool)),
        ("beam", count(words.beam)),
        ("n_likely", count(words.n_likely)),
        ("batch_size", count(words.batch_size)),
        ("n_candidates", count(words.n_candidates)),
    ])
}

fn parameters(of: &Method) -> Vec<(&'static str, Value)> {
    match of {
        Method::Manual(method) if method.templates.is_empty() => Vec::new(),
        Method::Manual(method) => vec![("templates", list(&method.templates))],
        Method::Random(method) => triggers(&method.slots),
        Method::Autoprompt(method) => {
            let own = vec![
                ("n_candidates", count(method.n_candidates)),
                ("positions", count(method.positions)),
                ("beam", count(method.beam)),
            ];
            [triggers(&method.slots), own, walk(&method.walk)].concat()
        }
        Method::Gcg(method) => {
            let mut own = vec![
                ("top_k", method.top_k.map_or_else(|| text("auto"), count)),
                ("search_width", count(method.search_width)),
                ("n_replace", count(method.n_replace)),
                ("buffer_size", count(method.buffer_size)),
                ("stable", Value::from(method.stable)),
            ];
            own.extend(method.probe.iter().map(|of| ("probe", probe(of))));
            [triggers(&method.slots), own, walk(&method.walk)].concat()
        }
        Method::Pez(method) => {
            let own = vec![
                ("learning_rate", Value::from(method.learning_rate)),
                ("weight_decay", Value::from(method.weight_decay)),
                ("nearness", text(method.nearness.name())),
                ("eval_every", count(method.eval_every)),
            ];
            [triggers(&method.slots), own, walk(&method.walk)].concat()
        }
        Method::Paraphrase(method) => {
            let mut entries = Vec::new();
            entries.extend((!method.templates.is_empty()).then(|| ("templates", list(&method.templates))));
            entries.extend(rewriting(method));
            entries.extend(method.rounds.iter().map(|&rounds| ("rounds", count(rounds))));
            entries.extend(method.synonyms.iter().map(|path| ("synonyms", text(path.display()))));
            entries
        }
        Method::LabelWords(method) => {
            let mut entries = Vec::new();
            entries.extend(method.template.iter().map(|template| ("templates", text(template))));
            entries.push(("verbalizer", word_search(&method.words)));
            entries
        }
        Method::TemplateAndWords(method) => {
            let mut entries = Vec::new();
            entries.extend(method.template.iter().map(|template| ("template", text(template))));
            entries.push(("verbalizer", word_search(&method.words)));
            entries.extend(rewriting(&method.paraphrase));
            entries.extend(method.paraphrase.synonyms.iter().map(|path| ("synonyms", text(path.display()))));
            entries
        }
        Method::SoftPrompt(method) | Method::Warp(method) => {
            let winner = matches!(method.init, SoftInit::Winner(_));
            let soft_verbalizer = matches!(of, Method::SoftPrompt(_)).then_some(method.soft_verbalizer);
            let own = winner || method.template.as_ref().is_some_and(Template::has_soft);
            let mut entries = Vec::new();
            entries.extend((!own).then(|| ("n_soft", count(method.n_soft))));
            entries.push(match &method.init {
                SoftInit::Winner(label) => ("init", mapping([("from", text(label))])),
                init => ("init", text(init.name())),
            });
            if let SoftInit::Text(start) = &method.init {
                entries.push(("init_text", text(start)));
            }
            entries.extend(soft_verbalizer.map(|flag| ("soft_verbalizer", Value::from(flag))));
            entries.extend(training(&method.training));
            entries.extend(method.template.iter().map(|template| ("template", text(template))));
            entries
        }
        Method::Prefix(method) => {
            let mut entries =
                vec![("n_prefix", count(method.n_prefix)), ("projection", Value::from(method.projection))];
            entries.extend(method.hidden_size.iter().map(|&size| ("hidden_size", count(size))));
            entries.push(("init", text(method.init.name())));
            if let PrefixInit::Text(start) = &method.init {
                entries.push(("init_text", text(start)));
            }
            entries.extend(training(&method.training));
            entries.extend(method.template.iter().map(|template| ("template", text(template))));
            entries
        }
        Method::Bbt(method) => {
            let own = method.template.as_ref().is_some_and(Template::has_soft);
            let mut entries = Vec::new();
            entries.extend((!own).then(|| ("n_soft", count(method.n_soft))));
            entries.push(("init", text(method.init.name())));
            if let SoftInit::Text(start) = &method.init {
                entries.push(("init_text", text(start)));
            }
            entries.push(("intrinsic_dim", count(method.intrinsic_dim)));
            entries.extend(method.population.iter().map(|&n| ("population", count(n))));
            entries.extend([
                ("sigma", Value::from(method.sigma)),
                ("batch_size", count(method.batch_size)),
                ("eval_every", count(method.eval_every)),
                ("patience", count(method.patience)),
            ]);
            entries.extend(method.generations.iter().map(|&n| ("generations", count(n))));
            entries.extend(method.template.iter().map(|template| ("template", text(template))));
            entries
        }
        Method::Optiprompt(method) => {
            let mut entries = training(&method.training);
            entries.extend(method.template.iter().map(|template| ("template", text(template))));
            entries
        }
        Method::PTuning(method) => {
            let own = method.template.as_ref().is_some_and(Template::has_soft);
            let mut entries = Vec::new();
            entries.extend((!own).then(|| ("n_soft", count(method.n_soft))));
            entries.push(("encoder", text(method.encoder.name())));
            entries.extend(method.hidden_size.iter().map(|&size| ("hidden_size", count(size))));
            if method.encoder == PromptEncoderKind::Lstm {
                entries.push(("n_layers", count(method.n_layers)));
            }
            entries.extend(training(&method.training));
            entries.extend(method.template.iter().map(|template| ("template", text(template))));
            entries
        }
        Method::FineTune(method) => {
            let own = method.template.as_ref().is_some_and(Template::has_soft);
            let mut entries = vec![("strategy", text(method.strategy.name())), ("tune", text(method.tuning.name()))];
            if let Tuning::Lora(Lora { rank, alpha, targets }) = &method.tuning {
                entries.extend([("rank", count(*rank)), ("alpha", Value::from(*alpha))]);
                entries.extend((!targets.is_empty()).then(|| ("targets", list(targets))));
            }
            if let Some(soft) = &method.soft {
                entries.extend((!own).then(|| ("n_soft", count(soft.n_soft))));
                entries.push(("init", text(soft.init.name())));
                if let SoftInit::Text(start) = &soft.init {
                    entries.push(("init_text", text(start)));
                }
                entries.push(("soft_learning_rate", Value::from(soft.learning_rate)));
            }
            entries.extend(training(&method.training));
            entries.extend(method.template.iter().map(|template| ("template", text(template))));
            entries
        }
        Method::Demonstrations(method) => {
            let mut entries = vec![
                ("choose", text(method.choose.name())),
                ("k", count(method.k)),
                ("order", text(method.order.name())),
            ];
            if method.choose == Choose::Nearest {
                entries.push(("representation", text(method.representation.name())));
            } else {
                entries.extend([
                    ("n_candidates", count(method.n_candidates)),
                    ("batch_size", count(method.batch_size)),
                    ("patience", count(method.patience)),
                ]);
            }
            entries.push(("separator", text(&method.separator)));
            entries.extend(method.template.iter().map(|template| ("template", text(template))));
            entries
        }
    }
}

/// How a round rewrites templates.
fn rewriting(method: &Paraphrase) -> [(&'static str, Value); 6] {
    let generators: Vec<&str> = method.generators.iter().map(|generator| generator.name()).collect();
    [
        ("generators", list(&generators)),
        ("n_candidates", count(method.n_candidates)),
        ("beam", count(method.beam)),
        ("batch_size", count(method.batch_size)),
        ("n_texts", count(method.n_texts)),
        ("likelihood", Value::from(method.likelihood)),
    ]
}
