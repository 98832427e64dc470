//! What a soft prompt is like in words.

use serde::{Deserialize, Serialize};

/// An entry of the vocabulary and its distance from a virtual token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its id.
    pub id: u32,
    /// The token as the vocabulary writes it.
    pub token: String,
    /// The distance.
    pub distance: f64,
}

/// The neighbours of one virtual token, nearest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbours {
    /// By Euclidean distance.
    pub euclidean: Vec<Neighbour>,
    /// By cosine distance.
    pub cosine: Vec<Neighbour>,
}

/// How the prompt does part of the way to its projection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interpolated {
    /// The share of the way: 0 the trained vectors, 1 the embeddings of their nearest tokens.
    pub lambda: f64,
    /// The metric on dev.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<f64>,
    /// The metric on test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<f64>,
}

/// The neighbours of every virtual token, and how the prompt does with each vector replaced by the embedding of its nearest
/// token by Euclidean distance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadBack {
    /// The metric on the way from the vectors to the projected prompt, both ends included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interpolation: Vec<Interpolated>,
    /// A virtual token each.
    pub nearest: Vec<Neighbours>,
    /// The projected prompt for people.
    pub projected: String,
    /// The metric of the projected prompt on dev.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projected_dev: Option<f64>,
    /// The metric of the projected prompt on test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projected_test: Option<f64>,
}
