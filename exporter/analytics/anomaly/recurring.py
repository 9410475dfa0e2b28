"""Which earlier days a day must be compared with before it is called unusual: invoices, closings, holidays.

One rule: a pattern is known when it was there in two of its last three turns, or in every turn there was. A day of
the year needs one turn only.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

TURNS = 3
_MONTHLY_KEYS = 3


@lru_cache(maxsize=4096)
def peers(day: date) -> tuple[tuple[int, ...], ...]:
    """For each rhythm, how many days back its last three turns lie (0: that turn does not exist).

    Rhythms: the day of the month, the day counted from the month's end, the working day of the month, every other
    week, every fourth week.
    """
    monthly = [[_back(day, key, months) for months in range(1, TURNS + 1)] for key in range(_MONTHLY_KEYS)]
    return (*map(tuple, monthly), (14, 28, 42), (28, 56, 84))


@lru_cache(maxsize=4096)
def year_ago(day: date) -> tuple[int, ...]:
    """How many days back lie the same weekday and the same date of last year."""
    same = _same_date(day.year - 1, day.month, day.day)
    return (364, (day - same).days) if same else (364,)


def _back(day: date, key: int, months: int) -> int:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    first = date(year, month + 1, 1)
    if key == 0:
        same = _same_date(first.year, first.month, day.day)
        return (day - same).days if same else 0
    if key == 1:
        left = (_month_end(day) - day).days
        return (day - _month_end(first)).days + left if left < 4 else 0
    return _by_working_day(day, first)


def _by_working_day(day: date, first: date) -> int:
    """The same working day of the month that starts on `first`, for the first five of a month."""
    nth = _working_days_until(day)
    if day.weekday() >= 5 or nth > 5:
        return 0
    other = first
    while _working_days_until(other) < nth or other.weekday() >= 5:
        other += timedelta(days=1)
    return (day - other).days


def _working_days_until(day: date) -> int:
    return sum(day.replace(day=nth).weekday() < 5 for nth in range(1, day.day + 1))


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _same_date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:  # 30 February
        return None


def usual_size(past: NDArray[np.float64], day: date, at: int) -> float:
    """How far off days like this one usually are: the largest size that a known rhythm has shown. 0: no rhythm.

    `past` holds the sizes of the days before, in the direction asked for; `at` is the day's own place.
    """
    known = [_known([past[at - back] for back in turn if 0 < back <= at]) for turn in peers(day)]
    known += [past[at - back] for back in year_ago(day) if back <= at]
    return max(0.0, *known)


def _known(sizes: list[float]) -> float:
    """The size that two of three turns reached, or all of fewer."""
    return sorted(sizes)[-2] if len(sizes) == TURNS else min(sizes, default=0.0)
