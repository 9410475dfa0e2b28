"""What a scrape waits while the program syncs: the real program, its database and the providers in own processes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, Engine, text

from benchmarks import processes, series
from benchmarks.postgres import new_database
from benchmarks.report import Report, Requirement, Table, percentile
from exporter.store import leases
from exporter.store.engine import open_engine, transaction

RATE = 20
ENCODINGS = ("gzip", "identity")
P99_ALLOWED = {20_000: 0.050, 100_000: 0.150}
MEMORY_ALLOWED = {20_000: 150}
SYNC_EVERY = 0.5
SETTLING_SECONDS = 15  # imports, the first syncs and publications


@dataclass(slots=True)
class Outcome:
    """What one size cost."""

    wanted: int
    latencies: dict[str, list[float]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)
    syncs: int = 0
    rows: int = 0
    seconds: float = 0


def measure(server_url: str, seconds: float) -> Report:
    """Every size on a database and a program of its own."""
    outcomes = [_outcome(server_url, size, seconds) for size in P99_ALLOWED]
    return Report([_latencies(outcomes), _surroundings(outcomes)], _requirements(outcomes))


def _outcome(server_url: str, size: int, seconds: float) -> Outcome:
    url = new_database(server_url, "scrape")
    engine = open_engine(url)
    with transaction(engine) as db:
        today = datetime.now(UTC).date()
        series.fill(db, size, today, min(today.day, series.DAYS_OF_MONTH))
    series.settle(engine)
    outcome = Outcome(size)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="spend-benchmarks-")))
        addresses = stack.enter_context(processes.simulator())
        process, metrics = stack.enter_context(processes.exporter(folder, url, addresses, 10 * size))
        stack.enter_context(_syncing(engine, tuple(addresses)))
        time.sleep(SETTLING_SECONDS)
        stack.enter_context(_weighing(process, outcome))
        began, before = time.monotonic(), _runs(engine)
        for encoding in ENCODINGS:
            outcome.latencies[encoding], outcome.sizes[encoding] = _scraped(metrics, encoding, seconds)
        outcome.seconds = time.monotonic() - began
        outcome.syncs, outcome.rows = (now - then for now, then in zip(_runs(engine), before, strict=True))
    engine.dispose()
    return outcome


@contextmanager
def _beside(over: threading.Event, repeat: Callable[[], None]) -> Iterator[None]:
    """Run `repeat` in a thread until the block ends and `over` says so."""
    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _syncing(engine: Engine, accounts: tuple[str, ...]) -> Iterator[None]:
    """Every account is due all the time, and everything it has read counts as never read."""
    over = threading.Event()

    def again() -> None:
        while not over.wait(SYNC_EVERY):
            for account in accounts:
                with transaction(engine) as db:
                    _make_due(db, account)

    with _beside(over, again):
        yield


def _make_due(db: Connection, account: str) -> None:
    leases.ask_for_sync(db, account)  # first: a writer holds this row while it writes the state
    forget = "UPDATE report_state SET read_at = NULL, read_late_at = NULL WHERE account_id = :account"
    db.execute(text(forget), {"account": account})


@contextmanager
def _weighing(process: subprocess.Popen[str], outcome: Outcome) -> Iterator[None]:
    """Notes the program's memory twice a second."""
    over = threading.Event()

    def again() -> None:
        while not over.wait(0.5):
            outcome.memory.append(processes.resident_mib(process))

    with _beside(over, again):
        yield


def _scraped(metrics: str, encoding: str, seconds: float) -> tuple[list[float], int]:
    command = [sys.executable, "-m", "benchmarks.scraper", metrics, encoding, str(RATE), str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(done.stdout)
    return told["seconds"], told["bytes"]


def _runs(engine: Engine) -> tuple[int, int]:
    """Syncs so far, and the rows they compared."""
    with transaction(engine) as db:
        runs, rows = db.execute(
            text("SELECT count(*), coalesce(sum(inserted + updated + deleted + unchanged), 0) FROM sync_runs")
        ).one()
    return runs, int(rows)


def _latencies(outcomes: list[Outcome]) -> Table:
    return Table(
        f"Scrapes of /metrics at {RATE} a second while the program syncs and publishes, milliseconds to the last byte",
        ("series", "encoding", "MB", "scrapes", "p50", "p99", "longest"),
        [
            (
                f"{outcome.wanted:,}",
                encoding,
                f"{outcome.sizes[encoding] / 1e6:.2f}",
                f"{len(taken):,}",
                f"{1000 * percentile(taken, 50):.1f}",
                f"{1000 * percentile(taken, 99):.1f}",
                f"{1000 * max(taken):.1f}",
            )
            for outcome in outcomes
            for encoding, taken in outcome.latencies.items()
        ],
    )


def _surroundings(outcomes: list[Outcome]) -> Table:
    return Table(
        "Meanwhile",
        ("series", "syncs finished", "rows compared per second", "memory MiB (median)", "memory MiB (most)"),
        [
            (
                f"{outcome.wanted:,}",
                f"{outcome.syncs}",
                f"{outcome.rows / outcome.seconds:,.0f}",
                f"{percentile(outcome.memory, 50):.0f}",
                f"{max(outcome.memory):.0f}",
            )
            for outcome in outcomes
        ],
    )


def _requirements(outcomes: list[Outcome]) -> list[Requirement]:
    return [
        *(_latency(o, encoding) for o in outcomes for encoding in ENCODINGS),
        *(_memory(o) for o in outcomes if o.wanted in MEMORY_ALLOWED),
    ]


def _latency(outcome: Outcome, encoding: str) -> Requirement:
    allowed, p99 = P99_ALLOWED[outcome.wanted], percentile(outcome.latencies[encoding], 99)
    return Requirement(
        f"p99 of a scrape of {outcome.wanted:,} series, {encoding}, within {1000 * allowed:.0f} ms during a sync",
        f"{1000 * p99:.1f} ms",
        p99 <= allowed,
    )


def _memory(outcome: Outcome) -> Requirement:
    allowed, most = MEMORY_ALLOWED[outcome.wanted], max(outcome.memory)
    return Requirement(
        f"memory of the program at {outcome.wanted:,} series within {allowed} MiB", f"{most:.0f} MiB", most <= allowed
    )
