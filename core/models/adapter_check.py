"""Whether an adapter's files may be loaded at all: each is input from outside, and every refusal says its reason.

Reads JSON and safetensors headers before any tensor; nothing here needs peft, and nothing from the files is run.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from core.errors import AdapterError, ModelError
from core.models.files import UNSAFE_SUFFIXES
from core.models.memory import read_header

WEIGHTS, CONFIG, TASK, MANIFEST, CARD = (
    "adapter_model.safetensors",
    "adapter_config.json",
    "task.json",
    "manifest.json",
    "README.md",
)
ALLOWED_FILES = {WEIGHTS, CONFIG, TASK, MANIFEST, CARD, "NOTICE", "LICENSE"}
HEADS = {"classifier", "score"}
MOST_RANK, MOST_JSON_BYTES, MOST_WEIGHT_BYTES, MOST_TENSORS = 256, 1 << 20, 1 << 31, 20_000
DTYPES = {"F32": 4, "F16": 2, "BF16": 2}
TASK_TYPES = {"CAUSAL_LM", "SEQ_CLS", "TOKEN_CLS", "FEATURE_EXTRACTION"}
PLAIN_NAME = re.compile(r"^\w{1,64}$")
BASE_NAME = re.compile(r"^[\w.-]{1,96}(/[\w.-]{1,96})?$")  # a name or a hub id, never a path
FACTOR = re.compile(r"^base_model\.model\.(?P<module>[\w.]+)\.lora_(?P<side>[AB])\.weight$")
HEAD = re.compile(r"^base_model\.model\.(?P<head>\w+)(\.\w+)*\.(weight|bias)$")

# keys that may hold anything harmless of their kind; every other key must be empty, so that what is not understood
# (megatron_config, auto_mapping, layer_replication, rank_pattern, loftq_config, …) can have no effect
FREE_KEYS = {
    "inference_mode": bool,
    "peft_version": str,
    "megatron_core": str,  # PEFT writes its default; used only together with megatron_config
    "qalora_group_size": int,
    "ensure_weight_tying": bool,
    "use_rslora": bool,
}


def check_files(folder: Path) -> None:
    """Only the known file names, none of them a link, a folder or a pickle."""
    if not folder.is_dir() or folder.is_symlink():
        raise AdapterError(f"Adapter folder '{folder}' does not exist or is a link.")
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in UNSAFE_SUFFIXES:
            raise AdapterError(f"Adapter '{folder.name}' holds '{path.name}', a format that can run code when loaded.")
        if path.name not in ALLOWED_FILES or path.is_symlink() or not path.is_file():
            raise AdapterError(f"Adapter '{folder.name}' holds '{path.name}', which is no file of an adapter.")
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise AdapterError(f"Adapter '{folder.name}' has no {name}.")
    if (folder / WEIGHTS).stat().st_size > MOST_WEIGHT_BYTES:
        raise AdapterError(f"Adapter '{folder.name}' is larger than {MOST_WEIGHT_BYTES >> 20} MB.")


def read_object(path: Path) -> dict[str, Any]:
    """A small JSON object; ``AdapterError`` when too large, not JSON or no object."""
    try:
        if path.stat().st_size > MOST_JSON_BYTES:
            raise ValueError("too large")
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise AdapterError(f"'{path.parent.name}/{path.name}' is not a readable JSON file.") from error
    if not isinstance(value, dict):
        raise AdapterError(f"'{path.parent.name}/{path.name}' must hold a JSON object.")
    return value


def check_config(folder: Path) -> dict[str, Any]:
    """The checked adapter_config.json: plain LoRA over modules given by name, and nothing else switched on."""
    config, name = read_object(folder / CONFIG), folder.name
    rank, alpha, dropout = config.get("r"), config.get("lora_alpha"), config.get("lora_dropout", 0.0)
    _require(config.get("peft_type") == "LORA", name, f"is of type {config.get('peft_type')!r}, only LORA is loaded")
    _require(type(rank) is int and 1 <= rank <= MOST_RANK, name, f"must have r of 1 to {MOST_RANK}, found {rank!r}")
    _require(_is_number(alpha) and 0 < alpha <= 1e6, name, f"must have a finite lora_alpha above 0, found {alpha!r}")
    _require(_is_number(dropout) and 0 <= dropout < 1, name, f"has a lora_dropout of {dropout!r}")
    _require(config.get("task_type") in TASK_TYPES, name, f"has the unknown task_type {config.get('task_type')!r}")
    _require(config.get("bias", "none") == "none", name, "trains biases, which is not supported")
    _require(config.get("init_lora_weights", True) in (True, False, "gaussian"), name, "was initialised from the base")
    _check_modules(name, config)
    base = config.get("base_model_name_or_path")
    _require(
        base is None or (isinstance(base, str) and bool(BASE_NAME.match(base)) and ".." not in base),
        name,
        f"names {str(base)[:80]!r} as its base, which is a path or address and no model name",
    )
    seen = {"peft_type", "r", "lora_alpha", "lora_dropout", "task_type", "bias", "init_lora_weights"}
    seen |= {"target_modules", "modules_to_save", "base_model_name_or_path"}
    for key, value in config.items():
        free = key in FREE_KEYS and (value is None or isinstance(value, FREE_KEYS[key]))
        _require(key in seen or free or not value, name, f"sets '{str(key)[:60]}', which is not allowed in an adapter")
    return config


def check_weights(folder: Path, config: Mapping[str, Any], base_shapes: Mapping[str, list[int]] | None) -> None:
    """Names, shapes and formats from the header alone; then that every value is finite and not all are zero.

    ``base_shapes`` maps the base's weight names to shapes; None leaves the comparison out.
    """
    name = folder.name
    try:
        header = read_header(folder / WEIGHTS)
    except ModelError as error:
        raise AdapterError(f"Adapter '{name}': {error}") from error
    header.pop("__metadata__", None)
    _require(0 < len(header) <= MOST_TENSORS, name, f"holds {len(header)} tensors")
    modules: dict[str, dict[str, list[int]]] = {}
    for key, entry in header.items():
        _check_entry(name, key, entry)
        factor = FACTOR.match(key)
        if factor:
            modules.setdefault(factor["module"], {})[factor["side"]] = entry["shape"]
        else:
            head = HEAD.match(key)
            saved = set(config.get("modules_to_save") or ())
            known = head is not None and head["head"] in HEADS & (saved or HEADS)
            _require(known, name, f"holds '{key[:80]}', which is no LoRA factor and no head")
    _require(bool(modules), name, "holds no LoRA factors")
    for module, sides in modules.items():
        _check_module(name, module, sides, config, base_shapes)
    _check_values(folder)


def content_hash(folder: Path) -> str:
    """sha256 over what decides the adapter's behaviour: weights, config and task."""
    digest = hashlib.sha256()
    for name in (WEIGHTS, CONFIG, TASK):
        file = folder / name
        if file.is_file():
            digest.update(f"{name}:{file.stat().st_size}:".encode())
            with file.open("rb") as stream:
                while block := stream.read(1 << 22):
                    digest.update(block)
    return digest.hexdigest()


def shapes_of(base: Path) -> dict[str, list[int]]:
    """Weight names and shapes of a model folder, from its headers."""
    headers = [read_header(file) for file in sorted(base.glob("*.safetensors"))]
    return {key: entry["shape"] for header in headers for key, entry in header.items() if key != "__metadata__"}


def _check_modules(name: str, config: Mapping[str, Any]) -> None:
    targets, saved = config.get("target_modules"), config.get("modules_to_save")
    _require(not isinstance(targets, str), name, "gives target_modules as a pattern; a list of names is needed")
    good = isinstance(targets, list) and 0 < len(targets) <= 64
    _require(
        good and all(isinstance(t, str) and PLAIN_NAME.match(t) for t in targets or ()),
        name,
        "must list target_modules by their plain names",
    )
    heads = saved is None or (isinstance(saved, list) and all(isinstance(s, str) and s in HEADS for s in saved))
    _require(heads, name, f"saves other modules than a head ({', '.join(sorted(HEADS))})")


def _check_entry(name: str, key: str, entry: Any) -> None:
    shape = entry.get("shape") if isinstance(entry, dict) else None
    good = isinstance(shape, list) and len(shape) <= 2 and all(type(n) is int and 0 < n < 1 << 24 for n in shape)
    _require(
        good and entry.get("dtype") in DTYPES, name, f"holds '{key[:80]}' in a shape or format that is not allowed"
    )


def _check_module(
    name: str,
    module: str,
    sides: Mapping[str, list[int]],
    config: Mapping[str, Any],
    base_shapes: Mapping[str, list[int]] | None,
) -> None:
    _require(set(sides) == {"A", "B"}, name, f"has only one of the two factors of '{module}'")
    _require(module.rpartition(".")[2] in config["target_modules"], name, f"changes '{module}', not one of its targets")
    a, b = sides["A"], sides["B"]
    ranks = len(a) == len(b) == 2 and a[0] == b[1] == config["r"]
    _require(ranks, name, f"has factors of '{module}' that do not fit its rank {config['r']}")
    if base_shapes is not None:
        shape = _base_shape(module, base_shapes)
        _require(shape is not None, name, f"changes '{module}', which its base does not have")
        fits = shape == [b[0], a[1]]
        _require(fits, name, f"was trained for another model: '{module}' is {shape} in the base, here {[b[0], a[1]]}")


def _base_shape(module: str, base_shapes: Mapping[str, list[int]]) -> list[int] | None:
    """Shape of a module's weight. The wrapper of a task puts a part before the name or leaves one out."""
    wanted = module + ".weight"
    if wanted in base_shapes:
        return base_shapes[wanted]
    shorter = wanted.partition(".")[2]
    if shorter in base_shapes:
        return base_shapes[shorter]
    longer = [name for name in base_shapes if name.endswith("." + wanted)]
    return base_shapes[longer[0]] if len(longer) == 1 else None


def _check_values(folder: Path) -> None:
    from safetensors import SafetensorError, safe_open

    changes = False
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as tensors:
            for key in tensors.keys():  # noqa: SIM118  # not a dict: only keys() lists its names
                values = tensors.get_tensor(key).float().numpy()
                _require(bool(np.isfinite(values).all()), folder.name, f"has values in '{key}' that are not finite")
                changes = changes or ("lora_B" in key and bool(values.any()))
    except SafetensorError as error:
        raise AdapterError(f"Adapter '{folder.name}' has a broken {WEIGHTS}: {error}") from error
    _require(changes, folder.name, "changes nothing: its factors are zero")


def _is_number(value: Any) -> TypeGuard[float]:
    return type(value) in {int, float} and math.isfinite(value)


def _require(holds: bool, name: str, trouble: str) -> None:
    if not holds:
        raise AdapterError(f"Adapter '{name}' {trouble}.")
