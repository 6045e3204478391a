"""Two processes train as one: really two, and to the weights of one process with the same effective batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from tests import tiny

SCRIPT = Path(__file__).with_name("train_in_processes.py")
ROOT = Path(__file__).parents[3]


def start(command: list[str], *arguments: object) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(SCRIPT), *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_torchrun_with_two_processes_trains_like_one_with_twice_the_batch(tmp_path: Path) -> None:
    base = tiny.causal_lm(tmp_path / "tiny-lm")
    two, one = tmp_path / "two", tmp_path / "one"
    two.mkdir()
    one.mkdir()
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "0"]
    start([*launcher, "--standalone"], base, two, 2)
    start([sys.executable], base, one, 4)
    seen = [json.loads((two / f"process-{rank}.json").read_text()) for rank in (0, 1)]
    alone = json.loads((one / "process-0.json").read_text())
    assert [record["world_size"] for record in seen] == [2, 2] and alone["world_size"] == 1
    assert [record["backend"] for record in seen] == ["gloo", "gloo"]
    assert seen[0]["after"] == seen[1]["after"] and seen[0]["steps"] == alone["steps"]
    together, single = (load_file(folder / "adapter" / "adapter_model.safetensors") for folder in (two, one))
    for name, value in single.items():
        assert torch.allclose(value, together[name], atol=1e-3), name
