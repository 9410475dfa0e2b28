"""Dates and costs as somebody wrote them → one value for each day.

One rule: rows of one day are added up, a day without a row is 0, a day with an unknown cost is unknown, and a last
day whose hours are not all there yet is left out.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from math import isfinite, isnan, nan

import numpy as np
from numpy.typing import NDArray

from exporter.analytics.anomaly.events import Days

WHOLE_DAY = -1
LAST_HOUR = 23
LONGEST = 36_600  # days
_UNKNOWN = frozenset({"", "null", "nan", "none"})


@dataclass(slots=True)
class Rows:
    """Rows of one series in a compact form: a year of ten thousand series must fit."""

    days: array[int] = field(default_factory=lambda: array("i"))
    hours: array[int] = field(default_factory=lambda: array("b"))
    costs: array[float] = field(default_factory=lambda: array("d"))
    requests: array[float] = field(default_factory=lambda: array("d"))

    def add(self, moment: str, cost: object, requests: object = None) -> None:
        """Take over one row.

        Raises:
            ValueError: one of its values can't be read.
        """
        day, hour = day_and_hour(moment)
        money, count = number(cost, "cost"), number(requests, "requests")
        self.days.append(day)
        self.hours.append(hour)
        self.costs.append(money)
        self.requests.append(count)

    def daily(self) -> tuple[date, Days, Days]:
        """The first day, and the cost and the requests of each day from there on.

        Raises:
            ValueError: there is no day, or the days lie too far apart.
        """
        if not self.days:
            raise ValueError("there is no day")
        days = np.frombuffer(self.days, np.int32)
        first, last = int(days.min()), int(days.max())
        if last - first >= LONGEST:
            raise ValueError(f"the days lie more than {LONGEST // 366} years apart")
        end = last if self._unfinished(days, last) else last + 1
        costs = _summed(days - first, self.costs)[: end - first]
        counted = not np.isnan(np.frombuffer(self.requests)).all()
        requests = _summed(days - first, self.requests)[: end - first] if counted else np.full(len(costs), nan)
        return date.fromordinal(first), costs, requests

    def _unfinished(self, days: NDArray[np.int32], last: int) -> bool:
        hours = np.frombuffer(self.hours, np.int8)[days == last]
        return bool((hours != WHOLE_DAY).all() and hours.max() < LAST_HOUR)


def _summed(places: NDArray[np.int32], values: array[float]) -> Days:
    return np.bincount(places, np.frombuffer(values)).astype(np.float64)


def rows_of(dates: Sequence[object], costs: Sequence[object], requests: Sequence[object] | None = None) -> Rows:
    """Rows from lists of equal length.

    Raises:
        ValueError: a value can't be read, or a list is shorter than another.
    """
    counts = requests if requests is not None else [None] * len(dates)
    if not len(dates) == len(costs) == len(counts):
        raise ValueError(f"{len(dates)} dates need as many costs and requests, got {len(costs)} and {len(counts)}")
    rows = Rows()
    for moment, cost, count in zip(dates, costs, counts, strict=True):
        if not isinstance(moment, str):
            raise ValueError(f"a date must be a text, not {moment!r}")  # noqa: TRY004 (one kind of error to catch)
        rows.add(moment, cost, count)
    return rows


@lru_cache(maxsize=50_000)
def day_and_hour(text: str) -> tuple[int, int]:
    """The day's ordinal and the hour, or `WHOLE_DAY`.

    Raises:
        ValueError: it is neither a day nor an hour.
    """
    text = text.strip()
    try:
        if len(text) == len("2025-01-31"):
            return date.fromisoformat(text).toordinal(), WHOLE_DAY
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is neither a day (2025-01-31) nor an hour (2025-01-31T23)") from None
    return moment.toordinal(), moment.hour


def number(value: object, name: str) -> float:
    """A number, or NaN for an unknown one.

    Raises:
        ValueError: it is something else.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in _UNKNOWN):
        return nan
    try:
        read = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        read = None
    if read is None or not (isfinite(read) or isnan(read)):
        raise ValueError(f"{name} {str(value)[:40]!r} is not a number")
    return read
