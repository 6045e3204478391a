"""Where setting values come from: ``trifolium.toml``, the environment, overrides; laid over each other key by key.

Gives a plain tree and the origin of each key; knows the settings class only to tell text from lists and tables.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel, SecretStr

from core.errors import SettingsError
from core.setting_check import Origins, field_at, leaves

PREFIX = "TRIFOLIUM_"
CONFIG_VARIABLE = "TRIFOLIUM_CONFIG"
CONFIG_FILE = "trifolium.toml"
# Kubernetes sets these when a service is called trifolium
_FROM_CLUSTER = re.compile(r"TRIFOLIUM_(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP|SCTP)|PORT=\w+://)")
Tree: TypeAlias = dict[str, Any]


def gather(
    cls: type[BaseModel], file: Path | None, overrides: Mapping[str, object], siblings: Sequence[str]
) -> tuple[Tree, Origins]:
    """All values given outside the code as one tree, the later source winning, and where each came from."""
    tree: Tree = {}
    origins: Origins = {}
    path = _config_path(file)
    if path is not None:
        merge(tree, _read_toml(path), origins, f"in {path.name}")
    for variable, text in sorted(os.environ.items()):
        key = _key_of(variable, text, cls)
        if key:
            merge(tree, _nest(key, _decode(cls, key, text)), origins, f"in {variable}")
    for name, value in overrides.items():
        if value is not None:
            key = name.split(".")
            merge(tree, _nest(key, _decode(cls, key, value)), origins, "given")
    for name in siblings:
        tree.pop(name, None)
    return tree, origins


def merge(into: Tree, new: Mapping[str, Any], origins: Origins, origin: str, at: tuple[str, ...] = ()) -> None:
    """Lay ``new`` over ``into`` key by key and remember where each value came from."""
    for key, value in new.items():
        path = (*at, key)
        origins[path] = origin
        if isinstance(value, Mapping):
            if not isinstance(into.get(key), dict):
                into[key] = {}
            merge(into[key], value, origins, origin, path)
        else:
            into[key] = value


def _nest(key: Sequence[str], value: object) -> Tree:
    """``(["a", "b"], 1)`` -> ``{"a": {"b": 1}}``."""
    tree: Any = value
    for part in reversed(key):
        tree = {part: tree}
    return dict(tree)


def _decode(cls: type[BaseModel], key: Sequence[str], value: object) -> object:
    """Text that is a JSON list or table becomes one where such a value belongs; a password in brackets stays text."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    path, field = field_at(cls, key)
    if field is None or len(path) < len(key) or {str, SecretStr} & set(leaves(field.annotation)):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _config_path(file: Path | None) -> Path | None:
    named = file or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    if named is None:
        return Path(CONFIG_FILE) if Path(CONFIG_FILE).is_file() else None
    if not named.is_file():
        raise SettingsError(f"The settings file '{named}' does not exist or is not a file.")
    return named


def _read_toml(path: Path) -> Tree:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors put a byte-order mark
    except UnicodeDecodeError as error:
        raise SettingsError(f"The settings file '{path}' must be UTF-8 text, byte {error.start} is not.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file '{path}' is not valid TOML: {str(error).rstrip('.')}.") from error
    except OSError as error:
        raise SettingsError(f"The settings file '{path}' cannot be read: {error.strerror}.") from error


def _key_of(variable: str, text: str, cls: type[BaseModel]) -> list[str]:
    """The key a variable sets, empty when the variable is not ours."""
    if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE or (variable == PREFIX + "HOME" and not text):
        return []
    key = variable.removeprefix(PREFIX).lower().split("__")
    return [] if _FROM_CLUSTER.match(f"{variable}={text}") else key
