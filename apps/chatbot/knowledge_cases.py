"""The chatbot's use-cases around what it knows: filling and reviewing knowledge, hit tests, thresholds.

``service.ChatbotService`` adds conversations. Every change is one transaction, learnt from at once.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

from apps.chatbot import insights, tuning
from apps.chatbot.decision import decide
from apps.chatbot.engine import Engine
from apps.chatbot.followup import standalone
from apps.chatbot.hit_test import HitTest, look
from apps.chatbot.insights import Insights
from apps.chatbot.intents import IntentModel
from apps.chatbot.judging import Judge
from apps.chatbot.knowledge import Knowledge
from apps.chatbot.library import KnowledgeLibrary, ReducedLibrary, learn_intents, withheld_questions
from apps.chatbot.records import (
    ApprovedAnswer,
    Document,
    Forgotten,
    IngestReport,
    LabelledQuestion,
    Passage,
    Source,
    Status,
    utc_now,
)
from apps.chatbot.settings import ChatbotSettings
from apps.chatbot.store import Store
from apps.chatbot.tuning import ThresholdSet
from apps.chatbot.turn import Clock
from apps.chatbot.understanding import Asked, Depth, Tuning, understand
from core.errors import DataError
from core.events import Log, OnEvent, Progress, ignore
from core.json_files import read_json, write_json
from core.text import language as language_of

FIT_ANEW = "the cautious defaults hold until you fit them anew on your own questions (trifolium chatbot fit)."
EARLIER = "Thresholds of '{}' were fitted by an earlier version and are not used any more: "
OUTDATED = EARLIER + FIT_ANEW
REPLACED = EARLIER + "those fitted now take their place."
JUDGE_S = 300.0  # longest wait for the judge before thresholds are fitted
LONGEST_MESSAGE = 4000  # characters; a longer one is refused rather than cut, so that nobody is answered half


class KnowledgeCases:
    """See the module. Safe for several threads."""

    def __init__(self, settings: ChatbotSettings, store: Store, knowledge: Knowledge, engine: Engine) -> None:
        self.settings, self._store, self._knowledge, self._engine = settings, store, knowledge, engine
        self._library = KnowledgeLibrary(knowledge)
        self._learning = threading.Lock()
        self._intents: IntentModel | None = None
        self._tuning: dict[str, Tuning] = {}
        self.refresh()

    # Knowledge

    def ingest(
        self, paths: Sequence[Path], kind: str = "auto", language: str | None = None, on_event: OnEvent = ignore
    ) -> IngestReport:
        """Read files into the knowledge; dialogues are mined into the review queue. Bad rows are in the report."""
        report = self._knowledge.ingest(paths, kind, language, on_event)
        on_event(Progress("learn", 0, 1))  # the intents and the answers' own model: seconds
        self.refresh()
        on_event(Progress("learn", 1, 1))
        for language in self.outdated():
            on_event(Log(OUTDATED.format(language)))
        for language, (then, now) in self.outgrown().items():
            on_event(Log(f"Thresholds of '{language}' were fitted on {then} answers, there are {now} now: {FIT_ANEW}"))
        return report

    def ingest_text(self, title: str, text: str, language: str | None = None) -> IngestReport:
        """A document typed into the page."""
        report = self._knowledge.ingest_text(title, text, language)
        self.refresh()
        return report

    def answers(
        self, status: Status | None = None, search: str | None = None, limit: int = 100, offset: int = 0
    ) -> list[ApprovedAnswer]:
        """Approved answers and the review queue, newest first; ``search`` looks into questions and answers."""
        return self._store.answers(status, search, limit, offset)

    def save_answer(self, answer: ApprovedAnswer) -> ApprovedAnswer:
        """Add or change an answer; what customers get changes with it."""
        saved = self._knowledge.put_answer(answer)
        self.refresh()
        return saved

    def delete_answer(self, answer_id: str) -> None:
        """Forget an answer."""
        self._knowledge.delete_answer(answer_id)
        self.refresh()

    def approve(self, answer_id: str) -> ApprovedAnswer:
        """From the review queue into what customers get."""
        return self.save_answer(replace(self._store.answer(answer_id), status=Status.APPROVED))

    def reject(self, answer_id: str) -> ApprovedAnswer:
        """Out of the review queue; kept, so that mining does not bring it again."""
        return self.save_answer(replace(self._store.answer(answer_id), status=Status.REJECTED))

    def documents(self) -> list[Document]:
        """All documents."""
        return self._store.documents()

    def passages(self, document_id: str) -> list[Passage]:
        """A document's passages in order."""
        return self._store.passages(document_id)

    def delete_document(self, document_id: str) -> None:
        """Forget a document and its passages."""
        self._knowledge.delete_document(document_id)
        self.refresh()

    def sources(self) -> list[Source]:
        """The files that were taken in, with what is known from each."""
        return self._store.sources()

    def forgettable(self, source: str, keep_by_hand: bool = False) -> Forgotten:
        """What ``forget`` would take out."""
        return self._store.forgettable(source, keep_by_hand)

    def forget(self, source: str, keep_by_hand: bool = False) -> Forgotten:
        """Take out what a file brought, and what was mined from its dialogues; what another one brought too stays."""
        gone = self._knowledge.forget(source, keep_by_hand)
        self.refresh()
        return gone

    def add_from_cluster(
        self, question: str, answer: str, similar: Sequence[str] = (), language: str = "en"
    ) -> ApprovedAnswer:
        """An unanswered question becomes an approved answer."""
        made = ApprovedAnswer(
            uuid4().hex, question, answer, tuple(similar), language=language, source="insights", created_at=utc_now()
        )
        return self.save_answer(made)

    def hit_test(self, question: str, k: int = 10, language: str | None = None) -> HitTest:
        """What a question finds: the first ``k`` of each side and of both together, and what would be decided."""
        said = checked(question)
        tongue, now = language or spoken(said, "en"), utc_now()
        clock, limits = Clock(), self._tuning.get(tongue, Tuning())
        depth = Depth(passages=self.settings.chatbot.retrieval.passages)  # a turn's, however much is shown
        asked, judge = Asked(said, said, tongue, now), self._engine.judge()
        signals = understand(asked, self._library, self._intents, limits, depth, judge)
        clock.lap("understand")
        decision = decide(signals, limits.of(signals.judged).thresholds)
        clock.lap("decide")
        rows, found = look(said, tongue, now, k, self._knowledge, self._library)
        return HitTest(said, standalone(said, ()), rows, found, decision, clock.ms)

    # Watching and tuning

    def insights(self, days: int = 30) -> Insights:
        """Figures over the last ``days`` days."""
        since = utc_now() - timedelta(days=days)
        embed = self._knowledge.topic_vectors
        return insights.compute(self._store.messages_since(since), self._store.feedback_since(since), embed)

    def thresholds(self) -> list[ThresholdSet]:
        """The newest fitted thresholds that hold, per language and kind: the knowledge has not outgrown them since."""
        known = self._store.approved_by_language()
        sets = self._store_sets()
        return [one for one in sets if one.readable and not one.outgrown(known.get(one.language, 0))]

    def fit_thresholds(
        self,
        questions: Sequence[LabelledQuestion],
        error_rate: float | None = None,
        judged: bool = True,
        on_event: OnEvent = ignore,
    ) -> list[ThresholdSet]:
        """Fit to labelled questions; used from the next turn on. ``DataError`` when a language has too few.

        With ``judged`` also for turns in which the judge reads, which takes it a second a question on two cores.
        """
        languages = sorted({one.language for one in questions})
        if not languages:
            raise DataError("There are no labelled questions to fit thresholds on.")
        if not self._engine.loads:
            self._learn()
        rate = error_rate or self.settings.chatbot.deciding.error_rate
        approved = self._store.answers(Status.APPROVED, None, 1_000_000, 0)
        withheld, reduced = withheld_questions(approved), ReducedLibrary(self._knowledge, approved)
        intents, holds = self._intents, self._library.holds
        judges: tuple[Judge | None, ...] = (None,)
        if judged and (judge := self._engine.judge(JUDGE_S)) is not None:
            judges = (None, judge)
        known, outdated = self._store.approved_by_language(), self.outdated()
        made: list[ThresholdSet] = []
        for language, judge in product(languages, judges):
            on_event(Log(f"Fitting the thresholds of '{language}'{', with the judge' if judge else ''} …"))
            fitted = tuning.fit_language(
                questions, withheld, language, self._library, reduced, intents, holds, rate, utc_now(), judge
            )
            made += [replace(one, answers=known.get(language, 0)) for one in fitted]
        self._store.save_thresholds([tuning.to_json(one) for one in made])
        self._tuning = tuning.tuning_from(self.thresholds())
        for language in outdated:
            on_event(Log(REPLACED.format(language) if language in languages else OUTDATED.format(language)))
        return made

    def save_thresholds(self, path: Path) -> None:
        """Writes the thresholds in use to a JSON file with what they hold for, for a new start to take."""
        sets = self._store_sets()
        promised = min((one.error_rate for one in sets if one.kind == "answer"), default=None)
        write_json(path, self._holding | {"error_rate": promised, "sets": [tuning.to_json(one) for one in sets]})

    def take_thresholds(self, path: Path) -> bool:
        """Uses what ``save_thresholds`` wrote; False where there is nothing or it holds for something else."""
        kept = read_json(path)
        if kept is None or any(kept.get(name) != value for name, value in self._holding.items()):
            return False
        self._store.save_thresholds(kept["sets"])
        self._tuning = tuning.tuning_from(self.thresholds())
        return True

    @property
    def _holding(self) -> dict[str, Any]:
        """What thresholds depend on besides the knowledge: judge, encoders, promised error rate."""
        models = self.settings.models
        return {
            "judge": self._engine.judge_hash,
            "encoders": [models.encoder, models.multilingual_encoder],
            "error_rate": self.settings.chatbot.deciding.error_rate,
        }

    def refresh(self) -> None:
        """Learn intents from the approved answers and read the thresholds again; after any change of knowledge.

        Where nobody will be answered there is nothing to learn for.
        """
        with self._learning:
            self._tuning = tuning.tuning_from(self.thresholds())
            if self._engine.loads:
                self._learn()

    def _learn(self) -> None:
        approved = self._store.answers(Status.APPROVED, None, 1_000_000, 0)
        rejected = self.settings.chatbot.deciding.rejected_share
        self._intents = learn_intents(approved, self._knowledge, rejected)
        self._library.learn(approved)

    def outgrown(self) -> dict[str, tuple[int, int]]:
        """Languages whose knowledge has outgrown its thresholds: how many answers they were fitted on, and now."""
        known = self._store.approved_by_language()
        sets = [one for one in self._store_sets() if one.readable and one.outgrown(known.get(one.language, 0))]
        return {one.language: (one.answers, known[one.language]) for one in sets}

    def outdated(self) -> list[str]:
        """Languages whose thresholds an earlier version fitted, over what is no longer looked at: they do not hold."""
        kinds = [one for one in self._store_sets() if one.kind in tuning.KINDS]  # a judge's are fitted apart
        return sorted({one.language for one in kinds if not one.readable})

    def _store_sets(self) -> list[ThresholdSet]:
        return [tuning.from_json(one) for one in self._store.thresholds()]


def checked(text: str) -> str:
    """The words of a message; ``DataError`` when there are none or too many."""
    said = text.strip()
    if not said:
        raise DataError("The message is empty: write a question.")
    if len(said) > LONGEST_MESSAGE:
        raise DataError(f"A message may have {LONGEST_MESSAGE} characters, this one has {len(said)}: shorten it.")
    return said


def spoken(text: str, before: str) -> str:
    """The language of a message; ``before`` where it tells none we know."""
    found = language_of(text)
    return found if found in ("en", "zh") else before
