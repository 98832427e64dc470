//! `promptmine_task.py`: what YAML cannot say.

/// The module, as `!function` calls it.
pub(super) const MODULE: &str = "promptmine_task";

/// Its text: `words[i]` is the label of choice `i`, where a label has several.
pub(super) fn module(splits: &[&str], words: Option<&[usize]>) -> String {
    let listed: Vec<String> = splits.iter().map(|split| format!("\"{split}\"")).collect();
    let mut text = format!(
        "\"\"\"Written by promptmine export --to lm-eval.\"\"\"\n\nimport json\n{}from pathlib import Path\n\nimport datasets\nfrom \
         sklearn.metrics import f1_score\n\nFOLDER = Path(__file__).parent\nSPLITS = [{}]\n",
        if words.is_some() { "import math\n" } else { "" },
        listed.join(", ")
    );
    text.push_str(
        r#"

def load(**_):
    """The rows beside this file, every text as it was written."""
    rows = {}
    for split in SPLITS:
        with open(FOLDER / f"{split}.jsonl", encoding="utf-8", newline="\n") as lines:
            rows[split] = datasets.Dataset.from_list([json.loads(line) for line in lines])
    return rows


def macro_f1(items):
    """The mean of F1 over the labels that occur."""
    gold, predicted = zip(*items)
    return f1_score(gold, predicted, average="macro")
"#,
    );
    if let Some(words) = words {
        let listed: Vec<String> = words.iter().map(usize::to_string).collect();
        text.push_str(&format!("\n\n# The label of each choice.\nLABEL_OF_WORD = [{}]\n", listed.join(", ")));
        text.push_str(
            r#"

def process_results(doc, results):
    """The likeliest label, a label being as likely as its words are together."""
    scores = [float("-inf")] * (max(LABEL_OF_WORD) + 1)
    for label, (logprob, _) in zip(LABEL_OF_WORD, results):
        high, low = max(scores[label], logprob), min(scores[label], logprob)
        scores[label] = high + math.log1p(math.exp(low - high))
    predicted = max(range(len(scores)), key=scores.__getitem__)
    gold = doc["gold"]
    return {"acc": float(predicted == gold), "f1": (gold, predicted), "mcc": (gold, predicted)}
"#,
        );
    }
    text
}
