"""The generator behind the chatbot, loaded in the background so that pages and approved answers need not wait for it.

A remote server when one is set, else the local model with its adapter. A failure is kept as one sentence and shown.
"""

import threading
from pathlib import Path

from apps.chatbot.settings import ChatbotSettings
from core.errors import NotFoundError, TrifoliumError
from core.inference.messages import Generator
from core.models import catalog, device
from core.models.adapter_manifest import Manifest
from core.models.adapters import AdapterRegistry

GROUNDED = "grounded-answer"
CLOSE_S = 120.0


class Engine:
    """Loads once, in a thread of its own; ``generator`` gives None until it is there."""

    def __init__(self, settings: ChatbotSettings) -> None:
        self._settings = settings
        self._generator: Generator | None = None
        self._state, self._done = "loading", threading.Event()
        self.adapter: str | None = None
        threading.Thread(target=self._load, name="generator", daemon=True).start()

    def generator(self, wait_s: float = 0.0) -> Generator | None:
        """The generator, or None while it loads or when it cannot; waits at most ``wait_s``."""
        self._done.wait(wait_s)
        return self._generator

    @property
    def state(self) -> str:
        """ready, loading, or failed with the reason."""
        return self._state

    def close(self) -> None:
        """Free the model; waits while it loads, as a process that ends in the middle of that crashes."""
        self._done.wait(CLOSE_S)
        if self._generator is not None:
            self._generator.close()

    def _load(self) -> None:
        try:
            self._generator = self._made()
            self._state = "ready"
        except TrifoliumError as error:
            self._state = f"failed: {error}"
        except Exception as error:  # noqa: BLE001 - the page must say why answers are only quoted
            self._state = f"failed: {type(error).__name__}: {error}"
        finally:
            self._done.set()

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
