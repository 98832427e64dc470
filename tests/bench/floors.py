"""The arithmetic that scores need, and how long the best matrix products of both sides would take for it."""
import json
from pathlib import Path

_rates = {}


def rates(machine):
    """Floating-point operations a second, in 10^9, of the best matrix product: burn-flex's and torch's."""
    if not _rates:
        from process import run

        _rates["burn"] = machine.driven("matmul")["gflops"]
        if machine.python:
            script = Path(__file__).resolve().parent / "torch_matmul.py"
            try:
                _rates["torch"] = run([machine.python, str(script), str(machine.threads)], machine.threads)["gflops"]
            except (RuntimeError, FileNotFoundError):
                pass
    return _rates


def operations(config, counted):
    """Floating-point operations for the tokens counted, a multiplication with an addition as two.

    The last layer's queries, output, feed-forward and what is above it are needed once a sequence, its keys and values at
    every token. Norms, activations and softmax are left out: this is a floor.
    """
    d = config["hidden_size"]
    layers, heads = config["num_hidden_layers"], config["num_attention_heads"]
    inner = config["intermediate_size"]
    key_values = config.get("num_key_value_heads", heads) * config.get("head_dim", d // heads)
    gated = config["model_type"] not in ("bert", "roberta", "gpt2")
    feed_forward = (3 if gated else 2) * d * inner
    token, read = d * d + 2 * d * key_values + d * d + feed_forward, 2 * d * d + feed_forward
    products = counted["tokens"] * (token * (layers - 1) + 2 * d * key_values) + counted["sequences"] * read
    # Scores and weighted sums: d multiplications each for every pair of positions; in the last layer of what is read only.
    mean_length = counted["attended"] / max(counted["tokens"], 1)
    attention = 2 * d * (counted["attended"] * (layers - 1) + counted["sequences"] * mean_length)
    head = counted["sequences"] * (d * d if not gated else 0)
    return 2 * (products + attention + head)


def of(machine, model, job, row):
    """The two floors of a scoring row, in seconds for all its scores, and how far both sides are from them."""
    config = json.loads((Path(model) / "config.json").read_text())
    counted = machine.driven("arithmetic", *job)
    needed = operations(config, counted)
    evaluations = counted["prompts"] * counted["examples"]
    found = {"gflop": needed / 1e9, "tokens": counted["tokens"], "plain_tokens": counted["plain_tokens"], "rates_gflops": rates(machine)}
    for backend, rate in rates(machine).items():
        floor = needed / 1e9 / rate
        found[f"{backend}_floor_seconds"] = floor
        found[f"{backend}_floor_per_second"] = evaluations / floor
        found[f"ours_of_{backend}_floor"] = row["ours"]["median"] * floor / evaluations
        if "theirs" in row:
            found[f"theirs_of_{backend}_floor"] = row["theirs"]["median"] * floor / evaluations
    return found
