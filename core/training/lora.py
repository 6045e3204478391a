"""Puts a fresh LoRA adapter on a loaded model, and saves it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from core.errors import AdapterError, SettingsError, known_names
from core.models.loading import quietly
from core.training.dropout import quicken
from core.training.options import TrainingOptions

HEADS = {"classifier", "score", "lm_head"}  # names of output layers in transformers' models


def attach(model: Any, task_type: str, options: TrainingOptions) -> Any:
    """The model with a fresh adapter that changes nothing yet; only the adapter (and a new head) is trainable.

    ``SettingsError`` for target modules that the model has no linear layer of.
    """
    from peft import LoraConfig, get_peft_model

    targets = _targets(linear_names(model), options)
    config = LoraConfig(
        task_type=task_type,
        r=options.rank,
        lora_alpha=options.alpha,  # type: ignore[arg-type]  # peft types it int and computes with floats
        lora_dropout=options.dropout,
        use_rslora=True,
        target_modules=targets,
        modules_to_save=list(getattr(model, "trained_whole", ())) or None,
    )
    with quietly():
        made = get_peft_model(model, config)
    quicken(made)
    return made


def _targets(names: list[str], options: TrainingOptions) -> list[str]:
    if options.target_modules == "all-linear":
        return names
    unknown = next((one for one in options.target_modules if one not in names), None)
    if unknown is not None:
        raise SettingsError(f"The model has no linear layer '{unknown}' to train; {known_names(unknown, names)}.")
    return list(options.target_modules)


def carry_on(model: Any, folder: Path) -> None:
    """The trained factors and head of an earlier adapter as the start of a new training.

    ``AdapterError`` when it has another rank, other layers or other heads.
    """
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    from core.models.adapter_check import WEIGHTS, check_config

    check_config(folder)
    trouble = AdapterError(f"Training cannot go on from adapter '{folder.name}': its rank, layers or heads are others.")
    try:
        result: Any = set_peft_model_state_dict(model, load_file(folder / WEIGHTS))
    except (RuntimeError, KeyError, ValueError) as error:
        raise trouble from error
    if result.unexpected_keys or any("lora_" in key or "modules_to_save" in key for key in result.missing_keys):
        raise trouble


def linear_names(model: Any) -> list[str]:
    """Last names of all linear layers but the heads, which are trained whole or not at all.

    PEFT's own ``all-linear`` takes a token classifier's head for a layer and then fails on it.
    """
    output = model.get_output_embeddings()
    names = {
        path.rpartition(".")[2]
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not output and HEADS.isdisjoint(path.split("."))
    }
    return sorted(names)


def prepare_quantized(model: Any, checkpointing: bool) -> Any:
    """A 4-/8-bit base made ready for an adapter: norms in float32, gradients let through the frozen weights."""
    from peft import prepare_model_for_kbit_training

    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=checkpointing)


def trainable_parameters(parameters: Iterable[torch.nn.Parameter]) -> int:
    """Number of weights that training changes."""
    return sum(parameter.numel() for parameter in parameters if parameter.requires_grad)


def save(model: Any, folder: Path, base_name: str) -> None:
    """adapter_model.safetensors and adapter_config.json, which names the base and no path of this machine."""
    model.save_pretrained(str(folder), safe_serialization=True, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's card is a form to fill in; the registry writes ours
    file = folder / "adapter_config.json"
    config = {**json.loads(file.read_text(encoding="utf-8")), "base_model_name_or_path": base_name}
    file.write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
