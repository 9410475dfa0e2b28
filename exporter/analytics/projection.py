"""What a stretch of days comes to: what is spent of it, and what a forecast expects of the rest.

One rule: nothing from `today` on is looked at, and days nobody has answered for yet are forecast, not taken as zero.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np

from exporter.analytics.forecast import forecast
from exporter.analytics.forecast.model import BRAND_NEW, Forecast, since_first_spend
from exporter.analytics.series import Days

RATE_DAYS = 30  # of the naive projection


@dataclass(frozen=True, slots=True)
class History:
    """Known days from `start` up to `end`, which is not among them; `today` is that day or a later one."""

    start: date
    values: Days
    today: date

    @property
    def end(self) -> date:
        return self.start + timedelta(days=len(self.values))

    @property
    def gap(self) -> int:
        """Complete days that are not known yet."""
        return (self.today - self.end).days

    @property
    def brand_new(self) -> bool:
        """Under 14 days since the first spend."""
        return int(np.count_nonzero(~np.isnan(since_first_spend(self.values)))) < BRAND_NEW


@dataclass(frozen=True, slots=True)
class Projection:
    """Dollars of [since, until). `spent` is the part before today, unanswered days at what is expected of them.

    `total` is `spent` and what is expected from today on; `naive` is the same by the mean of the last 30 days.
    The daily arrays begin today.
    """

    since: date
    until: date
    spent: float
    total: float
    lower: float
    upper: float
    naive: float
    method: str
    volatility: Literal["calm", "medium", "wild", "new"]
    daily: Days
    daily_lower: Days
    daily_upper: Days


def history_of(values: Days, start: date, today: date) -> History | None:
    """The days up to the last known one; None: there is none."""
    known = np.flatnonzero(~np.isnan(values[: max((today - start).days, 0)]))
    return History(start, values[: known[-1] + 1], today) if len(known) else None


def projection(history: History, since: date, until: date) -> Projection:
    """Of the days from `since`, which is no later than today, up to `until`, which is later."""
    made = forecast(history.values, (until - history.end).days, start=history.start)
    late = made.daily[max((since - history.end).days, 0) : history.gap]
    known = float(np.nansum(history.values[max((since - history.start).days, 0) :])) if since < history.end else 0.0
    spent, ahead = known + float(late.sum()), made.daily[history.gap :]
    total = spent + float(ahead.sum())
    open_days = len(late) + len(ahead)
    down, up = _distances(made, open_days)
    lower = total - down if made.total_lower < 0 else max(total - down, known)  # not below it by rounding either
    rate = float(np.nanmean(history.values[-RATE_DAYS:]))
    return Projection(
        since,
        until,
        spent,
        total,
        lower,
        total + up,
        known + rate * open_days,
        made.method,
        "new" if history.brand_new else made.volatility,
        ahead,
        made.lower[history.gap :],
        made.upper[history.gap :],
    )


def _distances(made: Forecast, days: int) -> tuple[float, float]:
    """How far the sum of some of the days may lie below and above: a level that is missed is missed on every day."""
    share = days / len(made.daily)
    return (made.total - made.total_lower) * share, (made.total_upper - made.total) * share


def month(day: date) -> tuple[date, date]:
    """The first day of a day's calendar month, and that of the next."""
    first = day.replace(day=1)
    return first, first + timedelta(days=monthrange(day.year, day.month)[1])


def quarter(day: date) -> tuple[date, date]:
    """The first day of a day's calendar quarter, and that of the next."""
    first = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    return first, month(first + timedelta(days=70))[1]


def stretch(horizon: str, today: date) -> tuple[date, date]:
    """What a horizon of the metrics means: `month_end`, `quarter_end`, or a number of days such as `30d`."""
    if horizon == "month_end":
        return month(today)
    if horizon == "quarter_end":
        return quarter(today)
    return today, today + timedelta(days=int(horizon.removesuffix("d")))
