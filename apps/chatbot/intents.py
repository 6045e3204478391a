"""Which intent a question has, how sure that is, and whether it is any of the known intents at all.

Gets its embedders handed in and does no I/O of its own but ``save`` and ``load``. One head per group of embedders:
English questions are read by all of them together, other languages by those that know the language.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from apps.chatbot import intent_head
from apps.chatbot.intent_head import Floats, KernelHead
from core.errors import DataError, ModelError
from core.models import calibration
from core.models.calibration import Calibration
from core.models.files import write_json
from core.text import language as language_of
from core.text import normalise

SCORE_SCALE = 10.0  # head scores lie near 0 and 1: times ten they are logits whose softmax tells labels apart
REJECTION = 0.05  # share of in-scope questions that may be taken for strangers; 5 % is the custom on CLINC150
FORMAT = 1


class Embedder(Protocol):
    """What is needed of ``core.inference.embedding.Embedder``."""

    @property
    def name(self) -> str: ...
    @property
    def languages(self) -> Sequence[str]: ...
    def encode(self, texts: Sequence[str]) -> Floats: ...


@dataclass(frozen=True)
class LanguageHead:
    """The head that reads some languages: by which embedders, how calibrated, from which scope score on in scope."""

    languages: tuple[str, ...]
    embedders: tuple[str, ...]
    head: KernelHead
    calibration: Calibration
    threshold: float
    rejection: float = REJECTION
    fitted_on: int = 0  # rows the threshold comes from


@dataclass(frozen=True)
class IntentModel:
    """``heads`` in order of preference; a language no head names goes to the last, which reads the most languages."""

    labels: tuple[str, ...]
    heads: tuple[LanguageHead, ...]
    embedders: Mapping[str, Embedder]

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        labels: Sequence[str],
        languages: Sequence[str],
        embedders: Sequence[Embedder],
        rejection: float = REJECTION,
        groups: Sequence[str] | None = None,
    ) -> IntentModel:
        """A model from labelled questions, ready to use: a few hundred take seconds, most of them for the vectors.

        Calibration and the out-of-scope threshold come from scores each row gets when it is left out, together with the
        rows of its group: give the answer's id where rows are wordings of one answer, or they vouch for each other and
        a third of real questions is refused. Fit the threshold again with ``with_rejection`` on questions of customers.
        Raises ``DataError`` without two intents, for unequal lengths, or when no embedder reads one of the languages.
        """
        if not len(texts) == len(labels) == len(languages) == len(texts if groups is None else groups):
            raise DataError(
                f"{len(texts)} questions, {len(labels)} intents and {len(languages)} languages do not match."
            )
        known = tuple(sorted(set(labels)))
        if len(known) < 2:
            raise DataError(f"An intent model needs questions of at least two intents, got {len(known)}.")
        heads = []
        for group in _groups(embedders, languages):
            rows = [row for row, one in enumerate(languages) if all(_reads(e, one) for e in group)]
            rows = _evenly(rows, labels, intent_head.MOST_ROWS)
            read = tuple(sorted({languages[row] for row in rows}))
            numbers = np.array([known.index(labels[row]) for row in rows])
            names = [labels[row] for row in rows]
            together = intent_head.left_out_together(names, [groups[row] for row in rows]) if groups else None
            vectors = [_vectors(one, [texts[row] for row in rows]) for one in group]
            head, unseen = intent_head.fit(vectors, numbers, len(known), together)
            heads.append(_calibrated(read, group, head, unseen * np.float32(SCORE_SCALE), numbers, rejection))
        return cls(known, tuple(heads), {one.name: one for one in embedders})

    def predict_proba(self, texts: Sequence[str], languages: Sequence[str] | None = None) -> Floats:
        """(n, labels) float32, calibrated, rows sum to 1; the language is recognised where it is not given."""
        return self.read(texts, languages)[0]

    def scope_scores(self, texts: Sequence[str], languages: Sequence[str] | None = None) -> Floats:
        """(n,) likeness to the known intents, less the threshold of the language: below 0 is out of scope."""
        return self.read(texts, languages)[1]

    def read(self, texts: Sequence[str], languages: Sequence[str] | None = None) -> tuple[Floats, Floats]:
        """``predict_proba`` and ``scope_scores`` of the same texts, embedding them once."""
        probabilities = np.zeros((len(texts), len(self.labels)), np.float32)
        scope = np.zeros(len(texts), np.float32)
        for head, rows in self._by_head(texts, languages).items():
            one = self.heads[head]
            scores = self._scores(one, [texts[row] for row in rows])
            probabilities[rows] = one.calibration.probabilities(scores)
            scope[rows] = energy(scores) - one.threshold
        return probabilities, scope

    def claims(self, text: str, language: str) -> dict[str, float]:
        """How strongly each label claims one question: near 1 for the right one, near 0 where nothing is alike."""
        (number,) = self._by_head([text], [language])
        scores = self._scores(self.heads[number], [text])[0] / SCORE_SCALE
        return dict(zip(self.labels, map(float, scores), strict=True))

    def probabilities(self, text: str, language: str) -> dict[str, float]:
        """Each intent with its probability for one question."""
        return dict(zip(self.labels, map(float, self.predict_proba([text], [language])[0]), strict=True))

    def in_scope(self, text: str, language: str) -> bool:
        """Whether the question is like any known intent; the stated share of true ones is refused by mistake."""
        return bool(self.scope_scores([text], [language])[0] >= 0)

    def with_rejection(
        self, texts: Sequence[str], rejection: float = REJECTION, languages: Sequence[str] | None = None
    ) -> IntentModel:
        """The same model whose threshold refuses the share ``rejection`` of ``texts``, all of which are in scope.

        They must not be the training questions. A language without any keeps its threshold.
        """
        if not 0 <= rejection < 1:
            raise DataError(f"rejection must be at least 0 and below 1, got {rejection}.")
        heads = list(self.heads)
        for number, rows in self._by_head(texts, languages).items():
            scores = energy(self._scores(heads[number], [texts[row] for row in rows]))
            threshold = float(np.quantile(scores, rejection))
            heads[number] = replace(heads[number], threshold=threshold, rejection=rejection, fitted_on=len(rows))
        return replace(self, heads=tuple(heads))

    def save(self, folder: Path) -> Path:
        """intents.json and intents-<hash>.npz (no pickle); the json is replaced last, so a reader sees old or new."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {}
        for number, one in enumerate(self.heads):
            arrays[f"coefficients{number}"] = one.head.coefficients
            arrays |= {f"anchors{number}.{part}": anchors for part, anchors in enumerate(one.head.anchors)}
        digest = hashlib.sha256(
            b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
        ).hexdigest()
        name = f"intents-{digest[:12]}.npz"
        np.savez(folder / name, **arrays)
        heads = [_as_record(one) for one in self.heads]
        write_json(folder / "intents.json", {"format": FORMAT, "arrays": name, "labels": self.labels, "heads": heads})
        for old in folder.glob("intents-*.npz"):
            if old.name != name:
                old.unlink()
        return folder

    @classmethod
    def load(cls, folder: Path, embedders: Sequence[Embedder]) -> IntentModel:
        """Back from ``save``. ``ModelError`` for a missing or broken file, or an embedder that is not handed in."""
        by_name = {one.name: one for one in embedders}
        try:
            record = json.loads((folder / "intents.json").read_text(encoding="utf-8"))
            with np.load(folder / Path(record["arrays"]).name, allow_pickle=False) as arrays:
                heads = tuple(_from_record(one, number, arrays) for number, one in enumerate(record["heads"]))
            labels = tuple(map(str, record["labels"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"The intent model in '{folder}' cannot be read ({type(error).__name__}).") from error
        missing = {name for head in heads for name in head.embedders} - set(by_name)
        if missing:
            raise ModelError(
                f"The intent model in '{folder}' needs the embedder '{sorted(missing)[0]}': train it again."
            )
        return cls(labels, heads, by_name)

    def _scores(self, head: LanguageHead, texts: Sequence[str]) -> Floats:
        vectors = [_vectors(self.embedders[name], texts) for name in head.embedders]
        return head.head.scores(vectors) * np.float32(SCORE_SCALE)

    def _by_head(self, texts: Sequence[str], languages: Sequence[str] | None) -> dict[int, list[int]]:
        rows: dict[int, list[int]] = {}
        for row, text in enumerate(texts):
            language = languages[row] if languages is not None else language_of(text)
            last = len(self.heads) - 1
            number = next((n for n, head in enumerate(self.heads) if language in head.languages), last)
            rows.setdefault(number, []).append(row)
        return rows


def energy(scores: Floats) -> Floats:
    """(n,) log-sum-exp of the scores (n, labels): high when any intent claims the text.

    Liu et al. 2020 (arXiv 2010.03759). On CLINC150's validation rows it told strangers better than the best score,
    the margin or the nearest neighbour.
    """
    top = scores.max(1)
    return np.asarray(top + np.log(np.exp(scores - top[:, None]).sum(1)), np.float32)


def _calibrated(
    languages: tuple[str, ...],
    group: Sequence[Embedder],
    head: KernelHead,
    unseen: Floats,
    numbers: intent_head.Numbers,
    rejection: float,
) -> LanguageHead:
    threshold = float(np.quantile(energy(unseen), rejection))
    fitted = calibration.fit(unseen, numbers)
    return LanguageHead(languages, tuple(one.name for one in group), head, fitted, threshold, rejection, len(numbers))


def _groups(embedders: Sequence[Embedder], languages: Sequence[str]) -> list[list[Embedder]]:
    """The sets of embedders that some language is read by, the most embedders first."""
    groups: dict[tuple[str, ...], list[Embedder]] = {}
    for language in sorted(set(languages)):
        group = [one for one in embedders if _reads(one, language)]
        if not group:
            raise DataError(f"No embedder reads the language '{language}'.")
        groups[tuple(one.name for one in group)] = group
    return sorted(groups.values(), key=len, reverse=True)


def _reads(embedder: Embedder, language: str) -> bool:
    """Whether an embedder is to read a language; one that does not say which it knows reads all."""
    several = len(embedder.languages) != 1
    return not embedder.languages or language in embedder.languages or (language == "other" and several)


def _evenly(rows: Sequence[int], labels: Sequence[str], most: int) -> list[int]:
    """At most ``most`` rows, the same share of each label, spread over the whole list."""
    if len(rows) <= most:
        return list(rows)
    ordered = sorted(rows, key=lambda row: labels[row])
    return sorted(ordered[index] for index in np.linspace(0, len(ordered) - 1, most).astype(int))


def _vectors(embedder: Embedder, texts: Sequence[str]) -> Floats:
    return np.asarray(embedder.encode([normalise(text) for text in texts]), np.float32)


def _as_record(one: LanguageHead) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "languages": one.languages,
        "embedders": one.embedders,
        "calibration": one.calibration.as_record(),
    }
    kept |= {"threshold": one.threshold, "rejection": one.rejection, "fitted_on": one.fitted_on}
    return kept | {"sharpness": one.head.sharpness, "ridge": one.head.ridge}


def _from_record(record: Mapping[str, Any], number: int, arrays: Mapping[str, Any]) -> LanguageHead:
    anchors = tuple(arrays[f"anchors{number}.{part}"] for part in range(len(record["embedders"])))
    head = KernelHead(anchors, arrays[f"coefficients{number}"], float(record["sharpness"]), float(record["ridge"]))
    fitted = Calibration.from_record(record["calibration"])
    rest = (float(record["threshold"]), float(record["rejection"]), int(record["fitted_on"]))
    return LanguageHead(tuple(record["languages"]), tuple(record["embedders"]), head, fitted, *rest)
