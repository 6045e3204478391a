"""Where an item ended on the way to a list: no route, a rule, the ranking, the variety of the list, or a place."""

from __future__ import annotations

from dataclasses import dataclass

from apps.recommender.explanation import stage_sentence
from apps.recommender.lists import Trace
from apps.recommender.records import Wish


@dataclass(frozen=True)
class End:
    """``stage`` as in ``Explanation``; ``rank`` by score alone and ``place`` in the list, both from 1."""

    stage: str
    rank: int | None = None
    place: int | None = None
    rules: tuple[str, ...] = ()

    def sentence(self, wish: Wish, why: str = "") -> str:
        """One sentence in the wish's language."""
        place, rank = self.place or 0, self.rank or 0
        return stage_sentence(self.stage, wish.language, rules=self.rules, rank=rank, k=wish.k, place=place, why=why)


def ended(made: Trace, row: int, k: int) -> End:
    """Where an item of the catalogue ended in a list of ``k`` that was made."""
    rank = made.rank(row)
    chosen = made.candidates.rows[made.places].tolist() if made.places else []
    if row in chosen:
        return End("shown", rank, chosen.index(row) + 1)
    rules = made.screen.why_not(row)
    if rules:
        return End("filter", rules=rules)
    if rank is None:
        return End("route")
    caps = tuple(rule for rule, rows in made.removed.items() if rule.startswith("most_per") and row in rows)
    if caps:
        return End("filter", rank, rules=caps)
    return End("diversity" if rank <= k else "ranking", rank)
