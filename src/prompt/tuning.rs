//! Which weights of the language model are trained along with a prompt.

use std::fmt;

/// What of a language model is tuned.
#[derive(Debug, Clone, PartialEq)]
pub enum Tuning {
    /// Every weight.
    All,
    /// The biases only (BitFit, arXiv 2106.10199).
    Biases,
    /// Low-rank steps beside frozen maps.
    Lora(Lora),
}

/// Low-rank adaptation (Hu et al., arXiv 2106.09685): beside a frozen map `x W` stands `x A^T B^T alpha / rank`, and only `A`
/// `[rank, d_input]` and `B` `[d_output, rank]` are trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Lora {
    /// The rank of the steps, at least 1.
    pub rank: usize,
    /// The steps are scaled by `alpha / rank`.
    pub alpha: f64,
    /// The last parts of the names of the maps that have a step (`query`, `v_proj`); where there are none, the queries and values of
    /// attention, as in the paper.
    pub targets: Vec<String>,
}

impl Tuning {
    /// The name in YAML and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Biases => "biases",
            Self::Lora(_) => "lora",
        }
    }
}

/// The name, and what it takes.
impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All | Self::Biases => f.write_str(self.name()),
            Self::Lora(Lora { rank, alpha, targets }) => {
                write!(f, "lora, rank {rank}, alpha {alpha}")?;
                if targets.is_empty() { Ok(()) } else { write!(f, ", targets {}", targets.join(" ")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_everything_that_makes_it_another() {
        let lora = |targets: &[&str]| {
            let targets = targets.iter().map(|&target| target.to_owned()).collect();
            Tuning::Lora(Lora { rank: 4, alpha: 8.0, targets }).to_string()
        };
        assert_eq!(
            (lora(&[]), lora(&["query", "value"])),
            ("lora, rank 4, alpha 8".into(), "lora, rank 4, alpha 8, targets query value".into())
        );
        assert_eq!([Tuning::All.to_string(), Tuning::Biases.to_string()], ["all", "biases"]);
    }
}
