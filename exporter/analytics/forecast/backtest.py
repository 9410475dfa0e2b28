"""Rolling origins inside one series: what each method would have said, and what came.

One rule: a miss is a log ratio with an offset, so that twice and half weigh the same and an idle month stays finite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exporter.analytics.forecast.candidates import BELIEF, Floats, paths
from exporter.analytics.series import WEEK, Days

ROUNDS = 40
FIRST_ORIGIN = 14  # days a method has to have seen
LONGEST = 84  # days ahead that are tried; longer horizons are scaled up from here
OFFSET = 0.05  # of the recent daily level
DECAY = 0.98  # per week that an origin is older
LARGEST = 1.5  # a miss of more than ×4.5 says no more than one of ×4.5
SHARPNESS = 12.0  # how fast the weight falls with a larger miss
FLOOR = 0.03  # misses below 3 % are not told apart
CAUTION = 0.8  # how far an unsteady series is drawn to the lower side, where relative misses are smaller


@dataclass(frozen=True, slots=True)
class Backtest:
    """The weights of the methods and the misses of their mix."""

    weights: Floats  # per method, sum 1
    tried: int  # days ahead of each round; 0 when there was no round
    totals: Floats  # log misses of the mix over `tried` days, newest round first
    daily: Floats  # log misses of single days, (rounds, tried); NaN where unknown

    @property
    def miss(self) -> float:
        """The mean size of a miss of the total."""
        if not len(self.totals):
            return 0.0
        ages = DECAY ** np.arange(len(self.totals))
        return float((np.minimum(np.abs(self.totals), LARGEST) * ages).sum() / ages.sum())


def days_tried(known: int, horizon: int) -> int:
    """Whole weeks near the horizon, shorter while the history is: four weeks have to come before."""
    wanted = min(max(round(horizon / WEEK), 1) * WEEK, LONGEST)
    while wanted > WEEK and known - wanted < 28:
        wanted = max(wanted // 2 // WEEK, 1) * WEEK
    return wanted


def offsets(values: Days, origins: np.ndarray) -> Floats:
    """What is added per day before logs are taken: a share of the level, and whatever credits take away."""
    known = np.where(np.isnan(values), 0.0, values)
    size = np.concatenate([[0.0], np.cumsum(np.abs(known))])
    sums = np.concatenate([[0.0], np.cumsum(known)])
    since = np.maximum(origins - 56, 0)
    level = (size[origins] - size[since]) / np.maximum(origins - since, 1)
    debt = 0.0
    if known.min(initial=0.0) < 0:
        width = min(WEEK, len(known))
        debt = max(0.0, -float((sums[width:] - sums[:-width]).min()) / width) * 1.5
    whole = size[-1] / max(len(known), 1)
    return np.asarray(OFFSET * np.maximum(level, 0.01 * whole) + debt)


def run(values: Days, horizon: int) -> Backtest:
    """Try every method at up to 40 origins a week apart, and weigh them by how far they missed."""
    tried = days_tried(len(values), horizon)
    origins = np.arange(len(values) - tried, FIRST_ORIGIN - 1, -WEEK)[:ROUNDS]
    if not len(origins):
        return Backtest(BELIEF / BELIEF.sum(), 0, np.zeros(0), np.zeros((0, 0)))
    expected = paths(values, origins, tried)
    came = values[origins[:, None] + np.arange(tried)]
    known = ~np.isnan(came)
    offset = offsets(values, origins)
    scale = offset * np.maximum(known.sum(axis=1), 1)
    truth = log(np.where(known, came, 0.0).sum(axis=1), scale)
    methods = log((expected * known[:, None, :]).sum(axis=2), scale[:, None])
    weights = weigh(np.abs(truth[:, None] - methods))
    mixed = np.einsum("m,kmh->kh", weights, expected)
    daily = np.where(known, log(came, 2 * offset[:, None]) - log(mixed, 2 * offset[:, None]), np.nan)
    return Backtest(weights, tried, truth - methods @ weights, daily)


def log(amounts: Floats, offset: Floats) -> Floats:
    """The logarithm with an offset; what even that leaves below zero counts as next to nothing."""
    return np.asarray(np.log(np.maximum(amounts + offset, 1e-3 * offset) + 1e-300))


def weigh(misses: Floats) -> Floats:
    """Weights from misses (rounds, methods), newest first; few rounds change little of the belief."""
    ages = DECAY ** np.arange(len(misses))
    mean = (np.minimum(misses, LARGEST) * ages[:, None]).sum(axis=0) / ages.sum()
    trust = SHARPNESS * min(1.0, float(ages.sum()) / 4.0)
    weights = BELIEF * np.exp(-trust * (mean - mean.min()) / (mean.min() + FLOOR))
    return np.asarray(weights / weights.sum())
