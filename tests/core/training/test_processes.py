"""Two processes train as one with twice the batch, and a process killed outright resumes to the same weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from tests import tiny

SCRIPT = Path(__file__).with_name("train_in_processes.py")
ROOT = Path(__file__).parents[3]


def start(command: list[str], *arguments: object, killed: bool = False) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(SCRIPT), *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == (-signal.SIGKILL if killed else 0), done.stderr[-3000:]


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


def test_kill_9_in_the_middle_of_training_resumes_to_the_same_loss_and_weights(tmp_path: Path) -> None:
    base = tiny.causal_lm(tmp_path / "tiny-lm")
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    cut.mkdir()
    whole.mkdir()
    start([sys.executable], base, cut, 4, 6, killed=True)  # two steps after the checkpoint of the first epoch
    assert not (cut / "adapter").exists()
    start([sys.executable], base, cut, 4)
    start([sys.executable], base, whole, 4)
    resumed, straight = (json.loads((folder / "process-0.json").read_text()) for folder in (cut, whole))
    assert resumed == straight
    left, right = (load_file(folder / "adapter" / "adapter_model.safetensors") for folder in (cut, whole))
    assert all(torch.equal(value, right[name]) for name, value in left.items())
