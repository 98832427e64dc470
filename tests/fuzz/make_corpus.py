#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets' corpus: small sound files, and the lies that readers have to see through.

Files that the fuzzer found are kept beside them, under the name `found-...`.

    python make_corpus.py       # numpy and the package gguf, for the sound file with blocks
"""
import io
import json
import os
import struct
import tempfile
import zipfile

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


# ---- pytorch_model.bin: a zip file with a pickle, written instruction by instruction

def word(s):
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def numbers(*values):
    return b"(" + b"".join(b"J" + struct.pack("<i", v) for v in values) + b"t"


def called(module, name):
    return f"c{module}\n{name}\n".encode()


def storage(key="0", kind="FloatStorage", n=6):
    return b"(" + word("storage") + called("torch", kind) + word(key) + word("cpu") + b"K" + bytes([n]) + b"tQ"


def pickled_tensor(shape=(2, 3), strides=(3, 1), offset=0, **stored):
    arguments = storage(**stored) + b"J" + struct.pack("<i", offset) + numbers(*shape) + numbers(*strides) + b"\x89"
    return called("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + called("collections", "OrderedDict") + b")RtR"


def state_dict(*pairs):
    return b"\x80\x02}(" + b"".join(word(name) + value for name, value in pairs) + b"u."


SOUND = state_dict(("a", pickled_tensor()))
NUMBERS = {"data/0": struct.pack("<6f", *range(6))}


def torch_file(pickle=SOUND, records=NUMBERS, root="m", how=zipfile.ZIP_STORED):
    """As `torch.save` writes it, in all that a reader looks at."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in {"data.pkl": pickle, "version": b"3\n", **records}.items():
            if data is not None:
                archive.writestr(zipfile.ZipInfo(f"{root}/{name}", (1980, 1, 1, 0, 0, 0)), data, how)
    return out.getvalue()


def changed(data, place, value):
    return data[:place] + value + data[place + len(value):]


def pytorch():
    sound = torch_file()
    end, directory = sound.rindex(b"PK\x05\x06"), sound.index(b"PK\x01\x02")
    half = state_dict(("a", pickled_tensor(kind="HalfStorage")), ("b", pickled_tensor(shape=(3, 2), strides=(1, 3), kind="HalfStorage")))
    parameter = called("torch._utils", "_rebuild_parameter") + b"(" + pickled_tensor() + b"\x89" + called("collections", "OrderedDict") + b")RtR"
    memo = b"\x80\x02}q\x00(" + word("a") + b"q\x01" + pickled_tensor() + b"q\x02" + word("b") + b"h\x02u."
    for name, data in {
        "sound": sound,
        "sound-shared": torch_file(memo),
        "sound-parameter": torch_file(state_dict(("a", parameter))),
        "half": torch_file(half, {"data/0": struct.pack("<6e", *range(6))}),
        "nan": torch_file(records={"data/0": b"\xff" * 24}),
        "whole-numbers": torch_file(state_dict(("a", pickled_tensor(kind="LongStorage"))), {"data/0": bytes(48)}),
        "runs-a-command": torch_file(b"\x80\x02" + called("posix", "system") + b"(" + word("true") + b"tR."),
        "runs-by-name": torch_file(b"\x80\x04" + b"\x8c\x08builtins\x8c\x04eval\x93(" + word("1") + b"tR."),
        "whole-model": torch_file(b"\x80\x02" + called("transformers", "BertModel") + b")\x81."),
        "no-dict": torch_file(b"\x80\x02]."),
        "dict-of-texts": torch_file(state_dict(("a", word("b")))),
        "nested-dicts": torch_file(b"\x80\x02" + b"}" + word("a") + (b"}" + word("a")) * 3000 + b"N" + b"s" * 3001 + b"."),
        "dict-in-itself": torch_file(b"\x80\x02}q\x00" + word("a") + b"h\x00s."),
        "stack-empty": torch_file(b"\x80\x02."),
        "marks": torch_file(b"\x80\x02" + b"(" * 5000 + b"."),
        "unknown-instruction": torch_file(b"\x80\x02\xff."),
        "protocol-9": torch_file(b"\x80\x09}."),
        "pickle-cut": torch_file(SOUND[:40]),
        "huge-shape": torch_file(state_dict(("a", pickled_tensor(shape=(2**31 - 1, 2**31 - 1), strides=(0, 0))))),
        "all-one-number": torch_file(state_dict(*[(str(n), pickled_tensor(shape=(300, 300), strides=(0, 0))) for n in range(50)])),
        "negative": torch_file(state_dict(("a", pickled_tensor(offset=-1)))),
        "negative-strides": torch_file(state_dict(("a", pickled_tensor(strides=(-3, 1))))),
        "beyond": torch_file(state_dict(("a", pickled_tensor(offset=4)))),
        "other-size": torch_file(state_dict(("a", pickled_tensor(n=7)))),
        "no-storage": torch_file(state_dict(("a", pickled_tensor(key="1")))),
        "storage-elsewhere": torch_file(state_dict(("a", pickled_tensor(key="../data.pkl")))),
        "tensor-twice": torch_file(state_dict(("a", pickled_tensor()), ("a", pickled_tensor()))),
        "big-endian": torch_file(records=NUMBERS | {"byteorder": b"big"}),
        "script": torch_file(records=NUMBERS | {"constants.pkl": b"\x80\x02)."}),
        "compressed": torch_file(how=zipfile.ZIP_DEFLATED),
        "no-pickle": torch_file(pickle=None),
        "no-end": sound[:end],
        "directory-beyond": changed(sound, end + 16, struct.pack("<I", 2**32 - 1)),
        "directory-long": changed(sound, end + 12, struct.pack("<I", 2**31)),
        "record-beyond": changed(sound, directory + 42, struct.pack("<I", len(sound))),
        "record-long": changed(sound, directory + 20, struct.pack("<II", 2**31, 2**31)),
        "record-64": changed(sound, directory + 20, struct.pack("<II", 2**32 - 1, 2**32 - 1)),
        "encrypted": changed(sound, directory + 8, b"\1\0"),
        "legacy": b"\x80\x02\x8a\x0a" + bytes(40),
        "empty": b"",
        "magic": b"PK\x03\x04",
        "text": b"<!DOCTYPE html><html><body>Not found</body></html>",
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    }.items():
        put("pytorch", name, data)


def main():
    pytorch()
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
