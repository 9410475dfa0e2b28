"""Bookings that come once a month: an invoice on the first, a commitment on the last day.

One rule: a day of the month is a booking only when each of the last three months had it, far above every other day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from exporter.analytics.forecast.candidates import Floats
from exporter.analytics.series import Days

MONTHS = 3
LOOK_BACK = 190
AROUND = 10  # days on either side that say what is usual
ABOVE_OTHERS = 1.5
LAST_DAY = 0  # the key of a month's last day; other keys are the days 1 to 28


@dataclass(frozen=True, slots=True)
class Bookings:
    """The history without its bookings, and the bookings of the days ahead."""

    base: Days
    ahead: Floats

    @property
    def found(self) -> bool:
        return bool(self.ahead.any())


def split(values: Days, start: date | None, horizon: int) -> Bookings:
    """Take recurring bookings out of the history and put them on the days ahead."""
    base, ahead = values, np.zeros(horizon)
    offset = max(0, len(values) - LOOK_BACK)
    recent = values[offset:]
    if start is None or len(recent) < MONTHS * 31:
        return Bookings(base, ahead)
    keys = _keys(start, len(values) + horizon)[offset:]
    past, coming = keys[: len(recent)], keys[len(recent) :]
    usual = _usual(recent)
    excess = np.nan_to_num(recent - usual)
    for key in _candidates(past, excess, usual):
        days = np.flatnonzero((past == key) & (excess > 0))
        if base is values:
            base = values.copy()
        base[offset + days] = usual[days]
        ahead[coming == key] = np.median(excess[days[-MONTHS:]])
    return Bookings(base, ahead)


def _keys(start: date, count: int) -> NDArray[np.int64]:
    """The day of the month of consecutive days; 0 for the last, -1 for the 29th and 30th of a longer month."""
    days = np.datetime64(start, "D") + np.arange(count + 1)
    number = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
    keys = np.where(number[:-1] > 28, -1, number[:-1])
    keys[number[1:] == 1] = LAST_DAY
    return np.asarray(keys)


def _usual(values: Days) -> Floats:
    """The median of the days around each day."""
    padded = np.pad(np.nan_to_num(values), AROUND, mode="reflect")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND + 1), axis=1))


def _candidates(keys: NDArray[np.int64], excess: Floats, usual: Floats) -> list[int]:
    """Days of the month that stood out in each of the last three months."""
    bar = 0.5 * float(np.mean(np.abs(usual)))
    tops = np.argsort(excess)[-3 * LOOK_BACK // 31 :]
    found = []
    for key in sorted({int(keys[day]) for day in tops if keys[day] >= 0 and excess[day] > bar}):
        own = keys == key
        least = float(excess[own][-MONTHS:].min()) if own.sum() >= MONTHS else 0.0
        if least > bar and least > ABOVE_OTHERS * float(np.quantile(excess[~own], 0.95)):
            found.append(key)
    return found
