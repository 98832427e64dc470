//! The embedding table on the host, a piece at a time: a whole one of a large vocabulary would be the largest thing there.

use super::LanguageModel;

/// Rows of a piece.
const PIECE: usize = 4096;

/// The rows of a model's embedding table in pieces, row by row, each with the number of its first row.
///
/// # Shapes
/// - each: `[n_rows][d_model]`
pub fn embedding_pieces(model: &dyn LanguageModel) -> impl Iterator<Item = (usize, Vec<f32>)> {
    let table = model.embedding_table();
    let [n_rows, _] = table.dims();
    (0..n_rows).step_by(PIECE).map(move |from| {
        let piece = table.clone().narrow(0, from, PIECE.min(n_rows - from)).into_data();
        (from, piece.convert::<f32>().try_into_vec().expect("converted to f32 before"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ResolvedDevice, load_builtin};

    #[test]
    fn the_pieces_are_the_table() {
        let model = load_builtin("reviews-en", &ResolvedDevice::cpu()).unwrap().model;
        let pieces: Vec<(usize, Vec<f32>)> = embedding_pieces(&*model).collect();
        let d_model = model.shape().d_model;
        assert!(pieces.len() > 1 && pieces.iter().enumerate().all(|(number, (from, _))| *from == number * PIECE));
        let whole: Vec<f32> = model.embedding_table().into_data().convert::<f32>().try_into_vec().unwrap();
        assert_eq!(pieces.iter().flat_map(|(_, piece)| piece).copied().collect::<Vec<_>>(), whole);
        assert!(pieces.iter().all(|(_, piece)| piece.len() % d_model == 0));
    }
}
