//! A replay for reading, and as JSON.

use serde_json::{Value, json};

use super::super::digest::{Digest, counted};
use super::super::print::text;
use super::numbers::{FieldFigures, FirstDifference};
use super::replayed::Replayed;
use super::trial::ReplayedTrial;

/// Trials that are named one by one.
const NAMED: usize = 12;

impl Replayed {
    /// Text for a terminal.
    pub fn to_text(&self) -> String {
        let n = self.trials.len();
        let (n_numbers, n_candidates) =
            (self.n_numbers(), self.trials.iter().map(|trial| trial.n_candidates).sum::<u64>());
        let compared = format!("{}, {n_candidates} candidates, {n_numbers} numbers compared", counted(n, "trial"));
        let Some((trial, first)) = self.first() else {
            let how = match self.tolerance > 0.0 {
                true => format!("the same within {:e}", self.tolerance),
                false => "the same to the last bit".to_owned(),
            };
            let mut out = format!("{how}: {compared}\n");
            if self.fields.values().any(|figures| figures.largest > 0.0) {
                out += &format!("\nlargest differences\n{}", text(&self.fields_digest()));
            }
            return out;
        };
        let mut out = format!("not the same: {} of {compared}\n\n", n - self.n_same());
        out += &format!("first difference\n  trial     {}\n{}", trial.id, first_words(first));
        out += &format!("\n{}", self.trials_text());
        if self.fields.values().any(|figures| figures.n_differ > 0) {
            out += &format!("\nnumbers that differ\n{}", text(&self.fields_digest()));
        }
        out
    }

    /// `{same, tolerance, numbers, first, trials, fields}`.
    pub fn to_json(&self) -> Value {
        let first = |first: &FirstDifference| {
            json!({
                "part": first.part, "candidate": first.candidate, "field": first.field,
                "recorded": first.recorded, "replayed": first.replayed,
            })
        };
        let trial = |trial: &ReplayedTrial| {
            json!({
                "trial": trial.id, "same": trial.first.is_none(), "candidates": trial.n_candidates,
                "first": trial.first.as_ref().map(first), "parted_at_candidate": trial.parted,
                "chosen": trial.chosen, "test_metric": trial.tested,
            })
        };
        let figures = |(field, figures): (&String, &FieldFigures)| json!({ "field": field, "numbers": figures.n, "differ": figures.n_differ, "largest": figures.largest });
        json!({
            "same": self.first().is_none(),
            "tolerance": self.tolerance,
            "numbers": self.n_numbers(),
            "first": self.first().map(|(trial, difference)| json!({ "trial": trial.id, "difference": first(difference) })),
            "trials": self.trials.iter().map(trial).collect::<Vec<_>>(),
            "fields": self.fields.iter().map(figures).collect::<Vec<_>>(),
        })
    }

    /// What became of each trial that is not the same.
    fn trials_text(&self) -> String {
        let differing: Vec<&ReplayedTrial> = self.trials.iter().filter(|trial| trial.first.is_some()).collect();
        let mut out = String::new();
        for trial in differing.iter().take(NAMED) {
            out += &format!("{}\n", trial.id);
            match trial.parted {
                Some(number) => out += &format!("  the searches part at candidate {number}\n"),
                None => out += "  the same prompts were proposed\n",
            }
            match &trial.chosen {
                Some([recorded, replayed]) => {
                    out += &format!("  chosen    recorded {recorded}\n            now {replayed}\n")
                }
                None => out += "  the same prompt was chosen\n",
            }
            if let Some([recorded, replayed]) = trial.tested {
                out += &format!("  test      recorded {recorded:.4}, now {replayed:.4}\n");
            }
        }
        if differing.len() > NAMED {
            out += &format!("and {}\n", counted(differing.len() - NAMED, "other trial"));
        }
        out
    }

    fn fields_digest(&self) -> Digest {
        let mut fields: Vec<(&String, &FieldFigures)> =
            self.fields.iter().filter(|(_, figures)| figures.largest > 0.0 || figures.n_differ > 0).collect();
        fields.sort_by(|a, b| b.1.largest.total_cmp(&a.1.largest).then(a.0.cmp(b.0)));
        let row = |(field, figures): (&String, &FieldFigures)| {
            vec![field.clone(), figures.n.to_string(), figures.n_differ.to_string(), format!("{:.2e}", figures.largest)]
        };
        Digest {
            headers: ["field", "numbers", "differ", "largest difference"].map(str::to_owned).to_vec(),
            right: vec![false, true, true, true],
            rows: fields.into_iter().map(row).collect(),
        }
    }
}

fn first_words(first: &FirstDifference) -> String {
    let candidate = first.candidate.map(|number| format!("  candidate {number}\n")).unwrap_or_default();
    format!(
        "{candidate}  field     {} {}\n  recorded  {}\n  now       {}\n",
        first.part, first.field, first.recorded, first.replayed
    )
}
