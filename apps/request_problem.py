"""A request that does not fit, as one sentence: where, what must stand there, what was found, the nearest known name.

Knows pydantic's kinds of problems and the shapes a route declares; knows no app and no route.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from core.errors import DataError, known_names, nearest
from core.misfit import must

_LONGEST_SHOWN = 60
_BRANCHES = {"str", "int", "float", "bool", "list", "dict", "none"}  # how pydantic names the branches of a choice


async def known_query(request: Request) -> None:
    """Raises ``DataError`` for a query parameter that the route does not read: a misspelt filter filters nothing."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    known = _query_names(route.dependant)
    for name in request.query_params:
        if name not in known:
            raise DataError(f"{request.url.path} reads no query parameter '{name}'; {known_names(name, known)}.")


def request_problem(request: Request, error: RequestValidationError) -> str:
    """The first problem of a request as one sentence, and how many other places there are with one.

    Where a value fits none of several shapes, the shape that it comes nearest to is spoken of.
    """
    route = request.scope.get("route")
    field = route.body_field if isinstance(route, APIRoute) else None
    found = [_Problem.of(one, _models(field.field_info.annotation) if field else ()) for one in error.errors()]
    same = [one for one in found if one.path[: len(found[0].path)] == found[0].path]
    told = max(same, key=lambda one: len(one.path))
    others = len({one.path for one in found if told.path[: len(one.path)] != one.path})
    more = f", and {others} more {'field needs' if others == 1 else 'fields need'} a look" if others else ""
    return f"{told.sentence}{more}."


@dataclass(frozen=True)
class _Problem:
    """One of pydantic's problems with the way to its value, the branches of choices left out."""

    raw: Mapping[str, Any]
    path: tuple[int | str, ...]
    models: tuple[type[BaseModel], ...]  # whose field the value is, as far as that is known

    @classmethod
    def of(cls, raw: Mapping[str, Any], models: tuple[type[BaseModel], ...]) -> "_Problem":
        path: list[int | str] = []
        last = len(raw["loc"]) - 2
        for number, part in enumerate(raw["loc"][1:]):
            owner = next((one for one in models if part in one.model_fields), None)
            if owner:
                models = _models(owner.model_fields[part].annotation) if number < last else (owner,)
            elif named := tuple(one for one in models if one.__name__ == part):
                models = named
                continue
            elif _is_branch(part):
                continue
            path.append(part)
        return cls(raw, tuple(path), models)

    @property
    def sentence(self) -> str:
        """Where, what must stand there and what does; without its full stop."""
        kind, where = str(self.raw["type"]), f"In the request, {self.place}"
        if kind == "json_invalid":
            return f"The body is not valid JSON: {self.raw['ctx']['error']} at character {self.raw['loc'][-1]}"
        if self.raw["loc"] == ("body",) and isinstance(self.raw["input"], bytes | str):
            return "The body was not read as JSON: send it with the header 'Content-Type: application/json'"
        if kind == "missing":
            return f"{where} is missing"
        if kind == "extra_forbidden":
            names = [name for model in self.models for name in model.model_fields]
            return f"{where} is not known; {known_names(str(self.path[-1]), names)}"
        if kind == "value_error":
            return f"{where}: {str(self.raw['ctx']['error']).rstrip('.')}"
        return f"{where} {self.must}, got {_shown(self.raw['input'])}{self.nearest}"

    @property
    def place(self) -> str:
        """``'items[3].title'`` of a body; parameters say what they are."""
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).lstrip(".")
        head = self.raw["loc"][0]
        if head == "body":
            return f"'{path}'" if path else "the body"
        return f"the {head} parameter '{path}'"

    @property
    def must(self) -> str:
        """What must stand there."""
        return must(self.raw)

    @property
    def nearest(self) -> str:
        """For a word out of a few: the one that was probably meant."""
        words = str(self.raw.get("ctx", {}).get("expected", "")).replace(" or ", ", ").split(", ")
        like = nearest(str(self.raw["input"]), [word.strip("'") for word in words])
        return f"; the nearest is '{like}'" if like else ""


def _query_names(dependant: Dependant) -> set[str]:
    """What a route or anything it depends on reads of the query."""
    deeper = (_query_names(one) for one in dependant.dependencies)
    return {field.alias for field in dependant.query_params}.union(*deeper)


def _is_branch(part: int | str) -> bool:
    return isinstance(part, str) and (part in _BRANCHES or "[" in part or part.startswith("constrained-"))


def _models(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The body shapes that an annotation names, also inside a list or beside others."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    return tuple(model for part in get_args(annotation) for model in _models(part))


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
