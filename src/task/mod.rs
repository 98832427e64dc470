//! The question and its data: data sets, splits, labels, few-shot draws, metrics and statistics. Strings and labels only.
//!
//! # Decisions
//! - Of a data set's files the labels and hashes of all rows are held, and the texts of those that are drawn.
//! - A data set's labels are those told (by the experiment or the card), or else those of train; a label beyond them in any
//!   split is refused. Dev must have labels; train may go without where the labels are told; test may always.
//! - Splits may differ in columns; those that all have are kept. `text`, `text_a` and `text_b` may be missing in none.

mod answer_rank;
mod builtin;
mod card;
mod corpus;
mod dataset;
mod dataset_options;
mod draw;
mod error;
mod example;
mod examples;
mod facts;
mod hub_data;
mod hub_name;
mod labels;
mod metric;
pub mod overlap;
pub mod racing;
mod shots;
mod source;
mod split;
pub mod statistics;
mod table;
mod writing;

pub use self::answer_rank::answer_rank;
pub use self::builtin::{BuiltinDataset, builtin_datasets};
pub use self::card::{Card, CardVerbalizer, ManualAccuracy, SplitCard};
pub use self::corpus::{Corpus, Sentence};
pub use self::dataset::Dataset;
pub use self::dataset_options::DatasetOptions;
pub use self::draw::{Draw, LeftOut, Limits, draw};
pub use self::error::{Place, Position, TaskError};
pub use self::example::Example;
pub use self::examples::Examples;
pub use self::facts::{FactRules, OBJECT, SUBJECT};
pub use self::hub_data::{HubData, HubFiles};
pub use self::hub_name::HubName;
pub use self::metric::{Basis, Confusion, Metric};
pub use self::shots::Shots;
pub use self::source::{Columns, DatasetSource, Files, Header, LABEL};
pub use self::split::Split;
pub use self::table::{Band, LabelBy, Shares, Table, TableOptions, read_labelled};
pub use self::writing::Writing;
