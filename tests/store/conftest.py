"""Helpers for everything under test in the store: one object that reads reports into a database and looks inside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from exporter.domain import Charge, Dimensions, Period, Source, Usage
from exporter.store import accounts, leases, partitions
from exporter.store.accounts import StoredAccount
from exporter.store.engine import open_engine, transaction
from exporter.store.facts import Counts
from exporter.store.leases import Lease
from exporter.store.staging import Stage
from exporter.store.windows import Pass, Reading, replace_window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Pages = Sequence[Sequence[Any]]


class Books:
    """A database as a test sees it."""

    start = datetime(2026, 3, 1, tzinfo=UTC)

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def account(self, id_: str = "acme", **more: Any) -> Lease:
        """A new account, claimed."""
        with transaction(self.engine) as db:
            accounts.add(db, StoredAccount(id=id_, **({"provider": "openai", "category": "ai"} | more)))
            lease = leases.claim(db, id_, "test", lasts=timedelta(hours=1))
        assert lease is not None
        return lease

    def moment(self, day: float, hour: float = 0) -> datetime:
        """Days and hours after the start."""
        return self.start + timedelta(days=day, hours=hour)

    def window(self, first: float, end: float) -> Period:
        """From one day to another."""
        return Period(self.moment(first), self.moment(end))

    def usage(self, day: float, quantity: object, *, hours: float = 24, **dimensions: Any) -> Usage:
        """Tokens of a day, or of some hours."""
        period = Period(self.moment(day), self.moment(day, hours))
        return Usage(period, Dimensions(**({"meter": "input", "unit": "tokens"} | dimensions)), Decimal(str(quantity)))

    def charge(self, day: float, amount: object, currency: str = "USD", *, days: int = 1, **dimensions: Any) -> Charge:
        """Money of a day, or of several."""
        period = self.window(day, day + days)
        filled = Dimensions(**({"meter": "gpt-5, input", "unit": "tokens"} | dimensions))
        return Charge(period, filled, Decimal(str(amount)), currency)

    def reading(
        self,
        report: str,
        source: Source,
        window: Period,
        *,
        usage: Pages = (),
        charges: Pages = (),
        money: Source | None = None,
        usd: Callable[[Charge], Decimal] = lambda charge: charge.amount,
        **more: Any,
    ) -> Reading:
        """A staged reading. `usage` and `charges` are pages of rows."""
        stage = Stage(report)
        for page in range(max(len(usage), len(charges))):
            stage.next_page()
            stage.add_usage(usage[page] if page < len(usage) else (), source)
            stage.add_charges(charges[page] if page < len(charges) else (), money or source, usd)
        known = {"kind": Pass.RECENT, "read_at": window.end, "settled_until": EPOCH, "wanted_from": window.start}
        return Reading(report=report, source=source, window=window, stage=stage, **(known | more))

    def read(self, lease: Lease, report: str, source: Source, window: Period, **more: Any) -> Counts:
        """Stage and replace, in a transaction of its own."""
        with transaction(self.engine) as db:
            partitions.ensure(db, window)
        reading = self.reading(report, source, window, **more)
        try:
            with transaction(self.engine) as db:
                return replace_window(db, lease, reading)
        finally:
            reading.stage.close()

    def costs(self, lease: Lease, window: Period, *charges: Charge, **more: Any) -> Counts:
        """The provider's own cost report, on one page."""
        return self.read(lease, "costs", Source.COST_API, window, charges=[charges], **more)

    def estimates(self, lease: Lease, window: Period, *charges: Charge, **more: Any) -> Counts:
        """What usage was priced at, on one page."""
        more = {"money": Source.PRICED_USAGE} | more
        return self.read(lease, "usage", Source.USAGE_API, window, charges=[charges], **more)

    def tokens(self, lease: Lease, window: Period, *usage: Usage, **more: Any) -> Counts:
        """The provider's usage report, on one page."""
        return self.read(lease, "usage", Source.USAGE_API, window, usage=[usage], **more)

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """One store function in one transaction."""
        with transaction(self.engine) as db:
            return function(db, *args, **kwargs)

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with transaction(self.engine) as db:
            return [tuple(row) for row in db.execute(text(statement), parameters)]

    def one(self, statement: str, **parameters: Any) -> Any:
        """The one value that a query finds."""
        [(value,)] = self.rows(statement, **parameters)
        return value

    def dump(self, db: Connection | None = None) -> dict[str, list[tuple[Any, ...]]]:
        """Everything a replacement may change, row versions included."""
        if db is None:
            with transaction(self.engine) as own:
                return self.dump(own)
        return {table: _all_of(db, table) for table in _TABLES}


_TABLES = ("usage", "charges", "daily_usage", "daily_charges", "best_days", "ledger", "report_state", "sync_state")


def _all_of(db: Connection, table: str) -> list[tuple[Any, ...]]:
    rows: Iterable[Any] = db.execute(text(f"SELECT t.tableoid::text, t.ctid::text, t.xmin::text, t.* FROM {table} t"))
    return sorted((tuple(row) for row in rows), key=repr)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def books(engine: Engine) -> Books:
    return Books(engine)
