"""docs/recommender.md tells the truth: every call has a route and a body it takes, every setting loads, every weight is so."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from fastapi import FastAPI

from apps.recommender import wire
from apps.recommender.records import MEANINGS
from apps.recommender.routes import router
from apps.recommender.settings import load_settings

WALK = (Path(__file__).parents[2] / "docs" / "recommender.md").read_text(encoding="utf-8")
BODIES = {
    "items": wire.ItemsBody,
    "events": wire.EventsBody,
    "recommend": wire.RecommendBody,
    "score": wire.ScoreBody,
    "why-not": wire.ExplainBody,
    "experiments": wire.ExperimentBody,
}


def bodies():
    return re.findall(r"recommender/([a-z-]+) -H.*?-d '(\{.*?\})'", WALK, re.S)


def routes():
    app = FastAPI()
    app.include_router(router)
    return {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}


def test_every_call_of_the_walk_has_a_route():
    called = re.findall(r"curl (?:-X (\w+) )?http://127\.0\.0\.1:8000(/[\w/.-]+)", WALK)
    assert len(called) >= 10
    for method, path in called:
        fits = [
            route for verb, route in routes()
            if verb == (method or "GET") and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path)
        ]  # fmt: skip
        assert fits, f"{method or 'GET'} {path}"


@pytest.mark.parametrize(("call", "body"), bodies())
def test_every_body_of_the_walk_is_one_its_call_takes(call, body):
    read = BODIES[call].model_validate_json(body)
    if call == "items":
        assert all(wire.ItemBody.model_validate(row).record() for row in read.items)
    if call == "events":
        assert all(wire.EventBody.model_validate(row).record(wire.utc_now()) for row in read.events)
    assert json.loads(body)


def test_every_setting_of_the_walk_loads(tmp_path):
    blocks = re.findall(r"```toml\n(.*?)```", WALK, re.S)
    assert len(blocks) >= 2
    for number, block in enumerate(blocks):
        tomllib.loads(block)
        file = tmp_path / f"{number}.toml"
        file.write_text(block, encoding="utf-8")
        load_settings(file)


def test_the_weights_told_are_the_weights_in_force():
    told = {}
    for names, weight in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([\d.]+)", WALK, re.M):
        told |= dict.fromkeys(re.findall(r"\w+", names), float(weight))
    assert told == {one.type: one.weight for one in MEANINGS}
