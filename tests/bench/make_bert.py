"""Writes a BertForMaskedLM of BERT-base's shape with random weights; arguments: a folder with a WordPiece tokenizer, the folder to make."""
import json
import shutil
import sys
from pathlib import Path

import torch
from transformers import BertConfig, BertForMaskedLM

VOCABULARY = 30522
source, folder = Path(sys.argv[1]), Path(sys.argv[2])
torch.manual_seed(13)
# Transformers' defaults are BERT-base's.
model = BertForMaskedLM(BertConfig(vocab_size=VOCABULARY))
model.save_pretrained(folder)
tokenizer = json.loads((source / "tokenizer.json").read_text())
vocabulary = tokenizer["model"]["vocab"]
for number in range(len(vocabulary), VOCABULARY):
    vocabulary[f"[unused{number}]"] = number
(folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))
shutil.copy(source / "tokenizer_config.json", folder / "tokenizer_config.json")
