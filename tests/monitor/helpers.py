"""Items typed in one line and a monitor over a database in memory, for the tests of this folder."""

import random
from datetime import UTC, datetime, timedelta

from apps.monitor.records import NewsItem
from apps.monitor.service import MonitorService
from apps.monitor.settings import load_settings
from apps.monitor.store import Store
from tests.monitor.lexicon import LexiconReader

NOW = datetime(2026, 3, 16, 9, tzinfo=UTC)  # a Monday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WORDS = [
    "auditors",
    "branch",
    "ledgers",
    "winter",
    "orders",
    "north",
    "desk",
    "yearly",
    "meeting",
    "owners",
    "harbour",
    "office",
    "rebuilt",
    "letter",
    "council",
    "quiet",
    "talks",
    "abroad",
    "minister",
    "warm",
    "spring",
    "timber",
    "freight",
    "lantern",
    "copper",
    "orchard",
    "signal",
    "bridge",
    "ferry",
    "canvas",
    "market",
    "garden",
    "paper",
    "engine",
    "village",
    "printer",
    "cotton",
    "summit",
    "archive",
    "tunnel",
    "pension",
    "staff",
    "museum",
    "glacier",
    "balcony",
    "railway",
    "fountain",
    "teacher",
    "compass",
    "kitchen",
    "lawyer",
    "pioneer",
    "quarter",
    "cinema",
    "violin",
    "marble",
    "captain",
    "station",
]


def item(id, text, at=NOW, source="wire", received=None, **more):
    """An item whose headline is its text."""
    return NewsItem(id, source, text, "", more.pop("url", ""), at, received or at, **more)


def bad(id, company="Alba Bank", at=NOW, **more):
    """A negative story about a company, worded unlike the next one's."""
    return item(id, f"{company} fined {' '.join(random.Random(id).sample(WORDS, 9))}", at, **more)


def good(id, company="Alba Bank", at=NOW, **more):
    """A positive one."""
    return item(id, bad(id, company).title.replace("fined", "profit"), at, **more)


def monitor(url="sqlite://", rules="", channels=None, reader=None, **settings):
    """A service that neither loads the sample nor runs anything behind."""
    given = {"monitor.load_sample": False, "monitor.live": False, "monitor.alerting.group_wait_s": 0.0}
    given |= {"monitor.alerting.channels": channels or {}} | {
        f"monitor.{key}": value for key, value in settings.items()
    }
    service = MonitorService(load_settings(overrides=given), Store.open(url), reader or LexiconReader())
    if rules:
        service.save_rules(rules, "test")
    return service
