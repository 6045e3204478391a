"""The record beside each adapter version: where it comes from, what it was measured at, what it may be loaded on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from core.errors import AdapterError
from core.models.adapter_check import MANIFEST, read_object


@dataclass(frozen=True)
class Manifest:
    """What is known of one version; ``base_fingerprint`` and ``content_hash`` are compared at every load."""

    name: str
    base: str
    base_fingerprint: str
    content_hash: str
    task: str = "sft"
    created: str = ""
    data_hash: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    licence: str = ""

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        record = read_object(folder / MANIFEST)
        known = {item.name for item in fields(cls)}
        try:
            manifest = cls(**{key: value for key, value in record.items() if key in known})
        except TypeError as error:
            raise AdapterError(f"The manifest of adapter '{folder.name}' is not complete.") from error
        figures = manifest.metrics if isinstance(manifest.metrics, dict) else {}
        numbers = {str(key): float(value) for key, value in figures.items() if isinstance(value, int | float)}
        manifest = replace(manifest, metrics=numbers, parents=tuple(map(str, manifest.parents or ())))
        texts = (manifest.name, manifest.base, manifest.base_fingerprint, manifest.content_hash, manifest.task)
        if not all(isinstance(text, str) for text in texts):
            raise AdapterError(f"The manifest of adapter '{folder.name}' is not readable.")
        return manifest


def card(manifest: Manifest) -> str:
    """The README.md of a version, for people."""
    figures = "\n".join(f"| {name} | {value:.4f} |" for name, value in sorted(manifest.metrics.items()))
    lines: list[Any] = [
        f"# {manifest.name}",
        "",
        f"A LoRA adapter for **{manifest.base}**, task `{manifest.task}`, made {manifest.created or 'some time ago'}.",
        "",
        f"- base fingerprint `{manifest.base_fingerprint}`",
        f"- content hash `{manifest.content_hash}`",
        *([f"- training data hash `{manifest.data_hash}`"] if manifest.data_hash else []),
        *([f"- made from {', '.join(manifest.parents)}"] if manifest.parents else []),
        *([f"- licence: {manifest.licence}"] if manifest.licence else []),
        *(["", "| figure | value |", "| --- | --- |", figures] if figures else []),
    ]
    return "\n".join(lines) + "\n"
