"""Publish: store → families → bytes, off the event loop, swapped in as a whole.

One rule: what a scrape gets is either the last complete publication or the one before it, never something in between.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from exporter.domain import day_of
from exporter.errors import StoreError
from exporter.metrics.exposition import Rendered, render
from exporter.metrics.fold import DEFAULT_CAP
from exporter.metrics.health import Health
from exporter.metrics.snapshot import Family, Snapshot
from exporter.publish import anomalies, budgets, forecasts, nowcasts, reconciliation, savings, spend, trends
from exporter.publish.folding import Folding
from exporter.store import figures
from exporter.store.database import Database
from exporter.store.figures import AccountFigures, Calendar, ReportFigures

log = logging.getLogger(__name__)

State = tuple[Snapshot, tuple[AccountFigures, ...], tuple[ReportFigures, ...]]


@dataclass(frozen=True, slots=True)
class Publication:
    """One complete publication: the bytes, and the state behind the landing page."""

    rendered: Rendered
    accounts: tuple[AccountFigures, ...]
    reports: tuple[ReportFigures, ...]


@dataclass(slots=True, kw_only=True)
class Publisher:
    """Keeps `latest` fresh. `priced` lists the (provider, report) pairs whose tokens should have a price."""

    database: Database
    health: Health
    clock: Callable[[], datetime]
    priced: Sequence[tuple[str, str]]
    interval: timedelta = timedelta(seconds=60)
    cap: int = DEFAULT_CAP
    fixed_rates: Mapping[str, Decimal] = field(default_factory=dict)
    latest: Publication | None = None
    _snapshot: Snapshot = field(default=Snapshot(datetime.fromtimestamp(0, UTC)))
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self) -> None:
        """Figures changed: publish soon. Several askers get one publication."""
        self._asked.set()

    async def serve(self) -> None:
        """Publish when asked, and at least once per interval, until cancelled.

        After each publication comes a rest as long as it took: a busy sync asks all the time, and work that nobody
        scrapes would keep the database and a processor from everything else.
        """
        while True:
            self._asked.clear()
            began = time.perf_counter()
            await self.publish()
            await asyncio.sleep(time.perf_counter() - began)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self.interval.total_seconds())

    async def publish(self) -> None:
        """Make a new publication. Without a database the last figures stay, and say so."""
        started = time.perf_counter()
        now = self.clock()
        try:
            state: State | None = await self._read_and_keep(now)
            self.health.database(up=True)
        except StoreError as error:
            log.warning("%s; the last known figures stay", error)
            self.health.database(up=False)
            state = (self._snapshot, self.latest.accounts, self.latest.reports) if self.latest else None
        if state is None:
            return
        self._snapshot, accounts, reports = state
        rendered = await asyncio.to_thread(render, self._snapshot, self.health, now)
        self.latest = Publication(rendered, accounts, reports)
        self.health.published(time.perf_counter() - started)

    async def _read_and_keep(self, now: datetime) -> State:
        """Read, and tell other replicas which series stay where there are too many."""
        folding = Folding(self.cap)
        state = await self.database.run(self._read, now, folding)
        if changed := folding.changed():
            await self.database.run(figures.keep_series, changed)
        return state

    def _read(self, db: Connection, now: datetime, folding: Folding) -> State:
        """One consistent view of the store: every figure of a snapshot is of the same moment."""
        db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        folding.before = figures.kept_series(db)
        calendar = Calendar(day_of(now))
        accounts = tuple(figures.account_figures(db))
        reports = tuple(figures.report_figures(db))
        families = (
            *spend.families(db, calendar, folding, self.priced),
            *spend.states(accounts, reports),
            *findings(db, now, self.fixed_rates),
        )
        snapshot = Snapshot(now, families)
        self.health.accounts((account.provider, account.account) for account in accounts)
        self.health.snapshot(now, snapshot.series, folding.counts)
        return snapshot, accounts, reports


def findings(db: Connection, now: datetime, fixed_rates: Mapping[str, Decimal]) -> list[Family]:
    """Budgets, and what the last analysis found."""
    topics: dict[str, Callable[[], list[Family]]] = {
        "budgets": lambda: budgets.families(db, now, fixed_rates, forecasts.outlooks(db, now)),
        "forecasts": lambda: forecasts.families(db, now),
        "nowcasts": lambda: nowcasts.families(db, now),
        "anomalies": lambda: anomalies.families(db, now),
        "trends": lambda: trends.families(db, now),
        "savings": lambda: savings.families(db, now),
        "reconciliation": lambda: reconciliation.families(db, now),
    }
    return [family for topic, families in topics.items() for family in _whole(topic, families)]


def _whole(topic: str, families: Callable[[], list[Family]]) -> list[Family]:
    """The families of a topic, or none: what one budget or finding breaks must not end the publishing of money."""
    try:
        return families()
    except SQLAlchemyError:
        raise  # the database is away, or its transaction is over
    except Exception:
        log.exception("%s could not be published; the rest is", topic)
        return []
