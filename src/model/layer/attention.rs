//! Multi-head self-attention that asks only where it is told to, and sees keys and values that stand before the input.

use burn::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::assert_shape;

use super::{Linear, Seen, side_by_side};
use crate::model::kernel::{AttentionShape, Columns, attend};
use crate::model::weights::Weights;

/// Scaled dot-product attention over several heads (Vaswani et al., arXiv:1706.03762).
#[derive(Debug, Clone)]
pub struct SelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    n_heads: usize,
    d_head: usize,
}

/// The names of the four maps of a [`SelfAttention`] in a checkpoint.
pub struct AttentionNames<'a> {
    /// Prefix common to all four.
    pub prefix: &'a str,
    /// The rest of each: query, key, value, output.
    pub maps: [&'a str; 4],
}

impl SelfAttention {
    /// Takes the four maps `<prefix>.<map>`.
    pub fn load(weights: &mut Weights, names: &AttentionNames<'_>, d_model: usize, n_heads: usize) -> Self {
        let [query, key, value, output] =
            names.maps.map(|map| Linear::load(weights, &format!("{}.{map}", names.prefix), d_model, d_model));
        Self { query, key, value, output, n_heads, d_head: d_model / n_heads }
    }

    /// Takes what is tuned of it from `values`.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        [&mut self.query, &mut self.key, &mut self.value, &mut self.output]
            .into_iter()
            .for_each(|map| map.bind(values));
    }

    /// How many heads there are, and the dimensions of each.
    pub fn heads_and_width(&self) -> (usize, usize) {
        (self.n_heads, self.d_head)
    }

    /// What the `asking` positions gather from all `hidden` ones and from what `seen` puts before them, added to `asking`.
    ///
    /// # Shapes
    ///
    /// - asking: `[batch_size, n_asking, d_model]`
    /// - hidden: `[batch_size, seq_length, d_model]`
    /// - seen: see [`Seen`]
    /// - output: `[batch_size, n_asking, d_model]`
    pub fn add_to(&self, asking: Tensor<3>, hidden: Tensor<3>, seen: Seen<'_>) -> Tensor<3> {
        let gathered = match seen.columns {
            Some(columns) => self.gather_rows(asking.clone(), hidden, seen, columns),
            None => self.gather(asking.clone(), hidden, seen),
        };
        self.output.add_to(asking, gathered)
    }

    /// The keys and values of positions.
    ///
    /// # Shapes
    ///
    /// - hidden: `[batch_size, seq_length, d_model]`
    /// - output: each `[batch_size, n_heads, seq_length, d_head]`
    pub fn keys_and_values(&self, hidden: Tensor<3>) -> (Tensor<4>, Tensor<4>) {
        (self.heads(self.key.forward(hidden.clone())), self.heads(self.value.forward(hidden)))
    }

    /// Over sequences one after the other: shapes as of [`attend`].
    fn gather_rows(&self, asking: Tensor<3>, hidden: Tensor<3>, seen: Seen<'_>, columns: &Columns) -> Tensor<3> {
        let shape = AttentionShape {
            n_heads: self.n_heads,
            n_kv_heads: self.n_heads,
            d_head: self.d_head,
            scale: (self.d_head as f32).powf(-0.5),
        };
        let keys_values = side_by_side(hidden, &self.key, &self.value);
        attend(self.query.forward(asking), keys_values, seen.past.cloned(), shape, columns)
    }

    fn gather(&self, asking: Tensor<3>, hidden: Tensor<3>, seen: Seen<'_>) -> Tensor<3> {
        let [batch_size, n_asking, d_model] = asking.dims();
        assert_shape!(hidden, [batch_size, _, d_model]);

        // The queries are the smaller factor, so the scale is cheapest there.
        let query = self.heads(self.query.forward(asking)) * (self.d_head as f64).powf(-0.5);
        let key = self.heads(self.key.forward(hidden.clone()));
        let value = self.heads(self.value.forward(hidden));
        let (key, value) = match seen.past {
            Some((keys, values)) => (before(keys, key), before(values, value)),
            None => (key, value),
        };

        let scores = query.matmul(key.transpose());
        let scores = match seen.bias {
            Some(bias) => scores + bias.clone(),
            None => scores,
        };
        let gathered = softmax(scores, 3).matmul(value);
        gathered.swap_dims(1, 2).reshape([batch_size, n_asking, d_model])
    }

    /// `[batch_size, seq_length, d_model]` -> `[batch_size, n_heads, seq_length, d_head]`
    fn heads(&self, states: Tensor<3>) -> Tensor<4> {
        let [batch_size, seq_length, _] = states.dims();
        states.reshape([batch_size, seq_length, self.n_heads, self.d_head]).swap_dims(1, 2)
    }
}

/// Puts `past`, which may serve every row, before `own`.
///
/// # Shapes
///
/// - past: `[1 or batch_size, n_heads, n_past, d_head]`
/// - own: `[batch_size, n_heads, seq_length, d_head]`
/// - output: `[batch_size, n_heads, n_past + seq_length, d_head]`
fn before(past: &Tensor<4>, own: Tensor<4>) -> Tensor<4> {
    let [batch_size, n_heads, _, d_head] = own.dims();
    let [_, past_heads, n_past, past_width] = past.dims();
    assert_eq!([past_heads, past_width], [n_heads, d_head], "heads and width of the keys and values before the input");
    let past = past.clone().expand([batch_size, n_heads, n_past, d_head]);
    // Joining wants both on one device: a tracked prefix before plain embeddings lifts them, and the other way round.
    let (past, own) = match (past.is_autodiff(), own.is_autodiff()) {
        (true, false) => (past, Tensor::from_inner(own)),
        (false, true) => (Tensor::from_inner(past), own),
        _ => (past, own),
    };
    Tensor::cat(vec![past, own], 2)
}
