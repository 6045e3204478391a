"""People's corrections become labelled texts: what a person said, over what the model had read.

Pure. A part that nobody corrected is not taught: the model's own word is no evidence.
"""

from collections.abc import Iterable

from apps.monitor.labelled import LabelledCompany, LabelledItem, located
from apps.monitor.records import Correction, Label, NewsItem, Reading
from apps.monitor.shown import shown


def corrected_items(rows: Iterable[tuple[NewsItem, Reading, Correction]]) -> list[LabelledItem]:
    """One labelled text per corrected item."""
    return [_item(*row) for row in rows]


def _item(item: NewsItem, reading: Reading, correction: Correction) -> LabelledItem:
    text = shown(item.full_text).text
    named = {mention.company: mention.name for mention in reading.companies}
    companies: tuple[LabelledCompany, ...] | None = None
    if correction.companies is not None:
        companies = tuple(
            located(text, named.get(company, company), Label(label), id=company)
            for company, label in correction.companies.items()
        )
    return LabelledItem(
        f"corrected-{item.id}",
        text,
        reading.language or item.language or "en",
        None if correction.sentiment is None else Label(correction.sentiment),
        correction.topics,
        companies,
        text,
        item.moment,
    )
