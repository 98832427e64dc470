//! `README.md` beside an adapter: what to feed to it.

use crate::record::SavedPrompt;

use super::adapter::Adapter;
use super::config::PeftKind;

/// What a person who has the folder alone needs to know.
pub fn readme(adapter: &Adapter, saved: &SavedPrompt) -> String {
    let words: Vec<String> =
        saved.verbalizer.iter().map(|label| format!("- {}: {}", label.label, label.words.join(", "))).collect();
    let (base, feed) = match adapter {
        Adapter::Vectors(of) if of.config.peft_type != PeftKind::PrefixTuning => {
            let folded = of.beside.as_ref().map_or(0, |beside| beside.n_folded);
            let feed = format!(
                "Feed what the template says behind its last virtual token, as one text, tokenized without the special tokens that \
                 stand at its beginning: {folded} of the {} virtual tokens are these, and words before the last virtual token, with \
                 the model's own embeddings.",
                of.config.num_virtual_tokens
            );
            (&of.config.base_model_name_or_path, feed)
        }
        Adapter::Vectors(of) => {
            let feed = "Feed the text of the template with the tokenizer's special tokens. The keys and values stand before it.";
            (&of.config.base_model_name_or_path, feed.to_owned())
        }
        Adapter::Lora(of) => {
            let feed = "Feed the text of the template with the tokenizer's special tokens.";
            (&of.config.base_model_name_or_path, feed.to_owned())
        }
    };
    format!(
        "---\nbase_model: {}\nlibrary_name: peft\n---\n\n# A prompt mined with promptmine\n\nTemplate: `{}`\n\nLabel words, read at \
         the mask or as the next token:\n\n{}\n\n{feed}\n\n```python\nfrom peft import PeftModel\n\nmodel = \
         PeftModel.from_pretrained(base_model, \"this folder\")\n```\n\n`promptmine import --from peft` reads it as a prompt again.\n",
        base.as_deref().unwrap_or_default(),
        saved.prompt,
        words.join("\n")
    )
}
