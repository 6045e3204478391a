"""The registry of LoRA adapters: versions by content hash, bound to their base, promoted and rolled back atomically.

``home/adapters/<name>/<version>/`` holds the files, ``live.json`` beside them names the version in use and the ones
before it. What ships with the project (``data/adapters/<name>/``) is found as version "bundled" and never written.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import AdapterError, ConflictError, NotFoundError, known_names
from core.models.adapter_check import (
    CARD,
    CONFIG,
    MANIFEST,
    TASK,
    WEIGHTS,
    check_config,
    check_files,
    check_weights,
    content_hash,
    read_object,
    shapes_of,
)
from core.models.adapter_manifest import Manifest, card
from core.models.catalog import fingerprint
from core.models.files import write_json

NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")
BUNDLED = "bundled"
BUNDLED_FOLDER = Path(__file__).parents[2] / "data" / "adapters"


@dataclass(frozen=True)
class Version:
    """One line of the list that people see."""

    name: str
    version: str
    path: Path
    live: bool
    manifest: Manifest


def check(folder: Path, base: Path) -> Manifest:
    """The manifest of an adapter that may be loaded on the model folder ``base``; ``AdapterError`` says what is wrong.

    Refused: pickles and foreign files, configs with more than plain LoRA, wrong names or shapes, values that are not
    finite or all zero, changed contents, and an adapter trained for another base.
    """
    check_files(folder)
    config = check_config(folder)
    manifest = Manifest.read(folder)
    _require_base(manifest, base)
    if content_hash(folder) != manifest.content_hash:
        raise AdapterError(f"Adapter '{manifest.name}' was changed after it was made: its contents and hash differ.")
    check_weights(folder, config, shapes_of(base))
    return manifest


def check_trained(folder: Path, base: Path) -> dict[str, Any]:
    """As ``check`` for an adapter just trained, which has no manifest yet; its task.json, {} when there is none."""
    check_files(folder)
    task = read_object(folder / TASK) if (folder / TASK).is_file() else {}
    if task.get("base_fingerprint", fingerprint(base)) != fingerprint(base):
        raise AdapterError(
            f"Adapter '{folder.name}' was trained on '{task.get('base')}', which is not '{base.name}': load its base."
        )
    if (folder / MANIFEST).is_file():
        check(folder, base)
    else:
        check_weights(folder, check_config(folder), shapes_of(base))
    return task


class AdapterRegistry:
    """Adapters under one home folder. Names are checked wherever they come in: they become paths."""

    def __init__(self, home: Path, bundled: Path = BUNDLED_FOLDER) -> None:
        self.root = home / "adapters"
        self.bundled = bundled

    def add(
        self,
        name: str,
        folder: Path,
        base: Path,
        *,
        metrics: Mapping[str, float] | None = None,
        data_hash: str = "",
        parents: tuple[str, ...] = (),
        licence: str = "",
    ) -> Version:
        """Check a freshly trained adapter against its base and keep a copy; adding the same twice gives the same."""
        _require_name(name)
        task = check_trained(folder, base)
        manifest = Manifest(
            name=name,
            base=base.name,
            base_fingerprint=fingerprint(base),
            content_hash=content_hash(folder),
            task=str(task.get("task", "sft")),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            data_hash=data_hash,
            metrics=dict(metrics or {}),
            parents=parents,
            licence=licence,
        )
        return self._keep(folder, manifest)

    def versions(self, name: str | None = None) -> list[Version]:
        """Every version, of one adapter or of all, oldest first; the bundled one comes first."""
        if name is not None:
            _require_name(name)
        names = [name] if name is not None else self.names()
        return [version for each in names for version in self._versions_of(each)]

    def names(self) -> list[str]:
        """Adapters there are, sorted."""
        folders = [*self._folders(self.root), *self._folders(self.bundled)]
        return sorted({path.name for path in folders if NAME.match(path.name)})

    def path(self, name: str, version: str) -> Path:
        """Folder of one version; ``NotFoundError`` names the ones there are."""
        _require_name(name)
        found = {each.version: each.path for each in self._versions_of(name)}
        if version not in found:
            raise NotFoundError(f"Adapter '{name}' has no version '{version}'; {known_names(version, found)}.")
        return found[version]

    def live(self, name: str) -> Path | None:
        """Folder in use: the promoted version, else the bundled one, else None."""
        version = self.live_version(name)
        return self.path(name, version) if version is not None else None

    def live_version(self, name: str) -> str | None:
        """Version in use, or None."""
        _require_name(name)
        history = self._history(name)
        if history:
            return history[-1]
        return BUNDLED if (self.bundled / name / WEIGHTS).is_file() else None

    def promote(self, name: str, version: str, base: Path) -> Version:
        """Make a version the live one after checking it once more; one atomic write, so a crash leaves old or new."""
        folder = self.path(name, version)
        manifest = check(folder, base)
        with self._locked(name):
            history = self._history(name) or ([BUNDLED] if self.live_version(name) == BUNDLED else [])
            if not history or history[-1] != version:
                self._write_history(name, [*history, version])
        return Version(name, version, folder, True, manifest)

    def rollback(self, name: str) -> str:
        """Go back to the version that was live before; ``ConflictError`` when there is none."""
        with self._locked(name):
            history = self._history(name)
            while len(history) > 1:
                history.pop()
                if any(each.version == history[-1] for each in self._versions_of(name)):
                    self._write_history(name, history)
                    return history[-1]
        raise ConflictError(f"Adapter '{name}' has no earlier version to go back to.")

    def remove(self, name: str, version: str) -> None:
        """Delete a version that is neither live nor bundled."""
        folder = self.path(name, version)
        if version == BUNDLED or version == self.live_version(name):
            raise ConflictError(f"Version '{version}' of adapter '{name}' is live or bundled and stays.")
        shutil.rmtree(folder)

    def _keep(self, folder: Path, manifest: Manifest) -> Version:
        home = self.root / manifest.name
        with self._locked(manifest.name):
            for each in self._versions_of(manifest.name):
                same = each.manifest.content_hash == manifest.content_hash
                if same and each.manifest.base_fingerprint == manifest.base_fingerprint:
                    return each
            number = 1 + max(
                (int(v.version[:4]) for v in self._versions_of(manifest.name) if v.version != BUNDLED), default=0
            )
            target = home / f"{number:04d}-{manifest.content_hash[:8]}"
            making = Path(tempfile.mkdtemp(dir=home, prefix=".making-"))
            try:
                for name in (WEIGHTS, CONFIG, TASK, "NOTICE", "LICENSE"):
                    if (folder / name).is_file():
                        shutil.copyfile(folder / name, making / name)
                write_json(making / MANIFEST, asdict(manifest))
                (making / CARD).write_text(card(manifest), encoding="utf-8")
                making.chmod(0o755)
                making.replace(target)
            finally:
                shutil.rmtree(making, ignore_errors=True)
        return Version(manifest.name, target.name, target, False, manifest)

    def _versions_of(self, name: str) -> list[Version]:
        live = self.live_version(name)
        found = [(BUNDLED, self.bundled / name)] if (self.bundled / name / WEIGHTS).is_file() else []
        found += [(path.name, path) for path in self._folders(self.root / name) if (path / MANIFEST).is_file()]
        return [Version(name, version, path, version == live, Manifest.read(path)) for version, path in found]

    def _history(self, name: str) -> list[str]:
        file = self.root / name / "live.json"
        if not file.is_file():
            return []
        history = read_object(file).get("history")
        return [str(version) for version in history] if isinstance(history, list) else []

    def _write_history(self, name: str, history: list[str]) -> None:
        write_json(self.root / name / "live.json", {"live": history[-1], "history": history[-20:]})

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        from filelock import FileLock

        _require_name(name)
        (self.root / name).mkdir(parents=True, exist_ok=True)
        with FileLock(str(self.root / name / ".lock"), timeout=30):
            yield

    @staticmethod
    def _folders(parent: Path) -> list[Path]:
        if not parent.is_dir():
            return []
        return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


def _require_name(name: str) -> None:
    if not isinstance(name, str) or not NAME.match(name) or ".." in name:
        raise AdapterError(
            f"'{str(name)[:80]}' is no adapter name: use a-z, 0-9, dot, dash and underscore, 64 at most."
        )


def _require_base(manifest: Manifest, base: Path) -> None:
    found = fingerprint(base)
    if manifest.base_fingerprint != found:
        raise AdapterError(
            f"Adapter '{manifest.name}' was trained for {manifest.base} (sha {manifest.base_fingerprint[:8]}…) but the "
            f"loaded model is {base.name} (sha {found[:8]}…): load {manifest.base} or choose another adapter."
        )
