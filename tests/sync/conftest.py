"""A provider without HTTP: its reports are plain generators over rows that a test writes down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import pytest
from sqlalchemy import text

from exporter.domain import DAY, HOUR, Account, Charge, Dimensions, Name, Period, Source, Usage
from exporter.metrics.health import Health
from exporter.pricing import NoList
from exporter.providers.base import Page, Provider, Report
from exporter.store import accounts, leases
from exporter.store.accounts import StoredAccount
from exporter.store.database import Database
from exporter.sync.prices import Valuer
from exporter.sync.run import AccountRun
from exporter.sync.scheduler import Scheduler

NOW = datetime(2026, 3, 20, 10, tzinfo=UTC)


class Connection:
    """Stands for the client: opened and closed, nothing else."""

    def __init__(self, account: Account) -> None:
        self.account, self.is_open = account, False

    async def __aenter__(self) -> Self:
        self.is_open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_open = False


@dataclass
class Fake:
    """The provider's side.

    `asked` lists (account, report, window); `faults` raise or await before a report answers.
    """

    daily: dict[str, Decimal] = field(default_factory=lambda: {"usage": Decimal(100), "costs": Decimal("1.5")})
    currency: str = "USD"
    model: str = "m"
    asked: list[tuple[str, str, Period]] = field(default_factory=list)
    faults: dict[str, Callable[[str, Period], Any]] = field(default_factory=dict)
    names: list[Name] = field(default_factory=list)
    names_fault: Exception | None = None
    names_asked: int = 0
    refreshed_at: datetime | None = None

    def windows(self, report: str, account: str = "acme") -> list[Period]:
        return [window for who, what, window in self.asked if (who, what) == (account, report)]

    def report(self, name: str, source: Source, **more: Any) -> Report:
        async def fetch(client: Any, account: Account, window: Period) -> AsyncIterator[Page]:
            assert client.is_open
            self.asked.append((account.id, name, window))
            if fault := self.faults.get(f"{account.id} {name}") or self.faults.get(name):
                answer = fault(account.id, window)
                if answer is not None:
                    await answer
            for day in window.split(DAY):
                yield self._page(name, source, Period(day.start, day.end))

        return Report(name=name, source=source, fetch=fetch, **more)

    def _page(self, name: str, source: Source, day: Period) -> Page:
        amount = self.daily[name]
        dimensions = Dimensions("input", "tokens", model=self.model)
        if source is Source.COST_API:
            return Page(charges=[Charge(day, dimensions, amount, self.currency)], refreshed_at=self.refreshed_at)
        return Page(usage=[Usage(day, dimensions, amount)], unknown_fields=frozenset({"new_field"}))

    def provider(self, *reports: Report, name: str = "fake") -> Provider:
        async def check(client: Any, account: Account) -> str:
            raise NotImplementedError

        async def discover(client: Any, account: Account) -> list[Name]:
            self.names_asked += 1
            if self.names_fault:
                raise self.names_fault
            return self.names

        return Provider(
            name=name,
            title="Fake",
            category="ai",
            base_url="http://127.0.0.1",
            credentials=(),
            authenticate=lambda _: {},
            reports=reports or self.both(),
            check=check,
            discover=discover,
        )

    def both(self) -> tuple[Report, ...]:
        """Money first, to prove that usage is read first all the same."""
        return (self.report("costs", Source.COST_API), self.report("usage", Source.USAGE_API, priced=True))


@dataclass
class World:
    """One database, one fake provider, one clock, and what a replica is made of."""

    database: Database
    fake: Fake
    now: datetime = NOW
    days: int = 40
    overrides: list[Any] = field(default_factory=list)
    health: Health = field(default_factory=Health)
    providers: dict[str, Provider] = field(default_factory=dict)
    published: int = 0
    filled: int = 0
    valuer: Valuer = field(init=False)

    def __post_init__(self) -> None:
        self.providers = {"fake": self.fake.provider()}
        self.valuer = self.new_valuer()

    def new_valuer(self, catalogue: Any = None) -> Valuer:
        valuer = Valuer(catalogue=catalogue or NoList(), lists={}, overrides=self.overrides)
        valuer.load([], [])
        return valuer

    def use(self, *reports: Report) -> None:
        self.providers = {"fake": self.fake.provider(*reports)}

    def clock(self) -> datetime:
        return self.now

    def account(self, id_: str = "acme", **more: Any) -> None:
        self.database.call(accounts.add, StoredAccount(id=id_, **({"provider": "fake"} | more)))

    async def _publish(self) -> None:
        self.published += 1

    async def _filled(self) -> None:
        self.filled += 1

    def scheduler(self, database: Database | None = None, **more: Any) -> Scheduler:
        ready = {
            "database": database or self.database,
            "providers": self.providers,
            "resolve": lambda stored: Account(stored.id, stored.provider),
            "open_client": lambda _, account: Connection(account),
            "valuer": self.valuer,
            "health": self.health,
            "clock": self.clock,
            "holder": "me",
            "backfill_days": self.days,
            "published": self._publish,
            "dice": lambda: 0.0,
        }
        return Scheduler(**(ready | more))

    async def run(self, id_: str = "acme", **more: Any) -> AccountRun:
        """An account run with a lease of its own, client open."""
        lease = self.database.call(leases.claim, id_, "me", lasts=HOUR)
        assert lease is not None
        account = Account(id_, "fake")
        client = Connection(account)
        await client.__aenter__()
        ready = {
            "database": self.database,
            "lease": lease,
            "account": account,
            "provider": self.providers["fake"],
            "client": client,
            "valuer": self.valuer,
            "health": self.health,
            "clock": self.clock,
            "days": self.days,
            "fresh": self._publish,
            "filled": self._filled,
        }
        return AccountRun(**(ready | more))

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.database.call(lambda db: [tuple(row) for row in db.execute(text(statement))])

    def do(self, statement: str) -> None:
        self.database.call(lambda db: db.execute(text(statement)))

    def one(self, statement: str) -> Any:
        [(value,)] = self.rows(statement)
        return value

    def pass_time(self, by: timedelta) -> None:
        """Of the replica's clock, and of the database's due times."""
        self.now += by
        self.do(f"UPDATE sync_state SET due_at = due_at - interval '{by.total_seconds()} s'")

    def report(self, name: str, **changes: Any) -> Report:
        """One of the two ordinary reports, changed."""
        [found] = [report for report in self.fake.both() if report.name == name]
        return replace(found, **changes)


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    database = Database(database_url, connections=6)
    yield World(database, Fake())
    database.close()
