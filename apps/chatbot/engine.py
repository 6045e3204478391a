"""Generator and judge behind the chatbot, loaded in the background so that pages and approved answers need not wait.

The generator is a remote server when one is set, else the local model with its adapter; the judge is always local. An
adapter that is promoted or rolled back while they run takes effect within seconds, after the answers under way. A
failure is kept as one sentence and shown.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from apps.chatbot.judging import JUDGE, Judge, load_judge
from apps.chatbot.settings import ChatbotSettings
from core.errors import NotFoundError, TrifoliumError
from core.events import Log, OnEvent, ignore
from core.inference.messages import Generator
from core.models import catalog, device
from core.models.adapter_manifest import Manifest
from core.models.adapters import AdapterRegistry

GROUNDED = "grounded-answer"
NOT_LOADED = "not loaded"
CLOSE_S = 120.0
WATCH_S = 3.0  # between two looks at which adapters are live
T = TypeVar("T")


@runtime_checkable
class Adaptable(Protocol):
    """A generator whose adapter changes while it runs."""

    def load_adapter(self, name: str, path: Path) -> None: ...
    def use_adapter(self, name: str | None) -> None: ...


class Engine:
    """Loads once, in a thread of its own; ``generator`` and ``judge`` give None until they are there.

    Without ``load`` it stays as it is: for work at the desk that needs neither. ``on_event`` hears what is loading.
    """

    def __init__(self, settings: ChatbotSettings, load: bool = True, on_event: OnEvent = ignore) -> None:
        self._settings, self.loads, self._on_event = settings, load, on_event
        self._generator: Generator | None = None
        self._state, self._done = "loading", threading.Event()
        self._judge: Judge | None = None
        self._judge_state, self._judge_done = "loading", threading.Event()
        self.adapter: str | None = None
        self.judge_version: str | None = None
        self._base: str | None = None  # fingerprint of the local base model
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="generator", daemon=True)
        if load:
            self._thread.start()
        else:
            self._state = self._judge_state = NOT_LOADED
            self._done.set()
            self._judge_done.set()

    def generator(self, wait_s: float = 0.0) -> Generator | None:
        """The generator, or None while it loads or when it cannot; waits at most ``wait_s``."""
        self._done.wait(wait_s)
        return self._generator

    @property
    def state(self) -> str:
        """ready, loading, not loaded, or failed with the reason."""
        return self._state

    def judge(self, wait_s: float = 0.0) -> Judge | None:
        """The judge, or None while it loads, where it is switched off, or when it cannot; waits at most ``wait_s``."""
        self._judge_done.wait(wait_s)
        return self._judge

    @property
    def judge_state(self) -> str:
        """ready, loading, not loaded, off, or failed with the reason."""
        return self._judge_state

    def names(self) -> dict[str, str | None]:
        """Which generator and which version of the judge serve, or would; None where there is no judge."""
        models, judge = self._settings.models, None
        if self._settings.chatbot.deciding.judge:
            judge = AdapterRegistry(self._settings.home).live(JUDGE)
        remote = f"{models.remote_model} at {models.remote_url}" if models.remote_url and models.remote_model else None
        return {"generator": remote or models.generator, "judge": f"{JUDGE} {judge.name}" if judge else None}

    @property
    def judge_hash(self) -> str | None:
        """Content hash of the judge's live adapter, None where no judge is to read; known before it is loaded."""
        if not self._settings.chatbot.deciding.judge:
            return None
        live = AdapterRegistry(self._settings.home).live(JUDGE)
        return Manifest.read(live).content_hash if live else None

    def close(self) -> None:
        """Free the models; waits while they load, as a process that ends in the middle of that crashes."""
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_S)
        if self._generator is not None:
            self._generator.close()

    def _run(self) -> None:
        self._generator, self._state = self._attempt(self._made)
        self._done.set()
        self._judge, self._judge_state = self._attempt(self._made_judge)
        self._judge_done.set()
        while not self._closed.wait(WATCH_S):
            self._follow_registry()

    def _follow_registry(self) -> None:
        """Takes up an adapter that went live since; one that cannot be loaded leaves the old one answering."""
        judge = self._live(JUDGE)
        if judge is not None and judge.name != self.judge_version and self._settings.chatbot.deciding.judge:
            made, state = self._attempt(self._made_judge)
            self._judge, self._judge_state = made or self._judge, state
            self.judge_version = judge.name  # a failed one is not tried again and again
        wanted = self._generator_adapter
        if self._base is None or wanted is None or not isinstance(self._generator, Adaptable):
            return
        folder = self._live(GROUNDED if wanted == "auto" else wanted)
        if folder is not None and folder.name != self.adapter:
            self._state = self._attempt(lambda: self._switched(folder))[1]
            self.adapter = folder.name

    def _switched(self, folder: Path) -> Path:
        assert isinstance(self._generator, Adaptable)
        self._generator.load_adapter(folder.name, folder)
        self._generator.use_adapter(folder.name)
        return folder

    def _live(self, name: str) -> Path | None:
        """The live adapter of that name where it was made for the base in use."""
        found = AdapterRegistry(self._settings.home).live(name)
        if found is None or Manifest.read(found).base_fingerprint != self._base:
            return None
        return found

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
        """The judge on the bundled generator's base; none where it is off, missing or made for another base."""
        models = self._settings.models
        if not self._settings.chatbot.deciding.judge or AdapterRegistry(self._settings.home).live(JUDGE) is None:
            return None
        self._on_event(Log("Loading the judge …"))
        base = catalog.ensure(catalog.resolve(models.generator), self._settings.home, self._on_event)
        self._base = self._base or catalog.fingerprint(base)
        adapter = self._live(JUDGE)
        if adapter is None:
            return None
        plan = device.plan(models)
        device.apply(plan)
        made = load_judge(base, adapter, plan)
        self.judge_version = adapter.name
        return made

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
        self._on_event(Log(f"Loading the generator {description.name} …"))
        folder = catalog.ensure(description, self._settings.home, self._on_event, models.verify_weights)
        self._base = catalog.fingerprint(folder)
        chosen = self._adapter_folder()
        self.adapter = chosen.name if chosen else None
        return load_generator(folder, plan, adapter=chosen)

    @property
    def _generator_adapter(self) -> str | None:
        return self._settings.models.generator_adapter

    def _adapter_folder(self) -> Path | None:
        """The adapter of the settings; "auto" is the live version of the bundled one, where it fits the base."""
        wanted = self._generator_adapter
        if wanted is None or wanted == "auto":
            return self._live(GROUNDED) if wanted else None
        found = AdapterRegistry(self._settings.home).live(wanted)
        if found is None:
            raise NotFoundError(f"There is no adapter '{wanted}': see `trifolium adapters list`.")
        return found
