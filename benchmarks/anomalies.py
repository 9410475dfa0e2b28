"""`python -m benchmarks.anomalies [--csv FILE]`: precision, recall, delay and alert rate of every method.

Events are put into real series (the file's: series, date, cost) and into clean ones made here, one kind at a time. An
event counts as found when an alert falls on its first day or the day after. Without a file only the clean series are
measured. Exit code 1 when a share of the robust method misses what the project promises.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
from numpy.random import Generator, default_rng

from benchmarks.report import Report, Requirement, Table
from exporter.analytics.anomaly import Days, Method, Settings, find_anomalies

KINDS = ("spike ×2", "spike ×3", "spike ×5", "spike ×10", "3 days ×2", "shift ×1.5", "shift ×2", "drop")
CLASSES = {"calm": 0.10, "medium": 0.30, "wild": float("inf")}
ALERTS = {"calm": 2.5, "medium": 4.0, "wild": 6.0}
RECALL, FALSE, PER_YEAR = 0.85, 0.10, 6
HISTORY, TAIL = 60, 21  # days before an event, and after it, that a series must have
LONG = 150  # days: shorter series say nothing about a year
METHODS = tuple(Method)


class Series(NamedTuple):
    """Daily costs from a first day on."""

    start: date
    costs: Days


class Injected(NamedTuple):
    """A series with events, and where they begin."""

    series: Series
    events: Mapping[int, str]


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anomalies", description=__doc__)
    parser.add_argument("--csv", type=Path, default=os.environ.get("SPEND_SERIES_CSV"), help="real series")
    parser.add_argument("--events", type=int, default=200, help="events of each kind in each real series")
    parser.add_argument("--clean", type=int, default=40, help="clean series of each family")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    reports = [on_clean(options.clean, default_rng(options.seed)), speed(default_rng(options.seed))]
    if options.csv:
        reports.insert(0, on_real(read(options.csv), options.events, default_rng(options.seed)))
    for report in reports:
        print(report.shown(), flush=True)
    sys.exit(any(report.failed for report in reports))


def read(path: Path) -> dict[str, Series]:
    """The file's series, by name."""
    rows: dict[str, list[tuple[date, float]]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["series"]].append((date.fromisoformat(row["date"]), float(row["cost"])))
    return {name: Series(min(one)[0], np.array([cost for _, cost in sorted(one)])) for name, one in rows.items()}


def volatility(costs: Days) -> str:
    """The class by the mean change from week to week, relative to the mean week."""
    weeks = costs[len(costs) % 7 :].reshape(-1, 7).sum(axis=1)
    change = float(np.abs(np.diff(weeks)).mean() / max(weeks.mean(), 1e-9))
    return next(name for name, most in CLASSES.items() if change < most)


def injected(costs: Days, kind: str, day: int, rng: Generator) -> Days:
    """The series with one event."""
    after = costs.copy()
    name, _, factor = kind.partition(" ×")
    length = {"spike": 1, "3 days": 3, "shift": len(costs), "drop": 1}[name]
    after[day : day + length] *= float(factor) if factor else rng.uniform(0, 0.05)
    return after


def alerts(series: list[Series], method: Method = Method.ROBUST) -> list[list[int]]:
    """The places of the alerts of each series."""
    found = find_anomalies([one.costs for one in series], [one.start for one in series], Settings(method))
    return [[(one.date - each.start).days for one in ones] for each, ones in zip(series, found, strict=True)]


def delay(found: list[int], day: int) -> int | None:
    """Days from the event to its alert; None when there is none within a day."""
    return next((at - day for at in found if 0 <= at - day <= 1), None)


# --- real series


def on_real(real: dict[str, Series], per_kind: int, rng: Generator) -> Report:
    """Alerts of the series as they are, and recall of events put into them."""
    classes = {name: volatility(one.costs) for name, one in real.items() if len(one.costs) >= LONG}
    rates = {method: _rates(real, classes, method) for method in METHODS}
    cases = [
        (classes[name], kind, Injected(Series(one.start, after[: day + TAIL]), {day: kind}))
        for name, one in real.items()
        if name in classes
        for kind in KINDS
        for day in rng.integers(HISTORY, len(one.costs) - TAIL, per_kind).tolist()
        for after in [injected(one.costs, kind, day, rng)]
    ]
    recalls = {method: _recalls(cases, method) for method in METHODS}
    return Report([_rate_table(rates, classes), *_recall_tables(recalls)], list(_real_promises(rates, recalls)))


def _rates(real: dict[str, Series], classes: Mapping[str, str], method: Method) -> dict[str, float]:
    found = dict(zip(real, alerts(list(real.values()), method), strict=True))
    years = {name: len(real[name].costs) / 365 for name in classes}
    return {
        group: fmean(len(found[name]) / years[name] for name in classes if classes[name] == group) for group in CLASSES
    }


def _recalls(cases: list[tuple[str, str, Injected]], method: Method) -> dict[tuple[str, str], list[int | None]]:
    found = alerts([case.series for _, _, case in cases], method)
    delays: dict[tuple[str, str], list[int | None]] = defaultdict(list)
    for (group, kind, case), ones in zip(cases, found, strict=True):
        delays[group, kind].append(delay(ones, next(iter(case.events))))
    return delays


def _share(delays: Mapping[tuple[str, str], list[int | None]], groups: tuple[str, ...]) -> float:
    return fmean(one is not None for (group, _), ones in delays.items() if group in groups for one in ones)


def _rate_table(rates: Mapping[Method, dict[str, float]], classes: Mapping[str, str]) -> Table:
    counts = {group: list(classes.values()).count(group) for group in CLASSES}
    rows = [[f"{group} ({counts[group]} series)", *(f"{rates[m][group]:.1f}" for m in METHODS)] for group in CLASSES]
    return Table("Alerts per series-year, real series as they are", ["class", *METHODS], rows)


def _recall_tables(recalls: Mapping[Method, dict[tuple[str, str], list[int | None]]]) -> Iterator[Table]:
    robust = recalls[Method.ROBUST]
    rows = [[kind, *(f"{fmean(d is not None for d in robust[g, kind]):.0%}" for g in CLASSES)] for kind in KINDS]
    yield Table("Events found by their second day, robust", ["event", *CLASSES], rows)
    rows = [[method.value, *(f"{_share(recalls[method], (group,)):.0%}" for group in CLASSES)] for method in METHODS]
    yield Table("Events found, all kinds", ["method", *CLASSES], rows)
    delays = {
        group: [d for (g, _), ones in robust.items() if g == group for d in ones if d is not None] for group in CLASSES
    }
    rows = [[group, f"{fmean(one == 0 for one in ones):.0%}", f"{fmean(ones):.2f}"] for group, ones in delays.items()]
    yield Table("Delay of what was found, robust", ["class", "on its day", "mean days"], rows)


def _real_promises(
    rates: Mapping[Method, dict[str, float]], recalls: Mapping[Method, dict[tuple[str, str], list[int | None]]]
) -> Iterator[Requirement]:
    for group, most in ALERTS.items():
        rate = rates[Method.ROBUST][group]
        yield Requirement(f"at most {most} alerts per year, {group}", f"{rate:.1f}", rate <= most, ratio=True)
    both = _share(recalls[Method.ROBUST], ("calm", "medium"))
    yield Requirement(f"at least {RECALL:.0%} found, calm and medium", f"{both:.0%}", both >= RECALL, ratio=True)
    medium = _share(recalls[Method.ROBUST], ("medium",))
    yield Requirement(f"at least {RECALL:.0%} found, medium alone", f"{medium:.0%}", medium >= RECALL, ratio=True)


# --- clean series


def clean(rng: Generator, days: int = 365) -> dict[str, Series]:
    """One year of each family in which nothing happens, with its own size, noise and first day."""
    start = date(2025, 1, 1) + timedelta(days=int(rng.integers(0, 365)))
    dates = [start + timedelta(days=day) for day in range(days)]
    weekday, first = np.array([day.weekday() for day in dates]), np.array([day.day == 1 for day in dates])
    noise = 10 ** rng.uniform(0, 4) * np.exp(rng.normal(0, rng.uniform(0.03, 0.12), days))
    week = np.where(weekday >= 5, rng.uniform(0.2, 0.9), 1.0)
    steps = np.ones(days)
    for day in rng.choice(np.arange(HISTORY, days - TAIL), 2, replace=False):
        steps[day:] *= rng.uniform(1.1, 1.35)
    families = {
        "weekly batch": noise * np.where(weekday == rng.integers(7), rng.uniform(3, 12), 1.0),
        "nothing but a batch": noise * (weekday == rng.integers(7)),
        "month-start invoice": noise * week + noise[0] * first * rng.uniform(3, 30),
        "idle weekends": noise * (weekday < 5),
        "idle days": noise * week * (rng.random(days) > rng.uniform(0.05, 0.3)),
        "growth": noise * week * np.exp(np.arange(days) * rng.uniform(0.001, 0.01)),
        "plan-change steps": noise[0] * steps * np.exp(rng.normal(0, 0.02, days)),
        "flat": np.full(days, noise[0]),
    }
    return {name: Series(start, costs) for name, costs in families.items()}


def with_events(one: Series, rng: Generator) -> Injected:
    """Six events of any kind in a year, on days that cost something."""
    costs, events = one.costs, {}
    for slot in range(PER_YEAR):
        days = np.arange(HISTORY + 48 * slot, HISTORY + 48 * slot + 40)
        days = days[one.costs[days] > 0.3 * one.costs.mean()]
        day, kind = int(rng.choice(days)), KINDS[rng.integers(len(KINDS))]
        costs, events[day] = injected(costs, kind, day, rng), kind
    return Injected(Series(one.start, costs), events)


def on_clean(copies: int, rng: Generator) -> Report:
    """False alerts where nothing happens, and the share of false alerts where six things a year do."""
    families: dict[str, list[Series]] = defaultdict(list)
    for _ in range(copies):
        for name, one in clean(rng).items():
            families[name].append(one)
    eventful = {name: [with_events(one, rng) for one in ones] for name, ones in families.items()}
    counts = {method: {name: _count(families[name], eventful[name], method) for name in families} for method in METHODS}
    rows = [
        [name, f"{one.idle:.2f}", f"{one.found / one.events:.0%}", f"{one.false / max(one.alerts, 1):.0%}"]
        for name, one in counts[Method.ROBUST].items()
    ]
    heading = ["family", "alerts a year without events", "found of 6 a year", "false of all alerts"]
    total = {method: _Count(*map(sum, zip(*counts[method].values(), strict=True))) for method in METHODS}
    others = [
        [
            method.value,
            f"{one.idle / len(families):.2f}",
            f"{one.found / one.events:.0%}",
            f"{one.false / one.alerts:.0%}",
        ]
        for method, one in total.items()
    ]
    false = total[Method.ROBUST].false / total[Method.ROBUST].alerts
    promise = Requirement(
        f"at most {FALSE:.0%} of alerts false on clean series", f"{false:.1%}", false <= FALSE, ratio=True
    )
    return Report(
        [Table("Clean series, robust", heading, rows), Table("Clean series, all", heading, others)], [promise]
    )


class _Count(NamedTuple):
    idle: float  # alerts per series-year without events
    events: int
    found: int
    alerts: int
    false: int


def _count(quiet: list[Series], eventful: list[Injected], method: Method) -> _Count:
    idle = fmean(map(len, alerts(quiet, method)))
    found = alerts([one.series for one in eventful], method)
    hits = [
        {day for day in one.events if delay(ones, day) is not None} for one, ones in zip(eventful, found, strict=True)
    ]
    true = [
        sum(any(0 <= at - day <= _reach(kind) for day, kind in one.events.items()) for at in ones)
        for one, ones in zip(eventful, found, strict=True)
    ]
    count = sum(map(len, found))
    return _Count(idle, sum(len(one.events) for one in eventful), sum(map(len, hits)), count, count - sum(true))


def _reach(kind: str) -> int:
    """Days from the event's first within which an alert is about it."""
    return 3 if kind.startswith(("3 days", "shift")) else 1


# --- speed


def speed(rng: Generator, series: int = 10_000) -> Report:
    """A year of ten thousand series at once, and one alone."""
    costs = list(np.exp(rng.normal(3, 0.2, (series, 365))))
    began = time.perf_counter()
    find_anomalies(costs, [date(2025, 1, 1)] * series)
    took = time.perf_counter() - began
    began = time.perf_counter()
    find_anomalies(costs[:1], [date(2025, 1, 1)])
    alone = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = [
        [f"{series:,} × 365 days", f"{took:.1f} s"],
        ["one series alone", f"{1000 * alone:.0f} ms"],
        ["memory", f"{memory:.0f} MB"],
    ]
    return Report(
        [Table("Speed", ["what", "measured"], rows)],
        [
            Requirement("at most 20 s", f"{took:.1f} s", took <= 20),
            Requirement("at most 600 MB", f"{memory:.0f} MB", memory <= 600),
        ],
    )


if __name__ == "__main__":
    main()
