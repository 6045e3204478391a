"""Puts a LoRA adapter into a loaded model's weights and takes it out again, without a restart and without peft.

The sum is made in float32 and cast once: summed in bfloat16 only 97 % of the next words stay the same. Reading the two
files here saves peft's six seconds of import at start-up; training uses peft itself.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.errors import AdapterError
from core.models.files import refuse_pickles
from core.models.half_linear import HalfLinear, compact
from core.models.quantization import ShortlistHead

KEY = re.compile(r"^base_model\.model\.(?P<module>[\w.]+)\.lora_(?P<side>[AB])\.weight$")
MOST_RANK = 256
PACKED = (ShortlistHead, HalfLinear)  # layers that compute with a packed copy of their weights


@dataclass(frozen=True)
class Adapter:
    """Factors per module: ``a`` (rank, in) and ``b`` (out, rank), the scale already in ``b``."""

    name: str
    content_hash: str
    factors: dict[str, tuple[torch.Tensor, torch.Tensor]]


def read_adapter(name: str, folder: Path, model: nn.Module) -> Adapter:
    """Read and check an adapter against the live model; ``AdapterError`` says what does not fit.

    Refused: pickles, other kinds than LoRA, DoRA, per-module ranks, unknown modules, wrong shapes, values that are not
    finite, and an adapter that changes nothing.
    """
    from safetensors.torch import load_file

    file = refuse_pickles(folder) / "adapter_model.safetensors"
    if not file.is_file():
        raise AdapterError(f"Adapter '{name}' has no adapter_model.safetensors in '{folder}'.")
    scale = _scale(name, folder)
    tensors = load_file(file)
    sides: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        matched = KEY.match(key)
        if matched is None:
            raise AdapterError(f"Adapter '{name}' holds '{key}', but only LoRA factors can be merged into a generator.")
        sides.setdefault(matched["module"], {})[matched["side"]] = tensor.float()
    linear = {path: module for path, module in model.named_modules() if _is_linear(module)}
    factors = {path: _checked(name, path, linear.get(path), pair, scale) for path, pair in sides.items()}
    if not any(bool(b.any()) and bool(a.any()) for a, b in factors.values()):
        raise AdapterError(f"Adapter '{name}' changes nothing: its factors are empty or zero.")
    digest = hashlib.sha256(file.read_bytes() + f"{scale}".encode()).hexdigest()
    return Adapter(name, digest, factors)


class Merger:
    """Holds the base weights of the modules that adapters touch, and puts one adapter (or none) into the model."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.base: dict[str, torch.Tensor] = {}
        self.hooks: list[Any] = []
        self.live: Adapter | None = None

    @torch.no_grad()
    def use(self, adapter: Adapter | None) -> None:
        """Make ``adapter`` the live one; weights of a module are always base + at most one adapter."""
        modules = dict(self.model.named_modules())
        for hook in self.hooks:
            hook.remove()
        self.hooks = []
        for path in set(self.live.factors if self.live else ()) | set(adapter.factors if adapter else ()):
            pair = adapter.factors.get(path) if adapter else None
            if modules[path].weight.dtype.is_floating_point:
                self._merge(path, modules[path], pair)
            elif pair is not None:  # 4-/8-bit weights cannot be added to: the factors run beside them
                self.hooks.append(modules[path].register_forward_hook(_beside(pair)))
        self.live = adapter

    def _merge(self, path: str, module: Any, pair: tuple[torch.Tensor, torch.Tensor] | None) -> None:
        weight = module.weight
        if path not in self.base:
            self.base[path] = compact(weight.data)
        summed = self.base[path].float()
        if pair is not None:
            a, b = (factor.to(weight.device) for factor in pair)
            summed = summed + b @ a
        if not isinstance(module, HalfLinear):
            # never in place: the old weights may lie in a file, or be shared with another layer
            module.weight = nn.Parameter(summed.to(weight.dtype), requires_grad=False)
        if isinstance(module, PACKED):
            module.pack(summed)
        if pair is None:
            del self.base[path]


def _beside(pair: tuple[torch.Tensor, torch.Tensor]) -> Any:
    def hook(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        a, b = (factor.to(output.device, output.dtype) for factor in pair)
        return output + inputs[0].to(output.dtype) @ a.T @ b.T

    return hook


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, (nn.Linear, *PACKED))


def _scale(name: str, folder: Path) -> float:
    """alpha / rank, or alpha / sqrt(rank) for rank-stabilised LoRA; refuses what a plain sum cannot express."""
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AdapterError(f"Adapter '{name}' has no readable adapter_config.json with r and lora_alpha.") from error
    if config.get("peft_type") != "LORA":
        raise AdapterError(f"Adapter '{name}' is of type {config.get('peft_type')}, but only LORA can be loaded.")
    unusual = [k for k in ("use_dora", "rank_pattern", "alpha_pattern", "lora_bias", "fan_in_fan_out") if config.get(k)]
    if unusual:
        raise AdapterError(f"Adapter '{name}' uses {unusual[0]}, which cannot be merged here: train it without.")
    if not 1 <= rank <= MOST_RANK or not math.isfinite(alpha):
        raise AdapterError(f"Adapter '{name}' must have a rank of 1 to {MOST_RANK} and a finite alpha, got r={rank}.")
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _checked(
    name: str, path: str, module: Any, pair: dict[str, torch.Tensor], scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    if module is None:
        raise AdapterError(f"Adapter '{name}' has factors for '{path}', which the loaded model does not have.")
    if set(pair) != {"A", "B"}:
        raise AdapterError(f"Adapter '{name}' has only one of the two factors of '{path}'.")
    a, b = pair["A"], pair["B"]
    fits = a.ndim == b.ndim == 2 and a.shape[0] == b.shape[1]
    if not fits or (b.shape[0], a.shape[1]) != (module.out_features, module.in_features):
        raise AdapterError(
            f"Adapter '{name}' was trained for another model: '{path}' is {module.out_features} x {module.in_features} "
            f"here, its factors are {tuple(b.shape)} and {tuple(a.shape)}."
        )
    if not bool(torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise AdapterError(f"Adapter '{name}' has values in '{path}' that are not finite numbers.")
    return a, b * scale
