//! Back to YAML: a method with every default filled in.

use serde_yaml::Value;

use super::method::{
    BackTranslation, Choose, Endpoint, Manual, Method, OptimiserKind, Paraphrase, PrefixInit, Probe, PromptEncoderKind,
    SoftInit, SpanFill, TrainingParameters, TriggerSlots, Walk, WordSearch,
};
use super::tree::{count, folded, list, mapping, text};
use crate::prompt::{Lora, Template, Tuning};

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

pub(super) fn word_search(words: &WordSearch) -> Value {
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

/// The parameters of a method, by key.
pub(super) fn parameters(of: &Method) -> Vec<(&'static str, Value)> {
    match of {
        Method::Manual(method) => written(method),
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
            entries.extend(sources(method));
            entries
        }
        Method::Edits(method) => {
            let mut entries = written(&method.starts);
            entries.push(("level", text(method.level.name())));
            entries.extend(rewriting(&method.rewriting));
            entries.extend([("n_compose", count(method.n_compose)), ("patience", count(method.patience))]);
            entries.extend(method.restarts.iter().map(|&n| ("restarts", count(n))));
            entries.extend(method.n_iterations.iter().map(|&n| ("n_iterations", count(n))));
            entries.push(("temperature", Value::from(method.temperature)));
            entries.extend(sources(&method.rewriting));
            entries
        }
        Method::Evolution(method) => {
            let mut entries = written(&method.starts);
            entries.extend([
                ("algorithm", text(method.algorithm.name())),
                ("population", count(method.population)),
                ("crossover", text(method.crossover.name())),
                ("mutation", Value::from(method.mutation)),
            ]);
            entries.extend(method.generations.iter().map(|&n| ("generations", count(n))));
            let own = |(key, _): &(&str, Value)| !matches!(*key, "n_candidates" | "beam");
            entries.extend(rewriting(&method.rewriting).into_iter().filter(own));
            entries.extend(sources(&method.rewriting));
            entries
        }
        Method::Mining(method) => {
            let mut entries = Vec::new();
            if !method.corpus.is_empty() {
                let files: Vec<_> = method.corpus.iter().map(|path| path.display()).collect();
                entries.push(("corpus", list(&files)));
                entries.extend(method.has_columns().then(|| ("column", text(&method.column))));
            }
            entries.extend([
                ("n_templates", count(method.n_templates)),
                ("min_support", count(method.min_support)),
                ("max_words", count(method.max_words)),
                ("window", count(method.window)),
            ]);
            let places: Vec<&str> = method.place.iter().map(|place| place.name()).collect();
            entries.extend((!places.is_empty()).then(|| ("place", list(&places))));
            entries
        }
        Method::TemplateGeneration(method) => {
            let mut entries = Vec::new();
            entries.extend(method.generator.iter().map(|model| ("generator", text(model))));
            entries.push(("fill", text(method.fill.name())));
            entries.extend((!method.skeletons.is_empty()).then(|| ("skeletons", list(&method.skeletons))));
            entries.push(("beam", count(method.beam)));
            // Of what a kind of model has no use for nothing is said: it is refused.
            if method.fill != SpanFill::MaskedLm {
                entries.push(("max_length", count(method.max_length)));
            }
            if method.fill != SpanFill::Seq2Seq {
                entries.push(("masks", Value::Sequence(method.masks.iter().map(|&n| count(n)).collect())));
            }
            entries.push(("n_examples", method.n_examples.map_or_else(|| text("all"), count)));
            entries.push(("n_candidates", count(method.n_candidates)));
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
            let translation = method.paraphrase.back_translation.iter();
            entries.extend(translation.map(|of| ("back_translation", back_translation(of))));
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

fn endpoint(service: &Endpoint) -> Value {
    let mut entries = vec![("base_url", text(&service.base_url)), ("model", text(&service.model))];
    entries.extend(service.key.iter().map(|key| ("key", text(key))));
    entries.extend([
        ("n_paraphrases", count(service.n_paraphrases)),
        ("max_tokens", Value::from(service.max_tokens)),
        ("temperature", Value::from(service.temperature)),
        ("requests_per_minute", Value::from(service.requests_per_minute)),
        ("parallel", count(service.parallel)),
        ("timeout", Value::from(service.timeout)),
        ("attempts", Value::from(service.attempts)),
        ("max_requests", Value::from(service.max_requests)),
    ]);
    if let Some(price) = service.price {
        let tokens = [("input", Value::from(price.input)), ("output", Value::from(price.output))];
        entries.extend([("price", mapping(tokens)), ("max_cost", Value::from(price.most))]);
    }
    mapping(entries)
}

fn back_translation(of: &BackTranslation) -> Value {
    let mut entries = vec![
        ("forward", text(&of.forward)),
        ("backward", text(&of.backward)),
        ("beams", count(of.beams)),
        ("forward_prefix", text(&of.forward_prefix)),
        ("backward_prefix", text(&of.backward_prefix)),
    ];
    if let Some((source, target)) = &of.languages {
        entries.extend([("source_language", text(source)), ("target_language", text(target))]);
    }
    mapping(entries)
}

/// What a person wrote.
fn written(of: &Manual) -> Vec<(&'static str, Value)> {
    let mut entries = Vec::new();
    entries.extend((!of.templates.is_empty()).then(|| ("templates", list(&of.templates))));
    if !of.templates_from.is_empty() {
        let files: Vec<_> = of.templates_from.iter().map(|path| path.display()).collect();
        entries.push(("templates_from", list(&files)));
        entries.push(("cut_behind_mask", Value::from(of.cut_behind_mask)));
    }
    entries
}

/// What its generators need beside the model.
fn sources(method: &Paraphrase) -> Vec<(&'static str, Value)> {
    let mut entries = Vec::new();
    entries.extend(method.back_translation.iter().map(|of| ("back_translation", back_translation(of))));
    entries.extend(method.synonyms.iter().map(|path| ("synonyms", text(path.display()))));
    entries.extend(method.endpoint.iter().map(|service| ("endpoint", endpoint(service))));
    entries
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
