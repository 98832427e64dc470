#!/usr/bin/env python3
"""P-tuning or prefix tuning of a causal model with PEFT; prints training steps per second as one JSON line."""
import argparse
import json
import random
import time

import torch
from peft import PrefixTuningConfig, PromptEncoderConfig, TaskType, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--method", choices=["p-tuning", "prefix"], required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--train", required=True, help="text TAB label")
parser.add_argument("--verbalizer", required=True)
parser.add_argument("--template", required=True)
parser.add_argument("--n-soft", type=int, default=20)
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--lr", type=float, default=0.03)
parser.add_argument("--threads", type=int, default=2)
given = parser.parse_args()

torch.set_num_threads(given.threads)
torch.manual_seed(13)
draw = random.Random(13)
tokenizer = AutoTokenizer.from_pretrained(given.model)
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
tokenizer.padding_side = "left"
configuration = PromptEncoderConfig if given.method == "p-tuning" else PrefixTuningConfig
model = get_peft_model(AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32),
                       configuration(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=given.n_soft))
with open(given.train, encoding="utf-8") as lines:
    rows = [line.rstrip("\n").rsplit("\t", 1) for line in lines if "\t" in line]
words = dict(pair.split("=") for pair in given.verbalizer.split(","))
before = given.template.split("{mask}")[0].rstrip(" ")
optimiser = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=given.lr)

losses = []
begun = time.perf_counter()
for _ in range(given.steps):
    part = draw.sample(rows, given.batch)
    inputs = tokenizer([before.format(text=text) + " " + words[label] for text, label in part], return_tensors="pt", padding=True)
    labels = inputs.input_ids.clone()
    labels[:, :-1] = -100  # the loss is that of the label word, which is the last token
    loss = model(**inputs, labels=labels).loss
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    losses.append(loss.item())
seconds = time.perf_counter() - begun
print(json.dumps({"steps_per_second": given.steps / seconds, "first_loss": losses[0], "last_loss": losses[-1]}))
