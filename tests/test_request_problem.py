"""A request that does not fit is one sentence: where, what must stand there, what was found, the nearest known name."""

from typing import Annotated, Literal

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from apps.request_problem import known_query, request_problem
from core.errors import DataError


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str = Field(min_length=2, max_length=5)
    price: float = Field(default=0, ge=0, lt=100)
    mood: Literal["bad", "good"] = "good"
    at: AwareDatetime | None = None
    tags: list[str] = []

    @field_validator("tags")
    @classmethod
    def _few(cls, tags: list[str]) -> list[str]:
        if "free" in tags:
            raise ValueError("nothing is free")
        return tags


class Body(BaseModel):
    rows: list[Row] = Field(min_length=1, max_length=2)
    picked: list[Annotated[str, Field(min_length=1)] | Row] = []
    grams: dict[str, int | str] = {}


@pytest.fixture(scope="module")
def client():
    app = FastAPI(dependencies=[Depends(known_query)])

    @app.post("/rows")
    def rows(body: Body, limit: int = 5) -> int:
        return limit

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> PlainTextResponse:
        return PlainTextResponse(request_problem(request, error), 422)

    @app.exception_handler(DataError)
    async def unknown(request: Request, error: DataError) -> PlainTextResponse:
        return PlainTextResponse(str(error), error.status)

    return TestClient(app)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({}, "In the request, 'rows[0].title' is missing."),
        ({"title": 5}, "In the request, 'rows[0].title' must be text, got 5."),
        ({"title": "a"}, "In the request, 'rows[0].title' must be text of at least 2 characters, got \"a\"."),
        ({"title": "tea", "price": -1}, "In the request, 'rows[0].price' must be at least 0, got -1."),
        ({"title": "tea", "price": 100}, "In the request, 'rows[0].price' must be below 100, got 100."),
        ({"title": "tea", "price": "x"}, "In the request, 'rows[0].price' must be a number, got \"x\"."),
        ({"title": "tea", "tags": "x"}, "In the request, 'rows[0].tags' must be a list, got \"x\"."),
        ({"title": "tea", "tags": ["free"]}, "In the request, 'rows[0].tags': nothing is free."),
        (
            {"title": "tea", "mood": "goood"},
            "In the request, 'rows[0].mood' must be 'bad' or 'good', got \"goood\"; the nearest is 'good'.",
        ),
        (
            {"title": "tea", "prise": 1},
            "In the request, 'rows[0].prise' is not known; the nearest known is 'price' "
            "(known here: at, mood, price, tags, title).",
        ),
        (
            {"title": "tea", "at": "1 May"},
            "In the request, 'rows[0].at' must be a date with time and zone like 2026-03-01T09:30:00Z, got \"1 May\".",
        ),
        (
            {"title": "tea", "at": "2026-03-01T09:30:00"},
            "In the request, 'rows[0].at' must name its time zone, as 2026-03-01T09:30:00Z does, "
            'got "2026-03-01T09:30:00".',
        ),
    ],
)
def test_a_wrong_field_is_named_with_what_it_must_be_and_what_it_is(client, row, sentence):
    answer = client.post("/rows", json={"rows": [row]})
    assert (answer.status_code, answer.text) == (422, sentence)


TEA = {"rows": [{"title": "tea"}]}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"picked": [{"prise": 5}]}, "In the request, 'picked[0].title' is missing, and 1 more field needs a look."),
        ({"picked": [""]}, "In the request, 'picked[0]' must not be empty, got \"\"."),
        ({"grams": {"tea": []}}, "In the request, 'grams.tea' must be a whole number, got []."),
    ],
)
def test_of_several_shapes_the_nearest_is_spoken_of_and_none_by_its_inner_name(client, body, sentence):
    assert client.post("/rows", json=TEA | body).text == sentence


def test_a_list_too_short_or_too_long_says_how_many_it_may_hold(client):
    assert client.post("/rows", json={"rows": []}).text == "In the request, 'rows' must not be empty, got []."
    long = client.post("/rows", json={"rows": [{"title": "tea"}] * 3}).text
    assert long.startswith("In the request, 'rows' must have at most 2 entries, got [{")


def test_further_fields_that_need_a_look_are_counted(client):
    answer = client.post("/rows", json={"rows": [{"title": 5, "price": -1}, {"title": "x"}]})
    assert answer.text == "In the request, 'rows[0].title' must be text, got 5, and 2 more fields need a look."


def test_what_is_no_json_is_said_to_be_that(client):
    answer = client.post("/rows", content=b'{"rows": [', headers={"Content-Type": "application/json"})
    assert answer.text == "The body is not valid JSON: Expecting value at character 10."
    assert client.post("/rows").text == "In the request, the body is missing."


def test_a_body_sent_as_something_else_is_told_which_header_it_needs(client):
    header = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post("/rows", content=b'{"rows": [{"title": "tea"}]}', headers=header)
    assert answer.text == ("The body was not read as JSON: send it with the header 'Content-Type: application/json'.")


def test_a_wrong_parameter_is_called_one(client):
    answer = client.post("/rows?limit=many", json={"rows": [{"title": "tea"}]})
    assert answer.text == "In the request, the query parameter 'limit' must be a whole number, got \"many\"."


def test_a_query_parameter_nobody_reads_is_refused_with_the_nearest(client):
    answer = client.post("/rows?limt=9", json={"rows": [{"title": "tea"}]})
    assert answer.status_code == DataError.status
    assert answer.text == "/rows reads no query parameter 'limt'; the nearest known is 'limit' (known here: limit)."
    assert client.post("/rows?limit=9", json={"rows": [{"title": "tea"}]}).json() == 9
