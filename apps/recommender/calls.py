"""One call for a list or for scores: what was asked, the model's answer, and the answer without a model.

Made anew for each call; knows no thread and no deadline.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import uuid4

from apps.recommender.answers import ListAnswer, ScoreAnswer
from apps.recommender.engine import Recommender
from apps.recommender.live import LiveModel
from apps.recommender.records import Event, Item, Recommendation, Wish
from apps.recommender.served import ServedList

UNREAD = ("Its text could not be read in time: ask again.", "未能及时读取它的文本，请再试一次。")


@dataclass(frozen=True)
class _Call:
    """By whom it is answered and when it began."""

    live: LiveModel
    now: datetime
    began: float = field(default_factory=time.perf_counter, init=False)
    engine: Recommender | None = field(init=False)  # the model of this moment: a swap does not change it
    model: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "engine", self.live.engine)
        object.__setattr__(self, "model", self.live.name)

    @property
    def took_ms(self) -> float:
        """Milliseconds since it began."""
        return (time.perf_counter() - self.began) * 1000


@dataclass(frozen=True)
class ListCall(_Call):
    """A list is wanted; ``arms`` maps each running experiment to the person's variant."""

    user: str
    history: Sequence[Event]
    wish: Wish
    arms: Mapping[str, str] = field(default_factory=dict)

    def by_model(self) -> ListAnswer:
        """The model's list; there must be one."""
        assert self.engine is not None
        made = self.engine.recommend(self.now, self.user, self.history, self.wish)
        return self._answer(made, "warm" if made.warm else "cold", self.model)

    def without_model(self) -> ListAnswer:
        """By behaviour, popularity or dates."""
        wish = self.wish
        scored, route = self.live.fallback.list_(self.user, self.history, wish.k, wish.filters, wish.language)
        return self._answer(Recommendation(self.user, tuple(scored), route == "behaviour", ""), route, "")

    def served(self, answer: ListAnswer) -> ServedList:
        """The answer as it is kept."""
        ids = tuple(one.item for one in answer.list.items)
        return ServedList(
            answer.list_id, self.user, self.now, ids, self.arms, answer.model, answer.route, answer.took_ms
        )

    def _answer(self, made: Recommendation, route: str, model: str) -> ListAnswer:
        return ListAnswer(uuid4().hex, made, route, model, self.arms, self.took_ms)


@dataclass(frozen=True)
class ScoreCall(_Call):
    """Scores are wanted."""

    candidates: Sequence[str | Item]
    user: str
    history: Sequence[Event]
    language: str
    explain: bool

    def by_model(self) -> ScoreAnswer:
        """The model's scores; there must be one."""
        assert self.engine is not None
        asked = (self.candidates, self.now, self.user, self.history, self.language, self.explain)
        route = "warm" if self.history or self.engine.knows_user(self.user) else "cold"
        return ScoreAnswer(tuple(self.engine.score(*asked)), route, self.model, self.took_ms)

    def without_model(self) -> ScoreAnswer:
        """By popularity, without a probability; a candidate given by its text alone has none."""
        ids = [one if isinstance(one, str) else one.id for one in self.candidates]
        found = zip(self.candidates, self.live.fallback.score(ids, self.language), strict=True)
        unread = UNREAD[self.language == "zh"]
        scored = [one if one.known or isinstance(asked, str) else replace(one, reason=unread) for asked, one in found]
        return ScoreAnswer(tuple(scored), "popular", "", self.took_ms)
