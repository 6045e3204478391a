"""Finds and loads the model a setting asks for: base, adapter, or linear heads fitted to the sample once.

Knows folders and registries; what the models say is ``reading_models``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from apps.monitor.dataset import read_sample
from apps.monitor.reading_models import AdaptedModel, LinearModel, Model
from apps.monitor.settings import MonitorSettings
from core.errors import ModelError, NotFoundError
from core.events import Log, OnEvent, ignore
from core.models import catalog
from core.models.adapter_check import content_hash
from core.models.adapter_manifest import Manifest
from core.models.adapters import AdapterRegistry

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "monitor"
READERS = ("market-reader", "market-reader-light")  # the adapters that ship, for the bilingual and the English base
LINEAR = "linear"


def load_model(
    settings: MonitorSettings, base_name: str, adapter_name: str | None, on_event: OnEvent = ignore
) -> Model:
    """The base with its adapter; linear heads where the setting is "auto" and no adapter fits, or none is wanted.

    Raises ``NotFoundError`` for a named adapter that is not there and ``AdapterError`` for one that does not fit.
    """
    from core.models import device

    plan = device.plan(settings.models)
    if adapter_name not in (None, "auto") or (adapter_name == "auto" and _ours(settings)):
        base = catalog.ensure(
            catalog.resolve(base_name), settings.home, on_event, verify=settings.models.verify_weights
        )
        adapter = fitting(settings, base, str(adapter_name))
        if adapter is not None:
            on_event(Log(f"Loading the reader {version_name(adapter)} …"))
            return AdaptedModel(version_name(adapter), base, adapter, plan)
    return load_linear(settings, on_event)


def fitting(settings: MonitorSettings, base: Path, adapter_name: str) -> Path | None:
    """The adapter's folder; for "auto" the live one of ours that was trained on this base, or None."""
    registry = AdapterRegistry(settings.home)
    if adapter_name != "auto":
        found = registry.live(adapter_name)
        if found is None:
            raise NotFoundError(f"There is no adapter '{adapter_name}': see `trifolium adapters list`.")
        return found
    print_of_base = catalog.fingerprint(base)
    return next((one for one in _ours(settings) if Manifest.read(one).base_fingerprint == print_of_base), None)


def _ours(settings: MonitorSettings) -> list[Path]:
    """Live adapters under the names that ship."""
    registry = AdapterRegistry(settings.home)
    return [folder for name in READERS if (folder := registry.live(name)) is not None]


def version_name(adapter: Path) -> str:
    """Name and contents of an adapter: what an audit must be able to tell."""
    return f"{Manifest.read(adapter).name}@{content_hash(adapter)[:8]}"


def model_name(settings: MonitorSettings, base_name: str, adapter_name: str | None) -> str:
    """What ``load_model`` will load, told without loading or converting anything."""
    registry = AdapterRegistry(settings.home)
    if adapter_name not in (None, "auto"):
        found = registry.live(str(adapter_name))
        return version_name(found) if found else str(adapter_name)
    if adapter_name == "auto":
        description = catalog.resolve(base_name)
        if catalog.ready(description, settings.home):
            fits = fitting(settings, catalog.ensure(description, settings.home, verify=False), "auto")
            return version_name(fits) if fits else LINEAR
        for folder in _ours(settings):
            if Manifest.read(folder).base.startswith(description.name):
                return version_name(folder)
    return LINEAR


def load_linear(settings: MonitorSettings, on_event: OnEvent = ignore) -> LinearModel:
    """The linear heads kept in the home folder, or fitted to the sample now (half a minute, once per sample)."""
    from core.inference.embedding import load_embedder
    from core.models import device

    on_event(Log(f"Loading the reader on {settings.models.multilingual_encoder} …"))
    embedder = load_embedder(settings.models.multilingual_encoder, settings.home, device.plan(settings.models))
    items = read_sample(SAMPLE).parts()["train"]
    learnt = hashlib.sha256("\n".join(f"{item.id}{item.text}{item.sentiment}" for item in items).encode()).hexdigest()
    name = f"{LINEAR}-{embedder.name}@{learnt[:8]}"
    folder = settings.home / "monitor" / name
    try:
        return LinearModel.load(name, folder, embedder)
    except ModelError:
        on_event(Log(f"No reader's adapter fits: fitting linear heads to {len(items)} texts of the sample."))
        model = LinearModel.fit(name, embedder, items)
        model.save(folder)
        return model
