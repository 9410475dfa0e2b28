"""How wide a forecast is: a scale learnt from the series' own misses, and the shape of misses of many series.

One rule: CONSTANT to TAILS come from `python -m benchmarks.forecast fit` and from nowhere else: quantiles of misses of
many series, each divided by the scale that this module gives it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from exporter.analytics.forecast.backtest import FIRST_ORIGIN, Backtest
from exporter.analytics.forecast.candidates import Floats
from exporter.analytics.series import WEEK, Volatility, volatility_of

# log of the scale of a total's miss = CONSTANT + the terms of `Traits`
CONSTANT = -0.554
PER_MISS, PER_CHANGE, PER_HORIZON, PER_HISTORY = 0.348, 0.35, 0.283, -0.163
# How far the band reaches down and up, in scales. Most of the 5 % outside are left above: that makes the shortest band.
TAILS: dict[Volatility, tuple[float, float]] = {
    "calm": (2.41, 2.75),
    "medium": (3.02, 2.50),
    "wild": (4.90, 3.85),
}
# Until there is a back-test the class is a guess and the weekly change, standing for the miss, all there is to go by.
NEW_CONSTANT, NEW_PER_MISS = 0.214, 0.862
NEW_TAILS = (3.29, 3.20)
LEAST_MISS, LEAST_CHANGE = 0.005, 0.01  # nothing is surer than this
FURTHEST = 4.0  # logs, either way
DAILY_TAIL = 0.015  # of the days of the back-test, on each side: they are fewer than those that will come
SHORT = 14  # days; a shorter history widens the band


@dataclass(frozen=True, slots=True)
class Traits:
    """What the width depends on."""

    miss: float
    change: float
    horizon: int
    history: int

    @property
    def new(self) -> bool:
        """Too short for a single round of the back-test."""
        return self.history < FIRST_ORIGIN + WEEK

    def terms(self) -> tuple[float, float, float, float]:
        """The regressors, in logs."""
        return (
            math.log(max(self.miss, LEAST_MISS)),
            math.log(max(self.change, LEAST_CHANGE)),
            math.log(self.horizon / 30.0),
            math.log(min(self.history / 365.0, 1.0)),
        )


def traits(backtest: Backtest, change: float, horizon: int, history: int) -> Traits:
    """Without a back-test the weekly change has to stand for the miss."""
    miss = backtest.miss if backtest.tried else 0.05 + 0.5 * change
    return Traits(miss, change, horizon, history)


def scale(of: Traits) -> float:
    """The typical size of a miss of the total, in logs."""
    factors = (NEW_PER_MISS, 0.0, PER_HORIZON, 0.0) if of.new else (PER_MISS, PER_CHANGE, PER_HORIZON, PER_HISTORY)
    terms = zip(factors, of.terms(), strict=True)
    scarce = 1.0 + max(SHORT - of.history, 0) / 7.0
    return scarce * math.exp((NEW_CONSTANT if of.new else CONSTANT) + sum(factor * term for factor, term in terms))


def total_distances(of: Traits) -> tuple[float, float]:
    """How far the total may lie below and above, in logs."""
    down, up = NEW_TAILS if of.new else TAILS[volatility_of(of.change)]
    width = scale(of)
    return min(down * width, FURTHEST), min(up * width, FURTHEST)


def daily_distances(backtest: Backtest, of: Traits) -> tuple[Floats, Floats]:
    """The same for each day ahead, from the single days of the back-test. A day is never surer than the total."""
    misses = backtest.daily[np.isfinite(backtest.daily)]
    down, up = total_distances(of)
    if len(misses) >= 7:
        low, high = np.quantile(misses, [DAILY_TAIL, 1.0 - DAILY_TAIL])
        down, up = max(-float(low), down), max(float(high), up)
    else:
        down, up = 2.0 * down, 2.0 * up
    further = np.maximum((np.arange(of.horizon) + 1) / max(backtest.tried, 1), 1.0) ** PER_HORIZON
    return np.minimum(down * further, FURTHEST), np.minimum(up * further, FURTHEST)
