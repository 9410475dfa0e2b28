"""A budget's outlook from the days that were forecast and the days that are in the books.

One rule: what is spent is never forecast away: today, and days a provider is late with, count as the larger of what is
seen and what was expected.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from exporter.analytics.budget import Money, Outlook
from exporter.domain import DAY, Period, day_of

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Path:
    """Dollars expected of whole UTC days from `first_day` on, and how far their sum may lie below and above.

    `late`: how many complete days before the one it was made on were not known yet; they are the first of `days`.
    """

    first_day: date
    days: tuple[Decimal, ...]
    late: int = 0
    down: Decimal = _NOTHING
    up: Decimal = _NOTHING

    def expected(self, day: date) -> Decimal:
        """Of one whole UTC day."""
        place = (day - self.first_day).days
        return self.days[place] if 0 <= place < len(self.days) else _NOTHING


def outlook_along(path: Path, seen: Money, period: Period, now: datetime) -> Outlook:
    """What the period comes to. `seen`: the books of the period up to today, its border days cut at the border.

    Days the path was late with when it was made are taken to be as late now. What they still lack is counted with
    today: that is when the books may show it. The last day stays whole in `daily`: its pace is that of a whole day.
    """
    today = day_of(now)
    open_from = today - timedelta(days=path.late)
    complete = sum((amount for day, amount in seen.items() if day < open_from), _NOTHING)
    open_days = {
        day: max(seen.get(day, _NOTHING), path.expected(day) * _inside(day, period))
        for day in _days(max(open_from, day_of(period.start)), today + DAY)
    }
    lacking = sum((amount - seen.get(day, _NOTHING) for day, amount in open_days.items() if day < today), _NOTHING)
    ahead = list(_days(today + DAY, _last_day(period) + DAY))
    total = complete + sum(open_days.values(), _NOTHING)
    total += sum((path.expected(day) * _inside(day, period) for day in ahead), _NOTHING)
    daily = (open_days[today] + lacking, *map(path.expected, ahead))
    spent = sum(seen.values(), _NOTHING)
    return Outlook(total, daily, min(total, max(spent, total - path.down)), total + path.up)


def whole_days(period: Period) -> tuple[date, date]:
    """The UTC days a period touches: the first, and the first that it does not touch any more."""
    return day_of(period.start), _last_day(period) + DAY


def _last_day(period: Period) -> date:
    return day_of(period.end - timedelta(microseconds=1))


def _days(first: date, end: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((end - first).days)]


def _inside(day: date, period: Period) -> Decimal:
    """The share of a UTC day that lies in the period."""
    midnight = datetime.combine(day, time(), UTC)
    span = min(midnight + DAY, period.end) - max(midnight, period.start)
    return Decimal(int(span.total_seconds())) / Decimal(int(DAY.total_seconds()))
