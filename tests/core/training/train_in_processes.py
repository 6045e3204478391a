"""Run by tests in processes of their own: base, run folder, batch size, step to die at; writes what each saw."""

import json
import os
import signal
import sys
from pathlib import Path

from core.events import Progress
from core.models.device import DevicePlan
from core.runs import Run
from core.training.examples import SftExample
from core.training.finetune import finetune
from core.training.options import TrainingOptions

DATA = [SftExample(({"role": "user", "content": f"code {n}"},), "ok " * (1 + n % 5)) for n in range(16)]
OPTIONS = TrainingOptions(
    epochs=2, learning_rate=0.01, rank=4, alpha=4, dropout=0.0, max_tokens=64, schedule="constant", patience=0
)
PLAN = DevicePlan("cpu", "float32", 1, "none", None, 8.0, "test")


def main(base: str, folder: str, batch_size: str, die_at: str = "0") -> None:
    from dataclasses import replace

    import torch

    run = Run(Path(folder))
    options = replace(OPTIONS, batch_size=int(batch_size))

    def die(event: object) -> None:
        if isinstance(event, Progress) and event.done == int(die_at):
            os.kill(os.getpid(), signal.SIGKILL)

    result = finetune("sft", Path(base), DATA, DATA[:5], options, run, die, plan=PLAN)
    rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
    backend = torch.distributed.get_backend() if torch.distributed.is_initialized() else "none"
    record = {"world_size": result.world_size, "after": result.after, "steps": result.steps, "backend": backend}
    (run.path / f"process-{rank}.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main(*sys.argv[1:])
