"""Hashes, checks and atomic writes of model folders. Knows files, not models."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models.memory import read_header

UNSAFE_SUFFIXES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"}
COMPLETE = "complete.json"
BLOCK = 1 << 22


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def tensors_sha256(files: Sequence[Path]) -> str:
    """sha256 over (name, dtype, shape, bytes) of every tensor in name order, whatever file it lies in."""
    entries: list[tuple[str, Path, dict[str, Any], int]] = []
    for file in files:
        data_begin = 8 + int.from_bytes(file.open("rb").read(8), "little")
        for name, entry in read_header(file).items():
            if name != "__metadata__":
                entries.append((name, file, entry, data_begin))
    digest = hashlib.sha256()
    for name, file, entry, data_begin in sorted(entries, key=lambda item: item[0]):
        digest.update(f"{name}|{entry['dtype']}|{entry['shape']}|".encode())
        begin, end = entry["data_offsets"]
        _update_with_slice(digest, file, data_begin + begin, end - begin)
    return digest.hexdigest()


def _update_with_slice(digest: Any, file: Path, offset: int, length: int) -> None:
    with file.open("rb") as stream:
        stream.seek(offset)
        while length > 0:
            block = stream.read(min(BLOCK, length))
            if not block:
                raise ModelError(f"'{file.name}' ends before its last tensor: copy it again.")
            digest.update(block)
            length -= len(block)


def refuse_pickles(folder: Path) -> Path:
    """The folder itself, or ``ModelError`` when it is none or holds a file whose loading could run code."""
    if not folder.is_dir():
        raise ModelError(f"Model folder '{folder}' does not exist.")
    unsafe = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in UNSAFE_SUFFIXES)
    if unsafe:
        raise ModelError(
            f"Model folder '{folder}' holds '{unsafe[0]}', a format that can run code when loaded: "
            "convert it to safetensors and remove it."
        )
    return folder


def verified_once(file: Path, sha256: str | None, notes: Path) -> None:
    """Compare a file with its pinned hash, once per size and time of change; ``ModelError`` when they differ."""
    if sha256 is None:
        return
    stat = file.stat()
    note = notes / f"{sha256[:16]}.json"
    state = {"path": str(file), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    try:
        if json.loads(note.read_text(encoding="utf-8")) == state:
            return
    except (OSError, ValueError):
        pass
    found = file_sha256(file)
    if found != sha256:
        raise ModelError(f"'{file.name}' has sha256 {found[:8]}… but {sha256[:8]}… is expected: reinstall its package.")
    write_json(note, state, must=False)


def mark_complete(folder: Path, facts: dict[str, Any]) -> None:
    """Write the list of files and sizes that ``is_complete`` compares; the last step of making a folder."""
    sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir()) if file.is_file()}
    write_json(folder / COMPLETE, {**facts, "sizes": sizes})


def is_complete(folder: Path) -> bool:
    """Whether a made folder has all its files in full size."""
    try:
        sizes = json.loads((folder / COMPLETE).read_text(encoding="utf-8"))["sizes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return False


def write_json(path: Path, value: object, must: bool = True) -> None:
    """Atomic; with ``must=False`` a folder that cannot be written is let be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(value, stream, ensure_ascii=False, indent=1)
        Path(temporary).replace(path)
    except OSError:
        if must:
            raise
