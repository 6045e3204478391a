"""Messages in, tokens out: a language model on this machine, shared by several conversations at once.

``load_generator`` makes one; ``core.inference.remote`` keeps the same protocol over HTTP. Settings are unknown here.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import AdapterError, DataError
from core.inference.messages import (
    GREEDY,
    Completion,
    Finish,
    GenerationOptions,
    Generator,
    Message,
    as_dicts,
    collect,
)
from core.models import chat

if TYPE_CHECKING:
    from core.inference.answering import TokenStream
    from core.models.catalog import ModelDescription
    from core.models.device import DevicePlan
    from core.models.merging import Adapter

__all__ = [
    "GREEDY",
    "Completion",
    "Finish",
    "GenerationOptions",
    "Generator",
    "LocalGenerator",
    "Message",
    "load_generator",
]


def load_generator(
    source: Path | ModelDescription,
    plan: DevicePlan,
    adapter: Path | None = None,
    chat_template: str | None = None,
    *,
    home: Path | None = None,
    streams: int = 8,
    waiting: int = 32,
    context_tokens: int = 4096,
) -> LocalGenerator:
    """Load a model folder (or a catalogue entry, with ``home``) and start the thread that runs it.

    ``adapter`` is merged at once. At most ``streams`` answers are made side by side and ``waiting`` more are queued;
    a prompt and its answer together have at most ``context_tokens``.
    """
    from core.models import catalog, device, loading, memory

    if isinstance(source, Path):
        path, name = source, source.name
    else:
        if home is None:
            raise DataError(f"Loading '{source.name}' from the catalogue needs the home folder.")
        path, name = catalog.ensure(source, home), source.name
    device.apply(plan)
    model, tokenizer = loading.load_causal_lm(path, plan)
    chat.give_chat_template(tokenizer, chat_template)
    if plan.quantize == "int8":
        from core.models.mapped_embedding import map_vocabulary
        from core.models.quantization import quantize

        quantize(model)
        map_vocabulary(model, path)
    generator = LocalGenerator(name, model, tokenizer, plan, streams, waiting, context_tokens)
    if adapter is not None:
        generator.load_adapter(adapter.name, adapter)
        generator.use_adapter(adapter.name)
    memory.give_back()
    return generator


class LocalGenerator:
    """A loaded model behind the ``Generator`` protocol, with adapters that change without a restart."""

    def __init__(
        self, name: str, model: Any, tokenizer: Any, plan: DevicePlan, streams: int, waiting: int, context_tokens: int
    ) -> None:
        from core.inference.batching import Scheduler
        from core.models.merging import Merger
        from core.models.threads import Threads

        model.eval()
        self.name = name
        self.tokenizer = tokenizer
        self._marks = chat.control_marks(tokenizer)
        eos = model.generation_config.eos_token_id if model.generation_config else None
        stop_ids = frozenset(chat.stop_token_ids(tokenizer, eos))
        threads = Threads(plan.threads, plan.step_threads or plan.threads)
        self._scheduler = Scheduler(model, stop_ids, threads, streams, waiting, kept_tokens=2 * context_tokens)
        self.context_tokens = min(context_tokens, self._scheduler.passes.longest)
        self._merger = Merger(model)
        self._adapters: dict[str, Adapter] = {}
        self._scheduler.start()

    def stream(
        self,
        messages: Sequence[Message],
        options: GenerationOptions = GREEDY,
        cancel: threading.Event | None = None,
    ) -> TokenStream:
        """Tokens, then one ``Finish``; closing the stream or setting ``cancel`` frees its place within one step.

        Raises at the call: ``BusyError`` when the queue is full, ``DataError`` for a prompt that is too long.
        """
        from core.inference.answering import TokenStream

        request = self._request(self.encode(messages), options, cancel or threading.Event())
        self._scheduler.submit(request)
        return TokenStream(request, self._scheduler.worker)

    def complete(self, messages: Sequence[Message], options: GenerationOptions = GREEDY) -> Completion:
        """The whole answer at once."""
        return collect(self.stream(messages, options))

    def choose(self, messages: Sequence[Message], choices: Sequence[str]) -> np.ndarray:  # (choices,)
        """Probability of each continuation against the others, by the tokens that tell them apart; sums to 1."""
        from core.inference import choosing

        encoded = [self.tokenizer.encode(choice, add_special_tokens=False) for choice in choices]
        if not encoded or not all(encoded):
            raise DataError("choose needs at least one choice and no empty ones.")
        prompt = self.encode(messages)
        return self._scheduler.call(lambda: choosing.choose(self._scheduler, prompt, encoded))

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of the rendered prompt; control marks inside the messages are taken out first."""
        clean = [{**turn, "content": chat.without_marks(turn["content"], self._marks)} for turn in as_dicts(messages)]
        prompt = chat.render(self.tokenizer, clean)
        ids = list(self.tokenizer.encode(prompt, add_special_tokens=False))
        if len(ids) >= self.context_tokens:
            raise DataError(f"The prompt has {len(ids)} tokens, but at most {self.context_tokens - 1} can be read.")
        return ids

    def load_adapter(self, name: str, path: Path) -> None:
        """Read and check a LoRA adapter under a name; an earlier one of that name is replaced when next used."""
        from core.models.merging import read_adapter

        self._adapters[name] = read_adapter(name, path, self._merger.model)

    def use_adapter(self, name: str | None) -> None:
        """Answer with an adapter, or with the bare model (None); returns when running answers ended and it is live."""
        if name is not None and name not in self._adapters:
            raise AdapterError(f"Adapter '{name}' is not loaded; loaded: {', '.join(self._adapters) or 'none'}.")
        adapter = self._adapters[name] if name is not None else None

        def switch() -> None:
            self._merger.use(adapter)
            self._scheduler.adapter = adapter.content_hash if adapter else ""

        self._scheduler.call(switch, alone=True)

    @property
    def adapter(self) -> str | None:
        """Name of the adapter in use."""
        return self._merger.live.name if self._merger.live else None

    def close(self) -> None:
        """Stop the thread; running and waiting streams end as cancelled."""
        self._scheduler.close()

    def _request(self, ids: list[int], options: GenerationOptions, cancel: threading.Event) -> Any:
        from dataclasses import replace

        from core.inference.answering import Request
        from core.inference.drafting import PromptLookup
        from core.inference.sampling import random_state
        from core.inference.streaming import TextStream

        most = min(options.max_new_tokens, self.context_tokens - len(ids))
        greedy = options.temperature == 0
        return Request(
            ids=list(ids),
            options=replace(options, max_new_tokens=most),
            text=TextStream(self.tokenizer, options.stop),
            cancel=cancel,
            random=None if greedy else random_state(options.seed),
            lookup=PromptLookup(ids) if greedy and options.lookup else None,
            prompt_tokens=len(ids),
            barred=self._first_tokens(options.never_begin),
        )

    def _first_tokens(self, texts: Sequence[str]) -> tuple[int, ...]:
        encoded = (self.tokenizer.encode(text, add_special_tokens=False) for text in texts)
        return tuple(ids[0] for ids in encoded if ids)
