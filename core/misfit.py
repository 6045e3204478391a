"""What must stand where a value does not fit, in plain words, for pydantic's kinds of problems.

Knows neither where the value came from nor who is told: requests and the command line say that themselves.
"""

from collections.abc import Mapping
from typing import Any

_MUST = {
    "string_type": "must be text",
    "string_too_short": "must be text of at least {min_length} characters",
    "string_too_long": "must be text of at most {max_length} characters",
    "string_pattern_mismatch": "must be text like {pattern}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number that is not infinite",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "timezone_aware": "must name its time zone, as 2026-03-01T09:30:00Z does",
}
_MOMENT = "must be a date with time and zone like 2026-03-01T09:30:00Z"


def must(problem: Mapping[str, Any]) -> str:
    """``must be a whole number`` for one of ``ValidationError.errors()``."""
    kind, context = str(problem["type"]), problem.get("ctx", {})
    if kind in ("too_short", "string_too_short") and context["min_length"] == 1:
        return "must not be empty"
    if kind in _MUST:
        return _MUST[kind].format(**context)
    if kind.startswith(("datetime", "date_")):
        return _MOMENT
    return str(problem["msg"]).rstrip(".").replace("Input should", "must").replace("Value should", "must")
