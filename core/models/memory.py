"""Estimates what a model needs in memory and compares it with what is free, before anything is loaded.

Pure arithmetic over a model folder's config and safetensors headers; no weights are read and torch is not imported
unless a GPU is asked about.
"""

from __future__ import annotations

import ctypes
import gc
import json
import struct
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import ModelError, ResourceError

BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
QUANTIZED_BYTES = {"int8": 1.0, "8bit": 1.06, "4bit": 2 / 3.2}  # 4-bit with its scales: params * 2 / 3.2 (accelerate)
# per number that a layer computes: an adapter on every linear layer keeps that layer's input again, dropped and cast,
# and norms keep float32 copies; read off the growth of processes that trained Gemma 270M and MiniLM
ACTIVATION_BYTES = 25
CUDA_CONTEXT_GB = 1.4  # measured overhead of a CUDA process, LLaMA-Factory's figure


@dataclass(frozen=True)
class ModelShape:
    """The few numbers of an architecture that decide its memory."""

    parameters: int
    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    kv_width: int  # key/value heads x head dimension

    @classmethod
    def read(cls, path: Path) -> ModelShape:
        """From ``config.json`` and the safetensors headers of a model folder; ``ModelError`` when one is missing."""
        try:
            config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"Model folder '{path}' has no readable config.json.") from error
        config = config.get("text_config") or config
        heads = config.get("num_attention_heads", 1)
        hidden = config.get("hidden_size", config.get("n_embd", 768))
        head_dim = config.get("head_dim") or hidden // heads
        return cls(
            parameters=count_parameters(path),
            vocabulary=config.get("vocab_size", 0),
            hidden=hidden,
            intermediate=config.get("intermediate_size") or 4 * hidden,
            layers=config.get("num_hidden_layers", config.get("n_layer", 12)),
            kv_width=(config.get("num_key_value_heads") or heads) * head_dim,
        )


def count_parameters(path: Path) -> int:
    """Number of weights in a folder's safetensors files, read from their headers alone."""
    total = 0
    for file in sorted(path.glob("*.safetensors")):
        for name, entry in read_header(file).items():
            size = 1
            for length in entry["shape"] if name != "__metadata__" else [0]:
                size *= length
            total += size
    return total


def read_header(file: Path) -> dict[str, Any]:
    """The JSON header of a safetensors file; ``ModelError`` when it is cut off or not one."""
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > 100_000_000:
                raise ValueError("header too long")
            header = json.loads(stream.read(length))
    except (OSError, ValueError, struct.error) as error:
        raise ModelError(f"'{file.name}' is not a complete safetensors file.") from error
    return dict(header)


def estimate_inference_gb(
    shape: ModelShape, dtype: str, quantize: str = "none", context_tokens: int = 2048, streams: int = 8
) -> float:
    """Weights + key/value cache + working space, in GB (1e9 bytes).

    int8 keeps the dense output layer beside the quantised one; its other layers are kept in two bytes and computed
    with in two more.
    """
    weights = shape.parameters * (QUANTIZED_BYTES.get(quantize) or BYTES[dtype])
    if quantize == "int8":
        head = shape.vocabulary * shape.hidden
        weights = head * (BYTES[dtype] + 1) + max(0, shape.parameters - head) * 4
    cache = 2 * shape.layers * shape.kv_width * context_tokens * streams * BYTES[dtype]
    working = context_tokens * (2 * shape.hidden + 3 * shape.intermediate) * 4 + 2 * streams * shape.vocabulary * 4
    return (weights + cache + working) / 1e9


def estimate_training_gb(
    shape: ModelShape,
    dtype: str,
    *,
    batch: int,
    tokens: int,
    target_tokens: int,
    trainable: int,
    quantize: str = "none",
    checkpointing: bool = False,
) -> float:
    """Frozen weights + adapter, gradients and AdamW (16 bytes per trainable) + activations + logits, in GB.

    Activations per layer are S·B·(H + 2K + 2 + 2M)·ACTIVATION_BYTES, of one layer under checkpointing; logits are
    three fp32 copies, of the target tokens only, for the loss is computed there alone.
    """
    weights = shape.parameters * (QUANTIZED_BYTES.get(quantize) or BYTES[dtype])
    positions = batch * tokens
    per_layer = positions * (shape.hidden + 2 * shape.kv_width + 2 + 2 * shape.intermediate) * ACTIVATION_BYTES
    kept = positions * shape.hidden * 4 * shape.layers if checkpointing else 0
    activations = per_layer * (1 if checkpointing else shape.layers) + kept
    logits = 3 * batch * target_tokens * shape.vocabulary * 4
    return (weights + 16 * trainable + activations + logits) / 1e9


def free_memory_bytes(device: str = "cpu") -> int:
    """Bytes free for this process: of the card, or of the machine bounded by the container's limit."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    import psutil

    free = int(psutil.virtual_memory().available)
    limited = _cgroup_free()
    return free if limited is None else min(free, limited)


def give_back() -> None:
    """Hand freed memory back to the system, where the C library would keep it; call it when a model has been loaded.

    After loading Gemma 270M and quantising its head glibc held on to 0.5-0.7 GB of nothing.
    """
    gc.collect()
    trim = getattr(_c_library(), "malloc_trim", None)  # glibc alone has it
    if trim is not None:
        trim(0)


@lru_cache(maxsize=1)
def _c_library() -> Any:
    try:
        return ctypes.CDLL(None) if sys.platform == "linux" else None
    except OSError:
        return None


def require_memory(needed_gb: float, free_gb: float, what: str, advice: str) -> None:
    """Raise ``ResourceError`` with both numbers and the setting to change when ``needed_gb`` will not fit."""
    if needed_gb > free_gb:
        raise ResourceError(f"{what} needs about {needed_gb:.1f} GB but {free_gb:.1f} GB are free: {advice}.")


def _cgroup_free(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Limit minus use of the container (cgroup v2, then v1); None where there is no limit."""
    layouts = (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
    )
    for limit_name, used_name, stat_name, cache_key in layouts:
        try:
            limit_text = (root / limit_name).read_text(encoding="ascii").strip()
            if limit_text == "max" or int(limit_text) > 1 << 60:
                return None
            used = int((root / used_name).read_text(encoding="ascii"))
            stat = dict(line.split() for line in (root / stat_name).read_text(encoding="ascii").splitlines())
        except (OSError, ValueError):
            continue
        return max(0, int(limit_text) - used + int(stat.get(cache_key, 0)))
    return None
