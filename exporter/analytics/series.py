"""Daily series: what comes in as dated amounts leaves as one value per calendar day.

One rule: a day without a row is zero, a day known to be unknown is NaN, and nothing here asks what day it is today.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.float64]
"""One value per day, oldest first. NaN where the day is not known."""

Volatility = Literal["calm", "medium", "wild"]
WEEK = 7
CALM, MEDIUM = 0.10, 0.30
LONGEST_CHANGE = 2.0  # one week after an idle one must not decide the class by itself
_WHEN = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ]([01]\d|2[0-3])(?::[0-5]\d){0,2}Z?)?", re.ASCII)
LAST_HOUR, FEWEST_HOURLY_DAYS, NEARLY_ALL = 23, 5, 0.9
LONGEST_SPAN = 20_000  # days; a mistyped century would otherwise become millions of zeros


@dataclass(frozen=True, slots=True)
class DailySeries:
    """Consecutive days from `start` on."""

    start: date
    values: Days


def daily(amounts: Mapping[date, float]) -> DailySeries:
    """Amounts by date as consecutive days; missing days are zero.

    Raises:
        ValueError: there is no day, or the days lie impossibly far apart.
    """
    if not amounts:
        raise ValueError("there are no days")
    start, end = min(amounts), max(amounts)
    span = (end - start).days + 1
    if span > LONGEST_SPAN:
        raise ValueError(f"the days from {start} to {end} are too far apart for one series")
    values = np.zeros(span)
    for day, amount in amounts.items():
        values[(day - start).days] = amount
    return DailySeries(start, values)


def volatility(values: Days) -> Volatility:
    """By the mean change from one week's sum to the next: below 10 % calm, up to 30 % medium, above it wild."""
    return volatility_of(weekly_change(values))


def volatility_of(change: float) -> Volatility:
    """The class of a weekly change."""
    return "calm" if change < CALM else "medium" if change <= MEDIUM else "wild"


def weekly_change(values: Days) -> float:
    """The mean relative change of the weekly sum. Under two whole weeks nothing is known: taken as medium."""
    known = filled(values)
    weeks = len(known) // WEEK
    if weeks < 2:
        return (CALM + MEDIUM) / 2
    sums = known[-weeks * WEEK :].reshape(weeks, WEEK).sum(axis=1)
    before, step = np.abs(sums[:-1]), np.abs(np.diff(sums))
    moved = (before > 0) | (step > 0)  # two idle weeks in a row say nothing
    if not moved.any():
        return 0.0
    before, step = before[moved], step[moved]
    change = np.full(len(step), LONGEST_CHANGE)
    np.divide(step, before, out=change, where=before * LONGEST_CHANGE > step)
    return float(change.mean())


def filled(values: Days) -> Days:
    """Unknown days get the mean of the known days of the four weeks around them."""
    unknown = np.isnan(values)
    if not unknown.any():
        return values
    if unknown.all():
        return np.zeros_like(values)
    result = values.copy()
    for day in np.flatnonzero(unknown):
        near = values[max(0, day - 14) : day + 15]
        near = near[~np.isnan(near)]
        result[day] = near.mean() if len(near) else np.nanmean(values)
    return result


def from_rows(dates: Iterable[object], costs: Iterable[object]) -> DailySeries:
    """Rows of a day or an hour as daily sums. An amount that is None or empty makes its day unknown.

    Where hours fill whole days, a first or last day that is cut short is unknown too.

    Raises:
        ValueError: a sentence that names the first row that can't be read.
    """
    amounts: dict[date, float] = {}
    hours: dict[date, list[int]] = {}
    for row, (when, cost) in enumerate(zip(dates, costs, strict=True), start=1):
        day, hour = _moment(when, row)
        amounts[day] = amounts.get(day, 0.0) + _amount(cost, row)
        if hour is not None:
            hours.setdefault(day, []).append(hour)
    for day in _cut_short(hours):
        amounts[day] = math.nan
    return daily(amounts)


def _cut_short(hours: Mapping[date, Sequence[int]]) -> Iterator[date]:
    """The first and the last day, where they lack the hours that nearly every day between them has."""
    if len(hours) < FEWEST_HOURLY_DAYS:
        return
    first, *between, last = sorted(hours)
    if min(hours[first]) > 0 and sum(min(hours[day]) == 0 for day in between) >= NEARLY_ALL * len(between):
        yield first
    if max(hours[last]) < LAST_HOUR and sum(max(hours[day]) == LAST_HOUR for day in between) >= NEARLY_ALL * len(
        between
    ):
        yield last


def _moment(when: object, row: int) -> tuple[date, int | None]:
    """The day, and the hour if there is one."""
    if isinstance(when, str) and (match := _WHEN.fullmatch(when.strip())):
        try:
            return date.fromisoformat(match[1]), int(match[2]) if match[2] else None
        except ValueError:
            pass
    raise ValueError(f"row {row}: {when!r} is no date like 2025-01-31 or 2025-01-31T23")


def _amount(cost: object, row: int) -> float:
    if cost is None or (isinstance(cost, str) and not cost.strip()):
        return math.nan
    try:
        amount = float(cost) if isinstance(cost, (str, int, float)) and not isinstance(cost, bool) else math.nan
    except (ValueError, OverflowError):
        amount = math.nan
    if not math.isfinite(amount):
        raise ValueError(f"row {row}: {cost!r} is no amount")
    return amount
