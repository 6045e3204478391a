"""Takes a source's items out again, story by story, so that counts are what they would be had they never come.

Works inside the transaction of whoever asks. Alerts and their audit stay: what was told was told; what is open is
looked at again with the next look at the rules.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from apps.monitor.records import NewsItem, Reading, SeriesKey
from apps.monitor.source_records import Source, SourceKind
from apps.monitor.store import Work
from apps.monitor.store_removal import Told, ToldStory
from apps.monitor.store_sources import FORGOTTEN
from apps.monitor.stories import signature, story_title
from apps.monitor.trends import Deltas, add_voice, company_moods, joined, negated, voice

AT_ONCE = 200  # stories in one transaction, so that ingestion never waits long


@dataclass(frozen=True)
class Forgotten:
    """What was taken out, or would be: items, how many of them people had corrected."""

    items: int = 0
    corrected: int = 0

    def __add__(self, other: "Forgotten") -> "Forgotten":
        return Forgotten(self.items + other.items, self.corrected + other.corrected)


def forget_some(work: Work, source: str, since: datetime | None) -> Forgotten:
    """Takes out the next stories' items of the source, received ``since`` then; nothing when there are none left."""
    gone = Forgotten()
    for story in work.removal.stories(source, since, AT_ONCE):
        gone += _take_out(work, story, lambda one: _goes(one, source, since))
    if gone.items:
        times = int(work.sources.fact(FORGOTTEN).get("times", 0))
        work.sources.set_fact(FORGOTTEN, {"times": times + 1})
    return gone


def _goes(one: Told, source: str, since: datetime | None) -> bool:
    return one.item.source == source and (since is None or one.item.received_at >= since)


def _take_out(work: Work, story: ToldStory, goes: Callable[[Told], bool]) -> Forgotten:
    """The story without what goes: its counts, the rows, its own record."""
    kept, gone = [one for one in story.told if not goes(one)], [one for one in story.told if goes(one)]
    before, _ = _counted(story.told, story.counted_before)
    after, counted = _counted(kept, story.counted_before)
    work.counts.change(joined({place: negated(point) for place, point in before.items()}, after))
    work.removal.drop([one.item.id for one in gone])
    if kept:
        work.removal.retell(_retold(story, kept, gone, counted))
    else:
        work.removal.drop_story(story.story.id)
    return Forgotten(len(gone), sum(one.mended is not None for one in gone))


def _counted(told: Sequence[Told], before: frozenset[SeriesKey]) -> tuple[Deltas, set[SeriesKey]]:
    """What these items add to the counts, in order of arrival, and the series the story then counts in.

    Counted as ingestion did, by the reader's own reading; a correction moves the first item alone (``acts.recount``).
    """
    deltas: Deltas = {}
    counted = set(before)
    for one in told:
        counted |= add_voice(deltas, voice(one.item, one.reading), counted)
    if not told or before or told[0].mended is None:
        return deltas, counted
    read, mended = _alone(told[0].item, told[0].reading), _alone(told[0].item, told[0].mended)
    deltas = joined(deltas, joined({place: negated(point) for place, point in read.items()}, mended))
    return deltas, (counted - {key for key, _, _ in read}) | {key for key, _, _ in mended}


def _alone(item: NewsItem, reading: Reading) -> Deltas:
    deltas: Deltas = {}
    add_voice(deltas, voice(item, reading), ())
    return deltas


def _retold(story: ToldStory, kept: Sequence[Told], gone: Sequence[Told], counted: set[SeriesKey]) -> ToldStory:
    """The story as those that are left tell it; one whose beginning is no longer stored keeps its title and mark."""
    old, lead = story.story, kept[0].item
    heard, lost = {one.item.source for one in kept}, {one.item.source for one in gone}
    made = replace(
        old,
        items=old.items - len(gone),
        reach=max(1, old.reach - sum(one.item.reach for one in gone)),
        last_seen=max(one.item.received_at for one in kept),
        sources=tuple(one for one in old.sources if one in heard or one not in lost),
    )
    if not story.whole:
        return replace(story, story=made, told=tuple(kept), counted=frozenset(counted))
    companies = {name for one in kept for name in company_moods(one.mended or one.reading)}
    made = replace(made, title=story_title(lead), first_seen=lead.received_at)
    mark = signature(lead.full_text)
    return ToldStory(made, tuple(kept), frozenset(counted), frozenset(companies), mark)


def settle(work: Work, source: str) -> None:
    """The source's own record afterwards; one that was only ever set up by its items goes with the last of them."""
    known = work.sources.sources().get(source)
    if known is None:
        return
    setup, state = known
    items, newest = work.removal.left(source)
    if not items and setup == Source(source, SourceKind.PUSH):
        work.sources.remove(source)
        return
    counts = {**state.counts, "items": items} if items else {}
    work.sources.put_state(source, replace(state, counts=counts, last_item_at=newest))
