"""Writes a GGUF file's causal model and tokenizer as a folder in f32; arguments: the file, the folder to make."""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

source, folder = Path(sys.argv[1]), Path(sys.argv[2])
where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
AutoTokenizer.from_pretrained(**where).save_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
# `save_pretrained` refuses what came from a GGUF file, so config and weights are written one by one.
config = model.config.to_dict()
config.pop("quantization_config", None)
config["architectures"] = [type(model).__name__]
(folder / "config.json").write_text(json.dumps(config, indent=1))
shared = {"lm_head.weight"} if config.get("tie_word_embeddings") else set()
weights = {name: value.contiguous() for name, value in model.state_dict().items() if name not in shared}
save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})
