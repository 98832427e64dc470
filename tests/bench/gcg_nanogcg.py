#!/usr/bin/env python3
"""GCG by nanoGCG (PyPI nanogcg) on the first line of a file; prints steps per second as one JSON line. The clock has no loading."""
import argparse
import json
import time

import nanogcg
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", required=True)
parser.add_argument("--input", required=True, help="text TAB label: the label is what is aimed at")
parser.add_argument("--verbalizer", required=True)
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--search-width", type=int, default=32)
parser.add_argument("--top-k", type=int, default=64)
parser.add_argument("--n-trigger", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
given = parser.parse_args()

torch.set_num_threads(given.threads)
tokenizer = AutoTokenizer.from_pretrained(given.model)
tokenizer.chat_template = "{{ messages[0]['content'] }}"  # it asks for one, and the text is to stay as it is
model = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32).eval()
with open(given.input, encoding="utf-8") as lines:
    text, label = next(lines).rstrip("\n").rsplit("\t", 1)
target = " " + dict(pair.split("=") for pair in given.verbalizer.split(","))[label]


def run(steps, prefix_cache):
    config = nanogcg.GCGConfig(num_steps=steps, optim_str_init=" x" * given.n_trigger, search_width=given.search_width, topk=given.top_k,
                               seed=13, verbosity="ERROR", buffer_size=1, use_prefix_cache=prefix_cache)
    begun = time.perf_counter()
    found = nanogcg.run(model, tokenizer, text + "{optim_str}", target, config)
    return time.perf_counter() - begun, found


prefix_cache = True
try:
    run(1, True)
except Exception:  # its cache of what stands before the trigger is of older releases of transformers
    prefix_cache = False
seconds, found = run(given.steps, prefix_cache)
print(json.dumps({"steps_per_second": given.steps / seconds, "first_loss": found.losses[0], "last_loss": found.losses[-1], "prefix_cache": prefix_cache}))
