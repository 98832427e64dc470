//! The templates that a search knows, and those that it goes on from.

use std::collections::HashSet;

use crate::prompt::Template;
use crate::search::Scored;

/// A template that was proposed for selection.
#[derive(Debug, Clone)]
pub struct Member {
    /// The template.
    pub template: Template,
    /// What selection told of it.
    pub scored: Option<Scored>,
    /// Its mean loss on the train batch, where there are labels.
    pub loss: Option<f64>,
}

/// The best of the members, which the next round starts from.
///
/// Members are ranked by train loss where there are labels, else by what selection told. Of members whose predictions agree
/// on all selection examples only the first may be a parent. The second figure counts the members that would have been
/// parents but for that: a look at selection that decided something.
pub fn beam(members: &[Member], size: usize) -> (Vec<usize>, u64) {
    let mut order: Vec<usize> = (0..members.len()).filter(|&m| members[m].scored.is_some()).collect();
    order.sort_by(|&a, &b| {
        let (left, right) = (&members[a], &members[b]);
        match (left.loss, right.loss) {
            (Some(left), Some(right)) => left.total_cmp(&right).then(a.cmp(&b)),
            _ => {
                let key = |m: &Member| m.scored.map_or((f64::NEG_INFINITY, 0.0), |s| (s.score, s.margin));
                let ((a_score, a_margin), (b_score, b_margin)) = (key(left), key(right));
                b_score.total_cmp(&a_score).then(b_margin.total_cmp(&a_margin)).then(a.cmp(&b))
            }
        }
    });
    let mut seen = HashSet::new();
    let firsts: HashSet<usize> =
        (0..members.len()).filter(|&m| members[m].scored.is_some_and(|scored| seen.insert(scored.signature))).collect();
    let mut parents = Vec::new();
    let mut passed_over = 0;
    for member in order {
        if parents.len() == size {
            break;
        }
        if firsts.contains(&member) { parents.push(member) } else { passed_over += 1 }
    }
    (parents, passed_over)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(signature: u64, score: f64, loss: Option<f64>) -> Member {
        let scored = Scored { candidate: 0, score, margin: 0.0, signature };
        Member { template: Template::parse("{text} {mask}").unwrap(), scored: Some(scored), loss }
    }

    #[test]
    fn the_best_on_train_are_parents_and_of_equal_predictions_the_first() {
        let members = [
            member(1, 0.9, Some(0.7)),
            member(2, 0.5, Some(0.5)),
            member(1, 0.9, Some(0.4)),
            member(3, 0.1, Some(0.6)),
        ];
        assert_eq!(beam(&members, 2), (vec![1, 3], 1));
        assert_eq!(beam(&members, 9), (vec![1, 3, 0], 1));
        assert_eq!(beam(&members[..2], 1), (vec![1], 0));
    }

    #[test]
    fn without_labels_the_label_free_score_decides() {
        let members = [member(1, 0.2, None), member(2, 0.5, None), member(3, 0.5, None)];
        assert_eq!(beam(&members, 2), (vec![1, 2], 0));
    }
}
