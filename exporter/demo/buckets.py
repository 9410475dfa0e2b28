"""Usage on a time grid, grouped by dimensions.

One rule: every bucket from the start to now is there, empty ones too; rows within one are in a stable order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from exporter.demo.series import Series
from exporter.demo.shape import Vector
from exporter.demo.truth import Truth, added
from exporter.demo.visibility import MINUTE, USAGE, Lag, minute_of
from exporter.domain import DAY, HOUR, floor_to

WIDTHS: Mapping[str, timedelta] = {"1m": MINUTE, "1h": HOUR, "1d": DAY}

Value = str | bool | None
Group = tuple[Value, ...]
Keyed = Sequence[tuple[Group, Series]]


class Bucket(NamedTuple):
    """One bucket of the grid."""

    start: datetime
    end: datetime
    groups: Mapping[Group, Vector]


def grid(start: datetime, end: datetime, width: timedelta, now: datetime) -> list[datetime]:
    """The starts of all buckets that `[start, end)` touches and that have begun."""
    first, last = floor_to(start, width), min(end, now)
    return [first + n * width for n in range(max(0, -(-(last - first) // width)))]


def keyed(series: Sequence[Series], dims: Sequence[str]) -> Keyed:
    """Each series with the values of the dimensions asked for."""
    return [(tuple([one.dims.get(dim) for dim in dims]), one) for one in series]


def filled(
    truth: Truth, rows: Keyed, starts: Sequence[datetime], width: timedelta, lag: Lag = USAGE
) -> Iterator[Bucket]:
    """The buckets that begin at `starts`."""
    read = {DAY: _day, HOUR: _hours, MINUTE: _minutes}[width](truth, rows, lag)
    for start in starts:
        yield Bucket(start, start + width, _grouped(rows, read(start)))


def _grouped(rows: Keyed, vectors: Sequence[Vector | None]) -> dict[Group, Vector]:
    groups: dict[Group, Vector] = {}
    for (group, _), vector in zip(rows, vectors, strict=True):
        if vector is not None:
            groups[group] = added(groups.get(group), vector)
    return groups


Read = Callable[[datetime], Sequence[Vector | None]]


def _day(truth: Truth, rows: Keyed, lag: Lag) -> Read:
    return lambda start: [truth.seen_total(series, start.date(), lag) for _, series in rows]


def _hours(truth: Truth, rows: Keyed, lag: Lag) -> Read:
    day, columns = None, None

    def read(start: datetime) -> Sequence[Vector | None]:
        nonlocal day, columns
        if columns is None or start.date() != day:
            day = start.date()
            columns = list(zip(*[truth.seen_day(series, day, lag) for _, series in rows], strict=True))
        return columns[start.hour] if columns else ()  # no series at all

    return read


def _minutes(truth: Truth, rows: Keyed, lag: Lag) -> Read:
    lag, now = truth.lag(lag), truth.now()

    def read(start: datetime) -> Sequence[Vector | None]:
        hour = floor_to(start, HOUR)
        if lag.seen(hour, now) <= start.minute:
            return [None] * len(rows)
        vectors = [truth.true_day(series, start.date())[start.hour] for _, series in rows]
        return [minute_of(vector, start.minute) if vector else None for vector in vectors]

    return read
