"""Turns a GGUF file into a folder of bfloat16 safetensors, once; the second start then loads in a second.

A model loaded straight from GGUF can be neither trained nor saved (``is_quantized`` stays true), so it is dequantised.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from core.errors import ModelError
from core.events import Log, OnEvent, Progress, ignore
from core.models.catalog import ModelDescription, package_folder
from core.models.files import file_sha256, is_complete, mark_complete
from core.models.loading import load_gguf, load_tokenizer, quietly
from core.models.quick_tokenizer import note_down


def convert_gguf(description: ModelDescription, target: Path, on_event: OnEvent = ignore) -> Path:
    """The converted folder, made if it is not there; two processes that ask at once make it once."""
    from filelock import FileLock

    if is_complete(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / f".{target.name}.lock"):
        if not is_complete(target):
            _make(description, target, on_event)
    return target


def _make(description: ModelDescription, target: Path, on_event: OnEvent) -> None:
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    began = time.monotonic()
    on_event(Log(f"Unpacking {description.name}, once; this takes about two minutes."))
    try:
        source = _source_file(description, temporary)
        made = temporary / "model"
        _dequantise(source, made, on_event)
        digest = description.sha256 or file_sha256(source)
        mark_complete(
            made,
            {
                "name": description.name,
                "source_sha256": digest,
                "licence": description.licence,
                "terms_url": description.terms_url,
            },
        )
        if target.exists():
            shutil.rmtree(target)
        os.replace(made, target)  # noqa: PTH105  # the same call as in the other atomic moves
        on_event(Log(f"{description.name} is unpacked after {time.monotonic() - began:.0f} s."))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _source_file(description: ModelDescription, temporary: Path) -> Path:
    """The whole, verified GGUF file: the local one, or the package's parts joined."""
    if description.source == "gguf":
        return Path(description.weights)
    package_folder(description)
    joined = temporary / description.weights
    with joined.open("wb") as out:
        for part in _package_parts(description):
            with part.open("rb") as stream:
                shutil.copyfileobj(stream, out, 1 << 22)
    found = file_sha256(joined)
    if description.sha256 and found != description.sha256:
        raise ModelError(
            f"The weights of '{description.name}' have sha256 {found[:8]}… but {description.sha256[:8]}… is expected: "
            f"reinstall {description.package}."
        )
    return joined


def _package_parts(description: ModelDescription) -> list[Path]:
    """``…_part1/data/<file>.part00`` and so on, in order; they lie in sibling packages."""
    parts: list[Path] = []
    while True:
        number = len(parts)
        sibling = replace(
            description,
            module=f"{description.module}_part{number + 1}",
            package=f"{description.package}-part{number + 1}",
        )
        try:
            part = package_folder(sibling) / "data" / f"{description.weights}.part{number:02d}"
        except ModelError:
            if parts:
                return parts
            raise
        parts.append(part)


def _dequantise(source: Path, made: Path, on_event: OnEvent) -> None:
    import torch

    model, tokenizer = load_gguf(source, on_event)
    steps = (
        lambda: model.to(torch.bfloat16).save_pretrained(made),
        lambda: tokenizer.save_pretrained(made),
        lambda: note_down(made, load_tokenizer(made)),
    )
    with quietly():
        for done, step in enumerate(steps, start=1):
            step()
            on_event(Progress("writing it down", done, len(steps)))
