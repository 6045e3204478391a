"""One adapter version as one zip file to carry elsewhere, and back; what comes in is checked as it is unpacked."""

from __future__ import annotations

import stat
import tempfile
import zipfile
from pathlib import Path

from core.errors import AdapterError
from core.models.adapter_check import ALLOWED_FILES, MANIFEST, MOST_WEIGHT_BYTES
from core.models.adapter_manifest import Manifest
from core.models.adapters import AdapterRegistry, Version, check

BLOCK = 1 << 20


def export_archive(folder: Path, target: Path) -> Path:
    """Write a version's files, flat, into ``target``; complete or not there."""
    making = target.with_name(f".{target.name}.part")
    with zipfile.ZipFile(making, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.iterdir()):
            if file.name in ALLOWED_FILES and file.is_file():
                archive.write(file, file.name)
    return making.replace(target)


def import_archive(registry: AdapterRegistry, name: str, archive: Path, base: Path) -> Version:
    """Unpack into a temporary folder, check everything against ``base``, then add as a version of ``name``.

    Refused: paths, links, folders, unknown or repeated names, more than a few files, sizes past the cap (the declared
    ones and the real ones, which a bomb makes different), and whatever ``adapters.check`` refuses.
    """
    with tempfile.TemporaryDirectory(prefix="adapter-") as temporary:
        folder = Path(temporary) / "adapter"
        folder.mkdir()
        _unpack(archive, folder)
        if not (folder / MANIFEST).is_file():
            raise AdapterError(f"Archive '{archive.name}' has no {MANIFEST}.")
        manifest: Manifest = check(folder, base)
        return registry.add(
            name,
            folder,
            base,
            metrics=manifest.metrics,
            data_hash=manifest.data_hash,
            parents=tuple(manifest.parents),
            licence=manifest.licence,
        )


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as packed:
            entries = packed.infolist()
            _check_entries(archive.name, entries)
            room = MOST_WEIGHT_BYTES
            for entry in entries:
                room -= _copy(packed, entry, folder / entry.filename, room)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        raise AdapterError(f"Archive '{archive.name}' cannot be read as a zip file.") from error


def _check_entries(archive: str, entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    if len(entries) > len(ALLOWED_FILES) or len(set(names)) != len(names):
        raise AdapterError(f"Archive '{archive}' holds too many files or one of them twice.")
    for entry in entries:
        mode = entry.external_attr >> 16
        if entry.filename not in ALLOWED_FILES or entry.is_dir() or stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
            raise AdapterError(f"Archive '{archive}' holds '{entry.filename[:80]}', which is no file of an adapter.")
    if sum(entry.file_size for entry in entries) > MOST_WEIGHT_BYTES:
        raise AdapterError(f"Archive '{archive}' unpacks to more than {MOST_WEIGHT_BYTES >> 20} MB.")


def _copy(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, room: int) -> int:
    done = 0
    with packed.open(entry) as source, target.open("xb") as sink:
        while block := source.read(BLOCK):
            done += len(block)
            if done > min(room, entry.file_size):
                raise AdapterError(f"Archive entry '{entry.filename}' is larger than it says.")
            sink.write(block)
    return done
