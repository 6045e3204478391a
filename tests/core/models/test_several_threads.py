"""Two threads may want a model at the same moment: the first import of transformers, and the loading itself."""

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from core.models import loading
from tests import tiny

ROOT = Path(__file__).parents[3]

CODE = """
import sys, threading, time
import torch
import pytest
from safetensors.torch import load_file, save_file

from core.models import loading

failed = []

def second():
    while "transformers" not in sys.modules:
        time.sleep(0.0005)
    try:
        loading._transformers().AutoModelForCausalLM
    except ImportError as error:
        failed.append(str(error))

threads = [threading.Thread(target=loading._transformers), threading.Thread(target=second)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sys.exit("; ".join(failed) or 0)
"""


def test_a_second_thread_waits_for_the_first_import_of_transformers():
    ended = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def tied_lm(tiny_lm: Path, tmp_path: Path) -> Path:
    """The tiny generator with its input embeddings as output layer, as Gemma has it."""
    folder = tmp_path / "tied"
    shutil.copytree(tiny_lm, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": True}))
    weights = load_file(folder / "model.safetensors")
    weights.pop("lm_head.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_models_loaded_by_several_threads_all_keep_their_tied_output_layer(tied_lm):
    loaded = []
    threads = [
        threading.Thread(target=lambda: loaded.append(loading.load_causal_lm(tied_lm, tiny.PLAN)[0])) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [model.lm_head.weight is model.model.embed_tokens.weight for model in loaded] == [True] * 6
