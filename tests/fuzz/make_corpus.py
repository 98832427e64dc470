#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets' corpus: small sound files, and the lies that readers have to see through.

    python make_corpus.py       # numpy and the package gguf, for the sound file with blocks
"""
import json
import os
import struct
import tempfile

import gguf
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def put(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


# ---- GGUF

def text(s):
    s = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(s)) + s


def key(name, kind, value):
    return text(name) + struct.pack("<I", kind) + value


def tensor(name, axes, kind, offset):
    return text(name) + struct.pack("<I", len(axes)) + b"".join(struct.pack("<Q", a) for a in axes) + struct.pack("<IQ", kind, offset)


def listed(kind, count, values):
    return struct.pack("<IQ", kind, count) + values


ARCHITECTURE = key("general.architecture", 8, text("llama"))
TENSORS = [tensor("a", [2, 3], 0, 0), tensor("b", [4], 0, 32)]


def gguf_file(version=3, keys=(ARCHITECTURE,), tensors=TENSORS, n_keys=None, n_tensors=None, data=48):
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors) if n_tensors is None else n_tensors, len(keys) if n_keys is None else n_keys)
    out += b"".join(keys) + b"".join(tensors)
    out += bytes(-len(out) % 32)
    return out + bytes(data)


def sound_gguf(kind, **changes):
    """A whole model with a tokenizer, tiny, with the keys of `changes` said otherwise."""
    path = os.path.join(tempfile.gettempdir(), "sound.gguf")
    w = gguf.GGUFWriter(path, "llama")
    said = dict(block_count=1, context_length=8, embedding_length=32, feed_forward_length=32, head_count=2, head_count_kv=1) | changes
    for name, value in said.items():
        getattr(w, "add_" + name)(value)
    w.add_layer_norm_rms_eps(1e-5)
    rng = np.random.default_rng(1)
    tokens = ["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁ab"] if kind == "llama" else ["<s>", "a", "b", "ab", "Ġ", "Ġa", "c", "d"]
    w.add_tokenizer_model(kind)
    w.add_token_list(tokens)
    w.add_token_types([3 if t.startswith("<") else 1 for t in tokens])
    if kind == "llama":
        w.add_token_scores([0.0, 0.0, 0.0, -1.0, -2.0, -3.0, -4.0, -5.0])
        w.add_bos_token_id(1)
    else:
        w.add_tokenizer_pre("gpt-2")
        w.add_token_merges(["a b", "Ġ a"])
        w.add_bos_token_id(0)
    q = gguf.GGMLQuantizationType
    for name, rows, kind in [("token_embd", 8, q.Q4_0), ("blk.0.attn_q", 32, q.Q4_1), ("blk.0.attn_k", 16, q.Q5_0), ("blk.0.attn_v", 16, q.Q5_1),
                             ("blk.0.attn_output", 32, q.Q8_0), ("blk.0.ffn_up", 32, q.BF16), ("blk.0.ffn_gate", 32, q.Q4_0), ("blk.0.ffn_down", 32, q.Q8_0)]:
        raw = gguf.quants.quantize(rng.standard_normal((rows, 32)).astype(np.float32), kind)
        w.add_tensor(name + ".weight", raw, raw_dtype=kind)
    for name in ["output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"]:
        w.add_tensor(name + ".weight", np.ones(32, dtype=np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    with open(path, "rb") as file:
        return file.read()


def main():
    big = 2**64 - 1
    deep = b"\0"
    for _ in range(6):
        deep = listed(9, 1, deep)
    for name, data in {
        "no-model": gguf_file(),
        "sound-spm": sound_gguf("llama"),
        "sound-bpe": sound_gguf("gpt2"),
        "no-heads-fit": sound_gguf("gpt2", head_count=7, head_count_kv=5),
        "many-blocks": sound_gguf("gpt2", block_count=2**31),
        "huge-width": sound_gguf("gpt2", embedding_length=2**32 - 2),
        "empty": b"",
        "magic": b"GGUF",
        "version-1": gguf_file(version=1),
        "big-endian": gguf_file(version=0x03000000),
        "billion-tensors": gguf_file(n_tensors=10**9),
        "most-keys": gguf_file(n_keys=big),
        "one-key-too-many": gguf_file(n_keys=2),
        "long-key": gguf_file(keys=[struct.pack("<Q", big) + b"k"]),
        "long-text": gguf_file(keys=[ARCHITECTURE, key("k", 8, struct.pack("<Q", big))]),
        "long-list": gguf_file(keys=[ARCHITECTURE, key("k", 9, listed(12, 2**61, b""))]),
        "deep-lists": gguf_file(keys=[ARCHITECTURE, key("k", 9, deep)]),
        "unknown-type": gguf_file(keys=[key("k", 13, b"")]),
        "key-twice": gguf_file(keys=[ARCHITECTURE] * 2),
        "alignment-0": gguf_file(keys=[ARCHITECTURE, key("general.alignment", 4, struct.pack("<I", 0))]),
        "alignment-24": gguf_file(keys=[ARCHITECTURE, key("general.alignment", 4, struct.pack("<I", 24))]),
        "not-utf8": gguf_file(keys=[key("general.architecture", 8, text(b"\xff\xfe"))]),
        "unaligned": gguf_file(tensors=[TENSORS[0], tensor("b", [4], 0, 36)]),
        "beyond": gguf_file(tensors=[TENSORS[0], tensor("b", [4], 0, 2**64 - 32)]),
        "overlapping": gguf_file(tensors=[TENSORS[0], tensor("b", [4], 0, 0)]),
        "tensor-twice": gguf_file(tensors=[TENSORS[0], tensor("a", [4], 0, 32)]),
        "overflowing": gguf_file(tensors=[tensor("a", [2**32, 2**32], 0, 0)]),
        "overflowing-bytes": gguf_file(tensors=[tensor("a", [2**62], 0, 0)]),
        "no-numbers": gguf_file(tensors=[tensor("a", [0], 0, 0)]),
        "no-axes": gguf_file(tensors=[tensor("a", [], 0, 0)]),
        "many-axes": gguf_file(tensors=[tensor("a", [1] * 9, 0, 0)]),
        "q2k": gguf_file(tensors=[tensor("a", [256], 10, 0)]),
        "part-of-a-block": gguf_file(tensors=[tensor("a", [33], 8, 0)]),
        "truncated": gguf_file(data=40),
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "lying-token-types": gguf_file(keys=[ARCHITECTURE, key("tokenizer.ggml.model", 8, text("gpt2")),
                                             key("tokenizer.ggml.tokens", 9, listed(4, 2, bytes(8)))]),
        "token-beyond": gguf_file(keys=[ARCHITECTURE, key("tokenizer.ggml.model", 8, text("gpt2")),
                                        key("tokenizer.ggml.tokens", 9, listed(8, 1, text("a"))),
                                        key("tokenizer.ggml.bos_token_id", 4, struct.pack("<I", 7))]),
    }.items():
        put("gguf", name, data)

    # ---- safetensors

    def safe(header, data=b"", length=None):
        header = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(header) if length is None else length) + header + data

    one = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    for name, data in {
        "sound": safe(one, bytes(8)),
        "half": safe({"a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        "nan": safe({"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}, b"\xff\xff"),
        "empty": b"",
        "short": b"\x08\0\0",
        "long-header": safe(one, bytes(8), length=big),
        "longer-header": safe(one, bytes(8), length=10**7),
        "truncated": safe(one, bytes(7)),
        "hole": safe({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)),
        "overlapping": safe({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)),
        "backwards": safe({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}, bytes(8)),
        "overflowing-shape": safe({"a": {"dtype": "F32", "shape": [2**33, 2**33], "data_offsets": [0, 8]}}, bytes(8)),
        "overflowing-offset": safe({"a": {"dtype": "F32", "shape": [2], "data_offsets": [2**64 - 8, 2**64 - 1]}}, bytes(8)),
        "negative": safe({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}, bytes(8)),
        "no-header": safe([], bytes(8)),
        "nested": safe(b"[" * 3000),
        "unknown-type": safe({"a": {"dtype": "F32X", "shape": [2], "data_offsets": [0, 8]}}, bytes(8)),
        "whole-numbers": safe({"a": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}, bytes(8)),
        "text": b"<!DOCTYPE html><html><body>Not found</body></html>",
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    }.items():
        put("safetensors", name, data)

    # ---- config.json

    small = dict(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2, intermediate_size=12)
    gpt2 = dict(model_type="gpt2", vocab_size=20, n_embd=8, n_layer=1, n_head=2)
    families = ["bert", "ernie", "roberta", "xlm-roberta", "distilbert", "albert", "electra", "llama", "mistral", "qwen2", "qwen3", "glm", "glm4", "gemma3_text"]
    configs = {f"sound-{name}": small | {"model_type": name} for name in families} | {
        "sound-gpt2": gpt2,
        "sound-distilbert": dict(model_type="distilbert", vocab_size=20, dim=8, n_layers=1, n_heads=2, hidden_dim=12),
        "unknown": small | {"model_type": "mamba"},
        "no-type": small,
        "huge-vocabulary": small | {"model_type": "llama", "vocab_size": 2**28},
        "huge-width": small | {"model_type": "llama", "hidden_size": 2**28, "head_dim": 2**28},
        "huge-depth": small | {"model_type": "llama", "num_hidden_layers": 2**28},
        "huge-depth-bert": small | {"model_type": "bert", "num_hidden_layers": 2**28},
        "huge-depth-gpt2": gpt2 | {"n_layer": 2**28},
        "huge-positions": small | {"model_type": "bert", "max_position_embeddings": 2**28},
        "overflow": small | {"model_type": "llama", "hidden_size": 2**64 - 1},
        "gpt2-overflow": gpt2 | {"n_embd": 2**28, "n_positions": 2**28},
        "zero-heads": small | {"model_type": "llama", "num_attention_heads": 0},
        "more-kv-than-heads": small | {"model_type": "llama", "num_key_value_heads": 4},
        "odd-heads": small | {"model_type": "llama", "head_dim": 3},
        "negative": small | {"model_type": "llama", "rms_norm_eps": -1},
        "texts": {name: "8" for name in small} | {"model_type": "bert"},
        "rope": small | {"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 0, "low_freq_factor": 1, "high_freq_factor": 1, "original_max_position_embeddings": 8}},
        "rope-list": small | {"model_type": "llama", "rope_scaling": [1]},
        "layer-types": small | {"model_type": "gemma3_text", "layer_types": ["full_attention"] * 3},
        "pattern-0": small | {"model_type": "gemma3_text", "sliding_window_pattern": 0},
        "list": [1],
        "nothing": None,
    }
    for name, config in configs.items():
        put("config", name, json.dumps(config).encode())
    put("config", "half", b'{"model_type": "bert", ')
    put("config", "empty", b"")
    put("config", "nested", b"[" * 3000)
    put("config", "exponent", b'{"model_type": "llama", "vocab_size": 1e308, "hidden_size": 1e-400}')


if __name__ == "__main__":
    main()
