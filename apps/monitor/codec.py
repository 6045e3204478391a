"""Records to JSON-ready values and back, checked by their own types; knows no record by name."""

from typing import Any, TypeVar

from pydantic import TypeAdapter

R = TypeVar("R")


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}  # building one is slow, there is one per record class


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def to_json(record: Any) -> Any:
    """The record as dicts, lists, texts and numbers; moments as ISO 8601."""
    return _adapter(type(record)).dump_python(record, mode="json")


def from_json(kind: type[R], value: Any) -> R:
    """The record of that kind; pydantic's error when the value is none."""
    made: R = _adapter(kind).validate_python(value)
    return made
