"""Publish: store → families → bytes, off the event loop, swapped in as a whole.

One rule: what a scrape gets is either the last complete publication or the one before it, never something in between.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, text

from exporter import publish_budgets
from exporter.analytics.budget import Outlook
from exporter.domain import day_of
from exporter.errors import StoreError
from exporter.metrics import catalog
from exporter.metrics.catalog import Definition
from exporter.metrics.exposition import Rendered, render
from exporter.metrics.fold import DEFAULT_CAP, Labels, Row, fold
from exporter.metrics.health import Health
from exporter.metrics.snapshot import Family, Sample, Snapshot
from exporter.store import figures
from exporter.store.database import Database
from exporter.store.figures import AccountFigures, Calendar, ReportFigures

log = logging.getLogger(__name__)

State = tuple[Snapshot, tuple[AccountFigures, ...], tuple[ReportFigures, ...]]
BURN_WINDOWS = {"7d": 7, "30d": 30}


@dataclass(frozen=True, slots=True)
class Publication:
    """One complete publication: the bytes, and the state behind the landing page."""

    rendered: Rendered
    accounts: tuple[AccountFigures, ...]
    reports: tuple[ReportFigures, ...]


@dataclass(slots=True)
class Folding:
    """The cardinality cap over one publication. What stayed `before` stays if it can, on every replica alike."""

    cap: int
    before: Mapping[str, frozenset[Labels]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    _kept: dict[str, frozenset[Labels]] = field(default_factory=dict)

    def family(self, definition: Definition, rows: Iterable[Row]) -> Family:
        """The family of `rows`, folded if there are too many."""
        result = fold(definition, rows, cap=self.cap, kept=self.before.get(definition.name, frozenset()))
        self.counts[definition.name] = result.folded
        self._kept[definition.name] = result.kept if result.folded else frozenset()
        return Family(definition, [(labels, float(value)) for labels, value in result.rows])

    def changed(self) -> dict[str, frozenset[Labels]]:
        """What stays now and did not before, by metric."""
        return {name: kept for name, kept in self._kept.items() if kept != self.before.get(name, frozenset())}


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
    outlooks: Mapping[str, Outlook] = field(default_factory=dict)  # forecasts by budget
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
            *_money(db, calendar, folding),
            *_tokens(db, calendar, folding),
            *_books(db),
            *_plain(db, calendar, self.priced),
            *_states(accounts, reports),
            *publish_budgets.families(db, now, self.fixed_rates, self.outlooks),
        )
        snapshot = Snapshot(now, families)
        self.health.accounts((account.provider, account.account) for account in accounts)
        self.health.snapshot(now, snapshot.series, folding.counts)
        return snapshot, accounts, reports


def _money(db: Connection, calendar: Calendar, folding: Folding) -> list[Family]:
    definitions = (catalog.TODAY_USD, catalog.YESTERDAY_USD, catalog.MONTH_TO_DATE_USD)
    rows: tuple[list[Row], ...] = ([], [], [])
    for labels, *amounts in ((row[:7], *row[7:]) for row in figures.spend(db, calendar)):
        for place, amount in enumerate(amounts):
            if amount is not None:
                rows[place].append((labels, amount))
    return [folding.family(definition, found) for definition, found in zip(definitions, rows, strict=True)]


def _tokens(db: Connection, calendar: Calendar, folding: Folding) -> list[Family]:
    today: list[Row] = []
    month: list[Row] = []
    for row in figures.tokens(db, calendar):
        month.append((row[:7], row.month_to_date or Decimal(0)))
        if row.today is not None:
            today.append((row[:7], row.today))
    estimates = [(row[:7], row.month_to_date or Decimal(0)) for row in figures.estimates(db, calendar)]
    requests = [(row[:5], row.today) for row in figures.requests(db, calendar)]
    return [
        folding.family(catalog.TOKENS_TODAY, today),
        folding.family(catalog.TOKENS_MONTH_TO_DATE, month),
        folding.family(catalog.ESTIMATED_MONTH_TO_DATE_USD, estimates),
        folding.family(catalog.REQUESTS_TODAY, requests),
    ]


def _books(db: Connection) -> Iterable[Family]:
    money = catalog.RECOGNIZED_USD, catalog.REVERSED_USD
    tokens = catalog.TOKENS_RECOGNIZED, catalog.TOKENS_REVERSED
    samples: dict[str, list[Sample]] = {definition.name: [] for definition in (*money, *tokens)}
    for provider, account, counter, *amounts in figures.ledger(db):
        is_money = counter == "usd"
        labels = (provider, account) if is_money else (provider, account, counter)
        for definition, amount in zip(money if is_money else tokens, amounts, strict=True):
            samples[definition.name].append((labels, float(amount)))
    return [Family(definition, samples[definition.name]) for definition in (*money, *tokens)]


def _plain(db: Connection, calendar: Calendar, priced: Sequence[tuple[str, str]]) -> Iterable[Family]:
    previous = figures.previous_month(db, calendar)
    unpriced = figures.unpriced_tokens(db, calendar, priced)
    rates = [
        ((provider, account, window), float(rate))
        for window, days in BURN_WINDOWS.items()
        for provider, account, rate in figures.burn_rates(db, calendar, days)
    ]
    ratios = [((provider, account), float(ratio)) for provider, account, ratio in figures.reconciliation(db, calendar)]
    scopes = [(labels, 1.0) for labels in figures.scope_names(db)]
    return [
        Family(catalog.PREVIOUS_MONTH_USD, [(row[:4], float(row.whole)) for row in previous]),
        Family(catalog.PREVIOUS_MONTH_SAME_DAY_USD, [(row[:4], float(row.same_day or 0)) for row in previous]),
        Family(catalog.UNPRICED_TOKENS_MONTH_TO_DATE, [((p, model), float(n)) for p, model, n in unpriced]),
        Family(catalog.BURN_RATE_USD_PER_DAY, rates),
        Family(catalog.RECONCILIATION_RATIO, ratios),
        Family(catalog.SCOPE_INFO, scopes),
    ]


def _states(accounts: Iterable[AccountFigures], reports: Iterable[ReportFigures]) -> Iterable[Family]:
    samples: dict[str, list[Sample]] = {}

    def add(definition: Definition, labels: Labels, value: float | None) -> None:
        found = samples.setdefault(definition.name, [])
        if value is not None:
            found.append((labels, value))

    for a in accounts:
        who = (a.provider, a.account)
        tried = a.last_success_at is not None or a.consecutive_failures > 0
        add(catalog.ACCOUNT_INFO, (*who, a.name, a.team, a.category), 1.0)
        add(catalog.PROVIDER_UP, who, float(a.consecutive_failures == 0) if tried and not a.disabled else None)
        add(catalog.LAST_SUCCESS, who, a.last_success_at.timestamp() if a.last_success_at else None)
        # What is switched off on purpose must not keep an alert firing.
        add(catalog.CONSECUTIVE_FAILURES, who, None if a.disabled else float(a.consecutive_failures))
        add(catalog.LAST_DURATION, who, a.last_duration)
        add(catalog.LAST_FAILURE, (*who, a.failure_reason), 1.0 if a.failure_reason and not a.disabled else None)
    for r in reports:
        where = (r.provider, r.account, r.report)
        add(catalog.DATA_LATEST, where, r.latest_end.timestamp() if r.latest_end else None)
        add(catalog.DATA_SETTLED, where, r.settled_until.timestamp())
        add(catalog.BACKFILL_PROGRESS, where, r.progress)
    return [
        Family(definition, samples[definition.name]) for definition in catalog.PRODUCT if definition.name in samples
    ]
