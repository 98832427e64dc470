"""Where the time of scoring goes: by phase, and where `perf` is installed by function, sampled on one thread."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# The first pattern that a function's name fits says what its time is for.
KINDS = [
    ("tokenising", r"tokenizers::|onig|unicode_normalization|scoring::encode|Encoder"),
    ("matrix products", r"gemm|matmul|matrix|microkernel"),
    ("activation", r"gelu|silu|sigmoid|erf|tanh"),
    ("norms", r"layer_norm|LayerNorm|rms_norm|RmsNorm|norm::"),
    ("attention beside its products", r"attention|softmax|rotary"),
    ("looking up embeddings", r"embed|select|gather"),
    ("moving and elementwise", r"binary|unary|expand|permute|transpose|reshape|copy|cat|slice|memcpy|memmove|memset|contiguous"),
    ("allocating", r"mi_|alloc|free|drop"),
]
def measure(machine, shelf, data, words, shared):
    jobs = [
        ("builtin:reviews-en, SST-2 dev", "builtin:reviews-en", ["this movie is {mask} . {text}"], 0, 2),
        ("BERT-base shape, 64 of SST-2 dev", shelf.bert_base(), ["this movie is {mask} . {text}"], 64, 1),
        ("SmolLM2-135M, one prompt, 32 of SST-2 dev", shelf.smollm2(), ["Review: {text}\nSentiment: {mask}"], 32, 1),
        ("SmolLM2-135M, 64 prompts, 1 of SST-2 dev", shelf.smollm2(), shared, 1, 1),
    ]
    return {"name": "profile", "jobs": [job(machine, data, words, *asked) for asked in jobs if asked[1] is not None]}


def job(machine, data, words, name, model, templates, limit, times):
    shown = [part for template in templates for part in ("--template", template)]
    asked = ["--model", model, *shown, "--verbalizer", words, "--input", data.beginning("dev.tsv", limit)]
    found = {"name": name, "phases": machine.driven("phases", *asked)}
    found["sampled"] = sampled(machine, asked, times)
    return found


def sampled(machine, asked, times):
    """Shares by kind and by function, of `perf` on one thread; None where there is no perf."""
    if not shutil.which("perf"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "perf.data"
        environment = dict(os.environ, RAYON_NUM_THREADS="1")
        command = [machine.drive, "score", *asked, *["--repeat", str(times)]]
        record = ["perf", "record", "-q", "-F", "499", "-e", "cpu-clock:u", "-o", data, "--", *command]
        done = subprocess.run([str(part) for part in record], capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            print(f"perf: {done.stderr.strip()[-300:]}", file=sys.stderr)
            return None
        report = ["perf", "report", "-q", "-i", str(data), "--stdio", "--no-children", "-F", "overhead,symbol", "--percent-limit", "0.02"]
        lines = subprocess.run(report, capture_output=True, text=True).stdout.splitlines()
    functions = {}
    for line in lines:
        match = re.match(r"\s*([\d.]+)%\s+\[.\]\s+(.*)", line)
        if match:
            name = re.sub(r"::h[0-9a-f]{16}$", "", match.group(2).strip())
            functions[name] = functions.get(name, 0) + float(match.group(1)) / 100
    kinds = {}
    for name, share in functions.items():
        kind = next((kind for kind, pattern in KINDS if re.search(pattern, name)), "the rest")
        kinds[kind] = kinds.get(kind, 0) + share
    ordered = lambda shares: sorted(shares.items(), key=lambda item: -item[1])
    return {"kinds": ordered(kinds), "functions": ordered(functions)[:30]}
