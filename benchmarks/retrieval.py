"""Speed of finding over 10,000 passages, English and Chinese, beside bm25s and plain numpy in the same run.

    python benchmarks/retrieval.py --folder ../shared/datasets/chatbot --json benchmarks/results/retrieval.json

Passages are cut from xquad_en, cmrc2018_zh, drcd_zh, tau_banking, bank_faqs and insurance_zh; questions are xquad_en's
and cmrc2018_zh's. A question's time includes embedding it. On a busy machine look at the ratios.

p50_ms, p95_ms    a question to five passages: words, vectors, fusion, last order, validity and audience
embed_p50_ms      of which embedding the question
change_p95_ms     one passage added, changed or dropped, findable when it returns
open_s            reading the index files and comparing them with 10,000 entries, nothing embedded
bm25s, numpy      the peers: words alone by bm25s, vectors alone by one matrix product (embedding included)
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from apps.chatbot.dataset import read_documents, read_faq  # noqa: E402
from apps.chatbot.passages import cut  # noqa: E402
from apps.chatbot.reading_files import reading_comprehension  # noqa: E402
from apps.chatbot.records import Document  # noqa: E402
from apps.chatbot.settings import load_settings  # noqa: E402
from core.inference.embedding import load_embedder  # noqa: E402
from core.metrics import percentiles_ms  # noqa: E402
from core.models import device  # noqa: E402
from core.report import Report  # noqa: E402
from core.retrieval.blending import PASSAGES  # noqa: E402
from core.retrieval.entries import Embeds, Entry  # noqa: E402
from core.retrieval.search import Search, SearchOptions  # noqa: E402
from core.text import language, lexical_tokens  # noqa: E402

COUNT, ASKED, TODAY = 10_000, 200, date(2026, 1, 1)


def documents(folder: Path) -> list[Document]:
    """Everything long enough to be cut into passages."""
    texts = [
        (passage.title, passage.text)
        for name in ("xquad_en", "cmrc2018_zh", "drcd_zh")
        for passage in reading_comprehension(folder / name).passages
    ]
    texts += [(one.question, one.answer) for one in read_faq(folder / "bank_faqs" / "BankFAQs.csv")]
    insurance = (folder / "insurance_zh" / "corpus.txt").read_text("utf-8").splitlines()[1:]
    texts += [(row[0], row[1]) for line in insurance if len(row := line.split("\t")) == 2 and all(row)]
    made = [
        Document(f"t{number}", title or "untitled", text, language=language(text))
        for number, (title, text) in enumerate(texts)
    ]
    return made + list(read_documents(folder / "tau_banking" / "documents.jsonl"))


def entries(folder: Path) -> list[Entry]:
    """``COUNT`` passages of all the documents, drawn with a fixed seed."""
    passages = [passage for document in documents(folder) for passage in cut(document)]
    drawn = random.Random(0).sample(passages, min(COUNT, len(passages)))
    return [Entry(one.id, one.id, one.indexed_text, one.language) for one in drawn]


def questions(folder: Path) -> list[str]:
    """English and Chinese in turn."""
    both = []
    for name in ("xquad_en", "cmrc2018_zh"):
        asked = [one.question for one in reading_comprehension(folder / name).questions]
        both.append(random.Random(0).sample(asked, ASKED))
    return [question for pair in zip(*both, strict=True) for question in pair]


def timed(act: Callable[[str], object], asked: Sequence[str]) -> list[float]:
    """Seconds of each call, after ten that do not count."""
    for one in asked[:10]:
        act(one)
    seconds = []
    for one in asked:
        began = time.perf_counter()
        act(one)
        seconds.append(time.perf_counter() - began)
    return seconds


def changes(search: Search, made: Sequence[Entry]) -> list[float]:
    """Adding, changing and dropping single passages."""
    seconds = []
    for number in range(50):
        one = Entry(f"new{number}", f"new{number}", f"{made[number].text} and number {number}", made[number].language)
        for act in (
            lambda one=one: search.put([one]),
            lambda one=one: search.put([Entry(one.id, one.group, one.text + " changed", one.language)]),
            lambda one=one: search.delete([one.id]),
        ):
            began = time.perf_counter()
            act()
            seconds.append(time.perf_counter() - began)
    return seconds


def peers(made: Sequence[Entry], asked: Sequence[str], embedder: Embeds, vectors: np.ndarray) -> dict[str, float]:
    """bm25s over our tokens, and a matrix product over the same vectors."""
    import bm25s

    index = bm25s.BM25(method="lucene")
    index.index([lexical_tokens(one.text) for one in made], show_progress=False)
    words = timed(lambda one: index.retrieve([lexical_tokens(one)], k=5, show_progress=False), asked)
    plain = timed(lambda one: np.argpartition(-(vectors @ embedder.encode([one])[0]), 5)[:5], asked)
    return {"bm25s_p95_ms": percentiles_ms(words)["p95"], "numpy_p95_ms": percentiles_ms(plain)["p95"]}


def run(folder: Path, home: Path | None) -> Report:
    """All figures."""
    settings = load_settings(overrides={"home": home} if home else None)
    plan = device.plan(settings.models)
    device.apply(plan)
    names = dict.fromkeys((settings.models.encoder, settings.models.multilingual_encoder))
    embedders = [load_embedder(name, settings.home, plan) for name in names]
    made, asked = entries(folder), questions(folder)
    with tempfile.TemporaryDirectory() as place:
        folders = {"folder": Path(place) / "index", "cache_folder": settings.home / "vectors"}
        search = Search(embedders, options=SearchOptions(blend=PASSAGES), **folders)
        search.sync(made, lambda event: print(event, file=sys.stderr))
        search.save()
        began = time.perf_counter()
        search = Search(embedders, options=SearchOptions(blend=PASSAGES), **folders).open()
        search.sync(made)
        figures = {"open_s": time.perf_counter() - began}
        for name, part in {"": asked, "en_": asked[::2], "zh_": asked[1::2]}.items():
            found = percentiles_ms(timed(lambda one: search.search(one, 5, TODAY), part))
            figures |= {f"{name}p50_ms": found["p50"], f"{name}p95_ms": found["p95"]}
        for name, part, readers in (("en_", asked[::2], embedders), ("zh_", asked[1::2], embedders[-1:])):
            found = timed(lambda one, readers=readers: [reader.encode([one]) for reader in readers], part)
            figures[f"{name}embed_p50_ms"] = percentiles_ms(found)["p50"]
        figures["change_p95_ms"] = percentiles_ms(changes(search, made))["p95"]
        vectors = search._indexes._caches[embedders[-1].name].vectors(  # the same vectors for the peer
            [one.text for one in made], embedders[-1].encode
        )
    figures |= peers(made, asked, embedders[-1], vectors)
    rows = [{"figure": name, "value": value} for name, value in figures.items()]
    note = f"{len(made)} passages, {len(asked)} questions; {plan.reason}"
    return Report("retrieval", rows, {f"retrieval.{name}": value for name, value in figures.items()}, [note])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT.parent / "shared" / "datasets" / "chatbot")
    parser.add_argument("--home", type=Path, help="where models and cached vectors are kept")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    report = run(given.folder, given.home)
    print(report.to_table())
    if given.json:
        report.write_json(given.json)
    print(json.dumps({name: round(value, 3) for name, value in report.figures.items()}))


if __name__ == "__main__":
    main()
