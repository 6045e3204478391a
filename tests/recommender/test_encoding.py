"""Encoders that are loaded when there is a text to read."""

from pathlib import Path

import pytest

from apps.recommender import encoding
from apps.recommender.settings import load_settings
from core.inference.embedding import WaitingEmbedder


def test_a_bundled_encoder_waits_and_one_whose_vectors_length_is_not_known_is_loaded_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(encoding, "_loaded", lambda settings, name, adapter: loaded.append(name) or name)
    settings = load_settings(overrides={"home": tmp_path})
    models = settings.models.model_copy(update={"multilingual_encoder": "someone/some-model"})
    first, second = encoding.waiting_embedders(settings.model_copy(update={"models": models}), "")
    assert isinstance(first, WaitingEmbedder) and second == "someone/some-model" and loaded == ["someone/some-model"]
