//! What virtual tokens are like: the entries of the vocabulary that are nearest to them.

use std::sync::Arc;

use serde::Serialize;

use crate::model::embedding_pieces;
use crate::prompt::{Prompt, SoftPrompt};

use super::scorer::floats;
use super::{Scorer, plain_tokens};

/// An entry of the vocabulary and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NearToken {
    /// Its id.
    pub token_id: u32,
    /// The token as the vocabulary writes it: `##ing`.
    pub token: String,
    /// The distance to its embedding.
    pub distance: f64,
}

/// The neighbours of one virtual token, nearest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NearestTokens {
    /// By Euclidean distance.
    pub euclidean: Vec<NearToken>,
    /// By cosine distance, 1 minus the cosine of the angle; 1 to an embedding of length 0.
    pub cosine: Vec<NearToken>,
}

impl Scorer {
    /// The `top_k` nearest entries of the vocabulary to each virtual token, special and unused entries left out: no text could
    /// hold those. Of equally near ones the lower id comes first.
    ///
    /// Distances are added up in f64 and in the order of the axes, so that they are the same on every device.
    pub fn nearest_tokens(&self, soft: &SoftPrompt, top_k: usize) -> Vec<NearestTokens> {
        let loaded = self.loaded();
        let d_model = soft.d_model();
        let ids = plain_tokens(&loaded.tokenizer);
        let nearest = |distances: Vec<f64>| -> Vec<NearToken> {
            let mut order: Vec<usize> = (0..ids.len()).collect();
            let by = |a: &usize, b: &usize| distances[*a].total_cmp(&distances[*b]).then(a.cmp(b));
            if top_k < order.len() {
                order.select_nth_unstable_by(top_k, by);
                order.truncate(top_k);
            }
            order.sort_by(by);
            order
                .into_iter()
                .map(|index| NearToken {
                    token_id: ids[index],
                    token: loaded.tokenizer.token(ids[index]).unwrap_or_default(),
                    distance: distances[index],
                })
                .collect()
        };
        // The table is read once, piece by piece; the ids are ascending.
        let vectors: Vec<(&[f32], f64)> = soft.rows().map(|vector| (vector, dot(vector, vector).sqrt())).collect();
        let mut distances = vec![(Vec::with_capacity(ids.len()), Vec::with_capacity(ids.len())); vectors.len()];
        let mut rest = ids.iter().map(|&id| id as usize).peekable();
        for (from, piece) in embedding_pieces(&*loaded.model) {
            let until = from + piece.len() / d_model;
            while let Some(id) = rest.next_if(|id| *id < until) {
                let row = &piece[(id - from) * d_model..][..d_model];
                let other = dot(row, row).sqrt();
                for ((vector, length), (euclidean, cosine)) in vectors.iter().zip(&mut distances) {
                    euclidean.push(square_distance(vector, row).sqrt());
                    cosine.push(match length * other {
                        0.0 => 1.0,
                        both => 1.0 - dot(vector, row) / both,
                    });
                }
            }
        }
        let both = |(euclidean, cosine)| NearestTokens { euclidean: nearest(euclidean), cosine: nearest(cosine) };
        distances.into_iter().map(both).collect()
    }

    /// The word embeddings of some tokens.
    ///
    /// # Shapes
    /// `[ids.len()][d_model]`
    pub fn embeddings(&self, ids: &[u32]) -> Vec<Vec<f32>> {
        if ids.is_empty() {
            return Vec::new();
        }
        let d_model = self.loaded().model.shape().d_model;
        floats(self.loaded().model.embed(&[ids.to_vec()])).chunks(d_model).map(<[f32]>::to_vec).collect()
    }

    /// A soft prompt with each of its vectors replaced by the embedding of a token: what a hard prompt with these tokens in the
    /// places of its virtual tokens would be.
    ///
    /// # Panics
    /// If there is no token.
    pub fn projected(&self, prompt: &Prompt, ids: &[u32]) -> Prompt {
        let values = floats(self.loaded().model.embed(&[ids.to_vec()]));
        let soft = SoftPrompt::new(values, self.loaded().model.shape().d_model);
        Prompt { soft: Some(Arc::new(soft)), ..prompt.clone() }
    }
}

impl Scorer {
    /// A soft prompt whose vectors are `lambda` of the way from those of `prompt` to those of `other`, which has as many.
    pub fn interpolated(&self, prompt: &Prompt, other: &Prompt, lambda: f64) -> Prompt {
        let (Some(from), Some(to)) = (&prompt.soft, &other.soft) else { return prompt.clone() };
        // The ends are the prompts themselves, to the last bit.
        let between = |(&a, &b): (&f32, &f32)| match lambda {
            0.0 => a,
            1.0 => b,
            _ => (f64::from(a) + lambda * (f64::from(b) - f64::from(a))) as f32,
        };
        let values = from.values().iter().zip(to.values()).map(between).collect();
        Prompt { soft: Some(Arc::new(SoftPrompt::new(values, from.d_model()))), ..prompt.clone() }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

fn square_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
}
