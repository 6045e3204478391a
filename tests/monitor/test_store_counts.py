"""Windows in the database: changed alike in SQLite and PostgreSQL, and never to less than nothing."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg

from apps.monitor import store_counts
from apps.monitor.records import COUNTERS, Point, SeriesKey, Span
from apps.monitor.store import Store

AT = datetime(2026, 3, 16, 9, tzinfo=UTC)
ALBA, CORA = SeriesKey(company="alba"), SeriesKey(company="cora")
PLACE = {"of", "length", "at"}
MORE = {f"more_{name}" for name in COUNTERS}


@pytest.mark.parametrize("dialect", [sqlite.dialect(), psycopg.dialect()], ids=lambda one: one.name)
def test_a_change_of_windows_is_put_into_words_for_both_databases(dialect):
    change = store_counts._CHANGE.compile(dialect=dialect)
    drop = store_counts._DROP_EMPTY.compile(dialect=dialect)
    assert str(change).startswith("UPDATE monitor_windows SET ") and str(drop).startswith(
        "DELETE FROM monitor_windows "
    )
    assert set(change.binds) >= PLACE | MORE
    assert set(drop.binds) >= PLACE and not MORE & set(drop.binds)


def test_postgresql_is_told_of_what_type_each_number_is():
    change = str(store_counts._CHANGE.compile(dialect=psycopg.dialect()))
    assert "reach=CASE WHEN (monitor_windows.reach + %(more_reach)s::BIGINT > %(param_5)s::BIGINT) THEN" in change
    assert "monitor_windows.starts_at = %(at)s::BIGINT" in change


def test_a_change_takes_no_count_below_nothing_and_a_window_without_an_item_goes(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'monitor.db'}")
    with store.writing() as work:
        work.counts.add({
            (ALBA, Span.HOUR, AT): Point(AT, 3, 5, 9_000_000_000, 1, 1, 1, -0.5, 2.1),
            (CORA, Span.HOUR, AT): Point(AT, 1, 1, 1, 1, 0, 0, -0.5, 0.9),
        })  # fmt: skip
    with store.writing() as work:
        work.counts.change({
            (ALBA, Span.HOUR, AT): Point(AT, -1, -2, -8_000_000_000, -4, 0, 1, 0.25, -3.0),
            (CORA, Span.HOUR, AT): Point(AT, -1, -1, -1, -1, 0, 0, 0.5, -0.9),
            (SeriesKey(company="nobody"), Span.HOUR, AT): Point(AT, 1, 1, 1),
        })  # fmt: skip
    with store.reading() as work:
        kept, gone = (work.counts.points(key, Span.HOUR, AT, AT + Span.HOUR.length) for key in (ALBA, CORA))
    assert kept == [Point(AT, 2, 3, 1_000_000_000, 0, 1, 2, -0.25, 0.0)]
    assert gone == []
    store.close()
