//! `README.md` beside an adapter: what to feed to it.

use crate::record::SavedPrompt;

use super::adapter::Adapter;
use super::config::PeftKind;

/// What a person who has the folder alone needs to know.
pub fn readme(adapter: &Adapter, saved: &SavedPrompt) -> String {
    let config = &adapter.config;
    let words: Vec<String> =
        saved.verbalizer.iter().map(|label| format!("- {}: {}", label.label, label.words.join(", "))).collect();
    let folded = adapter.beside.as_ref().map_or(0, |beside| beside.n_folded);
    let feed = if config.peft_type == PeftKind::PrefixTuning {
        "Feed the text of the template with the tokenizer's special tokens. The keys and values stand before it."
            .to_owned()
    } else {
        format!(
            "Feed what the template says behind its last virtual token, as one text, tokenized without the special tokens that \
             stand at its beginning: {folded} of the {} virtual tokens are these, and words before the last virtual token, with \
             the model's own embeddings.",
            config.num_virtual_tokens
        )
    };
    format!(
        "---\nbase_model: {}\nlibrary_name: peft\n---\n\n# A prompt mined with promptmine\n\nTemplate: `{}`\n\nLabel words, read at \
         the mask or as the next token:\n\n{}\n\n{feed}\n\n```python\nfrom peft import PeftModel\n\nmodel = \
         PeftModel.from_pretrained(base_model, \"this folder\")\n```\n\n`promptmine import --from peft` reads it as a prompt again.\n",
        config.base_model_name_or_path.as_deref().unwrap_or_default(),
        saved.prompt,
        words.join("\n")
    )
}
