"""The only place that calls ``from_pretrained``: verified folders in, models on the planned device out.

Safetensors only, never code from a model folder. Nothing here chooses a model or a device.
"""

from __future__ import annotations

import importlib
import logging
import threading
import warnings
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ModelError, ResourceError
from core.events import OnEvent, Progress, ignore
from core.models import memory, quick_tokenizer
from core.models.chat import give_chat_template
from core.models.files import refuse_pickles

if TYPE_CHECKING:
    from core.models.device import DevicePlan
    from core.models.heads import HeadSet

_FIRST_IMPORT = threading.Lock()
# While the library builds a model it replaces parts of itself for every thread (``tie_weights`` among them): of two
# models loaded at the same moment one would keep a random output layer. So one after the other.
_ONE_AT_A_TIME = threading.Lock()
PROBLEM_TYPES = {
    "single_label": "single_label_classification",
    "multi_label": "multi_label_classification",
    "regression": "regression",
}


def _transformers() -> Any:
    """The library, imported by one thread at a time.

    It puts another module in its own place while it is first imported; a second thread that asks meanwhile keeps the
    empty one and fails with "cannot import name".
    """
    with _FIRST_IMPORT:
        import transformers
    return transformers


def load_causal_lm(path: Path, plan: DevicePlan, for_training: bool = False) -> tuple[Any, Any]:
    """(model, tokenizer) of a generator; the tokenizer always has a chat template (ours for a base model).

    For training on a CPU the weights are float32 (autocast computes in bfloat16 where the CPU has it); on a GPU they
    keep the plan's format. Raises ``ModelError`` for an unsafe or foreign folder, ``ResourceError`` when it won't fit.
    """
    cls = _transformers().AutoModelForCausalLM
    with ThreadPoolExecutor(1) as beside:  # a large tokenizer takes as long as the weights
        reading = beside.submit(load_tokenizer, path)
        model = _load(cls, path, plan, for_training)
        tokenizer = reading.result()
    give_chat_template(tokenizer)
    return model, tokenizer


def load_encoder(path: Path, plan: DevicePlan) -> tuple[Any, Any]:
    """(model, tokenizer) of an encoder whose last hidden states are to be pooled, in float32 on a CPU."""
    return _load(_transformers().AutoModel, path, plan, for_training=plan.device == "cpu"), load_tokenizer(path)


def load_sequence_classifier(
    path: Path, plan: DevicePlan, labels: Sequence[str], problem_type: str = "single_label"
) -> tuple[Any, Any]:
    """(model, tokenizer) with a fresh or stored head of ``len(labels)``; problem_type as in ``PROBLEM_TYPES``."""
    if problem_type not in PROBLEM_TYPES:
        raise ModelError(f"problem_type must be one of {', '.join(PROBLEM_TYPES)}, got '{problem_type}'.")
    head = {**_label_maps(labels), "problem_type": PROBLEM_TYPES[problem_type]}
    return _load_with_head(_transformers().AutoModelForSequenceClassification, path, plan, head)


def load_token_classifier(path: Path, plan: DevicePlan, labels: Sequence[str]) -> tuple[Any, Any]:
    """(model, tokenizer) that labels each token; ``labels`` include O and the B-/I- marks."""
    return _load_with_head(_transformers().AutoModelForTokenClassification, path, plan, _label_maps(labels))


def load_headed(path: Path, plan: DevicePlan, heads: HeadSet) -> tuple[Any, Any]:
    """(model, tokenizer) of any encoder or decoder with fresh ``heads`` on it; see ``core.models.headed``."""
    from core.models.headed import HeadedModel

    backbone, tokenizer = load_encoder(path, plan)
    return HeadedModel(backbone, heads), tokenizer


def load_tokenizer(path: Path) -> Any:
    """The fast tokenizer of a folder."""
    library = _transformers()
    return quick_tokenizer.read(path) or library.AutoTokenizer.from_pretrained(str(path), trust_remote_code=False)


def load_gguf(file: Path, on_event: OnEvent = ignore) -> tuple[Any, Any]:
    """(model, tokenizer) of a GGUF file, dequantised to float32 so that it can be saved and trained."""
    import torch

    library = _transformers()
    folder, name = str(file.parent), file.name
    options = {"gguf_file": name, "trust_remote_code": False}
    needed_gb = file.stat().st_size * 6 / 1e9
    with _ONE_AT_A_TIME, quietly(), _tensors_counted(on_event), _one_sentence(file, needed_gb):
        on_event(Progress("reading the vocabulary", 0, 1))
        tokenizer = library.AutoTokenizer.from_pretrained(folder, **options)
        on_event(Progress("reading the vocabulary", 1, 1))
        dequantise = library.GgufConfig(dequantize=True)
        model: Any = library.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, quantization_config=dequantise, **options
        )
    return model, tokenizer


def _label_maps(labels: Sequence[str]) -> dict[str, Any]:
    numbered = list(enumerate(labels))
    return {"num_labels": len(numbered), "id2label": dict(numbered), "label2id": {name: i for i, name in numbered}}


def _load_with_head(auto_class: Any, path: Path, plan: DevicePlan, head: dict[str, Any]) -> tuple[Any, Any]:
    tokenizer = load_tokenizer(path)
    model = _load(auto_class, path, plan, for_training=True, ignore_mismatched_sizes=True, **head)
    if model.config.pad_token_id is None:  # a decoder with a head finds its last token by the padding id
        model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def _load(auto_class: Any, path: Path, plan: DevicePlan, for_training: bool, **extra: Any) -> Any:
    import torch

    refuse_pickles(path)
    on_cpu = plan.device == "cpu"
    dtype = "float32" if on_cpu and for_training else plan.dtype
    shape = memory.ModelShape.read(path)
    advice = "choose a smaller model or set models.quantize" if not on_cpu else "choose a smaller model"
    needed = memory.estimate_inference_gb(shape, dtype, plan.quantize if not for_training else "none", streams=1)
    memory.require_memory(needed, memory.free_memory_bytes(plan.device) / 1e9, f"Loading '{path.name}'", advice)
    # While it builds a model the library makes ``dtype`` torch's default for every thread, and an encoder at work in
    # another one fails; on a CPU the weights are therefore read as float32, the default anyway, and cast after.
    read_as = "float32" if on_cpu else dtype
    options = {"dtype": getattr(torch, read_as), "use_safetensors": True, "trust_remote_code": False, **extra}
    if plan.quantize in {"4bit", "8bit"}:
        options["quantization_config"] = _bitsandbytes(plan)
    if plan.device_map or "quantization_config" in options:
        options["device_map"] = plan.device_map or plan.device
    with _ONE_AT_A_TIME, quietly(), _one_sentence(path, needed):
        model = auto_class.from_pretrained(str(path), **options)
    if "device_map" in options:
        return model
    return model.to(getattr(torch, dtype)) if on_cpu else model.to(plan.device)


def _bitsandbytes(plan: DevicePlan) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    if plan.quantize == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=getattr(torch, plan.dtype)
    )


@contextmanager
def quietly() -> Iterator[None]:
    """No progress bars and advice of the library on a server's terminal."""
    from transformers.utils import logging as library_logging

    level, bars = library_logging.get_verbosity(), library_logging.is_progress_bar_enabled()
    library_logging.set_verbosity(logging.ERROR)
    library_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        library_logging.set_verbosity(level)
        if bars:
            library_logging.enable_progress_bar()


@contextmanager
def _tensors_counted(on_event: OnEvent) -> Iterator[None]:
    """Progress events in place of the bar that the library always draws over the tensors of a GGUF file."""
    library: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")

    def counted(tensors: Collection[Any], **_: Any) -> Iterator[Any]:
        for done, tensor in enumerate(tensors, start=1):
            yield tensor
            on_event(Progress("unpacking", done, len(tensors)))

    theirs = library.tqdm
    library.tqdm = counted
    try:
        yield
    finally:
        library.tqdm = theirs


@contextmanager
def _one_sentence(path: Path, needed_gb: float) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise ResourceError(f"Loading '{path.name}' ran out of memory (about {needed_gb:.1f} GB needed).") from error
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"'{path}' could not be loaded as the kind of model asked for: {first[:200]}") from error
