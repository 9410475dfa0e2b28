"""The field's habits, as methods to beat. Their band is the plain one: 95 % of their own past misses.

One rule: a baseline is as simple as its name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np

from exporter.analytics.forecast.candidates import Floats
from exporter.analytics.forecast.model import Forecast, Method
from exporter.analytics.series import WEEK, Days, filled, volatility

Point = Callable[[Days, int], Floats]
ROUNDS = 40


def last_value(values: Days, horizon: int) -> Floats:
    """Every day as the last."""
    return np.full(horizon, values[-1])


def mean_of_30_days(values: Days, horizon: int) -> Floats:
    """At this rate."""
    return np.full(horizon, values[-30:].mean())


def linear_regression(values: Days, horizon: int) -> Floats:
    """A straight line through all days."""
    if len(values) < 2:
        return last_value(values, horizon)
    x = np.arange(len(values)) - (len(values) - 1) / 2.0
    slope = float(x @ values) / float(x @ x)
    ahead = x[-1] + 1.0 + np.arange(horizon)
    return np.asarray(np.maximum(values.mean() + slope * ahead, 0.0))


def seasonal_naive(values: Days, horizon: int) -> Floats:
    """The last week again and again."""
    return np.resize(values[-WEEK:], horizon)


def with_band(name: str, point: Point) -> Method:
    """A method from a point forecast: the band is the middle 95 % of the misses of past origins."""

    def method(history: Days, horizon: int, *, start: date | None = None) -> Forecast:
        del start
        values = filled(np.asarray(history, dtype=np.float64))
        if not len(values) or horizon < 1:
            raise ValueError("there is no day to forecast from")
        daily = point(values, horizon)
        days, totals = _misses(values, horizon, point)
        low, high = np.quantile(days, [0.025, 0.975]) if len(days) else (0.0, 0.0)
        less, more = np.quantile(totals, [0.025, 0.975]) if len(totals) else (0.0, 0.0)
        total = float(daily.sum())
        return Forecast(
            name,
            volatility(values),
            daily,
            np.minimum(daily + low, daily),
            np.maximum(daily + high, daily),
            total,
            total + min(float(less), 0.0),
            total + max(float(more), 0.0),
        )

    return method


def _misses(values: Days, horizon: int, point: Point) -> tuple[Floats, Floats]:
    """Of days and of totals, at origins a week apart with two weeks before them."""
    ends = range(len(values) - horizon, 2 * WEEK - 1, -WEEK)[:ROUNDS]
    misses = [values[end : end + horizon] - point(values[:end], horizon) for end in ends]
    stacked = np.array(misses).reshape(-1, horizon)
    return stacked.ravel(), stacked.sum(axis=1)


BASELINES: dict[str, Method] = {
    name: with_band(name, point)
    for name, point in {
        "last value": last_value,
        "mean of 30 days": mean_of_30_days,
        "linear regression": linear_regression,
        "seasonal naive": seasonal_naive,
    }.items()
}
