"""One table for a ranking problem: every baseline, ours and its ablations, by the same cases and arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.recommender.knowledge import Knowledge
from apps.recommender.measures import baselines, ours, ranked
from apps.recommender.measures.baselines import Fitted, Ranker
from apps.recommender.measures.ranked import Ranking
from apps.recommender.public_sets import Case, Part, Problem
from apps.recommender.ranking import Blend
from core.events import Log, OnEvent
from core.inference.embedding import Embedder
from core.report import Report, flat

Texts = Callable[[int | None], Sequence[Embedder]]  # the text model of a tuning part, of the report for None
TUNING_CASES = 1_500  # of each tuning part, for choosing among a baseline's variants
DIALS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
MOST_LOSS = 0.02  # share of NDCG@10 that variety may cost
DIALLED_CASES = 1_000
SLOTS = (0, 1, 2)  # of ten
MOST_QUOTA_LOSS = 0.01


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
    reference = {}
    for who, result in mine.items():
        _note(rows, figures, context, who, result.filtered, result.unfiltered)
        reference[who] = result.filtered.gains()
    figures[f"{problem.name}.ece10"] = ranked.calibration(mine["ours"].probabilities, mine["ours"].wanted)
    if frozen is not None:
        plain = context.ours(frozen, {}, on_event, only="ours")["ours"]
        _note(rows, figures, context, "frozen_encoder", plain.filtered, plain.unfiltered)
        for seen, first, second in (
            ("filtered", mine["ours"].filtered, plain.filtered),
            ("unfiltered", mine["ours"].unfiltered, plain.unfiltered),
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
        self, texts: Texts, figures: dict[str, float], on_event: OnEvent, only: str = ""
    ) -> Mapping[str, ours.Ranked]:
        """Ours and the ablations, learnt on the tuning parts; fresh places and diversity dial are chosen there too."""
        name = self.problem.name
        choices, last = ours.learn_ours(self.problem, texts)
        on_event(Log(f"{name}: the blend learnt from {len(choices)} choices, pooling {last.pooling}"))
        whole, cases = ours.blend_without(choices, ()), self.problem.tuning[-1].cases[:DIALLED_CASES]
        slots = _slots(last, whole, cases)
        ways = {"ours": (whole, slots)}
        if not only:
            ways["no_quota"] = (whole, 0)
            ways["no_text"] = (ours.blend_without(choices, ours.NO_TEXT), slots)
            ways["no_behaviour"] = (ours.blend_without(choices, ours.NO_BEHAVIOUR), slots)
        knowledge = ours.fitted(self.problem, self.report, texts(None))
        knowledge.pooling = last.pooling
        if not only:
            figures[f"{name}.fresh_places"] = float(slots)
            dial = _dial(last, whole, cases, self.space)
            figures |= {f"{name}.{key}": value for key, value in self._varied(knowledge, whole, dial).items()}
        return ours.rank(knowledge, ways, self.report.cases)

    def _varied(self, knowledge: Knowledge, blend: Blend, dial: float) -> dict[str, float]:
        found = ours.varied(knowledge, blend, self.report.cases, (0.0, dial))
        plain, varied = found[0.0], found[dial]
        distances = [ranked.list_distance(one.lists, self.space) for one in (plain, varied)]
        return {
            "diversity_dial": dial,
            "diversity_ild_gain": distances[1] / max(distances[0], 1e-9) - 1,
            "diversity_ndcg_loss": 1 - varied.gains().mean() / max(plain.gains().mean(), 1e-12),
            "diversity_ndcg10": float(varied.gains().mean()),
            "diversity_ild10": distances[1],
        }


def _slots(knowledge: Knowledge, blend: Blend, cases: Sequence[Case]) -> int:
    """The most places for items nobody met that cost at most ``MOST_QUOTA_LOSS`` of NDCG@10 on tuning cases."""
    found = ours.rank(knowledge, {str(slots): (blend, slots) for slots in SLOTS}, cases)
    gains = {slots: found[str(slots)].filtered.gains().mean() for slots in SLOTS}
    return max(slots for slots in SLOTS if gains[slots] >= (1 - MOST_QUOTA_LOSS) * gains[0])


def _dial(knowledge: Knowledge, blend: Blend, cases: Sequence[Case], space: npt.NDArray[np.float32]) -> float:
    """The furthest position of the dial that costs at most ``MOST_LOSS`` of NDCG@10 on tuning cases."""
    found = ours.varied(knowledge, blend, cases, DIALS)
    plain = found[0.0].gains().mean()
    cheap = [dial for dial, one in found.items() if one.gains().mean() >= (1 - MOST_LOSS) * plain]
    return max(cheap, key=lambda dial: ranked.list_distance(found[dial].lists, space))


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
