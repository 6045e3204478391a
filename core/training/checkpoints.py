"""What a killed run left behind: whole checkpoints to resume from, and the figures of its beginning."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

FOLDER, BEFORE, RESULT = "checkpoints", "before.json", "result.json"


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint of a run folder; those cut off while written are removed.

    The Trainer writes trainer_state.json last, so a checkpoint without a readable one is not whole.
    """
    whole = []
    for path in (folder / FOLDER).glob("checkpoint-*"):
        try:
            whole.append((int(json.loads((path / "trainer_state.json").read_text())["global_step"]), path))
        except (OSError, ValueError, KeyError):
            shutil.rmtree(path, ignore_errors=True)
    return max(whole)[1] if whole else None


def forget(folder: Path) -> None:
    """Remove what an earlier run in the same folder left, so that a fresh start is one."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    for name in (BEFORE, RESULT, "metrics.jsonl"):
        (folder / name).unlink(missing_ok=True)
