//! What of a prompt and a model is tuned: the training strategies of the field (Liu et al. 2021, arXiv 2107.13586, section 7).

/// A training strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Neither: prompts of tokens.
    TuningFree,
    /// Vectors of the prompt, the language model frozen (prompt tuning, prefix tuning).
    FixedLm,
    /// The language model under a prompt that stays (PET, arXiv 2001.07676; LM-BFF, arXiv 2012.15723).
    FixedPrompt,
    /// Both (P-tuning, arXiv 2103.10385).
    PromptAndLm,
    /// The language model and a classification head, without a prompt.
    Promptless,
}

impl Strategy {
    /// All, in the order in which they are listed.
    pub const ALL: [Self; 5] =
        [Self::TuningFree, Self::FixedLm, Self::FixedPrompt, Self::PromptAndLm, Self::Promptless];

    /// The name in YAML and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::TuningFree => "tuning_free",
            Self::FixedLm => "fixed_lm",
            Self::FixedPrompt => "fixed_prompt",
            Self::PromptAndLm => "prompt_and_lm",
            Self::Promptless => "promptless",
        }
    }

    /// That of a row of the tables, whose label says it where the method has several; `None` for a row of several methods.
    pub fn of_row(method: &str, label: &str) -> Option<Self> {
        match method {
            "fine_tune" => Self::ALL.into_iter().find(|strategy| label.split(' ').any(|word| word == strategy.name())),
            "soft_prompt" | "prefix" | "p_tuning" | "optiprompt" | "bbt" => Some(Self::FixedLm),
            _ if method.starts_with("ensemble") => None,
            _ => Some(Self::TuningFree),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_one_method_has_its_strategy() {
        let of = |method, label| Strategy::of_row(method, label).map(Strategy::name);
        assert_eq!(of("manual", "manual 2"), Some("tuning_free"));
        assert_eq!(of("prefix", "prefix"), Some("fixed_lm"));
        assert_eq!(of("fine_tune", "fine_tune prompt_and_lm lora 2"), Some("prompt_and_lm"));
        assert_eq!(of("ensemble_mean", "ensemble_mean"), None);
    }
}
