"""`python -m benchmarks.exhaustion [--csv FILE]`: how far off the day is on which a budget is said to run out.

Every whole month of every series gets budgets of 60 to 90 % of what the month really came to, so each does run out. On
the first, the eighth and the fifteenth, at midnight, the program says when, from the days before; what had run out by
then is left out, and "it lasts" counts as the month's end. Series: see `benchmarks.forecast`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from benchmarks.forecast import generated
from benchmarks.forecast_scores import CLASSES, LEAST_HISTORY, read
from benchmarks.report import Report, Requirement, Table, middle, percentile
from exporter.analytics.budget import Money, burn_rate, exhaustion
from exporter.analytics.budget_path import Path as BudgetPath
from exporter.analytics.budget_path import outlook_along
from exporter.analytics.forecast import forecast
from exporter.analytics.projection import month
from exporter.analytics.series import DailySeries, volatility
from exporter.domain import Period

SHARES = (60, 70, 80, 90)  # percent of what the month came to
DAYS = (1, 8, 15)
TARGETS = {"calm": 1.0, "medium": 3.0, "wild": 10.0}
RECENT = 30
HEADING = ("said on day", "cases", "median", "mean", "90 % within", "median at the straight rate", "mean of that")


@dataclass(frozen=True, slots=True)
class Case:
    """One prediction: days between it and the truth, along the forecast and at the straight rate."""

    kind: str
    said_on: int
    along: float
    straight: float


def main() -> None:
    """Measure, print and judge. Exit code 1 when the straight rate was better."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exhaustion", description=__doc__)
    parser.add_argument("--csv", default=os.environ.get("SPEND_SERIES_CSV"), help="real daily series")
    options = parser.parse_args()
    found = list(cases(read(Path(options.csv)) if options.csv else generated(2)))
    made = report(found)
    print(made.shown())
    sys.exit(made.failed)


def cases(series: Mapping[str, DailySeries]) -> Iterator[Case]:
    """All of them."""
    for one in series.values():
        kind = volatility(one.values)
        for first, end in _months(one):
            came = one.values[first:end]
            if np.isnan(came).any() or came.min() < 0 or came.sum() <= 0:
                continue
            for day in DAYS:
                yield from _said(one, kind, first, end, day)


def _months(one: DailySeries) -> Iterator[tuple[int, int]]:
    """Whole calendar months with enough history, as places."""
    begins, end = month(one.start + timedelta(days=LEAST_HISTORY - 1))
    while (place := (end - one.start).days) <= len(one.values):
        if (first := (begins - one.start).days) >= LEAST_HISTORY:
            yield first, place
        begins, end = month(end)


def _said(one: DailySeries, kind: str, first: int, end: int, day: int) -> Iterator[Case]:
    """The predictions of one day for all shares: the forecast is the same."""
    origin = first + day - 1
    now, period = _midnight(one, origin), Period(_midnight(one, first), _midnight(one, end))
    books, recent = _money(one, first, origin), _money(one, origin - RECENT, origin)
    ahead = forecast(one.values[:origin], end - origin, start=one.start).daily
    outlook = outlook_along(BudgetPath(now.date(), tuple(map(Decimal, ahead.tolist()))), books, period, now)
    rate = burn_rate(recent, now.date(), 7, one.start)
    for share in SHARES:
        limit = Decimal(float(one.values[first:end].sum())) * share / 100
        if sum(books.values(), Decimal(0)) >= limit:
            continue
        truth = _crossing(one.values[first:end], float(limit))
        said = (exhaustion(books, limit, period, now, rate, along) for along in (outlook, None))
        along, straight = (abs(((moment or period.end) - period.start) / timedelta(days=1) - truth) for moment in said)
        yield Case(kind, day, along, straight)


def _midnight(one: DailySeries, place: int) -> datetime:
    return datetime.combine(one.start + timedelta(days=place), time(), UTC)


def _money(one: DailySeries, first: int, end: int) -> Money:
    days: dict[date, Decimal] = {}
    for place in range(first, end):
        days[one.start + timedelta(days=place)] = Decimal(float(np.nan_to_num(one.values[place])))
    return days


def _crossing(days: np.ndarray, limit: float) -> float:
    """Days from the month's start to the moment the sum reaches the limit; within a day spending is even."""
    sums = np.cumsum(days)
    place = int(np.argmax(sums >= limit))
    return place + float((limit - (sums[place] - days[place])) / days[place])


def report(found: Sequence[Case]) -> Report:
    """A table for each class, and what was promised."""
    by_class = {kind: [case for case in found if case.kind == kind] for kind in CLASSES}
    tables = [Table(f"{kind}, days off", HEADING, _rows(own)) for kind, own in by_class.items() if own]
    ratio = middle([case.along for case in found]) / middle([case.straight for case in found])
    against = Requirement("median error against the straight rate", f"{ratio:.2f}", ratio < 1, ratio=True)
    return Report([*tables, _targets(by_class)], [against])


def _rows(own: Sequence[Case]) -> list[list[str]]:
    groups = {f"{day}": [case for case in own if case.said_on == day] for day in DAYS} | {"any": list(own)}
    return [_row(name, group) for name, group in groups.items() if group]


def _row(name: str, group: Sequence[Case]) -> list[str]:
    along, straight = [case.along for case in group], [case.straight for case in group]
    figures = (middle(along), np.mean(along), percentile(along, 90), middle(straight), np.mean(straight))
    return [name, f"{len(group)}", *(f"{figure:.2f}" for figure in figures)]


def _targets(by_class: Mapping[str, Sequence[Case]]) -> Table:
    """Wanted beside reached. They depend on the series, so none of them fails a run."""
    rows = []
    for kind, limit in TARGETS.items():
        if own := by_class[kind]:
            error = middle([case.along for case in own])
            rows.append([f"median, {kind}", f"≤ {limit:.0f}", f"{error:.2f}", "met" if error <= limit else "missed"])
    return Table("Targets, in days", ("what", "wanted", "reached", ""), rows)


if __name__ == "__main__":
    main()
