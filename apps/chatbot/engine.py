"""Generator and judge behind the chatbot, loaded in the background so that pages and approved answers need not wait.

The generator is a remote server when one is set, else the local model with its adapter; the judge is always local. A
failure is kept as one sentence and shown.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from apps.chatbot.judging import JUDGE, Judge, load_judge
from apps.chatbot.settings import ChatbotSettings
from core.errors import NotFoundError, TrifoliumError
from core.inference.messages import Generator
from core.models import catalog, device
from core.models.adapter_manifest import Manifest
from core.models.adapters import AdapterRegistry

GROUNDED = "grounded-answer"
CLOSE_S = 120.0
T = TypeVar("T")


class Engine:
    """Loads once, in a thread of its own; ``generator`` and ``judge`` give None until they are there."""

    def __init__(self, settings: ChatbotSettings) -> None:
        self._settings = settings
        self._generator: Generator | None = None
        self._state, self._done = "loading", threading.Event()
        self._judge: Judge | None = None
        self._judge_state, self._judge_done = "loading", threading.Event()
        self.adapter: str | None = None
        self.judge_version: str | None = None
        threading.Thread(target=self._load, name="generator", daemon=True).start()

    def generator(self, wait_s: float = 0.0) -> Generator | None:
        """The generator, or None while it loads or when it cannot; waits at most ``wait_s``."""
        self._done.wait(wait_s)
        return self._generator

    @property
    def state(self) -> str:
        """ready, loading, or failed with the reason."""
        return self._state

    def judge(self, wait_s: float = 0.0) -> Judge | None:
        """The judge, or None while it loads, where it is switched off, or when it cannot; waits at most ``wait_s``."""
        self._judge_done.wait(wait_s)
        return self._judge

    @property
    def judge_state(self) -> str:
        """ready, loading, off, or failed with the reason."""
        return self._judge_state

    def close(self) -> None:
        """Free the model; waits while it loads, as a process that ends in the middle of that crashes."""
        self._judge_done.wait(CLOSE_S)
        if self._generator is not None:
            self._generator.close()

    def _load(self) -> None:
        self._generator, self._state = self._attempt(self._made)
        self._done.set()
        self._judge, self._judge_state = self._attempt(self._made_judge)
        self._judge_done.set()

    @staticmethod
    def _attempt(make: Callable[[], T | None]) -> tuple[T | None, str]:
        """What was made and its state in words."""
        try:
            made = make()
            return made, "ready" if made is not None else "off"
        except TrifoliumError as error:
            return None, f"failed: {error}"
        except Exception as error:  # noqa: BLE001 - the page must say why answers are only quoted
            return None, f"failed: {type(error).__name__}: {error}"

    def _made_judge(self) -> Judge | None:
        """The judge on the bundled generator's base; none where its adapter is missing or made for another base."""
        if not self._settings.chatbot.deciding.judge:
            return None
        adapter = AdapterRegistry(self._settings.home).live(JUDGE)
        if adapter is None:
            return None
        plan = device.plan(self._settings.models)
        device.apply(plan)
        base = catalog.ensure(catalog.resolve(self._settings.models.generator), self._settings.home)
        if Manifest.read(adapter).base_fingerprint != catalog.fingerprint(base):
            return None
        self.judge_version = adapter.name
        return load_judge(base, adapter, plan)

    def _made(self) -> Generator:
        models = self._settings.models
        if models.remote_url and models.remote_model:
            from core.inference.remote import RemoteGenerator

            key = models.remote_key.get_secret_value() if models.remote_key else None
            return RemoteGenerator(models.remote_url, models.remote_model, key, models.remote_timeout_s)
        from core.inference.generation import load_generator

        plan = device.plan(models)
        device.apply(plan)
        description = catalog.resolve(models.generator)
        folder = catalog.ensure(description, self._settings.home, verify=models.verify_weights)
        chosen = self._adapter_folder(folder)
        self.adapter = chosen.name if chosen else None
        return load_generator(folder, plan, adapter=chosen)

    def _adapter_folder(self, base: Path) -> Path | None:
        """The adapter of the settings; "auto" is the live version of the bundled one, where it fits the base."""
        wanted = self._settings.models.generator_adapter
        if wanted is None:
            return None
        found = AdapterRegistry(self._settings.home).live(GROUNDED if wanted == "auto" else wanted)
        if found is None and wanted != "auto":
            raise NotFoundError(f"There is no adapter '{wanted}': see `trifolium adapters list`.")
        fits = found is not None and Manifest.read(found).base_fingerprint == catalog.fingerprint(base)
        return found if fits or wanted != "auto" else None
