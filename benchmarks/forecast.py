"""`python -m benchmarks.forecast [score|speed|fit] [--csv FILE]`: how good and how fast forecasts are.

Real series come from the file named by --csv or SPEND_SERIES_CSV (columns series, date, cost); without one the
generators of this folder stand in for them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks import forecast_fit, forecast_scores, forecast_speed
from benchmarks.forecast_generators import made
from benchmarks.forecast_scores import Case, Score
from benchmarks.report import Report, Requirement, Table
from exporter.analytics.forecast import BASELINES, METHODS
from exporter.analytics.series import DailySeries

HORIZONS = (30, 60, 90)
TARGETS = {(30, "calm"): 0.08, (30, "medium"): 0.19, (30, "wild"): 0.45, (60, "calm"): 0.09, (90, "calm"): 0.105}
COLD, COLD_ERROR, COLD_COVERAGE = 14, 0.085, 0.92
HEADING = ("method", "cases", "MAPE", "median", "WAPE", "bias", "coverage", "days in", "width", "width calibrated")
START = date(2024, 1, 1)


def main() -> None:
    """Measure, print and judge. Exit code 1 when a baseline was better."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast", description=__doc__)
    parser.add_argument("what", nargs="?", default="score", choices=("score", "speed", "fit"))
    parser.add_argument("--csv", default=os.environ.get("SPEND_SERIES_CSV"), help="real daily series")
    parser.add_argument("--origins", type=int, default=6, help="at most so many for each series")
    parser.add_argument("--method", action="append", choices=METHODS, help="only these; all when none is given")
    options = parser.parse_args()
    if options.what == "speed":
        print(forecast_speed.report().shown())
        return
    series = forecast_scores.read(Path(options.csv)) if options.csv else generated(2)
    if options.what == "fit":
        print(forecast_fit.report(series, generated(4)))
        return
    report = scored(series, options.origins, options.method or list(METHODS))
    print(report.shown())
    sys.exit(report.failed)


def generated(each: int) -> dict[str, DailySeries]:
    """The generators' series, of a bit over a year."""
    return {name: DailySeries(START, values) for name, values in made(each, 400)}


def scored(series: Mapping[str, DailySeries], most: int, methods: list[str]) -> Report:
    """A table for each class and horizon, and what was promised."""
    found = {
        (name, horizon): forecast_scores.by_class(forecast_scores.cases(METHODS[name], series, horizon, most=most))
        for name in methods
        for horizon in HORIZONS
    }
    tables = [_table(found, methods, horizon, kind) for horizon in HORIZONS for kind in found[methods[0], horizon]]
    cold = forecast_scores.by_class(
        forecast_scores.cases(METHODS["weighted"], series, HORIZONS[0], most=most, history=COLD)
    )
    tables.append(
        Table(f"Cold start: {COLD} days of history, 30 days ahead", HEADING, [_row(k, v) for k, v in cold.items()])
    )
    return Report(
        tables, [*_absolute(found), *_cold(cold), *_against_baselines(found)] if "weighted" in methods else []
    )


Found = dict[tuple[str, int], dict[str, list[Case]]]


def _table(found: Found, methods: list[str], horizon: int, kind: str) -> Table:
    rows = [_row(name, found[name, horizon][kind]) for name in methods]
    return Table(f"{horizon} days, {kind}", HEADING, rows)


def _row(name: str, cases: list[Case]) -> list[str]:
    s: Score = forecast_scores.score(cases)
    shares = (s.mape, s.median, s.wape, s.bias, s.coverage, s.days_inside)
    widths = (s.width, forecast_scores.calibrated_width(cases))
    return [name, str(s.count), *(f"{share:.1%}" for share in shares), *(f"{width:.2f}" for width in widths)]


def _absolute(found: Found) -> list[Requirement]:
    wanted = []
    for (horizon, kind), limit in TARGETS.items():
        if cases := found["weighted", horizon].get(kind):
            error = forecast_scores.score(cases).mape
            promise = f"mean error of the {horizon}-day total, {kind}, at most {limit:.1%}"
            wanted.append(Requirement(promise, f"{error:.1%}", error <= limit))
    for horizon in HORIZONS:
        for kind, cases in found["weighted", horizon].items():
            share = forecast_scores.score(cases).coverage
            promise = f"95 % band of the {horizon}-day total, {kind}, holds 93–97 %"
            wanted.append(Requirement(promise, f"{share:.1%} of {len(cases)}", 0.93 <= share <= 0.97))
    return wanted


def _cold(cold: Mapping[str, list[Case]]) -> list[Requirement]:
    if not (calm := cold.get("calm")):
        return []
    s = forecast_scores.score(calm)
    met = s.mape <= COLD_ERROR and s.coverage >= COLD_COVERAGE
    return [Requirement(f"cold start, calm: error at most {COLD_ERROR:.1%}, coverage at least {COLD_COVERAGE:.0%}",
                        f"{s.mape:.1%}, {s.coverage:.1%}", met)]  # fmt: skip


def _against_baselines(found: Found) -> list[Requirement]:
    """Ratios of this very run: these can fail it."""
    wanted = []
    rivals = [name for name in BASELINES if (name, HORIZONS[0]) in found]
    for horizon in HORIZONS:
        ours = forecast_scores.score(found["weighted", horizon]["all"])
        for name in rivals:
            theirs = forecast_scores.score(found[name, horizon]["all"]).mape
            wanted.append(Requirement(f"{horizon} days: better than {name}", f"{ours.mape / theirs:.2f}",
                                      ours.mape < theirs, ratio=True))  # fmt: skip
        if rivals:
            narrowest = min(_calibrated(found, name, horizon) for name in rivals)
            wanted.append(Requirement(f"{horizon} days: narrower than the best baseline calibrated afterwards",
                                      f"{ours.width / narrowest:.2f}", ours.width < narrowest))  # fmt: skip
    return wanted


def _calibrated(found: Found, name: str, horizon: int) -> float:
    """A baseline's mean width, each class with factors of its own."""
    groups = {kind: cases for kind, cases in found[name, horizon].items() if kind != "all"}
    widths = [forecast_scores.calibrated_width(cases) for cases in groups.values()]
    return float(np.average(widths, weights=[len(cases) for cases in groups.values()]))


if __name__ == "__main__":
    main()
