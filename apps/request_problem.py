"""A request that does not fit, as one sentence: where, what must stand there, what was found, the nearest known name.

Knows pydantic's kinds of problems and the shapes a route declares; knows no app and no route.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from core.errors import DataError, known_names, nearest

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
_LONGEST_SHOWN = 60


def request_problem(request: Request, error: RequestValidationError) -> str:
    """The first problem of a request as one sentence, and how many more there are."""
    problems = error.errors()
    first, others = problems[0], len({_place(one["loc"]) for one in problems} - {_place(problems[0]["loc"])})
    route = request.scope.get("route")
    sentence = _sentence(first, _body(route) if isinstance(route, APIRoute) else None)
    return sentence + (
        f", and {others} more {'field needs' if others == 1 else 'fields need'} a look." if others else "."
    )


async def known_query(request: Request) -> None:
    """Raises ``DataError`` for a query parameter that the route does not read: a misspelt filter filters nothing."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    known = _query_names(route.dependant)
    for name in request.query_params:
        if name not in known:
            raise DataError(f"{request.url.path} reads no query parameter '{name}'; {known_names(name, known)}.")


def _query_names(dependant: Dependant) -> set[str]:
    """What a route or anything it depends on reads of the query."""
    deeper = (_query_names(one) for one in dependant.dependencies)
    return {field.alias for field in dependant.query_params}.union(*deeper)


def _sentence(problem: Mapping[str, Any], body: type[BaseModel] | None) -> str:
    kind, loc = str(problem["type"]), problem["loc"]
    where = f"In the request, {_place(loc)}"
    if kind == "json_invalid":
        return f"The body is not valid JSON: {problem['ctx']['error']} at character {loc[-1]}"
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        return f"{where} is not known; {known_names(str(loc[-1]), _names(body, loc[1:-1]))}"
    if kind == "value_error":
        return f"{where}: {str(problem['ctx']['error']).rstrip('.')}"
    return f"{where} {_must(kind, problem)}, got {_shown(problem['input'])}{_nearest(problem)}"


def _must(kind: str, problem: Mapping[str, Any]) -> str:
    if kind == "too_short" and problem["ctx"]["min_length"] == 1:
        return "must not be empty"
    if kind in _MUST:
        return _MUST[kind].format(**problem.get("ctx", {}))
    if kind.startswith(("datetime", "date_")):
        return _MOMENT
    return str(problem["msg"]).rstrip(".").replace("Input should", "must").replace("Value should", "must")


def _nearest(problem: Mapping[str, Any]) -> str:
    """For a word out of a few: the one that was probably meant."""
    words = str(problem.get("ctx", {}).get("expected", "")).replace(" or ", ", ").split(", ")
    like = nearest(str(problem["input"]), [word.strip("'") for word in words])
    return f"; the nearest is '{like}'" if like else ""


def _place(loc: Sequence[int | str]) -> str:
    """``("body", "items", 3, "title")`` -> ``'items[3].title'``; parameters say what they are."""
    head, *rest = loc
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest).lstrip(".")
    if head == "body":
        return f"'{path}'" if path else "the body"
    return f"the {head} parameter '{path}'"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def _body(route: APIRoute) -> type[BaseModel] | None:
    return _model(route.body_field.field_info.annotation) if route.body_field else None


def _names(body: type[BaseModel] | None, path: Iterable[int | str]) -> Iterable[str]:
    """The fields that are known where ``path`` leads."""
    for part in path:
        if body is not None and isinstance(part, str):
            field = body.model_fields.get(part)
            body = _model(field.annotation) if field else None
    return body.model_fields if body is not None else ()


def _model(annotation: Any) -> type[BaseModel] | None:
    """The first body shape that an annotation names, also inside a list or beside None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for model in map(_model, get_args(annotation)) if model), None)
