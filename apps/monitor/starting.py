"""What a service begins with: channels of the settings, sources and rules of their files, the sample stream."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from apps.monitor.alert_records import Channel, Incident
from apps.monitor.replay import read_dated
from apps.monitor.row_columns import check_fields
from apps.monitor.rows import RowRules, Taken
from apps.monitor.rules import rules_to_use
from apps.monitor.settings import MonitorSettings
from apps.monitor.source_records import Source, SourceKind
from apps.monitor.store import Store
from core.dates import DateOrder, parse_moment
from core.errors import DataError, NotFoundError, known_names

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "samples" / "monitor"
SAMPLE_LEASE = "sample_loader"  # the right to read it in, which one process has at a time


def channels_of(settings: MonitorSettings) -> dict[str, Channel]:
    """The channels the settings name; all JSON webhooks are signed with the one secret."""
    own = settings.monitor.alerting
    secret = own.webhook_secret.get_secret_value() if own.webhook_secret else ""
    return {name: Channel(name, address.get_secret_value(), secret) for name, address in own.channels.items()}


def set_up(store: Store, settings: MonitorSettings) -> None:
    """Sources of the settings' file, added or changed; rules of their file when there are none yet."""
    own = settings.monitor
    sources = read_sources(own.intake.sources_file) if own.intake.sources_file else []
    shipped = SAMPLE / "rules.toml"
    rules_file = own.alerting.rules_file or (shipped if own.load_sample and shipped.is_file() else None)
    rules = read_text(rules_file) if rules_file else None
    with store.writing() as work:
        for source in sources:
            work.sources.put(source)
        if rules is not None and work.alerts.rule_set() is None:
            rules_to_use(rules)
            work.alerts.add_rule_set(rules, "settings", "first rules", datetime.now(UTC))


def read_text(path: Path) -> str:
    """A text file; ``NotFoundError`` when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFoundError(f"File '{path}' cannot be read: {error.strerror}.") from error


def read_sources(path: Path) -> list[Source]:
    """The ``[[source]]`` tables of a TOML file; ``DataError`` names the source and key that is wrong."""
    try:
        tree = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"'{path}' is not sound TOML: {error}.") from None
    return [_source(table, number) for number, table in enumerate(tree.get("source", []), 1)]


def _source(table: Mapping[str, Any], number: int) -> Source:
    name, fields = str(table.get("name", f"number {number}")), Source.__dataclass_fields__
    for key in table:
        if key not in fields:
            raise DataError(f"Source '{name}' has an unknown key '{key}'; {known_names(key, fields)}.")
    if table.get("dates", "") not in set(DateOrder):
        said = ", ".join(filter(None, DateOrder))
        raise DataError(f"Source '{name}' has dates = '{table['dates']}'; it may be {said}, or left out.")
    try:
        check_fields(table.get("columns", {}))
        dates, kind = DateOrder(table.get("dates", "")), SourceKind(table.get("kind", ""))
        return Source(**{**table, "kind": kind, "dates": dates})
    except (ValueError, TypeError):
        raise DataError(f"Source '{name}' needs a kind: {', '.join(SourceKind)}.") from None


def read_sample(folder: Path, now: datetime) -> tuple[list[Taken], int]:
    """The sample stream moved by whole days so that it ends now, and by how many days."""
    taken, _ = read_dated(folder / "stream.jsonl", RowRules("sample"))
    if not taken:
        return [], 0
    days = max(0, (now - taken[-1].item.received_at).days)
    return [shifted(one, timedelta(days=days)) for one in taken], days


def shifted(one: Taken, by: timedelta) -> Taken:
    """The item that much later."""
    item = one.item
    published = item.published_at + by if item.published_at else None
    return replace(one, item=replace(item, published_at=published, received_at=item.received_at + by))


def read_incidents(path: Path, shift: timedelta = timedelta(0)) -> list[Incident]:
    """Labelled incidents of a jsonl file: id, company, start, end, topic, what."""
    found = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            start, end = parse_moment(row["start"]), parse_moment(row["end"])
            if start is None or end is None:
                raise KeyError("start")
            words = {name: str(row.get(name) or "") for name in ("id", "company", "topic", "what")}
        except (ValueError, KeyError, TypeError):
            raise DataError(f"Line {number} of '{path.name}' needs id, company, start and end.") from None
        found.append(Incident(start=start + shift, end=end + shift, **words))
    return found
