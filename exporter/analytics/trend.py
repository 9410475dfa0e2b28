"""Where daily series are heading: slope, how sure it is, and growth, for all series at once.

One rule: a day is compared with the same weekday of other weeks only, in proportion to what that weekday usually
comes to. So no weekday pattern has to be estimated and removed first, and a weekend can't look like a decline.

The slope is the median of all these comparisons (the seasonal Kendall slope of Hirsch, Slack and Smith 1982, a
Theil–Sen estimator). Its interval is Sen's, made wider where neighbouring days resemble each other (Hamed and Rao
1998). Nothing is drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporter.analytics.series import WEEK, Days

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

WEEKS = 8
WINDOW = WEEKS * WEEK
FEWEST = 14  # known days: under two weeks there is nothing to compare
NEWEST = 7  # days: a series without a known day among the newest has no present
GROWTH_WINDOWS = (7, 30, 90)
LENGTH = 2 * max(GROWTH_WINDOWS)
CONFIDENT = 1.959964  # standard deviations on either side: 95 %
MONTH, MATTERS = 30, 0.10  # a trend moves the level by a tenth within so many days
IDLE = 0.05  # of the mean weekday: what costs less has no proportions worth comparing


@dataclass(frozen=True, slots=True)
class Trends:
    """One entry per series, in the order given. NaN (and an empty state): not known."""

    slope: Floats  # dollars per day per day
    lower: Floats  # of its 95 % interval; NaN where the days are too few, or too much alike, to bound it
    upper: Floats
    level: Floats  # dollars per day, each weekday without its dearest and its cheapest week
    state: NDArray[np.str_]  # increasing, decreasing, stable
    growth: Floats  # a column for each of GROWTH_WINDOWS, as a ratio


def trends(values: Days) -> Trends:
    """Of a matrix of series × days, oldest day first, NaN where a day is not known.

    Slopes use the last 56 columns, growth up to the last 180.

    Raises:
        ValueError: `values` is no matrix.
    """
    if values.ndim != 2:
        raise ValueError(f"trends need a matrix of series by days, not {values.ndim} dimensions")
    weeks = _padded(values, WINDOW).reshape(len(values), WEEKS, WEEK)
    known = ~np.isnan(weeks)
    enough = (known.sum(axis=(1, 2)) >= FEWEST) & known[:, -1].any(axis=1)
    usual = _usual(weeks)
    scale = np.where(np.abs(usual) >= IDLE * np.abs(usual).mean(axis=1, keepdims=True), np.abs(usual), np.nan)
    scale[scale == 0] = np.nan
    relative, lower, upper = _slopes(weeks / scale[:, None])
    level = usual.mean(axis=1)
    size = np.abs(usual).mean(axis=1)
    state = np.where(lower > 0, "increasing", np.where(upper < 0, "decreasing", "stable"))
    state[np.abs(relative) * MONTH < MATTERS] = "stable"
    slope, lower, upper, level = (np.where(enough, part, np.nan) for part in (
        relative * size, lower * size, upper * size, level
    ))  # fmt: skip
    return Trends(slope, lower, upper, level, np.where(enough, state, ""), growth(values))


def growth(values: Days) -> Floats:
    """The sums of the last 7, 30 and 90 known days over those of as many days before, minus 1; a row per series.

    NaN where a day of either is unknown, where nothing was spent before, and where the newest days are unknown.
    """
    days = _padded(values, LENGTH + NEWEST)
    known = ~np.isnan(days)
    unknown_tail = np.argmax(known[:, ::-1], axis=1)
    fresh = known[:, -NEWEST:].any(axis=1)
    ends = days.shape[1] - unknown_tail
    found = np.full((len(days), len(GROWTH_WINDOWS)), np.nan)
    for column, window in enumerate(GROWTH_WINDOWS):
        places = np.clip(ends[:, None] + np.arange(-2 * window, 0), 0, None)
        pair = np.take_along_axis(days, places, axis=1).reshape(len(days), 2, window).sum(axis=2)
        sound = fresh & (pair[:, 0] > 0)
        found[sound, column] = pair[sound, 1] / pair[sound, 0] - 1
    return found


def _padded(values: Days, days: int) -> Days:
    """The last so many days; unknown ones before the first."""
    missing = max(0, days - values.shape[1])
    return np.pad(values[:, -days:], ((0, 0), (missing, 0)), constant_values=np.nan)


def _usual(weeks: Floats) -> Floats:
    """What each weekday comes to: the mean without its dearest and its cheapest day, so that one spike is nothing."""
    ordered = np.sort(weeks, axis=1)  # NaN last
    count = (~np.isnan(weeks)).sum(axis=1, keepdims=True)
    place = np.arange(weeks.shape[1])[None, :, None]
    inner = np.where(count > 2, (place >= 1) & (place < count - 1), place < count)
    total: Floats = np.where(inner, ordered, 0.0).sum(axis=1)
    usual: Floats = total / np.maximum(inner.sum(axis=1), 1)
    return usual


def _slopes(weeks: Floats) -> tuple[Floats, Floats, Floats]:
    """Median and 95 % interval of all changes per day between the same weekdays of two weeks, per series."""
    earlier, later = np.triu_indices(weeks.shape[1], 1)
    changes = (weeks[:, later] - weeks[:, earlier]) / (WEEK * (later - earlier))[:, None]
    ordered = np.sort(changes.reshape(len(weeks), len(earlier) * WEEK), axis=1)  # NaN last
    count = (~np.isnan(ordered)).sum(axis=1)
    middle = np.nan_to_num(_at(ordered, (count - 1) / 2, count))
    per_weekday = (~np.isnan(weeks)).sum(axis=1)
    variance = (per_weekday * (per_weekday - 1) * (2 * per_weekday + 5)).sum(axis=1) / 18  # of Kendall's S
    reach = CONFIDENT * np.sqrt(variance * _alike(weeks, middle))
    return middle, _at(ordered, (count - reach) / 2 - 1, count), _at(ordered, (count + reach) / 2, count)


def _at(ordered: Floats, place: Floats, count: NDArray[Any]) -> Floats:
    """The value at a place between two, 0 the first; NaN beyond the ends."""
    inside = (place > -1) & (place < count)
    place = np.clip(place, 0, np.maximum(count - 1, 0))
    below = np.floor(place).astype(np.intp)
    above = np.ceil(place).astype(np.intp)
    low, high = (np.take_along_axis(ordered, at[:, None], axis=1)[:, 0] for at in (below, above))
    return np.where(inside, low + (high - low) * (place - below), np.nan)


def _alike(weeks: Floats, slope: Floats) -> Floats:
    """How many days count as one independent day: from 1 up to a whole week.

    More than a week can't be told from a trend within eight weeks, and every smooth growth would look like it.
    """
    days = weeks.reshape(len(weeks), weeks.shape[1] * WEEK)
    known = ~np.isnan(days)
    usual = np.broadcast_to(_usual(weeks)[:, None], weeks.shape).reshape(days.shape)
    ranks = _ranks(days - usual - slope[:, None] * np.arange(days.shape[1]))
    pairs = known[:, 1:] & known[:, :-1]
    count, total = np.maximum(pairs.sum(axis=1), 1), np.maximum(known.sum(axis=1), 2)
    spread = np.maximum((ranks**2).sum(axis=1) / total, np.finfo(float).tiny)
    found = np.where(pairs, ranks[:, 1:] * ranks[:, :-1], 0.0).sum(axis=1) / count / spread
    found = np.clip(found + (1 + 4 * found) / total, 0.0, 0.99)  # taking out a line lowers it by so much
    alike: Floats = np.minimum((1 + found) / (1 - found), WEEK)
    return alike


def _ranks(values: Floats) -> Floats:
    """Ranks of the known values of each row around zero; zero where unknown."""
    known = ~np.isnan(values)
    ranks = np.argsort(np.argsort(values, axis=1), axis=1) - (known.sum(axis=1, keepdims=True) - 1) / 2
    return np.where(known, ranks, 0.0)
