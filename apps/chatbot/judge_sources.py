"""Where the judge's training examples come from: the team's own knowledge, wordings, reading sets, intent sets.

Reads files and ranks candidates as live search would; what an example looks like is ``judge_examples``'s.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from apps.chatbot import judge_examples
from apps.chatbot.grounded_sources import ReadingSet, ranking
from apps.chatbot.judge_examples import JudgeExample, Rank, WordingGroup
from apps.chatbot.records import ApprovedAnswer, Dialogue, utc_now
from core.errors import DataError, NotFoundError
from core.retrieval.blending import QUESTIONS
from core.retrieval.entries import Embeds, Entry
from core.retrieval.search import Search, SearchOptions
from core.text import language as language_of

RANKED = 24
MOST_OF_A_FILE = 2000  # wordings of one file that are asked; a large public set must not drown a shop's own


def knowledge_examples(
    answers: Sequence[ApprovedAnswer], dialogues: Sequence[Dialogue], embedders: Sequence[Embeds], seed: int
) -> list[JudgeExample]:
    """Examples of a team's approved answers, per language, asked by their wordings and by customers of past chats."""
    made: list[JudgeExample] = []
    for language in sorted({one.language for one in answers}):
        own = [one for one in answers if one.language == language]
        if len(own) < 2:
            continue
        asked = judge_examples.from_dialogues(own, [one for one in dialogues if one.language == language])
        rank = _searched([(row, wording) for row, one in enumerate(own) for wording in one.wordings], embedders)
        made += judge_examples.from_answers(own, rank, seed, asked)
    return made


def group_examples(groups: Sequence[WordingGroup], embedders: Sequence[Embeds], seed: int) -> list[JudgeExample]:
    """Examples of wordings that ask the same."""
    places = list(enumerate(wording for group in groups for wording in group.wordings))
    rank = _searched(places, embedders)
    return list(judge_examples.from_groups(groups, rank, seed, MOST_OF_A_FILE))


def reading_examples(reading: ReadingSet, seed: int) -> list[JudgeExample]:
    """Examples of questions about passages."""
    return list(judge_examples.from_reading(reading, ranking(reading.passages), seed))


def wording_groups(path: Path) -> list[WordingGroup]:
    """Groups of a file: jsonl with ``wordings`` (and ``near``), or csv with ``text`` and ``category`` columns.

    Raises ``NotFoundError`` without the file and ``DataError`` naming a line that cannot be read.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file '{path}'.")
    read: Callable[[Path], list[WordingGroup]] = _table if path.suffix.lower() == ".csv" else _lines
    groups = [one for one in read(path) if len(one.wordings) > 1]
    if len(groups) < 2:
        raise DataError(f"'{path.name}' needs at least 2 groups of 2 wordings, found {len(groups)}.")
    return groups


def _lines(path: Path) -> list[WordingGroup]:
    groups = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        try:
            row = json.loads(line)
            groups.append(WordingGroup(tuple(map(str, row["wordings"])), tuple(map(str, row.get("near", ())))))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"Line {number} of '{path.name}' is no group of wordings.") from error
    return groups


def _table(path: Path) -> list[WordingGroup]:
    found: dict[str, list[str]] = defaultdict(list)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            if not row.get("text") or not row.get("category"):
                raise DataError(f"'{path.name}' needs the columns text and category in every row.")
            found[row["category"]].append(row["text"])
    return [WordingGroup(tuple(dict.fromkeys(texts))) for texts in found.values()]


def _searched(places: Sequence[tuple[int, str]], embedders: Sequence[Embeds]) -> Rank:
    """Ranks rows by live search over their texts; a row stands once, by its best text."""
    search = Search(embedders, options=SearchOptions(blend=QUESTIONS))
    search.sync(Entry(f"{row}#{at}", str(row), text, language_of(text)) for at, (row, text) in enumerate(places))
    today = utc_now().date()  # the entries have no dates, so that any day does

    @lru_cache(maxsize=50_000)
    def rank(question: str) -> tuple[int, ...]:
        return tuple(int(one.id) for one in search.search(question, RANKED, today))

    return rank
