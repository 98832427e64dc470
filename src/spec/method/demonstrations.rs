//! `demonstrations`: training examples shown in the prompt with their answers.

use super::super::error::SpecError;
use super::super::reader::{At, Reader};
use super::super::task::demonstrations_template;
use super::Method;
use super::sweep::{each, sweep, within};
use crate::prompt::{MAX_DEMONSTRATIONS, Representation, Template};

/// Parameters of `demonstrations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demonstrations {
    /// How they are chosen; default at random.
    pub choose: Choose,
    /// How many, 1 to 64; default 4.
    pub k: usize,
    /// How they stand; default as chosen, searched where they are searched, the nearest last.
    pub order: Order,
    /// What of the model nearness compares; default the mean of the hidden states.
    pub representation: Representation,
    /// Changes tried in a step of a search; default 8.
    pub n_candidates: usize,
    /// Train examples on which the changes of a step are compared; default 16.
    pub batch_size: usize,
    /// Steps without a better one before a search begins anew; default 4.
    pub patience: usize,
    /// What stands behind each; default an empty line.
    pub separator: String,
    /// The template; default the task's with `{demos}` in front.
    pub template: Option<Template>,
}

/// How demonstrations are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choose {
    /// Drawn by seed, the classes as evenly as may be.
    Random,
    /// For each text those nearest to it (arXiv 2101.06804).
    Nearest,
    /// Searched on train.
    Searched,
}

/// In which order they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they were drawn.
    Drawn,
    /// Searched on train (what orders do: arXiv 2104.08786).
    Searched,
    /// The nearest in front.
    NearestFirst,
    /// The nearest next to the text.
    NearestLast,
}

impl Choose {
    const ALL: [(&'static str, Self); 3] =
        [("random", Self::Random), ("nearest", Self::Nearest), ("searched", Self::Searched)];

    /// The name in YAML.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// The order where none is said.
    fn order(self) -> Order {
        match self {
            Self::Random => Order::Drawn,
            Self::Nearest => Order::NearestLast,
            Self::Searched => Order::Searched,
        }
    }
}

impl Order {
    const ALL: [(&'static str, Self); 4] = [
        ("drawn", Self::Drawn),
        ("searched", Self::Searched),
        ("nearest_first", Self::NearestFirst),
        ("nearest_last", Self::NearestLast),
    ];

    /// The name in YAML.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    fn suits(self, choose: Choose) -> bool {
        matches!(self, Self::NearestFirst | Self::NearestLast) == (choose == Choose::Nearest)
    }
}

/// Defaults.
const N_CANDIDATES: usize = 8;
const BATCH_SIZE: usize = 16;
const PATIENCE: usize = 4;

/// Its keys.
const KEYS: [&str; 11] = [
    "method",
    "choose",
    "k",
    "order",
    "representation",
    "n_candidates",
    "batch_size",
    "patience",
    "separator",
    "template",
    "multi_token",
];

/// Its cells; `None` where they are too many.
pub(super) fn read(reader: &mut Reader, item: At) -> Result<Option<Vec<Method>>, SpecError> {
    let fields = reader.fields(item.clone(), &KEYS)?;
    let choose = sweep(reader, &fields, "choose", vec![Choose::Random], |reader, at| {
        reader.choice(at, "way to choose demonstrations", &Choose::ALL, &[])
    })?;
    let mut whole = |key: &str, default: usize, most: u64| {
        sweep(reader, &fields, key, vec![default], |reader, at| Ok(reader.whole(at, 1..=most)? as usize))
    };
    let k = whole("k", 4, MAX_DEMONSTRATIONS as u64)?;
    let n_candidates = whole("n_candidates", N_CANDIDATES, 10_000)?;
    let batch_size = whole("batch_size", BATCH_SIZE, 100_000)?;
    let patience = whole("patience", PATIENCE, 1_000_000)?;
    let order = sweep(reader, &fields, "order", vec![None], |reader, at| {
        Ok(Some(reader.choice(at, "order of demonstrations", &Order::ALL, &[])?))
    })?;
    let representation = sweep(reader, &fields, "representation", vec![Representation::Mean], |reader, at| {
        reader.choice(at, "representation", &Representation::ALL.map(|known| (known.name(), known)), &[])
    })?;
    let separator = sweep(reader, &fields, "separator", vec!["\n\n".to_owned()], |reader, at| reader.text(at))?;
    let templates = sweep(reader, &fields, "template", vec![None], demonstrations_template)?;
    if let Some(at) = fields.get("order") {
        for choose in &choose {
            // Each way of choosing takes of the orders those that go with it.
            if !order.iter().flatten().any(|order| order.suits(*choose)) {
                let suiting = Order::ALL.iter().filter(|(_, order)| order.suits(*choose));
                let known: Vec<&str> = suiting.map(|(name, _)| *name).collect();
                let what = format!("no order that goes with `choose: {}` ({})", choose.name(), known.join(", "));
                reader.value(&at, what);
            }
        }
        for order in order.iter().flatten().filter(|order| !choose.iter().any(|choose| order.suits(*choose))) {
            let choose: Vec<&str> = choose.iter().map(|choose| choose.name()).collect();
            reader.value(&at, format!("`{}` does not go with `choose: {}`", order.name(), choose.join(", ")));
        }
    }
    let lengths = [
        choose.len(),
        k.len(),
        order.len(),
        representation.len(),
        n_candidates.len(),
        batch_size.len(),
        patience.len(),
        separator.len(),
        templates.len(),
    ];
    if !within(reader, &item, &lengths) {
        return Ok(None);
    }
    let first = Demonstrations {
        choose: Choose::Random,
        k: 0,
        order: Order::Drawn,
        representation: Representation::Mean,
        n_candidates: 0,
        batch_size: 0,
        patience: 0,
        separator: String::new(),
        template: None,
    };
    let cells = each(vec![first], &choose, |cell, choose| cell.choose = *choose);
    let cells = each(cells, &k, |cell, k| cell.k = *k);
    let cells = each(cells, &order, |cell, order| cell.order = order.unwrap_or(cell.choose.order()));
    let cells = each(cells, &representation, |cell, of| cell.representation = *of);
    let cells = each(cells, &n_candidates, |cell, n| cell.n_candidates = *n);
    let cells = each(cells, &batch_size, |cell, n| cell.batch_size = *n);
    let cells = each(cells, &patience, |cell, n| cell.patience = *n);
    let cells = each(cells, &separator, |cell, text| cell.separator.clone_from(text));
    let mut cells = each(cells, &templates, |cell, template| cell.template.clone_from(template));
    cells.retain(|cell| cell.order.suits(cell.choose));
    // What only some ways of choosing read makes no cells for the others.
    for cell in &mut cells {
        if cell.choose == Choose::Nearest {
            (cell.n_candidates, cell.batch_size, cell.patience) = (N_CANDIDATES, BATCH_SIZE, PATIENCE);
        } else {
            cell.representation = Representation::Mean;
        }
    }
    let mut distinct: Vec<Demonstrations> = Vec::new();
    for cell in cells {
        if !distinct.contains(&cell) {
            distinct.push(cell);
        }
    }
    Ok(Some(distinct.into_iter().map(Method::Demonstrations).collect()))
}
