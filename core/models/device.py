"""Chooses device, number format, threads and quantisation once, and says why in words.

It knows the machine and the settings, and no model: what a model needs is estimated in ``core.models.memory``.
"""

from __future__ import annotations

import importlib.util
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from core.errors import MissingExtraError, SettingsError
from core.models import threads as thread_numbers
from core.models.memory import (
    ModelShape,
    estimate_inference_gb,
    estimate_training_gb,
    free_memory_bytes,
    require_memory,
)

if TYPE_CHECKING:
    from core.settings import ModelSettings

__all__ = [
    "DevicePlan",
    "ModelShape",
    "apply",
    "estimate_inference_gb",
    "estimate_training_gb",
    "free_memory_bytes",
    "one_blas_thread",
    "plan",
    "require_memory",
]

INT8 = ("bfloat16", "float32")  # formats in which a CPU decodes by small weights
FEW_TOKENS = 64  # a question or two: MiniLM reads one in 12 ms with one thread and in 14-18 with two
SHORT_DTYPE = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


@dataclass(frozen=True)
class DevicePlan:
    """Where and how models run; ``reason`` is shown to people at start-up.

    ``quantize`` is ``none``, ``int8`` (our small weights for decoding on a CPU), ``8bit`` or ``4bit`` (bitsandbytes on
    a CUDA card). ``device_map`` is ``auto`` when a model is spread over several cards, else None.
    """

    device: str
    dtype: str
    threads: int
    quantize: str
    device_map: str | None
    free_gb: float
    reason: str
    step_threads: int | None = None  # for the steps in which an answer is made; None: ``threads``


def plan(settings: ModelSettings) -> DevicePlan:
    """The plan for this machine; a setting other than ``auto`` is obeyed or refused, never replaced.

    Raises ``SettingsError`` for a device that is not there and ``MissingExtraError`` for 4-/8-bit without bitsandbytes.
    """
    device, why_device = _choose_device(settings.device)
    dtype, why_dtype = _choose_dtype(device, settings.dtype)
    threads, why_threads = _choose_threads(settings.threads, dtype)
    quantize, why_quantize = _choose_quantize(device, dtype, settings.quantize)
    cards = _cards() if device == "cuda" else 0
    free_gb = round(free_memory_bytes(device) / 1e9, 1)
    reasons = [why_device, why_dtype, why_threads, why_quantize, f"{free_gb} GB free"]
    if cards > 1:
        reasons.insert(1, f"spread over {cards} cards")
    reason, spread = "; ".join(r for r in reasons if r), "auto" if cards > 1 else None
    return DevicePlan(device, dtype, threads.batch, quantize, spread, free_gb, reason, threads.step)


def apply(chosen: DevicePlan, tokens: int | None = None) -> None:
    """Set torch's thread count for a pass over ``tokens``; call it before each: OpenMP keeps a number per thread."""
    import torch

    few = tokens is not None and tokens <= FEW_TOKENS
    torch.set_num_threads((few and chosen.step_threads) or chosen.threads)


def one_blas_thread() -> AbstractContextManager[Any]:
    """Inside, numpy's products run on one thread of the whole process, as suits many small ones.

    200 x 384 by 384 x 24 took 0.3 ms so and 14 ms with two threads, where both cores had other work.
    """
    limited: AbstractContextManager[Any] = _blas().limit(limits=1)
    return limited


@lru_cache(maxsize=1)
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    import_module("scipy.linalg")  # brings a library of its own, which is found only once it is loaded
    return ThreadpoolController().select(user_api="blas")


def _cards() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _choose_device(wanted: str) -> tuple[str, str]:
    import torch

    has_mps = torch.backends.mps.is_available()
    if wanted == "auto":
        if _cards():
            return "cuda", f"CUDA card {torch.cuda.get_device_name(0)}"
        return ("mps", "Apple GPU") if has_mps else ("cpu", f"CPU ({platform.machine()}), no GPU found")
    kind, _, number = wanted.partition(":")
    cards = _cards()
    if kind == "cuda" and (not cards or (number and int(number) >= cards)):
        raise SettingsError(f"models.device is '{wanted}', but torch sees {cards} CUDA cards: choose auto or cpu.")
    if kind == "mps" and not has_mps:
        raise SettingsError("models.device is 'mps', but torch sees no Apple GPU: choose auto or cpu.")
    if kind not in {"cpu", "cuda", "mps"}:
        raise SettingsError(f"models.device must be auto, cpu, cuda, cuda:N or mps, got '{wanted}'.")
    return wanted, f"{wanted} by setting"


def _choose_dtype(device: str, wanted: str) -> tuple[str, str]:
    import torch

    wanted = SHORT_DTYPE.get(wanted, wanted)
    if wanted != "auto":
        if wanted not in SHORT_DTYPE.values():
            raise SettingsError(f"models.dtype must be auto, bfloat16, float16 or float32, got '{wanted}'.")
        return wanted, f"{wanted} by setting"
    if device.startswith("cuda"):
        good = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bfloat16", "the card computes bfloat16") if good else ("float16", "the card has no bfloat16")
    if device == "mps":
        return "float16", "float16 on Apple GPUs"
    return ("bfloat16", "the CPU computes bfloat16") if cpu_has_bf16() else ("float32", "the CPU has no bfloat16")


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 natively (AVX-512 BF16, AMX, or Arm's BF16); else fp32 is quicker."""
    import torch

    known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(bool(known.get(name)) for name in ("avx512_bf16", "amx_bf16", "bf16", "arm_bf16"))


def _choose_threads(wanted: int | str, dtype: str) -> tuple[thread_numbers.Threads, str]:
    if wanted != "auto":
        return thread_numbers.Threads(int(wanted), int(wanted)), f"{wanted} threads by setting"
    best, cores = thread_numbers.measure(dtype), thread_numbers.usable_cores()
    return best, f"{best.batch} of {cores} threads, {best.step} for single tokens, quickest when measured"


def _choose_quantize(device: str, dtype: str, wanted: str) -> tuple[str, str]:
    on_card = device.startswith("cuda")
    if wanted == "auto":
        if device != "cpu" or dtype not in INT8:
            return "none", ""
        return "int8", "two-byte layers and an int8 output layer for decoding"
    if wanted in {"4bit", "8bit"}:
        if not on_card:
            raise SettingsError(f"models.quantize is '{wanted}', which needs a CUDA card: choose auto, int8 or none.")
        if importlib.util.find_spec("bitsandbytes") is None:
            raise MissingExtraError("bitsandbytes", "quantize", f"models.quantize={wanted}")
    elif wanted == "int8" and (device != "cpu" or dtype not in INT8):
        known = " or ".join(INT8)
        raise SettingsError(f"models.quantize is 'int8', which needs models.device=cpu and models.dtype={known}.")
    elif wanted not in {"none", "int8"}:
        raise SettingsError(f"models.quantize must be auto, none, int8, 4bit or 8bit, got '{wanted}'.")
    return wanted, f"{wanted} weights by setting" if wanted != "none" else ""
