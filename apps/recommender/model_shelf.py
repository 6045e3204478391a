"""Fitted recommenders on disk: one folder per version, a pointer to the live one, the way back.

Knows nothing of what is inside a folder. A version is never changed once it is there.
"""

import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from core.errors import ConflictError, DataError, NotFoundError
from core.json_files import read_json, write_json

ABOUT, POINTER = "about.json", "live.json"


@dataclass(frozen=True)
class Version:
    """One fitted recommender: when it was made, from which run, and what it measured."""

    name: str
    path: Path
    made_at: str
    source: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    live: bool = False


class ModelShelf:
    """The versions under ``home/models/recommender``. Safe for several processes: the pointer is replaced in one go."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "models" / "recommender"

    def add(self, folder: Path, metrics: Mapping[str, float] | None = None, source: str = "") -> Version:
        """Keep a copy of a saved recommender as a new version, not live yet."""
        if not folder.is_dir():
            raise DataError(f"There is no folder '{folder}' with a saved recommender.")
        now = datetime.now(UTC)
        name = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{name}.part"
        shutil.copytree(folder, part)
        figures = {key: float(value) for key, value in (metrics or {}).items()}
        made = {"made_at": now.isoformat(timespec="seconds"), "source": source, "metrics": figures}
        write_json(part / ABOUT, made)
        part.rename(self.folder / name)  # seen whole or not at all
        return self._version(name, self.live_name())

    def versions(self) -> list[Version]:
        """All, newest first."""
        live = self.live_name()
        names = sorted((one.parent.name for one in self.folder.glob(f"*/{ABOUT}")), reverse=True)
        return [self._version(name, live) for name in names if not name.startswith(".")]

    def live_name(self) -> str | None:
        """The live version's name, None before the first; one small file is read."""
        found = self._pointer()["live"]
        return str(found) if found else None

    def live(self) -> Version | None:
        """The live version, None before the first."""
        name = self.live_name()
        return self._version(name, name) if name and (self.folder / name / ABOUT).is_file() else None

    def promote(self, name: str) -> Version:
        """Make a version live; the one before stays for ``roll_back``. ``NotFoundError`` for an unknown one."""
        self._known(name)
        with self._writing():
            pointer = self._pointer()
            if pointer["live"] != name:
                before = [*pointer["before"], pointer["live"]] if pointer["live"] else pointer["before"]
                write_json(self.folder / POINTER, {"live": name, "before": before})
        return self._version(name, name)

    def earlier(self) -> list[str]:
        """Names of the versions that were live before the live one and are still there, the latest last."""
        return [one for one in self._pointer()["before"] if (self.folder / one / ABOUT).is_file()]

    def roll_back(self) -> Version:
        """Make the version live that was so before. ``ConflictError`` when there is none."""
        with self._writing():
            before = self.earlier()
            if not before:
                raise ConflictError("There is no earlier model to go back to.")
            write_json(self.folder / POINTER, {"live": before[-1], "before": before[:-1]})
        return self._version(before[-1], before[-1])

    def retire(self) -> None:
        """No version is live any more, and none to go back to: what they were fitted on is gone."""
        with self._writing():
            write_json(self.folder / POINTER, {"live": None, "before": []})

    def remove(self, name: str) -> None:
        """Delete a version that is not live."""
        self._known(name)
        if self.live_name() == name:
            raise ConflictError(f"Model '{name}' is live: promote another one first.")
        shutil.rmtree(self.folder / name)

    def _known(self, name: str) -> None:
        if name.startswith(".") or "/" in name or not (self.folder / name / ABOUT).is_file():
            raise NotFoundError(f"There is no model '{name}'.")

    def _pointer(self) -> dict[str, Any]:
        return {"live": None, "before": []} | (read_json(self.folder / POINTER) or {})

    def _writing(self) -> FileLock:
        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / ".lock", timeout=10)

    def _version(self, name: str, live: str | None) -> Version:
        path = self.folder / name
        about = read_json(path / ABOUT) or {}
        metrics = {str(key): float(value) for key, value in (about.get("metrics") or {}).items()}
        return Version(name, path, str(about.get("made_at", "")), str(about.get("source", "")), metrics, name == live)


def as_row(version: Version) -> dict[str, Any]:
    """The version as JSON-ready values, without where it lies."""
    return {key: value for key, value in asdict(version).items() if key != "path"}
