"""What the bot knows, searchable: approved answers and passages, kept in step with the database.

The database is written first and is the truth; indexes and vectors follow by difference and can be thrown away. Safe
for several threads; what another process changed is noticed at the next question.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from apps.chatbot import mining
from apps.chatbot.contradictions import settle
from apps.chatbot.dataset import Loaded, files_in, load
from apps.chatbot.passages import audience_of, cut
from apps.chatbot.records import (
    ApprovedAnswer,
    Audience,
    Document,
    Forgotten,
    IngestReport,
    Passage,
    RowProblem,
    Status,
    utc_now,
)
from apps.chatbot.row_problems import EXPIRED
from apps.chatbot.settings import ChatbotSettings
from apps.chatbot.store import Store
from core.errors import DataError
from core.events import Log, OnEvent, Progress, ignore
from core.reasons import reason
from core.retrieval.blending import PASSAGES, QUESTIONS, Blend
from core.retrieval.entries import Embeds, Entry, Found
from core.retrieval.search import Search, SearchOptions
from core.retrieval.vector_cache import CachedEmbedder, VectorCache
from core.text import content_hash
from core.text import language as language_of

EVERYTHING = 10_000_000
# Least cosine of a question and a sentence that answers it, by encoder. Of 300 questions each, the sentence that holds
# the answer lies below it for 7 % (our own English passages) and 6 % (DRCD); of what a small model wrote beside the
# point to the sample's calibration questions, 9 of 17 did. Other encoders have other scales: they are not asked.
LEAST_NEAR = {"all-minilm-l6-v2": 0.2, "use-multilingual-v3": 0.3}
CUSTOMERS = (Audience.CUSTOMER.value,)
EVERYBODY = (Audience.CUSTOMER.value, Audience.STAFF.value)
R = TypeVar("R", ApprovedAnswer, Passage)


@dataclass(frozen=True)
class Hit(Generic[R]):
    """An answer or passage with how it was found."""

    record: R
    found: Found


class Knowledge:
    """``embedders`` in order of trust per language: the first that reads a language says the cosine."""

    def __init__(self, store: Store, embedders: Sequence[Embeds], home: Path | None = None, depth: int = 100) -> None:
        self._store, self._embedders = store, embedders
        index, cache = (home / "index" / "chatbot", home / "vectors") if home else (None, None)
        self._cache = cache

        def search(name: str, blend: Blend) -> Search:
            options = SearchOptions(depth=depth, blend=blend)
            return Search(embedders, index / name if index else None, cache, options)

        self._answer_search, self._passage_search = search("answers", QUESTIONS), search("passages", PASSAGES)
        self._answers: dict[str, ApprovedAnswer] = {}
        self._passages: dict[str, Passage] = {}
        self._version = -1
        self._changing = threading.RLock()
        topics = _multilingual(embedders)
        path = cache / f"topics-{topics.name}.db" if cache and topics else None
        self._topics = VectorCache(path, topics.dim) if topics else None

    @classmethod
    def open(cls, settings: ChatbotSettings, store: Store) -> "Knowledge":
        """The knowledge with the embedders of the settings, its indexes read from ``home`` and brought up to date."""
        from core.inference.embedding import load_embedder
        from core.inference.remembered import RememberedEmbedder
        from core.models import device

        plan = device.plan(settings.models)
        names = dict.fromkeys((settings.models.encoder, settings.models.multilingual_encoder))
        embedders = [RememberedEmbedder(load_embedder(name, settings.home, plan)) for name in names]
        depth = max(settings.chatbot.retrieval.candidates, 100)
        return cls(store, embedders, settings.home, depth).load()

    def load(self, on_event: OnEvent = ignore) -> "Knowledge":
        """Reads the index files and brings them in step with the database."""
        self._answer_search.open(on_event)
        self._passage_search.open(on_event)
        self.sync(on_event)
        return self

    def warm_up(self) -> None:
        """Each encoder reads a word: what it loads for its first text is no part of a customer's turn."""
        for one in self._embedders:
            one.encode(["warm"])

    # Finding

    def find_answers(self, query: str, k: int, now: date, language: str | None = None) -> list[Hit[ApprovedAnswer]]:
        """Approved answers valid at ``now``, best first, each once however many of its wordings match."""
        self._look_for_changes()
        found = self._answer_search.search(query, k, now, language)
        return [Hit(self._answers[one.id], one) for one in found if one.id in self._answers]

    def find_passages(
        self, query: str, k: int, now: date, language: str | None = None, staff: bool = False
    ) -> list[Hit[Passage]]:
        """Passages valid at ``now``, best first; those for staff only when ``staff`` asks."""
        self._look_for_changes()
        found = self._passage_search.search(query, k, now, language, EVERYBODY if staff else CUSTOMERS)
        return [Hit(self._passages[one.id], one) for one in found if one.id in self._passages]

    def topic_vectors(self, texts: Sequence[str]) -> np.ndarray:
        """(n, dim) unit vectors of the model that reads most languages, so that topics of all languages compare."""
        model = _multilingual(self._embedders)
        if self._topics is None or model is None:
            raise DataError("There is no embedding model to compare questions with.")
        return self._topics.vectors(texts, model.encode)

    @property
    def cached_embedders(self) -> list[CachedEmbedder]:
        """The embedders, vectors of whole batches kept on disk: intents are learnt again after every change."""
        return [CachedEmbedder(one, self._cache) for one in self._embedders]

    def vectors(self, texts: Sequence[str], language: str) -> np.ndarray:
        """(n, dim) unit vectors of the first model that reads the language."""
        return self._reader_of(language).encode(texts)

    def to_the_point(self, question: str, text: str, language: str) -> bool:
        """Whether a text speaks of what was asked, as far as the language's encoder can tell."""
        asked, said = self.vectors([question, text], language)
        return float(asked @ said) >= LEAST_NEAR.get(self._reader_of(language).name, -1.0)

    def _reader_of(self, language: str) -> Embeds:
        return next((one for one in self._embedders if language in one.languages), self._embedders[0])

    # Changing

    def ingest(
        self, paths: Sequence[Path], kind: str = "auto", language: str | None = None, on_event: OnEvent = ignore
    ) -> IngestReport:
        """Files and folders into the database, one transaction per file, then into the indexes.

        ``kind`` is faq, documents, dialogues or auto (by ending and content). Dialogues are kept, and question-answer
        pairs mined out of them wait for review. A file that cannot be read is a problem of the report.
        """
        files, report = files_in(paths)
        for number, (path, source) in enumerate(files, start=1):
            read = self._keep(load(path, kind, language, source))
            taken = read.added + read.updated + read.unchanged
            told = "could not be read" if read.failed else f"{taken} taken in, {len(read.problems)} not"
            told += f", {len(read.merged)} merged into others" if read.merged else ""
            told += f", {len(read.noted)} to be looked at" if read.noted else ""
            on_event(Log(f"{source}: {told}"))
            on_event(Progress("read", number, len(files)))
            report += read
        self.sync(on_event)
        problems, noted = (
            sorted(rows, key=lambda one: (one.source, one.line)) for rows in (report.problems, report.noted)
        )
        return replace(report, problems=tuple(problems), noted=tuple(noted))

    def ingest_text(self, title: str, text: str, language: str | None = None) -> IngestReport:
        """A document typed in; the same title again replaces it."""
        if not title.strip() or not text.strip():
            raise DataError(f"The document has no {'text' if title.strip() else 'title'}.")
        tongue, id_ = language or language_of(text), content_hash(f"typed\n{title.strip()}")[:16]
        document = Document(id_, title.strip(), text, "typed", tongue, audience_of(title, text))
        report = self._store.put_documents([(document, cut(document))])
        self.sync()
        return report

    def put_answer(self, answer: ApprovedAnswer) -> ApprovedAnswer:
        """Adds or replaces an answer; customers get it (or no longer get it) at once."""
        with self._changing:
            self._store.put_by_hand(answer)
            stored = self._store.answer(answer.id)
            self._regroup_answer(answer.id, stored)
        return stored

    def delete_answer(self, answer_id: str) -> None:
        """``NotFoundError`` for an unknown id."""
        with self._changing:
            self._store.delete_answer(answer_id)
            self._regroup_answer(answer_id, None)

    def delete_document(self, document_id: str) -> None:
        """The document with its passages; ``NotFoundError`` for an unknown id."""
        with self._changing:
            self._store.delete_document(document_id)
            gone = [one.id for one in self._passages.values() if one.document_id == document_id]
            self._passage_search.regroup(gone, ())
            for one in gone:
                del self._passages[one]
            self._seen()

    def forget(self, source: str, keep_by_hand: bool = False) -> Forgotten:
        """What a file brought goes, out of the database and the indexes; ``NotFoundError`` for an unknown one."""
        with self._changing:
            gone = self._store.forget(source, keep_by_hand)
            self.sync()
        return gone

    def sync(self, on_event: OnEvent = ignore) -> None:
        """Makes the indexes hold what the database holds; only what differs is tokenised or embedded."""
        with self._changing:
            version = self._store.knowledge_version()
            answers = {one.id: one for one in self._store.answers(Status.APPROVED, limit=EVERYTHING)}
            passages = {one.id: one for one in self._store.passages()}
            # records first: a group found by the old index and gone from the records is passed over
            self._answers, self._passages = answers, passages
            self._answer_search.sync(_entries(answers.values(), answer_entries), on_event)
            self._passage_search.sync(_entries(passages.values(), passage_entries), on_event)
            self._version = version

    def close(self) -> None:
        """Writes the index files, so that the next start has nothing to do."""
        self._answer_search.save()
        self._passage_search.save()

    def _keep(self, loaded: Loaded) -> IngestReport:
        noted = _over(loaded, utc_now().date())
        report = IngestReport(problems=loaded.problems, failed=loaded.failed, merged=loaded.merged, noted=noted)
        if loaded.answers:
            settled = settle(loaded.answers, loaded.lines, self._store.answers(limit=EVERYTHING), utc_now().date())
            report += self._store.put_answers(settled.answers)
            report += IngestReport(noted=settled.noted)
        if loaded.documents:
            report += self._store.put_documents([(one, cut(one)) for one in loaded.documents])
        if loaded.dialogues:
            report += self._store.put_dialogues(loaded.dialogues)
            known = self._store.answers(limit=EVERYTHING)
            self._store.add_pending(mining.mine_answers(loaded.dialogues, self.topic_vectors, known, utc_now()))
        return report

    def _regroup_answer(self, answer_id: str, answer: ApprovedAnswer | None) -> None:
        shown = answer is not None and answer.status is Status.APPROVED
        if answer is not None and shown:
            self._answers[answer_id] = answer
        self._answer_search.regroup([answer_id], answer_entries(answer) if answer is not None and shown else ())
        if not shown:
            self._answers.pop(answer_id, None)
        self._seen()

    def _seen(self) -> None:
        """After a change of our own: if it was the only one, the indexes are in step; else somebody wrote too."""
        version = self._store.knowledge_version()
        if version == self._version + 1:
            self._version = version

    def _look_for_changes(self) -> None:
        if self._store.knowledge_version() != self._version and self._changing.acquire(blocking=False):
            try:
                if self._store.knowledge_version() != self._version:
                    self.sync()
            finally:
                self._changing.release()


def _over(loaded: Loaded, today: date) -> tuple[RowProblem, ...]:
    """Answers and documents whose last valid day is over as they come in."""
    records: tuple[ApprovedAnswer | Document, ...] = (*loaded.answers, *loaded.documents)
    ended = [
        (one, line)
        for one, line in zip(records, loaded.lines, strict=False)
        if one.valid_until is not None and one.valid_until < today
    ]
    return tuple(RowProblem(one.files[0], line, reason(EXPIRED)) for one, line in ended)


def answer_entries(answer: ApprovedAnswer) -> list[Entry]:
    """Each wording of an approved answer, all leading to it."""
    return [
        Entry(
            id=f"{answer.id}#{content_hash(wording)[:10]}",
            group=answer.id,
            text=wording,
            language=answer.language,
            valid_from=answer.valid_from,
            valid_until=answer.valid_until,
        )
        for wording in answer.wordings
    ]


def passage_entries(passage: Passage) -> list[Entry]:
    """A passage with its title and headings."""
    return [
        Entry(
            id=passage.id,
            group=passage.id,
            text=passage.indexed_text,
            language=passage.language,
            audience=passage.audience.value,
            valid_from=passage.valid_from,
            valid_until=passage.valid_until,
        )
    ]


def _entries(records: Iterable[R], entries: Callable[[R], list[Entry]]) -> list[Entry]:
    return [entry for record in records for entry in entries(record)]


def _multilingual(embedders: Sequence[Embeds]) -> Embeds | None:
    return max(embedders, key=lambda one: len(one.languages), default=None)
