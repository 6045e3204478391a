"""Fitted models on the shelf: kept whole, promoted, rolled back, found by other processes."""

from pathlib import Path

import pytest

from apps.recommender.model_shelf import ModelShelf, as_row
from core.errors import ConflictError, DataError, NotFoundError


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "engine.json").write_text('{"fitted": 1}')
    return folder


def test_an_empty_shelf_has_nothing_live(tmp_path):
    shelf = ModelShelf(tmp_path)
    assert (shelf.versions(), shelf.live(), shelf.live_name()) == ([], None, None)
    with pytest.raises(ConflictError, match="no earlier model"):
        shelf.roll_back()


def test_a_version_is_a_copy_with_its_figures(tmp_path, saved):
    shelf = ModelShelf(tmp_path)
    made = shelf.add(saved, {"ndcg10": 0.25}, source="run-1")
    (saved / "engine.json").write_text("changed")
    assert (made.path / "engine.json").read_text() == '{"fitted": 1}'
    assert (made.metrics, made.source, made.live) == ({"ndcg10": 0.25}, "run-1", False)
    assert shelf.versions() == [made] and "path" not in as_row(made)
    with pytest.raises(DataError, match="no folder"):
        shelf.add(tmp_path / "none")


def test_promote_and_roll_back_walk_there_and_back(tmp_path, saved):
    shelf = ModelShelf(tmp_path)
    first, second, third = (shelf.add(saved).name for _ in range(3))
    for name in (first, second, second, third):
        assert shelf.promote(name).live
    other = ModelShelf(tmp_path)
    assert other.live().name == third
    assert [other.roll_back().name, other.roll_back().name] == [second, first]
    with pytest.raises(ConflictError):
        other.roll_back()


def test_a_live_version_is_not_removed_and_a_removed_one_is_no_way_back(tmp_path, saved):
    shelf = ModelShelf(tmp_path)
    first, second = shelf.add(saved).name, shelf.add(saved).name
    shelf.promote(first)
    with pytest.raises(ConflictError, match="is live"):
        shelf.remove(first)
    shelf.promote(second)
    shelf.remove(first)
    with pytest.raises(ConflictError, match="no earlier model"):
        shelf.roll_back()


@pytest.mark.parametrize("name", ["none", "../x", ".lock", ""])
def test_an_unknown_version_is_one_sentence(tmp_path, saved, name):
    shelf = ModelShelf(tmp_path)
    shelf.add(saved)
    with pytest.raises(NotFoundError, match="There is no model"):
        shelf.promote(name)
