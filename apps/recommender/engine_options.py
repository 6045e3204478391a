"""The engine's knobs as the settings and the catalogue want them, and where vectors of texts are kept."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from apps.recommender.records import EngineOptions, Item
from apps.recommender.settings import RecommenderSettings


def engine_options(settings: RecommenderSettings, items: Sequence[Item]) -> EngineOptions:
    """Event meanings by the settings; columns of the team's own, unnamed ones when half of the items hold a number."""
    named = settings.recommender.numeric_columns
    counts = Counter(name for one in items for name, value in one.attributes.items() if isinstance(value, float | int))
    columns = named or tuple(sorted(name for name, number in counts.items() if 2 * number >= len(items)))
    return EngineOptions(meanings=settings.recommender.events.meanings(), numeric_columns=columns)


def vector_folder(settings: RecommenderSettings) -> Path:
    """Vectors by the hash of their text and the model that made them: nothing is read twice."""
    return settings.home / "vectors"
