"""Puts a trained adapter on a loaded model through peft, and proves that it does something.

For models with heads and for encoders; a generator's adapter is merged by ``core.models.merging`` without peft.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from core.errors import AdapterError
from core.models.adapter_check import WEIGHTS, check_config
from core.models.loading import quietly

EFFECT = 1e-6  # smallest change of any output that counts


def with_adapter(model: Any, folder: Path) -> Any:
    """The model with the adapter and its head loaded, in evaluation mode; every factor must find its place.

    The LoRA settings are rebuilt from the checked ones, so that nothing else of the file reaches peft.
    """
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from safetensors.torch import load_file

    config = check_config(folder)
    lora = LoraConfig(
        task_type=config["task_type"],
        r=config["r"],
        lora_alpha=config["lora_alpha"],
        use_rslora=bool(config.get("use_rslora")),
        target_modules=list(config["target_modules"]),
        modules_to_save=config.get("modules_to_save"),
        inference_mode=True,
    )
    with quietly():
        wrapped = get_peft_model(model, lora)
    tensors = load_file(folder / WEIGHTS)
    try:
        result: Any = set_peft_model_state_dict(wrapped, tensors)
    except (RuntimeError, KeyError, ValueError) as error:
        raise AdapterError(f"Adapter '{folder.name}' does not fit the loaded model.") from error
    missing = [key for key in result.missing_keys if "lora_" in key or "modules_to_save" in key]
    if result.unexpected_keys or missing:
        raise AdapterError(
            f"Adapter '{folder.name}' does not fit the loaded model: {len(missing)} weights are missing and "
            f"{len(result.unexpected_keys)} have no place."
        )
    return wrapped.eval()


def merged(model: Any, dtype: torch.dtype = torch.float32) -> Any:
    """The adapter added into the weights in float32, then cast; head included."""
    return model.float().merge_and_unload(safe_merge=True).to(dtype).eval()


def verify_effect(model: Any, batch: dict[str, torch.Tensor]) -> float:
    """Largest change the adapter makes to the model's first output on ``batch``; ``AdapterError`` when none.

    An adapter without effect answers as if nothing were wrong, which other servers let pass.
    """
    with torch.no_grad():
        changed = model(**batch)[0]
        with model.disable_adapter():
            plain = model(**batch)[0]
    difference = float((changed.float() - plain.float()).abs().max())
    if not difference > EFFECT:
        raise AdapterError("The adapter has no effect on the model's output.")
    return difference
