"""From the store to the bytes of a scrape, and how long the event loop is kept waiting meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from benchmarks import series
from benchmarks.postgres import new_database
from benchmarks.report import Report, Requirement, Table, middle, percentile
from exporter.app import process
from exporter.metrics.exposition import render
from exporter.metrics.health import Health
from exporter.metrics.snapshot import Snapshot
from exporter.publish import Publisher
from exporter.store.database import Database

SIZES = (20_000, 100_000)
ROUNDS = 3
NAP = 0.001
SECONDS_ALLOWED = 5.0
BLOCKING_ALLOWED = 0.050


@dataclass(slots=True)
class Outcome:
    """What was measured of one size, every round."""

    wanted: int
    daily_rows: int
    seconds: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)  # how much longer than it asked for the probe slept
    rendering: list[float] = field(default_factory=list)
    library: list[float] = field(default_factory=list)
    identity: int = 0
    gzip: int = 0
    series: int = 0


def measure(server_url: str) -> Report:
    """Every size on a database of its own."""
    process.share_the_interpreter()  # as the serving process does, all three
    process.give_memory_back()
    process.keep_what_is_loaded()
    outcomes = [asyncio.run(_outcome(server_url, size)) for size in SIZES]
    return Report([_table(outcomes)], _requirements(outcomes[-1]))


async def _outcome(server_url: str, size: int) -> Outcome:
    database = Database(new_database(server_url, "publish"))
    now = datetime.combine(series.middle_of_month(), datetime.now(UTC).timetz())
    outcome = Outcome(size, await database.run(series.fill, size, now.date(), series.DAYS_OF_MONTH))
    series.settle(database.engine)
    publisher = Publisher(database=database, health=Health(), clock=lambda: now, priced=(), cap=10 * size)
    await publisher.publish()  # connections and caches
    for _ in range(ROUNDS):
        async with _probe(outcome.late):
            outcome.seconds.append(await _seconds_of_publishing(publisher))
        _compare_rendering(publisher, outcome)
    database.close()
    return outcome


async def _seconds_of_publishing(publisher: Publisher) -> float:
    began = time.perf_counter()
    await publisher.publish()
    return time.perf_counter() - began


@asynccontextmanager
async def _probe(late: list[float]) -> AsyncIterator[None]:
    """Notes beside the block, again and again, how late a short sleep ends: what a scrape would have waited."""

    async def nap() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(NAP)
            late.append(time.perf_counter() - began - NAP)

    task = asyncio.create_task(nap())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()


def _compare_rendering(publisher: Publisher, outcome: Outcome) -> None:
    """Our four bodies against the one that the usual library makes of the same samples."""
    snapshot, latest = publisher._snapshot, publisher.latest  # noqa: SLF001 (the samples of this very publication)
    assert latest is not None
    body = latest.rendered.text
    outcome.identity, outcome.gzip, outcome.series = len(body.identity), len(body.gzip), snapshot.series
    began = time.perf_counter()
    render(snapshot, publisher.health, snapshot.taken_at)
    between = time.perf_counter()
    generate_latest(_Usual(snapshot))
    outcome.rendering.append(between - began)
    outcome.library.append(time.perf_counter() - between)


class _Usual(CollectorRegistry):
    """A custom collector as the library's manual shows it."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self._snapshot = snapshot

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for family in self._snapshot.families:
            definition = family.definition
            usual = GaugeMetricFamily(definition.name, definition.help, labels=definition.labels)
            for labels, value in family.samples:
                usual.add_metric(labels, value)
            yield usual


def _table(outcomes: list[Outcome]) -> Table:
    return Table(
        f"Publish: store to bytes (medians of {ROUNDS}; a probe sleeping {NAP * 1000:.0f} ms shows the event loop)",
        ("series", "roll-up rows", "seconds", "of it rendering", "plain MB", "gzip MB", "late p99 ms", "longest ms"),
        [
            (
                f"{o.series:,}",
                f"{o.daily_rows:,}",
                f"{middle(o.seconds):.2f}",
                f"{middle(o.rendering):.2f}",
                f"{o.identity / 1e6:.1f}",
                f"{o.gzip / 1e6:.2f}",
                f"{1000 * percentile(o.late, 99):.1f}",
                f"{1000 * max(o.late):.1f}",
            )
            for o in outcomes
        ],
    )


def _requirements(large: Outcome) -> list[Requirement]:
    seconds, longest = middle(large.seconds), max(large.late)
    share = middle(large.rendering) / middle(large.library)
    return [
        Requirement(
            "all four bodies are rendered in less time than prometheus_client takes for one",
            f"{share:.0%} of its time",
            share < 1,
            ratio=True,
        ),
        Requirement(
            f"{large.series:,} series are published within {SECONDS_ALLOWED:.0f} s",
            f"{seconds:.2f} s",
            seconds <= SECONDS_ALLOWED,
        ),
        Requirement(
            f"the event loop is never held up for more than {BLOCKING_ALLOWED * 1000:.0f} ms meanwhile",
            f"{longest * 1000:.1f} ms",
            longest <= BLOCKING_ALLOWED,
        ),
    ]
