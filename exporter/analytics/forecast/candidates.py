"""The single methods that are weighed against each other, for one series at many origins at once.

One rule: row k of every result is made from the days before `origins[k]` and from nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporter.analytics.series import WEEK, Days

Floats = NDArray[np.float64]
Origins = NDArray[np.intp]

LAGS = 182  # half a year: no method but the one of last year looks further back
PROFILE_WEEKS = 8
WINDOWS = (7, 14, 28, 56, LAGS)  # the longest is what an excursion returns to
HALF_LIVES = (1, 2, 5, 10)
YEAR = 364  # 52 weeks: the same weekday a year ago
TRENDS = ((4, 0.7, 0.3), (8, 0.85, 0.3))  # weeks looked at, damping per week, steepest weekly step in logs
INCIDENT, INCIDENT_LAGS = 1.5, 84  # times the fourth highest of so many days
TINY = 1e-300

NAMES = (
    *(f"mean of {days} days" for days in WINDOWS),
    *(f"smoothing over {days} {'day' if days == 1 else 'days'}" for days in HALF_LIVES),
    "median week",
    "mean without extremes",
    *(f"damped trend of {weeks} weeks" for weeks, _, _ in TRENDS),
    "last year",
)
# What to believe before a series has spoken: short windows and robust means do best on real series.
BELIEF = np.array([1.5, 1.5, 0.6, 0.6, 0.4, 0.6, 0.8, 1.5, 0.6, 1.5, 1.0, 0.6, 0.6, 0.6])

_AGE = np.arange(LAGS)
_KERNELS = np.stack(
    [*(days > _AGE for days in WINDOWS), *(0.5 ** (_AGE / days) for days in HALF_LIVES)], axis=1
).astype(np.float64)


@dataclass(frozen=True, slots=True)
class _Window:
    """The last half year before each origin, newest day first."""

    values: Floats  # (origins, LAGS); zero where unknown
    known: Floats  # 1 or 0
    level: Floats  # mean of up to 56 known days, (origins,)
    profile: Floats  # share of each weekday, by age modulo seven; mean 1

    def shape(self, horizon: int) -> Floats:
        """The weekday factors of the days ahead, (origins, horizon)."""
        return self.profile[:, (WEEK - 1 - np.arange(horizon)) % WEEK]


def paths(values: Days, origins: Origins, horizon: int) -> Floats:
    """Expected days by every method: (origins, methods, horizon)."""
    window = _window(values, origins)
    shape = window.shape(horizon)
    expected = window.profile[:, _AGE % WEEK] * window.known
    levels = _ratio(window.values @ _KERNELS, expected @ _KERNELS, window.level)
    level = levels[:, 2]
    weekly = _weekly(window, level)
    robust = [np.median(weekly[:, :4], axis=1), _without_extremes(window, level)]
    flat = np.concatenate([levels, np.stack(robust, axis=1)], axis=1)
    base = flat[:, :, None] * shape[:, None, :]
    steady = levels[:, 0:1] * 0.5 + levels[:, 1:2] * 0.5
    trends = [steady * shape * _growth(weekly, window, trend, horizon) for trend in TRENDS]
    year = _last_year(values, origins, horizon)
    last_year = level[:, None] * shape * year
    return np.concatenate([base, np.stack([*trends, last_year], axis=1)], axis=1)


def _window(values: Days, origins: Origins) -> _Window:
    index = origins[:, None] - 1 - _AGE
    gathered = np.where(index >= 0, values[np.maximum(index, 0)], np.nan)
    known = ~np.isnan(gathered)
    zeroed = _without_incidents(np.where(known, gathered, 0.0))
    days = known[:, :56].sum(axis=1)
    level = zeroed[:, :56].sum(axis=1) / np.maximum(days, 1)
    return _Window(zeroed, known.astype(np.float64), level, _profile(zeroed, known, level))


def _without_incidents(values: Floats) -> Floats:
    """Days far above all but three others are cut: a fourth such day makes them a new level."""
    usual = np.partition(values[:, :INCIDENT_LAGS], INCIDENT_LAGS - 4, axis=1)[:, INCIDENT_LAGS - 4]
    highest = np.where(usual > 0, INCIDENT * usual, np.inf)
    return np.minimum(values, highest[:, None])


def _profile(values: Floats, known: NDArray[np.bool_], level: Floats) -> Floats:
    """Weekday shares over eight weeks, without each weekday's extremes, drawn towards flat while weeks are few."""
    span = PROFILE_WEEKS * WEEK
    rows = len(values)
    days = values[:, :span].reshape(rows, PROFILE_WEEKS, WEEK)
    count = known[:, :span].reshape(rows, PROFILE_WEEKS, WEEK).sum(axis=1)
    mean = np.where(count > 0, days.sum(axis=1) / np.maximum(count, 1), level[:, None])
    whole = np.sort(days, axis=1)[:, 1:-1].mean(axis=1)  # an incident must not become a habit of its weekday
    whole_is_used = (count.min(axis=1) == PROFILE_WEEKS) & (whole.sum(axis=1) > 0)
    mean = np.where(whole_is_used[:, None], whole, mean)
    scale = mean.mean(axis=1, keepdims=True)
    steady = scale > 1e-9 * np.abs(mean).max(axis=1, keepdims=True)  # credits may cancel spend
    share = np.divide(mean, scale, out=np.ones_like(mean), where=steady & (scale > TINY))
    weeks = count.min(axis=1)[:, None]
    share = np.maximum(1.0 + (share - 1.0) * weeks / (weeks + 1.0), 0.0)
    return np.asarray(share / share.mean(axis=1, keepdims=True))


def _ratio(sums: Floats, weights: Floats, otherwise: Floats) -> Floats:
    result = np.repeat(otherwise[:, None], sums.shape[1], axis=1)
    np.divide(sums, weights, out=result, where=weights > 1e-3)
    return result


def _weekly(window: _Window, level: Floats) -> Floats:
    """The level of each week, newest first; a week that is mostly unknown gets the level."""
    rows = len(level)
    expected = (window.profile[:, _AGE % WEEK] * window.known).reshape(rows, -1, WEEK).sum(axis=2)
    sums = window.values.reshape(rows, -1, WEEK).sum(axis=2)
    result = np.repeat(level[:, None], sums.shape[1], axis=1)
    np.divide(sums, expected, out=result, where=expected > 3.0)
    return result


def _without_extremes(window: _Window, level: Floats) -> Floats:
    """The mean of 28 days, each drawn into the middle 80 % of the last 56."""
    factor = np.maximum(window.profile[:, _AGE[:56] % WEEK], 0.05)
    days = np.where(window.known[:, :56] > 0, window.values[:, :56] / factor, level[:, None])
    low, high = np.sort(days, axis=1)[:, [5, 50]].T
    return np.asarray(np.clip(days[:, :28], low[:, None], high[:, None]).mean(axis=1))


def _growth(weekly: Floats, window: _Window, trend: tuple[int, float, float], horizon: int) -> Floats:
    """Factors of a trend that dies out: the weekly slope in logs, the less trusted the more it wavers."""
    weeks, damping, steepest = trend
    offset = np.maximum(0.02 * np.abs(window.level), TINY)[:, None]
    logs = np.log(np.maximum(weekly[:, :weeks], 0.0) + offset)
    x = (weeks - 1) / 2.0 - np.arange(weeks)
    spread = float(x @ x)
    slope = (logs @ x) / spread
    rest = logs - logs.mean(axis=1, keepdims=True) - slope[:, None] * x
    noise = (rest**2).sum(axis=1) / (weeks - 2) / spread
    slope = np.clip(slope**3 / (slope**2 + 4.0 * noise + 1e-12), -steepest, steepest)
    slope[window.known.sum(axis=1) < weeks * WEEK * 0.75] = 0.0
    reach = damping * (1.0 - damping ** ((np.arange(horizon) + 1) / WEEK + 1.0)) / (1.0 - damping)
    return np.asarray(np.exp(slope[:, None] * reach))


def _last_year(values: Days, origins: Origins, horizon: int) -> Floats:
    """How the same weeks of last year stood to the four before them, smoothed over 15 days; 1 where unknown."""
    result = np.ones((len(origins), horizon))
    seen = np.flatnonzero(origins >= YEAR + 35)
    if not len(seen):
        return result
    known = np.where(np.isnan(values), 0.0, values)
    sums = np.concatenate([[0.0], np.cumsum(known)])
    then = origins[seen, None] - YEAR
    before = (sums[then] - sums[then - 28]) / 28.0
    ahead = then + np.arange(horizon) % YEAR
    first, last = ahead - 7, np.minimum(ahead + 8, origins[seen, None])
    smooth: Any = (sums[last] - sums[first]) / (last - first)
    ratio = np.divide(smooth, before, out=np.ones_like(smooth), where=before > TINY)
    result[seen] = np.clip(ratio, 0.2, 5.0)
    return result
