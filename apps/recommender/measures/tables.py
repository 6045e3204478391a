"""One table for a ranking problem: every baseline, ours and its ablations, by the same cases and arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.recommender.measures import baselines, ours, ranked
from apps.recommender.measures.baselines import Fitted, Ranker
from apps.recommender.measures.dials import DIALS, chosen_dials
from apps.recommender.measures.ours import Way
from apps.recommender.measures.ranked import Ranking
from apps.recommender.public_sets import Case, Part, Problem
from apps.recommender.ranking import joined_choices
from apps.recommender.records import Wish
from core.events import Log, OnEvent
from core.inference.embedding import Embedder
from core.report import Report, flat

Texts = Callable[[int | None], Sequence[Embedder]]  # the text model of a tuning part, of the report for None
TUNING_CASES = 1_500  # of each tuning part, for choosing among a baseline's variants
DIAL = Wish().diversity  # as lists are served where nobody says otherwise
DIAL_NAMES = {f"_at_{dial:g}": dial for dial in DIALS}


def table(problem: Problem, texts: Texts, frozen: Texts | None, on_event: OnEvent, limit: int | None = None) -> Report:
    """Rows and figures named ``<problem>.<figure>`` for ours and ``<problem>.<who>_<figure>`` for the others.

    ``frozen`` gives the same encoder without its adapter; None where ``texts`` is that already.
    """
    report = Part(problem.report.sequences, _cut(problem.report.cases, limit))
    context = _Context(problem, report)
    rows: list[dict[str, Any]] = []
    figures: dict[str, float] = {}
    for who, variants in baselines.rankers().items():
        filtered, unfiltered = context.baseline(variants)
        _note(rows, figures, context, who, filtered, unfiltered)
        on_event(Log(f"{problem.name}: {who} ranked"))
    mine = context.ours(texts, figures, on_event)
    for who in (who for who in mine if who not in DIAL_NAMES):
        _note(rows, figures, context, who, mine[who].filtered, mine[who].unfiltered)
    plain_row = context.row(mine["no_quota"].filtered)
    forms = {"varied": "{}", "varied_as_served": "served_{}"} | {who: "{}" + who for who in DIAL_NAMES}
    for who, form in forms.items():
        more = varied_figures(context.row(mine[who].filtered), plain_row)
        figures |= {f"{problem.name}.{form.format(key)}": value for key, value in more.items()}
    figures[f"{problem.name}.ece10"] = ranked.calibration(mine["ours"].probabilities, mine["ours"].wanted)
    if frozen is not None:
        plain = context.ours(frozen, {}, on_event, bare=True)["no_quota"]
        _note(rows, figures, context, "frozen_encoder", plain.filtered, plain.unfiltered)
        for seen, first, second in (
            ("filtered", mine["no_quota"].filtered, plain.filtered),
            ("unfiltered", mine["no_quota"].unfiltered, plain.unfiltered),
        ):
            gain = ranked.paired_gain(first.gains(), second.gains(), [one.user for one in report.cases])
            figures |= {f"{problem.name}.tuned_{name}_{seen}": value for name, value in gain.items()}
    notes = [
        *problem.notes,
        f"{len(report.cases)} cases over all {len(problem.items)} items; 95 % intervals by bootstrap",
        "ours is ranked through the engine's own candidates; what no route proposes is lost",
    ]
    return Report(problem.name, rows, figures, notes)


class _Context:
    """The report part, fitted once for the baselines, with what every row needs."""

    def __init__(self, problem: Problem, report: Part) -> None:
        self.problem, self.report = problem, report
        self.fitted = Fitted(problem, report)
        self.cold = self.fitted.cold[[one.target for one in report.cases]]
        self.space = yardstick(problem)

    def row(self, ranking: Ranking) -> dict[str, float]:
        return ranked.figures(ranking, self.cold, len(self.problem.items), self.space)

    def baseline(self, variants: Sequence[Ranker]) -> tuple[Ranking, Ranking]:
        """The variant that is best on the tuning parts, ranked on the report."""
        chosen = variants[0] if len(variants) == 1 else self._best(variants)
        return _ranked(self.fitted, chosen, self.report.cases)

    def _best(self, variants: Sequence[Ranker]) -> Ranker:
        totals = np.zeros(len(variants))
        for part in self.problem.tuning:
            fitted, cases = Fitted(self.problem, part), part.cases[:TUNING_CASES]
            for number, variant in enumerate(variants):
                totals[number] += _ranked(fitted, variant, cases)[0].gains().sum()
        return variants[int(np.argmax(totals))]

    def ours(
        self, texts: Texts, figures: dict[str, float], on_event: OnEvent, bare: bool = False
    ) -> Mapping[str, ours.Ranked]:
        """Ours and the ablations, learnt on the tuning parts; the dials are chosen there too.

        ``bare`` is ours without fresh places alone, for a comparison of two text models with all else alike.
        """
        name = self.problem.name
        lessons = ours.lessons(self.problem, texts)
        choices, last = joined_choices([one.choices for one in lessons]), lessons[-1].knowledge
        on_event(Log(f"{name}: the blend learnt from {len(choices)} choices, pooling {last.pooling}"))
        whole = ours.blend_without(choices, ())
        ways = {"no_quota": Way(whole)}
        if not bare:
            dials = chosen_dials(lessons, on_event)
            slots, by_words = dials.slots, dials.by_words
            figures |= {
                f"{name}.fresh_places": float(slots),
                f"{name}.fresh_by_words": float(by_words),
                f"{name}.diversity_dial": dials.diversity,
                f"{name}.served_diversity_dial": DIAL,
            }
            ways["ours"] = Way(whole, slots, by_words=by_words)
            ways["varied"] = Way(whole, 0, dials.diversity)  # one dial at a time: beside "no_quota"
            ways["varied_as_served"] = Way(whole, 0, DIAL)
            ways |= {who: Way(whole, 0, dial) for who, dial in DIAL_NAMES.items()}  # the whole curve, none chosen
            ways["no_text"] = Way(ours.blend_without(choices, ours.NO_TEXT), slots)
            ways["no_behaviour"] = Way(ours.blend_without(choices, ours.NO_BEHAVIOUR), slots, by_words=by_words)
        knowledge = ours.fitted(self.problem, self.report, texts(None))
        knowledge.pooling = last.pooling
        return ours.rank(knowledge, ways, self.report.cases)


def varied_figures(row: Mapping[str, float], plain: Mapping[str, float]) -> dict[str, float]:
    """How much more varied lists are at the dial, and what it costs."""
    return {
        "diversity_ild_gain": row["ild10"] / max(plain["ild10"], 1e-9) - 1,
        "diversity_ndcg_loss": 1 - row["ndcg10"] / max(plain["ndcg10"], 1e-12),
    }


def yardstick(problem: Problem) -> npt.NDArray[np.float32]:
    """(items, 64) unit rows of reduced TF-IDF, the space in which the anchors measure variety; no ranker's own."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = TfidfVectorizer(sublinear_tf=True).fit_transform([one.text for one in problem.items])
    size = min(64, texts.shape[1] - 1, texts.shape[0] - 1)
    space = TruncatedSVD(size, random_state=0).fit_transform(texts)
    return np.asarray(space / np.linalg.norm(space, axis=1, keepdims=True).clip(min=1e-9), np.float32)


def _ranked(fitted: Fitted, ranker: Ranker, cases: Sequence[Case]) -> tuple[Ranking, Ranking]:
    """Lists without and with what was seen."""
    filtered, unfiltered = [], []
    for batch in baselines.in_batches(cases):
        scores, targets = ranker(fitted, batch), [one.target for one in batch]
        unfiltered.append(ranked.of_scores(scores, targets))
        filtered.append(ranked.of_scores(baselines.without_seen(scores, batch), targets))
    return ranked.joined(filtered), ranked.joined(unfiltered)


def _note(
    rows: list[dict[str, Any]],
    figures: dict[str, float],
    context: _Context,
    who: str,
    filtered: Ranking,
    unfiltered: Ranking,
) -> None:
    """One ranker's row, and its figures: ``ndcg10`` is with the seen filter on, as the set's usual name has it."""
    name = context.problem.name
    on, off = context.row(filtered), context.row(unfiltered)
    row = {**on, "ndcg10_unfiltered": off["ndcg10"], "hr10_unfiltered": off["hr10"], "mrr_unfiltered": off["mrr"]}
    shown = ("ndcg10", "ndcg10_unfiltered", "hr10", "mrr", "cold_hr10", "warm_ndcg10", "coverage10", "gini10", "ild10")
    rows.append({"who": who, **{key: row[key] for key in shown if key in row}})
    figures |= flat(name, {**row, "ndcg10_filtered": row["ndcg10"]}, "" if who == "ours" else f"{who}_")


def _cut(cases: Sequence[Case], limit: int | None) -> Sequence[Case]:
    """So many cases drawn evenly, for a quick look."""
    if limit is None or limit >= len(cases):
        return cases
    chosen = np.sort(np.random.default_rng(0).choice(len(cases), limit, replace=False))
    return [cases[n] for n in chosen]
