"""Builds what is measured."""
import json
import subprocess
import sys


def build(root):
    """The promptmine binary and the bench binary, for the CPU only."""
    command = ["cargo", "build", "--release", "--no-default-features", "--bin", "promptmine", "--bench", "drive", "--message-format=json-render-diagnostics"]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("the build failed")
    found = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message.get("executable"):
            found[message["target"]["name"]] = message["executable"]
    return found["promptmine"], found["drive"]
