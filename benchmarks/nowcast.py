"""`python -m benchmarks.nowcast [demo]`: how near a nowcast comes to the day's final figure, hour by hour.

Arrivals of known make are replayed: each nowcast knows only what was there at its hour, and the final figures of days
that were final by then. `demo` replays what the simulated OpenAI shows instead.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from benchmarks import nowcast_demo
from benchmarks.report import Report, Requirement, Table
from exporter.analytics import nowcast
from exporter.domain import DAY

Values = NDArray[np.float64]
Random = np.random.Generator
DAYS, WARM_UP, OBSERVED = 160, 60, 35
MONDAY = date(2025, 1, 6)
SETTLES = 3  # days until a day's figure is final
ASKED = (6, 12, 18, 24, 30, 36)
OFFICE = np.array([1, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 10, 11, 12, 12, 10, 8, 6, 4, 3, 2, 2, 1], dtype=float)
NIGHT = np.array([12, 14, 14, 10, 6, 3, 1, *[0.3] * 15, 1, 2], dtype=float)
QUIET = np.array([*[2.0] * 8, *[3.0] * 14, 2, 2])  # weekends: what never sleeps
WEEKDAYS = np.array([1.05, 1.1, 1.1, 1.05, 1.0, 0.35, 0.3])


@dataclass(frozen=True, slots=True)
class Arrival:
    """Some account: what each day came to, and what was seen of it at each age."""

    finals: Values  # (days,)
    seen: Values  # (days, AGES)


@dataclass(slots=True)
class Tally:
    """Distances from the final figure, relative to it, at one age."""

    nowcast: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    yesterday: list[float] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)
    width: list[float] = field(default_factory=list)


def office(random: Random) -> Arrival:
    """Hourly usage that shows within the hour; quiet weekends."""
    return _arrival(random, _finals(random, 0.12), OFFICE, delay=1, ramp=1)


def lagging(random: Random) -> Arrival:
    """A cost report that shows every sixth hour, of what was used some 9 to 15 hours before."""
    return _arrival(random, _finals(random, 0.12), OFFICE, delay=9, ramp=6, every=6)


def nightly(random: Random) -> Arrival:
    """A batch at night, of a size that varies, and hardly anything by day."""
    return _arrival(random, _finals(random, 0.3), NIGHT, delay=1, ramp=2)


def weekend(random: Random) -> Arrival:
    """Nothing on most weekends, and then something."""
    finals = _finals(random, 0.15)
    idle = (np.arange(DAYS) % 7 >= 5) & (random.random(DAYS) < 0.85)
    return _arrival(random, np.where(idle, 0.0, finals), OFFICE, delay=1, ramp=1)


def spiky(random: Random) -> Arrival:
    """The office, with one day in twenty-five at three to eight times the usual."""
    factor = np.where(random.random(DAYS) < 0.04, random.uniform(3, 8, DAYS), 1.0)
    return _arrival(random, _finals(random, 0.12) * factor, OFFICE, delay=1, ramp=1)


MAKERS: dict[str, Callable[[Random], Arrival]] = {
    maker.__name__: maker for maker in (office, lagging, nightly, weekend, spiky)
}


def _finals(random: Random, noise: float) -> Values:
    wander = np.exp(np.cumsum(random.normal(0.002, 0.015, DAYS)))
    return 100 * wander * np.resize(WEEKDAYS, DAYS) * random.lognormal(0, noise, DAYS)


def _arrival(random: Random, finals: Values, shape: Values, *, delay: int, ramp: int, every: int = 1) -> Arrival:
    """Each hour's part of the day shows `delay` hours after it began, within up to `ramp` more; some in steps."""
    seen = np.zeros((DAYS, nowcast.AGES))
    for day in range(DAYS):
        hours = shape if day % 7 < 5 else QUIET
        parts = hours * random.lognormal(0, 0.35, 24)
        shows = np.arange(24) + delay + random.integers(0, ramp + 1, 24)
        shows = -(-shows // every) * every
        for hour, part in zip(shows, parts / parts.sum(), strict=True):
            seen[day, hour:] += part * finals[day]
    return Arrival(finals, seen)


def replayed(arrival: Arrival, age: int) -> Iterator[tuple[float, float, float, nowcast.Nowcast]]:
    """(final, seen, the day before as it was seen then, nowcast) of every day that came to something."""
    dates = [MONDAY + day * DAY for day in range(DAYS)]
    for day in range(WARM_UP, DAYS):
        final = day + age // 24 - SETTLES  # days before this one
        watched = slice(final - OBSERVED, final)
        profile = nowcast.learnt(dates[watched], arrival.seen[watched], arrival.finals[watched])
        expected = nowcast.expectation(MONDAY, arrival.finals[:final], dates[day])
        made = nowcast.complete(arrival.seen[day, age], profile.at(age, dates[day]), expected)
        if made is not None and arrival.finals[day] > 0:
            yield arrival.finals[day], arrival.seen[day, age], arrival.seen[day - 1, age + 24], made


def tallied(arrivals: list[Arrival], age: int) -> Tally:
    """All of these accounts at one age."""
    tally = Tally()
    for arrival in arrivals:
        for final, seen, before, made in replayed(arrival, age):
            tally.nowcast.append(abs(made.expected / final - 1))
            tally.seen.append(abs(seen / final - 1))
            tally.yesterday.append(abs(before / final - 1))
            tally.held.append(made.lower * (1 - 1e-9) <= final <= made.upper * (1 + 1e-9))
            tally.width.append((made.upper - made.lower) / final)
    return tally


HEADING = ("age", "days", "nowcast", "median", "seen so far", "day before", "in the band", "width (median)")


def table(name: str, arrivals: list[Arrival]) -> tuple[Table, dict[int, Tally]]:
    """Mean errors by age."""
    found = {age: tallied(arrivals, age) for age in ASKED}
    rows = []
    for age, t in found.items():
        errors = [f"{np.mean(t.nowcast):.1%}", f"{np.median(t.nowcast):.1%}"]
        rivals = [f"{np.mean(t.seen):.1%}", f"{np.mean(t.yesterday):.1%}"]
        rows.append(
            [f"{age} h", str(len(t.held)), *errors, *rivals, f"{np.mean(t.held):.1%}", f"{np.median(t.width):.2f}"]
        )
    return Table(name, HEADING, rows), found


def arrivals(each: int, *, demo: bool) -> Iterator[tuple[str, list[Arrival]]]:
    """What to replay, by title."""
    if demo:
        for name, finals, seen in nowcast_demo.simulated(MONDAY, DAYS):
            yield name, [Arrival(finals, seen)]
        return
    random = np.random.default_rng(11)
    for name, maker in MAKERS.items():
        yield f"{name}: {(maker.__doc__ or '').strip()}", [maker(random) for _ in range(each)]


def main() -> None:
    """Measure, print and judge. Exit code 1 when what is seen so far was nearer than the nowcast."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nowcast", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("generated", "demo"), default="generated")
    parser.add_argument("--each", type=int, default=4, help="generated accounts of each make")
    options = parser.parse_args()
    tables, requirements = [], []
    for name, found in arrivals(options.each, demo=options.what == "demo"):
        shown, tallies = table(name, found)
        tables.append(shown)
        ours, rival = (np.mean([np.mean(getattr(t, of)) for t in tallies.values()]) for of in ("nowcast", "seen"))
        promise = f"{name.split(':')[0]}: error against what is seen"
        requirements.append(Requirement(promise, f"{ours / rival:.2f}", bool(ours < rival), ratio=True))
    report = Report(tables, requirements)
    print(report.shown())
    sys.exit(report.failed)


if __name__ == "__main__":
    main()
