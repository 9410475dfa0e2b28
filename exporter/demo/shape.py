"""When usage happens: the hour of the day, the weekday, growth, noise and incidents.

One rule: a day of a series depends on (seed, series, day) only, so any window can be made without the rest.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import prod

from exporter.demo.series import Series

Vector = tuple[int, ...]
"""One quantity per meter of the series' report."""

DayOfHours = tuple[Vector | None, ...]
"""24 vectors; None where nothing happened."""

OFFICE: tuple[float, ...] = (0.25, 0.2, 0.18, 0.18, 0.22, 0.35, 0.6, 1.0, 1.5, 1.8, 1.9, 1.8)
OFFICE += (1.6, 1.8, 1.9, 1.8, 1.6, 1.3, 1.0, 0.8, 0.65, 0.5, 0.4, 0.3)
NIGHT: tuple[float, ...] = (2.6, 2.8, 2.8, 2.4, 1.8, 1.0, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3)
NIGHT += (0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.4, 0.6, 0.9, 1.3, 1.8, 2.2)
WEEKDAYS = (1.02, 1.1, 1.12, 1.08, 0.95, 0.42, 0.38)
REFERENCE = date(2026, 9, 1)
GROWTH_PER_DAY = 0.003
VOLUME = 0.55  # keeps both organisations together below $1,000 on an ordinary day


@dataclass(frozen=True, slots=True)
class Incident:
    """Something happened: usage was `factor` times the ordinary for some hours. An empty scope is all of a provider."""

    name: str
    provider: str
    scope: str
    start: datetime
    hours: int
    factor: float

    def strikes(self, series: Series, day: date) -> bool:
        """True when it touches the series on that day."""
        last = (self.start + timedelta(hours=self.hours - 1)).date()
        return (
            series.provider == self.provider and self.scope in ("", series.scope) and self.start.date() <= day <= last
        )

    def factor_at(self, day: date, hour: int) -> float:
        """What that hour is multiplied by."""
        since = datetime.combine(day, time(hour), UTC) - self.start
        return self.factor if timedelta(0) <= since < timedelta(hours=self.hours) else 1.0


def growth(day: date) -> float:
    """1 at the reference date, steadily more each day; tied to the calendar so that history never moves."""
    return min(4.0, max(0.3, 1 + GROWTH_PER_DAY * (day - REFERENCE).days))


def make_day(seed: int, series: Series, day: date, incidents: Iterable[Incident] = ()) -> DayOfHours:
    """All 24 hours of one series."""
    if (series.first and day < series.first) or (series.last and day > series.last):
        return (None,) * 24
    rng = random.Random(f"{seed}:{series.id}:{day.isoformat()}")
    level = VOLUME * series.hourly * growth(day) * WEEKDAYS[day.weekday()] * (0.92 + 0.16 * rng.random())
    struck = [incident for incident in incidents if incident.strikes(series, day)]
    hours = NIGHT if series.by_night else OFFICE
    return tuple(
        _hour(rng, series, level * weight * prod(one.factor_at(day, hour) for one in struck))
        for hour, weight in enumerate(hours)
    )


def _hour(rng: random.Random, series: Series, expected: float) -> Vector | None:
    """Whole requests, so that small flows are silent in most hours; every request a little different."""
    requests = int(expected * (0.85 + 0.3 * rng.random()) + rng.random())
    size = 0.93 + 0.14 * rng.random()
    if not requests:
        return None
    vector = tuple([int(requests * amount * size) for amount in series.mix])
    return (*vector[:-1], requests) if series.mix[-1] == 1 else vector
