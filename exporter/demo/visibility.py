"""What a provider shows at a given moment: late arrival and restatement.

One rule: late arrival is counted in sixtieths of an hour's true quantity, rounded down, so that minutes, hours and
days of the same moment always add up to each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from exporter.demo.series import Series
from exporter.demo.shape import DayOfHours, Vector
from exporter.domain import DAY, HOUR, Period

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Lag:
    """Usage begins to show `delay` minutes late and takes `ramp` minutes to show in full."""

    delay: int
    ramp: int

    def seen(self, hour: datetime, now: datetime) -> int:
        """How many sixtieths of the hour that began at `hour` show at `now`."""
        minutes = (now - hour) // MINUTE - self.delay
        return max(0, min(60, minutes * 60 // self.ramp))

    def complete(self, day: date, now: datetime) -> bool:
        """True once the whole day shows."""
        return self.seen(start_of(day) + 23 * HOUR, now) == 60


PROMPT = Lag(0, 60)  # nothing is late
USAGE = Lag(10, 60)
ANALYTICS = Lag(60, 60)  # "only data older than one hour"
COSTS = Lag(0, 20 * 60)


class Restatement(NamedTuple):
    """From `since` on, a day of `scope` (empty: of all scopes) shows `factor` times what truly happened."""

    since: datetime
    scope: str
    factor: Decimal


class Restatements:
    """All changes to the past. The latest one that is visible and applies, wins."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, date], list[Restatement]] = {}

    def add(self, provider: str, day: date, change: Restatement) -> None:
        """Remember one."""
        self._of.setdefault((provider, day), []).append(change)

    def touch(self, provider: str, day: date) -> bool:
        """True when that day was ever, or will be, restated."""
        return (provider, day) in self._of

    def factor(self, series: Series, day: date, now: datetime) -> Decimal:
        """What that day of the series is multiplied by."""
        factor = Decimal(1)
        for change in self._of.get((series.provider, day), ()):
            if change.since <= now and change.scope in ("", series.scope):
                factor = change.factor
        return factor


def start_of(day: date) -> datetime:
    """Midnight UTC."""
    return Period.of_day(day).start


def scaled(hours: DayOfHours, factor: Decimal) -> DayOfHours:
    """Every quantity times `factor`, rounded down; hours that become empty vanish."""
    above, below = factor.as_integer_ratio()
    return tuple([nonzero(tuple([q * above // below for q in vector])) if vector else None for vector in hours])


def as_seen(hours: DayOfHours, day: date, lag: Lag, now: datetime) -> DayOfHours:
    """The day as it shows at `now`."""
    midnight = start_of(day)
    return tuple([partial(vector, lag.seen(midnight + n * HOUR, now)) for n, vector in enumerate(hours)])


def partial(vector: Vector | None, sixtieths: int) -> Vector | None:
    """The visible part of one hour."""
    if vector is None or sixtieths == 60:
        return vector
    return nonzero(tuple([q * sixtieths // 60 for q in vector]))


def minute_of(vector: Vector, minute: int) -> Vector | None:
    """One minute of an hour; the minutes up to any moment add up to `partial`."""
    return nonzero(tuple([q * (minute + 1) // 60 - q * minute // 60 for q in vector]))


def nonzero(vector: Vector) -> Vector | None:
    """None for a vector of zeros: providers leave such rows out."""
    return vector if any(vector) else None


def days_between(start: datetime, end: datetime) -> list[date]:
    """Every UTC day that `[start, end)` touches."""
    first = start.date()
    count = -(-(end - start_of(first)) // DAY) if end > start else 0
    return [first + n * DAY for n in range(count)]
