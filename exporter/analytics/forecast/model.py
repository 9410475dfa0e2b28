"""The forecast of one daily series: methods weighed by their own misses, in a band made from those misses.

One rule: a forecast is a pure function of the history and the horizon; nothing after the last day of the history can
matter, and the same input gives the same output.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np

from exporter.analytics.forecast import backtest, bands, monthly
from exporter.analytics.forecast.backtest import CAUTION, Backtest
from exporter.analytics.forecast.candidates import NAMES, Floats, paths
from exporter.analytics.series import Days, Volatility, volatility, weekly_change

LONGEST_HORIZON = 3_660
BRAND_NEW = 14  # days
MOST_CAUTION = 0.6  # a miss beyond it draws the forecast no lower
BOOKING_SPREAD = 0.2  # of a monthly booking, either way


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expected spend per day and in all, each with a 95 % band. `daily` adds up to `total`."""

    method: str
    volatility: Volatility
    daily: Days
    lower: Days
    upper: Days
    total: float
    total_lower: float
    total_upper: float


class Method(Protocol):
    """What can be plugged in: a history, oldest day first and NaN where unknown, becomes a forecast."""

    def __call__(self, history: Days, horizon: int, *, start: date | None = None) -> Forecast: ...


@dataclass(frozen=True, slots=True)
class Outlook:
    """The point forecast with all that its band is made from. Amounts are in the scale of the series."""

    daily: Floats
    total: float
    offset: float  # per day, of the log scale
    traits: bands.Traits
    tried: Backtest


def weighted(history: Days, horizon: int, *, start: date | None = None) -> Forecast:
    """The method of this project. `start`, the date of the first day, lets it see bookings once a month.

    Raises:
        ValueError: there is no known day, or the horizon is no number of days.
    """
    values = _checked(history, horizon)
    size = float(np.nanmax(np.abs(values)))
    if size == 0.0:
        nothing = np.zeros(horizon)
        return Forecast("no spend so far", "calm", nothing, nothing, nothing, 0.0, 0.0, 0.0)
    # Amounts of any size are brought to about one, so that no constant is a sum of money.
    bookings = monthly.split(values / size, start, horizon)
    seen = since_first_spend(bookings.base)
    found = outlook(seen, horizon)
    method = _described(seen, found, bookings.found)
    return _band(seen, found, bookings.ahead).forecast(size, method, volatility(values))


@dataclass(frozen=True, slots=True)
class _Band:
    """The four parts of a forecast, still in the scale of the series."""

    daily: Floats
    lower: Floats
    upper: Floats
    total: float
    total_lower: float
    total_upper: float

    def forecast(self, size: float, method: str, kind: Volatility) -> Forecast:
        """In money."""
        days = (self.daily * size, self.lower * size, self.upper * size)
        return Forecast(method, kind, *days, self.total * size, self.total_lower * size, self.total_upper * size)


def _checked(history: Days, horizon: int) -> Days:
    values = np.asarray(history, dtype=np.float64)
    if not 1 <= horizon <= LONGEST_HORIZON:
        raise ValueError(f"the horizon must be 1 to {LONGEST_HORIZON} days, not {horizon}")
    if values.ndim != 1 or not len(values) or np.isnan(values).all():
        raise ValueError("there is no day to forecast from")
    if np.isinf(values).any():
        raise ValueError("an amount is infinite")
    return values


def since_first_spend(values: Days) -> Days:
    """Idle days before the first spend are no history. Without any spend all days are."""
    spent = np.flatnonzero(np.nan_to_num(values))
    return values[spent[0] :] if len(spent) else values


def outlook(values: Days, horizon: int) -> Outlook:
    """The point: methods in logs by their weights, the lower the more the series has missed."""
    tried = backtest.run(values, horizon)
    origin = np.array([len(values)])
    expected = paths(values, origin, horizon)[0]
    offset = float(backtest.offsets(values, origin)[0])
    change = weekly_change(values)
    traits = bands.traits(tried, change, horizon, len(values))
    logs = backtest.log(expected.sum(axis=1), np.full(len(NAMES), offset * horizon))
    # What is brand-new has missed nothing yet: its projection is the plain one.
    caution = CAUTION if len(values) >= BRAND_NEW else 0.0
    lowered = float(logs @ tried.weights) - caution * min(traits.miss, MOST_CAUTION) ** 2
    total = float(np.exp(lowered)) - offset * horizon
    if not _has_credits(values):
        total = max(total, 0.0)
    return Outlook(_adding_up(tried.weights @ expected, total), total, offset, traits, tried)


def _adding_up(daily: Floats, total: float) -> Floats:
    """The same days, scaled to the total; days that cancel each other out are shifted instead."""
    whole = float(daily.sum())
    if total * whole >= 0.0 and abs(whole) > 0.1 * float(np.abs(daily).sum()):
        return daily * (total / whole)
    return daily + (total - whole) / len(daily) if whole else np.full(len(daily), total / len(daily))


def _band(values: Days, point: Outlook, booked: Floats) -> _Band:
    """The band of the base in logs; bookings are added with a spread of their own."""
    horizon = len(booked)
    down, up = bands.total_distances(point.traits)
    low, high = _around(np.array([point.total]), point.offset * horizon, down, up)
    day_down, day_up = bands.daily_distances(point.tried, point.traits)
    lower, upper = _around(point.daily, 2 * point.offset, day_down, day_up)
    if not _has_credits(values):
        low, lower = np.maximum(low, 0.0), np.maximum(lower, 0.0)
    less, more = booked * (1 - BOOKING_SPREAD), booked * (1 + BOOKING_SPREAD)
    return _Band(
        point.daily + booked,
        lower + less,
        upper + more,
        point.total + float(booked.sum()),
        float(low[0] + less.sum()),
        float(high[0] + more.sum()),
    )


def _around(middle: Floats, offset: float, down: Floats | float, up: Floats | float) -> tuple[Floats, Floats]:
    """A band in logs with an offset. Below minus the offset it stands on its head: never inside out."""
    raised = np.maximum(middle + offset, 0.0)
    low, high = middle - raised * -np.expm1(-down), middle + raised * np.expm1(up)
    return np.minimum(low, middle), np.maximum(high, middle)


def _has_credits(values: Days) -> bool:
    return bool(np.nanmin(values) < 0)


def _described(values: Days, point: Outlook, booked: bool) -> str:
    """For people: what weighed most, or that there is little to go by."""
    days = len(values)
    if days < BRAND_NEW:
        return f"simple projection from {days} {'day' if days == 1 else 'days'} (new series)"
    order = np.argsort(-point.tried.weights, kind="stable")[:3]
    parts = ", ".join(f"{NAMES[at]} {point.tried.weights[at]:.0%}" for at in order)
    return f"weighted: {parts}{', monthly bookings' if booked else ''}"
