"""The classic detectors, for those who know them: a z-score, and a multiple of the last week.

One rule: the days a verdict is based on come before its day. Neither knows weekdays or months, and both say so in
their false alerts: `docs/anomalies.md` has the figures.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from exporter.analytics.anomaly.events import Days, Settings

WEEK = 7
STILLNESS = 0.05  # of the mean: the least standard deviation, so that a flat baseline is not infinitely strict
HIGHEST = 1000.0
TINY = 1e-12


class Verdicts(NamedTuple):
    """Every day of one series. Where there is not enough past, nothing is flagged."""

    flagged: NDArray[np.bool_]
    score: Days
    expected: Days
    lower: Days
    upper: Days


def zscore(costs: Days, settings: Settings) -> Verdicts:
    """Distance from the mean of the baseline days, in their standard deviations."""
    before, known = _before(costs, settings.baseline_days)
    count = np.maximum(known.sum(axis=1), 1)
    mean = before.sum(axis=1) / count
    spread = np.sqrt((np.where(known, before - mean[:, None], 0.0) ** 2).sum(axis=1) / count)
    spread = np.maximum(spread, STILLNESS * np.abs(mean)) + TINY
    judged = costs[settings.baseline_days :]
    score = np.abs(judged - mean) / spread
    enough = known.sum(axis=1) >= WEEK
    flagged = enough & (score > settings.sigmas) & (np.abs(judged - mean) >= settings.floor)
    reach = settings.sigmas * spread
    lower = np.maximum(mean - reach, np.minimum(mean, 0.0))
    return _padded(len(costs), Verdicts(flagged, score, mean, lower, mean + reach))


def spike(costs: Days, settings: Settings) -> Verdicts:
    """A day that costs `factor` times the mean of the seven days before."""
    before, known = _before(costs, WEEK)
    mean = before.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    judged = costs[WEEK:]
    score = judged / np.maximum(mean, TINY)
    flagged = known.any(axis=1) & (score > settings.factor) & (judged - mean >= settings.floor)
    return _padded(len(costs), Verdicts(flagged, score, mean, np.minimum(mean, 0.0), settings.factor * mean))


def _before(costs: Days, days: int) -> tuple[Days, NDArray[np.bool_]]:
    """The days before each judged day, 0 where unknown, and which are known."""
    if len(costs) <= days:
        return np.zeros((0, days)), np.zeros((0, days), bool)
    windows = sliding_window_view(costs, days)[:-1]
    known = ~np.isnan(windows)
    return np.where(known, windows, 0.0), known


def _padded(days: int, judged: Verdicts) -> Verdicts:
    first = days - len(judged.flagged)
    flagged = np.concatenate([np.zeros(first, bool), judged.flagged])
    score, *others = (np.concatenate([np.full(first, np.nan), one]) for one in judged[1:])
    return Verdicts(flagged, np.minimum(score, HIGHEST), *others)


def first_days(costs: Days, verdicts: Verdicts, cooling_days: int) -> list[tuple[int, int]]:
    """First and last day of each incident: flagged days of one direction, never further apart than the cooling."""
    found: list[tuple[int, int]] = []
    direction = 0.0
    for day in map(int, np.flatnonzero(verdicts.flagged)):
        now = float(np.sign(costs[day] - verdicts.expected[day]))
        if found and now == direction and day - found[-1][1] <= cooling_days:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
        direction = now
    return found
