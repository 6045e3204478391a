"""Two threads may want a model at the same moment, before anything has imported transformers."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

CODE = """
import sys, threading, time
import torch
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
