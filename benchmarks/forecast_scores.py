"""What a method scores at rolling origins of many series: error, coverage, width and bias."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exporter.analytics.forecast import Method
from exporter.analytics.series import DailySeries, Volatility, from_rows, volatility

Days = NDArray[np.float64]
CLASSES: tuple[Volatility, ...] = ("calm", "medium", "wild")
LEAST_HISTORY = 60


@dataclass(frozen=True, slots=True)
class Case:
    """One forecast beside what came. Widths and bias are in shares of what came."""

    series: str
    kind: Volatility
    came: float
    total: float
    lower: float
    upper: float
    days_inside: float

    @property
    def error(self) -> float:
        return abs(self.total - self.came) / self.came

    @property
    def inside(self) -> bool:
        return self.lower <= self.came <= self.upper

    @property
    def width(self) -> float:
        return (self.upper - self.lower) / self.came


def read(path: Path) -> dict[str, DailySeries]:
    """Series of a file with the columns series, date and cost."""
    rows: dict[str, tuple[list[str], list[str]]] = {}
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            days, costs = rows.setdefault(row["series"], ([], []))
            days.append(row["date"])
            costs.append(row["cost"])
    return {name: from_rows(*columns) for name, columns in rows.items()}


def origins(days: int, horizon: int, first: int = LEAST_HISTORY, most: int = 6) -> list[int]:
    """Up to so many, evenly spread, with a whole horizon after each."""
    last = days - horizon
    return sorted({int(at) for at in np.linspace(first, last, most)}) if last >= first else []


def cases(
    method: Method,
    series: Mapping[str, DailySeries],
    horizon: int,
    *,
    most: int = 6,
    history: int | None = None,
) -> Iterator[Case]:
    """Every origin of every series. `history` cuts what a method may see to so many days (a cold start)."""
    for name, one in series.items():
        kind = volatility(one.values)
        for origin in origins(len(one.values), horizon, history or LEAST_HISTORY, most):
            came = one.values[origin : origin + horizon]
            if came.sum() <= 0:
                continue
            since = origin - history if history else 0
            start = date.fromordinal(one.start.toordinal() + since)
            made = method(one.values[since:origin], horizon, start=start)
            inside = float(np.mean((made.lower <= came) & (came <= made.upper)))
            yield Case(name, kind, float(came.sum()), made.total, made.total_lower, made.total_upper, inside)


@dataclass(frozen=True, slots=True)
class Score:
    """Means over cases; `wape` weighs each series' cases by money."""

    count: int
    mape: float
    median: float
    wape: float
    bias: float
    coverage: float
    days_inside: float
    width: float


def score(found: Sequence[Case]) -> Score:
    """Of one class and horizon."""
    by_series: dict[str, list[Case]] = {}
    for case in found:
        by_series.setdefault(case.series, []).append(case)
    misses = [sum(abs(c.total - c.came) for c in own) / sum(c.came for c in own) for own in by_series.values()]
    drifts = [sum(c.total - c.came for c in own) / sum(c.came for c in own) for own in by_series.values()]
    return Score(
        len(found),
        float(np.mean([case.error for case in found])),
        float(np.median([case.error for case in found])),
        float(np.mean(misses)),
        float(np.median(drifts)),
        float(np.mean([case.inside for case in found])),
        float(np.mean([case.days_inside for case in found])),
        float(np.mean([case.width for case in found])),
    )


def calibrated_width(found: Sequence[Case], level: float = 0.95) -> float:
    """The width if one pair of factors on the point gave exactly the stated coverage on these very cases.

    No baseline can know those factors beforehand: this is the best it could have done.
    """
    came = np.array([case.came for case in found])
    total = np.maximum(np.array([case.total for case in found]), 1e-3 * came)
    low, high = np.quantile(came / total, [(1 - level) / 2, (1 + level) / 2])
    return float(np.mean(total * (high - low) / came))


def by_class(found: Iterable[Case]) -> dict[str, list[Case]]:
    """The classes in their order, and all together."""
    known = list(found)
    groups: dict[str, list[Case]] = {kind: [case for case in known if case.kind == kind] for kind in CLASSES}
    return {name: group for name, group in {**groups, "all": known}.items() if group}
