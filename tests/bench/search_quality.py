#!/usr/bin/env python3
"""How good the searches along gradients are beside their published programs, on the same model, data, steps and candidates.

autoprompt: the peer script autoprompt_torch.py (AutoPrompt as published, arXiv 2010.15980) on a masked model. For each seed both get
the same k-shot train and dev files, the same place of the trigger, steps, candidates a step and batch size. Compared: the best dev
accuracy of the prompts that were accepted within those steps, mean over the seeds, with its standard error, and steps a second.

gcg: nanoGCG (PyPI nanogcg; arXiv 2307.15043) on a causal model. It knows one text and one target, so each task is one sentence
with the wrong label word as target, for both. nanoGCG makes -log P(word) over the whole vocabulary small, ours the cross-entropy
among the label words; what both found is scored by transformers on both figures.

    python tests/bench/search_quality.py autoprompt --promptmine target/release/promptmine --peer autoprompt_torch.py \\
        --model reviews-en --train train.tsv --dev dev.tsv --label-words 0=terrible,1=great
    python tests/bench/search_quality.py gcg --promptmine target/release/promptmine --model SmolLM2-folder --dev dev.tsv \\
        --label-words 0=terrible,1=great

Files are text TAB label without a header; models are folders in Hugging Face layout. Needs torch and transformers, and nanogcg for
gcg. Prints one JSON object.
"""

import argparse
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [line.rstrip("\n").rsplit("\t", 1) for line in lines if "\t" in line]


def write(path, rows):
    path.write_text("".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")


def words_of(argument):
    return dict(pair.split("=", 1) for pair in argument.split(","))


def summary(values):
    mean = statistics.fmean(values)
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else float("nan")
    return {"mean": mean, "standard_error": error, "values": values}


def compared(ours, theirs, higher_is_better):
    difference = ours["mean"] - theirs["mean"] if higher_is_better else theirs["mean"] - ours["mean"]
    error = math.hypot(ours["standard_error"], theirs["standard_error"])
    return {"ours_better_by": difference, "standard_error": error, "not_worse_by_more_than_one": difference >= -error}


def experiment(folder, model, words, item, budget, seed):
    """An experiment file for one trial on train.tsv and dev.tsv of `folder`; `item` is a flow mapping of YAML."""
    labels = ", ".join(words)
    verbalizer = ", ".join(f"{label}: [{word}]" for label, word in words.items())
    (folder / "quality.yaml").write_text(
        f"""format: 1
name: quality
task:
  dataset: {{ train: train.tsv, dev: dev.tsv, columns: [text, label], header: no, labels: [{labels}] }}
  template: "{{text}} {{mask}}"
  verbalizer: {{ {verbalizer} }}
models: [{json.dumps(str(Path(model).resolve()))}]
shots: [given]
seeds: [{seed}]
search:
  - {item}
budget: {{ evaluations: {budget} }}
select: {{ by: accuracy }}
""",
        encoding="utf-8",
    )


def run(promptmine, folder, method):
    command = [promptmine, "run", "quality.yaml", "--only", method, "--device", "cpu", "--quiet"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    trial = next(iter((folder / "results/quality/trials").iterdir()))
    events = [json.loads(line) for line in (trial / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    return events


def within(events, steps):
    """The events up to the last step that counts: starts do not count as steps."""
    kept, n = [], 0
    for event in events:
        if event["event"] == "step" and "moved" in event["trace"]:
            n += 1
            if n > steps:
                break
        kept.append(event)
    return kept, min(n, steps)


def few_shot(rows, words, shots, seed):
    """k of each label, in an order that only the seed decides."""
    drawn = []
    for label in words:
        of_label = sorted(text for text, found in rows if found == label)
        drawn.append([(text, label) for text in random.Random(f"{seed} {label}").sample(of_label, shots)])
    return [row for rows in zip(*drawn) for row in rows]


def autoprompt(a):
    words = words_of(a.label_words)
    train, dev = read(a.train), read(a.dev)
    ours, theirs, rates = [], [], {"ours": [], "theirs": []}
    for seed in a.seeds:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            write(folder / "train.tsv", few_shot(train, words, a.shots, seed))
            write(folder / "dev.tsv", few_shot(dev, words, a.dev_shots, seed))
            peer = [sys.executable, a.peer, "--model", a.model, "--train", folder / "train.tsv", "--dev", folder / "dev.tsv"]
            peer += ["--verbalizer", a.label_words, "--n-trigger", a.n_trigger, "--n-candidates", a.n_candidates]
            peer += ["--steps", a.steps, "--batch", a.batch_size, "--threads", a.threads, "--seed", seed]
            done = subprocess.run([str(part) for part in peer], capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(done.stderr)
            told = json.loads(done.stdout.splitlines()[-1])
            theirs.append(told["best_dev_accuracy"])
            rates["theirs"].append(told["steps_per_second"])

            item = "{ method: autoprompt, template: '{text} {trigger:%d}{mask}', " % a.n_trigger
            item += f"n_candidates: {a.n_candidates}, batch_size: {a.batch_size}, "
            item += f"patience: {a.patience}, words_only: false }}"
            step = a.batch_size * (4 + a.n_candidates) + 2 * a.dev_shots * len(words)
            experiment(folder, a.model, words, item, (a.steps + 4) * step, seed)
            begun = time.perf_counter()
            events, n = within(run(a.promptmine, folder, "autoprompt"), a.steps)
            seconds = time.perf_counter() - begun
            all_steps = n if n < a.steps else sum("moved" in e.get("trace", {}) for e in events)
            rates["ours"].append(all_steps / seconds)
            ours.append(max(event["dev"]["metric"] for event in events if event["event"] == "scored"))
    ours, theirs = summary(ours), summary(theirs)
    return {
        "compared": "autoprompt", "seeds": a.seeds, "steps": a.steps, "n_candidates": a.n_candidates, "batch_size": a.batch_size,
        "best_dev_accuracy": {"ours": ours, "theirs": theirs, **compared(ours, theirs, True)},
        "steps_per_second": {name: statistics.fmean(values) for name, values in rates.items()},
        "note": "ours includes starting the program and loading the model, theirs does not",
    }


def gcg(a):
    import nanogcg
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(a.threads)
    tokenizer = AutoTokenizer.from_pretrained(a.model)
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32).eval()
    words = words_of(a.label_words)
    labels = list(words)
    first = {label: tokenizer(" " + word, add_special_tokens=False).input_ids[0] for label, word in words.items()}
    sentences = few_shot(read(a.dev), words, math.ceil(a.tasks / len(words)), 0)[: a.tasks]

    def figures(text, trigger, target):
        ids = tokenizer(text, add_special_tokens=False).input_ids + trigger
        with torch.no_grad():
            logprobs = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
        among = torch.stack([logprobs[first[label]] for label in labels]).log_softmax(0)
        return -logprobs[first[target]].item(), -among[labels.index(target)].item()

    found = {"ours": [], "theirs": []}
    seconds = {"ours": 0.0, "theirs": 0.0}
    for number, (text, gold) in enumerate(sentences):
        target = next(label for label in labels if label != gold)
        config = nanogcg.GCGConfig(
            num_steps=a.steps, optim_str_init=" x" * a.n_trigger, search_width=a.width, topk=a.top_k, seed=number,
            verbosity="ERROR", buffer_size=1, use_prefix_cache=False,
        )
        begun = time.perf_counter()
        best = nanogcg.run(model, tokenizer, text + "{optim_str}", " " + words[target], config).best_string
        seconds["theirs"] += time.perf_counter() - begun
        found["theirs"].append(figures(text, tokenizer(best, add_special_tokens=False).input_ids, target))

        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            for split in ["train", "dev"]:
                write(folder / f"{split}.tsv", [(text, target)])
            item = "{ method: gcg, template: '{text}{trigger:%d}{mask}', " % a.n_trigger
            item += f"search_width: {a.width}, top_k: {a.top_k}, batch_size: 1, "
            item += f"patience: {a.steps}, words_only: false, script: latin }}"
            budget = 2 + (a.steps + 1) * (3 + 1 + a.width + 1)
            experiment(folder, a.model, words, item, budget, number)
            whole = run(a.promptmine, folder, "gcg")
            seconds["ours"] += whole[-1]["seconds"]
            events, _ = within(whole, a.steps)
            scored = [event for event in events if event["event"] == "scored"]
            best = max(scored, key=lambda event: event["dev"]["log_likelihood"])
            found["ours"].append(figures(text, best["trigger_ids"], target))
    result = {"compared": "gcg", "tasks": len(sentences), "steps": a.steps, "search_width": a.width, "top_k": a.top_k}
    for place, name in enumerate(["negative_log_probability", "cross_entropy_among_labels"]):
        ours, theirs = (summary([pair[place] for pair in found[who]]) for who in ["ours", "theirs"])
        result[name] = {"ours": ours, "theirs": theirs, **compared(ours, theirs, False)}
    # Of two labels the target is predicted where its cross-entropy is below ln 2.
    won = {who: summary([float(pair[1] < math.log(2)) for pair in found[who]]) for who in found}
    result["target_predicted"] = {**won, **compared(won["ours"], won["theirs"], True)}
    result["steps_per_second"] = {who: a.steps * len(sentences) / seconds[who] for who in seconds}
    result["note"] = "neither includes loading the model; ours scores dev after every step, theirs has none"
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("autoprompt")
    one.add_argument("--peer", required=True)
    one.add_argument("--train", required=True)
    one.add_argument("--seeds", type=int, nargs="+", default=[13, 21, 42, 87, 100])
    one.add_argument("--shots", type=int, default=16)
    one.add_argument("--dev-shots", type=int, default=16)
    one.add_argument("--n-trigger", type=int, default=3)
    one.add_argument("--n-candidates", type=int, default=10)
    one.add_argument("--batch-size", type=int, default=16)
    one.add_argument("--steps", type=int, default=20)
    one.add_argument("--patience", type=int, default=1000, help="steps without a move before ours begins anew; the peer never does")
    one.set_defaults(compare=autoprompt)
    two = commands.add_parser("gcg")
    two.add_argument("--tasks", type=int, default=5)
    two.add_argument("--n-trigger", type=int, default=5)
    two.add_argument("--width", type=int, default=32)
    two.add_argument("--top-k", type=int, default=64)
    two.add_argument("--steps", type=int, default=10)
    two.set_defaults(compare=gcg)
    for command in [one, two]:
        command.add_argument("--promptmine", required=True, type=lambda path: str(Path(path).resolve()))
        command.add_argument("--model", required=True)
        command.add_argument("--dev", required=True)
        command.add_argument("--label-words", required=True)
        command.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    print(json.dumps(a.compare(a), indent=2))


if __name__ == "__main__":
    main()
