"""Alert rules: what they may say, how they are written in TOML, one sentence for whatever is wrong in it.

Knows nothing of series or time passing; ``alerts`` judges by these rules.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

from apps.monitor.alert_records import Severity
from apps.monitor.records import SeriesKey
from core.errors import DataError, known_names


class Kind(StrEnum):
    """What a rule watches for."""

    SURGE = "surge"  # more than the series' own past explains
    THRESHOLD = "threshold"  # a number reached
    SILENCE = "silence"  # a source says nothing
    NEW_COMPANY = "new_company"  # a company that was not in the news


MEASURES = ("negative", "stories", "items", "reach", "share", "polarity")
COUNTS = ("negative", "stories", "items", "reach")
PER = ("company", "topic", "source")
SENSITIVITY: Mapping[str, float] = {"low": 1.5, "medium": 1.05, "high": 0.8}  # medium: chosen by benchmarks/nab.py
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True)
class Rule:
    """One rule; ``docs/monitor.md`` explains each field. Times are lengths, ``version`` its set's version."""

    name: str
    kind: Kind
    per: tuple[str, ...] = ("company",)
    measure: str = "negative"
    window: timedelta = timedelta(hours=1)
    sensitivity: float = SENSITIVITY["medium"]
    min_stories: int = 3
    min_share: float = 0.0
    confidence: float = 0.0
    history: timedelta = timedelta(days=28)
    grace: timedelta = timedelta(days=3)
    holds_for: timedelta = timedelta(0)
    keep_firing_for: timedelta = timedelta(hours=2)
    repeat: timedelta = timedelta(hours=4)
    exponential: bool = True
    severity: Severity = Severity.WARNING
    companies: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    except_companies: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    owner: str = ""
    value: float | None = None
    above: bool = True
    after: timedelta | None = None
    learning: timedelta = timedelta(days=14)
    enabled: bool = True
    version: int = 0

    def __post_init__(self) -> None:
        checks = (
            (bool(re.fullmatch(r"[\w][\w .-]{0,79}", self.name)), "name", "1 to 80 letters, digits, blanks, . _ -"),
            (self.measure in MEASURES, "measure", f"one of {', '.join(MEASURES)}"),
            (set(self.per) <= set(PER) and len(set(self.per)) == len(self.per), "per", f"some of {', '.join(PER)}"),
            ("source" not in self.per or len(self.per) == 1, "per", "source alone, or company and topic"),
            (timedelta(minutes=1) <= self.window <= timedelta(days=7), "window", "from 1m to 7d"),
            (self.window % timedelta(minutes=1) == timedelta(0), "window", "whole minutes"),
            (0.1 <= self.sensitivity <= 50, "sensitivity", "low, medium, high or a number from 0.1 to 50"),
            (1 <= self.min_stories <= 1_000_000, "min_stories", "a whole number of at least 1"),
            (0 <= self.min_share <= 1, "min_share", "from 0 to 1"),
            (0 <= self.confidence <= 1, "confidence", "from 0 to 1"),
            (self.history >= 8 * self.window, "history", "at least eight windows long"),
            (self.repeat >= timedelta(minutes=1), "repeat", "at least 1m"),
            (self.kind is not Kind.THRESHOLD or self.value is not None, "value", "given in a threshold rule"),
            (
                self.kind is not Kind.SURGE or self.measure in COUNTS,
                "measure",
                f"one of {', '.join(COUNTS)} in a surge",
            ),
            (self.name not in self.inhibited_by, "inhibited_by", "other rules"),
        )
        _raise_all([f"Rule '{self.name}': '{name}' must be {wanted}." for good, name, wanted in checks if not good])

    @property
    def rises(self) -> bool:
        """Whether it takes news to fulfil it, so that a window with less in it is no nearer to firing."""
        if self.kind is Kind.THRESHOLD:
            return self.above or self.measure not in COUNTS
        return self.kind is not Kind.SILENCE

    def covers(self, key: SeriesKey) -> bool:
        """Whether the rule judges this series: its dimensions, and neither left out nor not among those named."""
        have = tuple(name for name in PER if getattr(key, name))
        if set(have) != set(self.per) or key.company in self.except_companies:
            return False
        pairs = ((self.companies, key.company), (self.topics, key.topic), (self.sources, key.source))
        return all(not wanted or not found or found in wanted for wanted, found in pairs)


# the TOML's words where they are not the field's own
_KEYS = {"for": "holds_for"}
_TIMES = ("window", "history", "grace", "holds_for", "keep_firing_for", "repeat", "after", "learning")
_LISTS = ("per", "companies", "topics", "sources", "except_companies", "inhibited_by", "channels")
_FIELDS = {one.name for one in fields(Rule)} - {"version"}


def duration(text: Any) -> timedelta:
    """A length such as ``90s``, ``5m``, ``1h30m``, ``2d``; ``DataError`` for anything else.

    >>> duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", str(text).strip().lower())
    if not parts or "".join(number + unit for number, unit in parts) != str(text).strip().lower():
        raise DataError(f"a length such as 90s, 5m, 2h, 7d or 1h30m, got '{text}'")
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def parse_rules(toml: str, version: int = 0) -> tuple[Rule, ...]:
    """The rules of a TOML text with ``[[rule]]`` tables.

    ``DataError`` names rule, key and what was found, of every mistake at once.
    """
    try:
        tree = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"The rules are not sound TOML: {'; '.join(_unsound(toml) or [str(error)])}.") from None
    strange = [key for key in tree if key != "rule"]
    if strange or not isinstance(tree.get("rule", []), list):
        raise DataError(f"The rules must be [[rule]] tables, found '{(strange or ['rule'])[0]}'.")
    rules, wrong = list[Rule](), list[str]()
    for number, table in enumerate(tree.get("rule", []), 1):
        try:
            rules.append(_rule(table, number, version))
        except DataError as error:
            wrong.append(str(error))
    _raise_all(wrong)
    _check_together(rules)
    return tuple(rules)


def rules_to_use(toml: str) -> tuple[Rule, ...]:
    """``parse_rules`` of a text that somebody brings; ``DataError`` when no rule is in it, which would alert nobody."""
    rules = parse_rules(toml)
    if not rules:
        found = f"got {len(toml)} characters without a [[rule]] table" if toml.strip() else "got an empty text"
        raise DataError(
            f"The rules hold no rule: {found}; write at least one, with enabled = false in each to switch alerts off."
        )
    return rules


def _unsound(toml: str) -> list[str]:
    """What is wrong with each table, by its line in the whole: TOML itself is read no further than its first fault."""
    lines, found = toml.split("\n"), list[str]()
    begins = [0, *(number for number, line in enumerate(lines) if line.strip().startswith("[[")), len(lines)]
    for begin, end in pairwise(begins):
        try:
            tomllib.loads("\n" * begin + "\n".join(lines[begin:end]))
        except tomllib.TOMLDecodeError as error:
            found.append(str(error))
    return found


def _raise_all(wrong: Sequence[str]) -> None:
    """``DataError`` with these sentences, if there are any."""
    if wrong:
        raise DataError(" ".join(wrong))


def _rule(table: Any, number: int, version: int) -> Rule:
    if not isinstance(table, Mapping):
        raise DataError(f"Rule {number} must be a table of keys and values.")
    name = str(table.get("name", "")).strip()
    if not name:
        raise DataError(f"Rule {number} needs a name.")
    values: dict[str, Any] = {"version": version}
    wrong = []
    for key, value in table.items():
        field_name = str(_KEYS.get(key, key))
        try:
            values[field_name] = _read(name, key, value)
        except DataError as error:
            wrong.append(str(error))
    if "kind" not in table:
        wrong.append(f"Rule '{name}' needs a kind: {', '.join(Kind)}.")
    _raise_all(wrong)
    if values["kind"] is Kind.SILENCE:
        values["per"] = ("source",)
    return Rule(**values)


def _read(name: str, key: str, value: Any) -> Any:
    """The value of one key; ``DataError`` names the rule."""
    field_name = _KEYS.get(key, key)
    if field_name not in _FIELDS or key in _KEYS.values():
        known = known_names(key, (_FIELDS - set(_KEYS.values())) | set(_KEYS))
        raise DataError(f"Rule '{name}' has an unknown key '{key}'; {known}.")
    try:
        return _converted(field_name, value)
    except (DataError, ValueError, TypeError) as error:
        said = str(error) if isinstance(error, DataError) else f"of another kind, got {value!r}"
        raise DataError(f"Rule '{name}': '{key}' must be {said}.") from None


def _converted(name: str, value: Any) -> Any:
    if name in _TIMES:
        return duration(value)
    if name in _LISTS:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise DataError(f"a list of texts, got {value!r}")
        return tuple(value)
    if name == "kind":
        return _word(Kind, value)
    if name == "severity":
        return _word(Severity, value)
    if name == "sensitivity" and isinstance(value, str):
        if value not in SENSITIVITY:
            raise DataError(f"low, medium, high or a number, got '{value}'")
        return SENSITIVITY[value]
    wanted = {"exponential": bool, "above": bool, "enabled": bool, "min_stories": int}.get(name)
    if name in ("name", "measure", "owner"):
        wanted = str
    if wanted is None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DataError(f"a number, got {value!r}")
        return float(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise DataError(f"{ {bool: 'true or false', int: 'a whole number', str: 'text'}[wanted] }, got {value!r}")
    return value


def _word(kind: type[StrEnum], value: Any) -> StrEnum:
    if value not in tuple(kind):
        raise DataError(f"one of {', '.join(kind)}, got {value!r}")
    return kind(value)


def _check_together(rules: Sequence[Rule]) -> None:
    names = [rule.name for rule in rules]
    twice = {name: f"Two rules are named '{name}': give one another name." for name in names if names.count(name) > 1}
    strange = [
        f"Rule '{rule.name}' is inhibited by '{other}'; {known_names(other, names)}."
        for rule in rules
        for other in rule.inhibited_by
        if other not in names
    ]
    _raise_all([*twice.values(), *strange])
