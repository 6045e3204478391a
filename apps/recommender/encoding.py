"""The encoders of the text model as the settings name them: the fine-tuned first, then the one for more languages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from apps.recommender.settings import RecommenderSettings
from core.errors import AdapterError
from core.events import Log, OnEvent, ignore
from core.inference.embedding import Embedder, WaitingEmbedder, load_embedder
from core.models.adapters import AdapterRegistry
from core.models.catalog import resolve

ADAPTER = "interest"  # the adapter's name in the registry; what ships was trained on the sample alone


def load_embedders(
    settings: RecommenderSettings, on_event: OnEvent = ignore, text_model: str = "", tuned: bool = True
) -> list[Embedder]:
    """The encoder with the live adapter, and the multilingual one where it is another model.

    ``text_model`` is the name a saved engine was made with: the adapter version it names is taken instead of the live
    one. ``tuned`` False leaves the adapter away. An adapter of another base is left away too, with a word about it.
    """
    from core.models import device

    plan = device.plan(settings.models)
    registry = AdapterRegistry(settings.home)
    wanted = _named(registry, text_model) if text_model else registry.live(ADAPTER)
    folder = wanted if tuned else None
    try:
        first = load_embedder(settings.models.encoder, settings.home, plan, folder, on_event)
    except AdapterError as error:
        on_event(Log(f"The text model goes on without its adapter: {error}"))
        first = load_embedder(settings.models.encoder, settings.home, plan, None, on_event)
    if settings.models.multilingual_encoder == settings.models.encoder:
        return [first]
    return [first, load_embedder(settings.models.multilingual_encoder, settings.home, plan, None, on_event)]


def waiting_embedders(settings: RecommenderSettings, text_model: str) -> list[Embedder]:
    """The same encoders for the engine of this text model, each loaded when it has a text to read.

    One whose vectors' length only its weights tell, such as a hub model, is loaded at once.
    """
    first, second = settings.models.encoder, settings.models.multilingual_encoder
    folder = _named(AdapterRegistry(settings.home), text_model)
    wanted = [(first, folder)] if first == second else [(first, folder), (second, None)]
    return [_waiting(name, adapter, partial(_loaded, settings, name, adapter)) for name, adapter in wanted]


def _waiting(name: str, adapter: Path | None, load: Callable[[], Embedder]) -> Embedder:
    return WaitingEmbedder(name, adapter, load) if resolve(name).dim else load()


def _loaded(settings: RecommenderSettings, name: str, adapter: Path | None) -> Embedder:
    from core.models import device

    return load_embedder(name, settings.home, device.plan(settings.models), adapter)


def _named(registry: AdapterRegistry, text_model: str) -> Path | None:
    """The folder of the adapter version that a text model's name ends with; None when it names none."""
    mark = text_model.partition(" | ")[0].partition("+")[2]
    for version in registry.versions(ADAPTER):
        if mark and version.manifest.content_hash.startswith(mark):
            return version.path
    return None
