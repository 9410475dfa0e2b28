"""A large organisation's hourly usage, made on the fly: about 1,000 sets of dimensions, every hour.

One rule: the same arguments give the same rows, so a re-sync reads what the first load read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from exporter.domain import HOUR, Dimensions, Period, Usage

START = datetime(2026, 9, 3, tzinfo=UTC)
SETS = 1_000
HOURS_PER_PAGE = 5
METERS = ("input", "input_cache_read", "output", "requests")
CHANGED_PERCENT = 5

Pages = Iterator[list[Usage]]


def dimension_sets() -> list[Dimensions]:
    """Projects × models × keys × tiers × token types, as a provider groups them."""
    return [_dimensions(number) for number in range(SETS)]


def _dimensions(number: int) -> Dimensions:
    stream, meter = number // len(METERS), METERS[number % len(METERS)]
    return Dimensions(
        meter=meter,
        unit="requests" if meter == "requests" else "tokens",
        model=f"gpt-5.{stream % 10}-2026-0{1 + stream % 9}-01",
        scope=f"proj_{stream % 25:02}QmPpZ7xTtAaLk3Rw",
        api_key=f"key_{stream:04}fVbN2LkQpYtRz8",
        service_tier=("default", "batch", "flex")[stream % 3],
        tags=(("api_source", "unlabeled"), ("user_id", f"user-{stream % 80:03}HhWw9PpLl")),
    )


def window(rows: int) -> Period:
    """The hours that so many rows fill."""
    return Period(START, START + (-(-rows // SETS)) * HOUR)


def pages(rows: int, *, changed: bool = False) -> Pages:
    """The rows in pages as replies bring them. `changed`: every twentieth quantity has been restated."""
    sets = dimension_sets()
    for first in range(0, rows // SETS, HOURS_PER_PAGE):
        hours = range(first, min(first + HOURS_PER_PAGE, rows // SETS))
        yield [
            Usage(period, dimensions, _quantity(hour, place, changed))
            for hour, period in ((hour, Period(START + hour * HOUR, START + (hour + 1) * HOUR)) for hour in hours)
            for place, dimensions in enumerate(sets)
        ]


def _quantity(hour: int, place: int, changed: bool) -> Decimal:
    number = hour * 7_919 + place * 104_729
    restated = changed and number % 100 < CHANGED_PERCENT
    return Decimal(1_000 + number % 2_000_003 + restated)


@dataclass(slots=True)
class Watch:
    """Time spent, but for the time it took to invent the rows."""

    inventing: float = 0.0
    started: float = 0.0

    def start(self) -> None:
        self.inventing, self.started = 0.0, time.perf_counter()

    def read(self) -> float:
        return time.perf_counter() - self.started - self.inventing

    def unseen(self, source: Pages) -> Pages:
        """The pages; making them does not count."""
        while True:
            began = time.perf_counter()
            page = next(source, None)
            self.inventing += time.perf_counter() - began
            if page is None:
                return
            yield page
