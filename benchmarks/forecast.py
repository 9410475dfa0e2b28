"""`python -m benchmarks.forecast [score|speed|fit] [--csv FILE]`: how good and how fast forecasts are.

Real series come from the file named by --csv or SPEND_SERIES_CSV (columns series, date, cost); without one the
generators of this folder stand in for them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks import forecast_fit, forecast_packaged, forecast_scores, forecast_speed
from benchmarks.forecast_generators import made
from benchmarks.forecast_scores import Case, Score
from benchmarks.report import Report, Requirement, Table
from exporter.analytics.forecast import METHODS, Method
from exporter.analytics.series import DailySeries

HORIZONS = (30, 60, 90)
TARGETS = {(30, "calm"): 0.08, (30, "medium"): 0.19, (30, "wild"): 0.45, (60, "calm"): 0.09, (90, "calm"): 0.105}
LEAST_COVERAGE, MOST_COVERAGE = 0.93, 0.97
COLD, COLD_ERROR, COLD_COVERAGE = 14, 0.085, 0.92
HEADING = ("method", "cases", "MAPE", "median", "WAPE", "bias", "coverage", "days in", "width", "width calibrated")
START = date(2024, 1, 1)


def main() -> None:
    """Measure, print and judge. Exit code 1 when a rival was better."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast", description=__doc__)
    parser.add_argument("what", nargs="?", default="score", choices=("score", "speed", "fit"))
    parser.add_argument("--csv", default=os.environ.get("SPEND_SERIES_CSV"), help="real daily series")
    parser.add_argument("--origins", type=int, default=6, help="at most so many for each series")
    parser.add_argument("--method", action="append", choices=METHODS, help="only these; all when none is given")
    parser.add_argument("--packaged", action="store_true", help="AutoETS and MSTL too (dependency group bench)")
    options = parser.parse_args()
    if options.what == "speed":
        print(forecast_speed.report().shown())
        return
    series = forecast_scores.read(Path(options.csv)) if options.csv else generated(2)
    if options.what == "fit":
        print(forecast_fit.report(series, generated(4)))
        return
    methods = {name: METHODS[name] for name in options.method or METHODS}
    report = scored(series, options.origins, methods | (forecast_packaged.methods() if options.packaged else {}))
    print(report.shown())
    sys.exit(report.failed)


def generated(each: int) -> dict[str, DailySeries]:
    """The generators' series, of a bit over a year."""
    return {name: DailySeries(START, values) for name, values in made(each, 400)}


def scored(series: Mapping[str, DailySeries], most: int, methods: Mapping[str, Method]) -> Report:
    """A table for each class and horizon, and what was promised."""
    found = {
        (name, horizon): forecast_scores.by_class(forecast_scores.cases(method, series, horizon, most=most))
        for name, method in methods.items()
        for horizon in HORIZONS
    }
    tables = [
        _table(found, methods, horizon, kind) for horizon in HORIZONS for kind in found[next(iter(methods)), horizon]
    ]
    cold = forecast_scores.by_class(
        forecast_scores.cases(METHODS["weighted"], series, HORIZONS[0], most=most, history=COLD)
    )
    tables.append(
        Table(f"Cold start: {COLD} days of history, 30 days ahead", HEADING, [_row(k, v) for k, v in cold.items()])
    )
    if "weighted" not in methods:
        return Report(tables, [])
    rivals = [name for name in methods if name != "weighted"]
    return Report([*tables, _targets(found, cold, rivals)], _against_rivals(found, rivals))


Found = dict[tuple[str, int], dict[str, list[Case]]]


def _table(found: Found, methods: Iterable[str], horizon: int, kind: str) -> Table:
    rows = [_row(name, found[name, horizon][kind]) for name in methods]
    return Table(f"{horizon} days, {kind}", HEADING, rows)


def _row(name: str, cases: list[Case]) -> list[str]:
    s: Score = forecast_scores.score(cases)
    shares = (s.mape, s.median, s.wape, s.bias, s.coverage, s.days_inside)
    widths = (s.width, forecast_scores.calibrated_width(cases))
    return [name, str(s.count), *(f"{share:.1%}" for share in shares), *(f"{width:.2f}" for width in widths)]


def _targets(found: Found, cold: Mapping[str, list[Case]], rivals: Sequence[str]) -> Table:
    """Wanted beside reached. They depend on the series, so none of them fails a run."""
    rows = []
    for (horizon, kind), limit in TARGETS.items():
        if cases := found["weighted", horizon].get(kind):
            error = forecast_scores.score(cases).mape
            rows.append([f"mean error, {horizon} days, {kind}", f"≤ {limit:.1%}", f"{error:.1%}", _met(error <= limit)])
    for horizon in HORIZONS:
        for kind, cases in found["weighted", horizon].items():
            share = forecast_scores.score(cases).coverage
            met = LEAST_COVERAGE <= share <= MOST_COVERAGE
            rows.append([f"coverage, {horizon} days, {kind}", "93–97 %", f"{share:.1%}", _met(met)])
    if calm := cold.get("calm"):
        s = forecast_scores.score(calm)
        met = s.mape <= COLD_ERROR and s.coverage >= COLD_COVERAGE
        wanted = f"≤ {COLD_ERROR:.1%} at ≥ {COLD_COVERAGE:.0%}"
        rows.append(["cold start, calm", wanted, f"{s.mape:.1%} at {s.coverage:.1%}", _met(met)])
    rows += _widths(found, rivals)
    return Table("Targets", ("what", "wanted", "reached", ""), rows)


def _met(yes: bool) -> str:
    return "met" if yes else "missed"


def _against_rivals(found: Found, rivals: Sequence[str]) -> list[Requirement]:
    """Ratios of this very run, over all classes, 30 days ahead: these can fail it."""
    ours = forecast_scores.score(found["weighted", HORIZONS[0]]["all"])
    wanted = []
    for name in rivals:
        ratio = ours.mape / forecast_scores.score(found[name, HORIZONS[0]]["all"]).mape
        wanted.append(Requirement(f"error against {name}", f"{ratio:.2f}", ratio < 1, ratio=True))
    return wanted


def _widths(found: Found, rivals: Sequence[str]) -> list[list[str]]:
    """Against the best rival, were its width calibrated afterwards on these very cases."""
    rows = []
    for horizon in HORIZONS if rivals else ():
        best = min(rivals, key=lambda name: _calibrated(found, name, horizon))
        ratio = forecast_scores.score(found["weighted", horizon]["all"]).width / _calibrated(found, best, horizon)
        rows.append([f"width, {horizon} days, against {best} calibrated", "< 1", f"{ratio:.2f}", _met(ratio < 1)])
    return rows


def _calibrated(found: Found, name: str, horizon: int) -> float:
    """A rival's mean width, each class with factors of its own."""
    groups = {kind: cases for kind, cases in found[name, horizon].items() if kind != "all"}
    widths = [forecast_scores.calibrated_width(cases) for cases in groups.values()]
    return float(np.average(widths, weights=[len(cases) for cases in groups.values()]))


if __name__ == "__main__":
    main()
