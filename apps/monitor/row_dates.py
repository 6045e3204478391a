"""Whether the date that a row gives is believed; how dates are read is ``core.dates``."""

from datetime import datetime, timedelta
from typing import Any

from apps.monitor.intake_records import DateDoubt
from core.dates import DateOrder, two_ways

AHEAD = timedelta(hours=26)  # a zone read wrongly puts a date at most this far into the future; more is a mistake


def doubt(
    value: Any, moment: datetime | None, received: datetime, oldest_days: int, order: DateOrder = DateOrder.UNSAID
) -> DateDoubt | None:
    """Why the date ``value``, read as ``moment``, is not used; None when it is, or when there is none."""
    if value is None or not str(value).strip():
        return None
    if moment is None:
        return DateDoubt.TWO_WAYS if two_ways(value, order) else DateDoubt.UNREADABLE
    if moment > received + AHEAD:
        return DateDoubt.AHEAD
    return DateDoubt.OLD if moment < received - timedelta(days=oldest_days) else None
