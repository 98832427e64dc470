//! The tokens that a discrete search chooses.

use super::Template;

/// Token ids for a template's trigger slots, concatenated over the slots in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TriggerTokens(pub Vec<u32>);

impl TriggerTokens {
    /// The tokens of each trigger slot of `template`, in order. Slots beyond the last token are empty.
    pub fn by_slot(&self, template: &Template) -> Vec<&[u32]> {
        let mut rest = &self.0[..];
        template
            .trigger_lengths()
            .map(|n| {
                let (slot, others) = rest.split_at(n.min(rest.len()));
                rest = others;
                slot
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_shared_out_over_the_slots_in_order() {
        let template = Template::parse("{trigger:2} {text} {trigger:1}{mask}").unwrap();
        assert_eq!(TriggerTokens(vec![7, 8, 9]).by_slot(&template), [&[7, 8][..], &[9]]);
        assert_eq!(TriggerTokens(vec![7]).by_slot(&template), [&[7][..], &[]]);
    }
}
