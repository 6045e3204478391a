"""Turns a tree of raw setting values into good errors: which key, what was found and where, what is allowed.

Knows pydantic's field descriptions, not any particular setting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from core.errors import SettingsError, known_names, nearest

Origins: TypeAlias = dict[tuple[str, ...], str]  # key -> "in trifolium.toml", "in TRIFOLIUM_SERVER__PORT", "given"
_ENDS = {
    "ge": "of at least",
    "gt": "above",
    "le": "of at most",
    "lt": "below",
    "min_length": "of length at least",
    "max_length": "of length at most",
}
_PLAIN = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    SecretStr: "text",
    Path: "a path",
}


def check_tree(cls: type[BaseModel], tree: Mapping[str, Any], origins: Origins, at: tuple[str, ...] = ()) -> None:
    """Raise ``SettingsError`` for the first key that ``cls`` does not have, or true/false where no bool is meant."""
    for key, value in tree.items():
        path = (*at, key)
        field = cls.model_fields.get(key)
        if field is None:
            raise SettingsError(_unknown(cls, path, value, origins))
        section = section_of(field.annotation)
        if section is not None and isinstance(value, Mapping):
            check_tree(section, value, origins, path)
        elif isinstance(value, bool) and bool not in leaves(field.annotation):
            raise SettingsError(_wrong(path, field, value, origins))  # pydantic would read it as 1 or 0


def sentence(cls: type[BaseModel], error: ValidationError, tree: Mapping[str, Any], origins: Origins) -> str:
    """The first problem of a validation error as one sentence."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"]).rstrip(".") + "."
    path, field = field_at(cls, first["loc"])
    if field is None or first["type"] == "missing":
        return f"Setting '{'.'.join(path)}' must be set{' to ' + allowed(field) if field else ''}."
    return _wrong(path, field, _value_at(tree, path, first["input"]), origins)


def allowed(field: FieldInfo) -> str:
    """What may stand there, in words: ``a whole number from 1 to 65535``, ``'auto' or 'cpu'``.

    A field with a pattern says it before the first "; " of its description.
    """
    pattern = next((m.pattern for m in field.metadata if getattr(m, "pattern", None)), None)
    if pattern:
        words, found, _ = (field.description or "").partition("; ")
        return words if found else f"text like {pattern}"
    return _describe(field.annotation, tuple(field.metadata))


@dataclass(frozen=True)
class SettingRow:
    """One setting as documents and ``trifolium settings`` show it."""

    key: str
    allowed: str
    default: str
    reason: str


def explain(cls: type[BaseModel], at: tuple[str, ...] = ()) -> list[SettingRow]:
    """Every setting of ``cls`` in order, sections opened."""
    rows: list[SettingRow] = []
    for name, field in cls.model_fields.items():
        section = section_of(field.annotation)
        if section is not None and not allows_none(field):
            rows += explain(section, (*at, name))
            continue
        default = "chosen by the system" if field.default_factory else _shown(field.default)
        rows.append(
            SettingRow(".".join((*at, name)), allowed(field), default, (field.description or "").split("; ")[-1])
        )
    return rows


def allows_none(field: FieldInfo) -> bool:
    """Whether the field may be None."""
    return NoneType in leaves(field.annotation)


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The settings group an annotation names, also inside ``Group | None``."""
    return next((leaf for leaf in leaves(annotation) if isinstance(leaf, type) and issubclass(leaf, BaseModel)), None)


def _unknown(cls: type[BaseModel], path: tuple[str, ...], value: Any, origins: Origins) -> str:
    shown = "" if isinstance(value, Mapping) else f" = {_shown(value)}"
    known = known_names(path[-1], cls.model_fields)
    return f"Unknown setting '{'.'.join(path)}'{shown} {_origin(path, origins)}; {known}."


def _wrong(path: tuple[str, ...], field: FieldInfo, value: Any, origins: Origins) -> str:
    secret = SecretStr in leaves(field.annotation)
    found = "a value that is not shown" if secret else _shown(value)
    words = [str(word) for leaf in leaves(field.annotation) if get_origin(leaf) is Literal for word in get_args(leaf)]
    like = nearest(value, words) if isinstance(value, str) else None
    hint = f"; the nearest is '{like}'." if like else "."
    return f"Setting '{'.'.join(path)}' must be {allowed(field)}, got {found} {_origin(path, origins)}{hint}"


def _value_at(tree: Mapping[str, Any], path: tuple[str, ...], otherwise: Any) -> Any:
    """The value as it was given, before any validator changed it."""
    found: Any = tree
    for part in path:
        if not isinstance(found, Mapping) or part not in found:
            return otherwise
        found = found[part]
    return found


def _origin(path: tuple[str, ...], origins: Origins) -> str:
    for length in range(len(path), 0, -1):
        if path[:length] in origins:
            return f"({origins[path[:length]]})"
    return "(default)"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def field_at(cls: type[BaseModel], loc: Sequence[int | str]) -> tuple[tuple[str, ...], FieldInfo | None]:
    """The key and field that a validation error's location points at; union branches are left out of the key."""
    path: list[str] = []
    field: FieldInfo | None = None
    group: type[BaseModel] | None = cls
    for part in loc:
        if group is None or str(part) not in group.model_fields:
            break
        path.append(str(part))
        field = group.model_fields[str(part)]
        group = section_of(field.annotation)
    return tuple(path or [str(part) for part in loc]), field


def leaves(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of an annotation: ``Annotated[int, …] | None`` -> ``(int, NoneType)``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return leaves(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(leaf for part in get_args(annotation) for leaf in leaves(part))
    return (annotation,)


def _describe(annotation: Any, metadata: tuple[Any, ...]) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _describe(args[0], (*metadata, *args[1:]))
    if origin in (Union, UnionType):
        return " or ".join("'none'" if part is NoneType else _describe(part, metadata) for part in args)
    if origin is Literal:
        words = [f"'{word}'" for word in args]
        return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
    if origin in (list, tuple, set, frozenset):
        return f"a list, each item {_describe(args[0], ())}" if args else "a list"
    if origin is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "a table"
    return _PLAIN.get(annotation, getattr(annotation, "__name__", str(annotation))) + _range(metadata)


def _range(metadata: tuple[Any, ...]) -> str:
    """`` from 1 to 65535`` out of annotated-types marks, also those inside a ``Field(...)``."""
    flat = [inner for mark in metadata for inner in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    ends = {name: getattr(mark, name) for mark in flat for name in _ENDS if hasattr(mark, name)}
    if "ge" in ends and "le" in ends:
        return f" from {ends['ge']} to {ends['le']}"
    return " and".join(f" {_ENDS[name]} {end}" for name, end in ends.items())
