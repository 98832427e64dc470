"""A child process, its last JSON line, its wall-clock seconds and its peak memory."""
import json
import os
import subprocess
import time
from pathlib import Path


class Machine:
    """Runs both sides with the same number of threads."""

    def __init__(self, threads, promptmine, drive, python, peers):
        self.threads, self.promptmine, self.drive, self.python, self.peers = threads, str(promptmine), str(drive), python, peers

    def ours(self, *arguments, threads=None, cores=None):
        return run([self.promptmine, *arguments], threads or self.threads, cores)

    def driven(self, *arguments, threads=None):
        return run([self.drive, *arguments], threads or self.threads)

    def peer(self, script, *arguments):
        """A peer's script; None where there are no peers."""
        if self.peers is None or self.python is None:
            return None
        return run([self.python, str(self.peers / script), *arguments, "--threads", str(self.threads)], self.threads)

    def script(self, name, *arguments):
        """A peer's script of this folder; None where there is no Python for it."""
        if self.python is None:
            return None
        return run([self.python, str(Path(__file__).resolve().parent / name), *arguments, "--threads", str(self.threads)], self.threads)


def run(command, threads, cores=None):
    """The last JSON line of its output, with `wall_seconds` and `peak_mib` as the kernel counts them.

    The kernel counts a child's peak from the fork on, so this program has to stay small: it imports nothing large.
    """
    environment = dict(os.environ, RAYON_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="false",
                       TRANSFORMERS_OFFLINE="1", HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", HF_HUB_DISABLE_PROGRESS_BARS="1")
    affinity = (lambda: os.sched_setaffinity(0, cores)) if cores else None
    begun = time.perf_counter()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, preexec_fn=affinity)
    # Both pipes are read to their ends before the child is waited for; what is written to stderr is little.
    out = child.stdout.read().decode()
    err = child.stderr.read().decode()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\nended with {child.returncode}:\n{err[-4000:]}")
    try:
        found = json.loads(out[out.index("{"):] if out.lstrip().startswith("{") else out.splitlines()[-1])
    except (ValueError, IndexError):
        found = {}
    found.update(wall_seconds=seconds, peak_mib=usage.ru_maxrss / 1024, user_seconds=usage.ru_utime + usage.ru_stime)
    return found
