"""The constants of `exporter/analytics/forecast/bands.py`, found again from misses at rolling origins.

One rule: every series counts alike, a generated one less than a real one; nothing is fitted to a single series.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exporter.analytics.forecast import model
from exporter.analytics.series import DailySeries, volatility_of

Floats = NDArray[np.float64]
GENERATED = 0.3  # the weight of a generated series
# Below and above. Room below is cheap where the band reaches near zero; in hand is more where tails are heavy.
OUTSIDE = {"calm": (0.020, 0.030), "medium": (0.012, 0.038), "wild": (0.003, 0.022)}
NEW, OUTSIDE_NEW = 14, (0.015, 0.035)  # days of a series without a back-test
POOLED = 6.0  # series of a class that weigh as much as all series together
LARGEST = 2.5


class Miss(NamedTuple):
    """One origin's log miss of the total and the regressors of its scale."""

    size: float
    terms: tuple[float, ...]
    kind: str
    weight: float


def report(real: Mapping[str, DailySeries], generated: Mapping[str, DailySeries]) -> str:
    """The constants as they are written in the module."""
    found = _found(real, generated)
    size, weight = _columns(found)
    regressors = np.array([[1.0, *miss.terms] for miss in found])
    kinds = np.array([miss.kind for miss in found])
    factors = scale(regressors, np.minimum(np.abs(size), LARGEST), weight)
    relative = size / np.exp(regressors @ factors)
    lines = [f"CONSTANT, PER_MISS, PER_CHANGE, PER_HORIZON, PER_HISTORY = {np.round(factors, 3).tolist()}"]
    for kind, outside in OUTSIDE.items():
        down, up = tails(relative, weight, kinds == kind, outside)
        lines.append(f"TAILS {kind}: {-down:.2f}, {up:.2f}")
    return "\n".join([*lines, *_of_new_series(real, generated)])


def _of_new_series(real: Mapping[str, DailySeries], generated: Mapping[str, DailySeries]) -> list[str]:
    """The same from two weeks of history, 30 days ahead: one regressor, one pair of tails."""
    found = _found(real, generated, (30,), NEW)
    size, weight = _columns(found)
    regressors = np.array([[1.0, miss.terms[0]] for miss in found])
    factors = scale(regressors, np.minimum(np.abs(size), LARGEST), weight)
    relative = size / np.exp(regressors @ factors)
    down, up = (_quantile(relative, weight, at) for at in (OUTSIDE_NEW[0], 1 - OUTSIDE_NEW[1]))
    return [f"NEW_CONSTANT, NEW_PER_MISS = {np.round(factors, 3).tolist()}", f"NEW_TAILS: {-down:.2f}, {up:.2f}"]


def _found(
    real: Mapping[str, DailySeries],
    generated: Mapping[str, DailySeries],
    horizons: Sequence[int] = (30, 60, 90),
    seen: int | None = None,
) -> list[Miss]:
    weighted = [(one, 1.0) for one in real.values()] + [(one, GENERATED) for one in generated.values()]
    return [miss for one, weight in weighted for miss in misses(one.values, weight, horizons, seen)]


def _columns(found: Sequence[Miss]) -> tuple[Floats, Floats]:
    return np.array([miss.size for miss in found]), np.array([miss.weight for miss in found])


def misses(values: Floats, weight: float, horizons: Sequence[int], seen: int | None) -> Iterator[Miss]:
    """All origins a week apart; together they weigh as much as the series. `seen` cuts what a forecast may see."""
    known = []
    for horizon in horizons:
        for origin in range(NEW, len(values) - horizon + 1, 7):
            history = values[origin - (seen or origin) : origin]
            if not np.any(history):
                continue
            made = model.outlook(model.since_first_spend(history), horizon)
            offset = made.offset * horizon
            came = max(float(values[origin : origin + horizon].sum()), 0.0)
            known.append((float(np.log((came + offset) / (made.total + offset))), made.traits))
    for size, traits in known:
        yield Miss(size, traits.terms(), volatility_of(traits.change), weight / len(known))


def scale(regressors: Floats, size: Floats, weight: Floats, ridge: float = 0.02, rounds: int = 4_000) -> Floats:
    """The factors under which misses, divided by their scale, look most like one double exponential."""
    factors = np.zeros(regressors.shape[1])
    held = np.array([0.0, *np.ones(len(factors) - 1)]) * ridge
    spread = np.linalg.inv(regressors.T @ (weight[:, None] * regressors) + np.diag(held))
    for _ in range(rounds):
        slope = regressors.T @ (weight * (1.0 - size / np.exp(regressors @ factors))) + held * factors
        factors = factors - 0.05 * spread @ slope
    return factors


def tails(
    relative: Floats, weight: Floats, own: NDArray[np.bool_], outside: tuple[float, float]
) -> tuple[float, float]:
    """The far quantiles of a class, drawn towards those of all the more the fewer its series are."""
    share = float(weight[own].sum()) / (float(weight[own].sum()) + POOLED)
    down, up = (
        share * _quantile(relative[own], weight[own], at) + (1 - share) * _quantile(relative, weight, at)
        for at in (outside[0], 1 - outside[1])
    )
    return down, up


def _quantile(values: Floats, weight: Floats, at: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weight[order]) / weight.sum()
    return float(values[order][min(int(np.searchsorted(reached, at)), len(values) - 1)])
