"""What every test may ask for: a real Postgres, and a database of its own in it.

One rule: a test never sees another test's rows. Its database is cloned from a migrated template, about 20 ms each.
Set TEST_DATABASE_URL (an administrator's URL) to use a server of yours instead of the embedded one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from exporter.domain import Charge, Dimensions, Period, Source, Usage
from exporter.embedded import EmbeddedPostgres
from exporter.store import accounts, leases, partitions
from exporter.store.accounts import StoredAccount
from exporter.store.engine import open_engine, transaction
from exporter.store.facts import Counts
from exporter.store.leases import Lease
from exporter.store.migrate import upgrade
from exporter.store.staging import Stage
from exporter.store.windows import Pass, Reading, replace_window


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server on which databases may be created. For tests that are about the server itself."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield _text(make_url(given).set(drivername="postgresql+psycopg2"))
        return
    folder = tmp_path_factory.mktemp("postgres")
    with EmbeddedPostgres(folder, durable=False) as server:
        yield server.url
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def _admin(postgres: str) -> Iterator[Connection]:
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as db:
        yield db


@pytest.fixture(scope="session")
def _template(postgres: str, _admin: Connection) -> Iterator[str]:
    """A database migrated once. Nobody may connect to it afterwards, or it could not be cloned."""
    name = _create(_admin)
    upgrade(_url_of(postgres, name))
    _admin.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
    yield name
    _drop(_admin, name)


@pytest.fixture
def database_url(postgres: str, _admin: Connection, _template: str) -> Iterator[str]:
    """A fresh database with the whole schema and no rows."""
    name = _create(_admin, f'TEMPLATE "{_template}" STRATEGY wal_log')
    yield _url_of(postgres, name)
    _drop(_admin, name)


@pytest.fixture
def empty_database_url(postgres: str, _admin: Connection) -> Iterator[str]:
    """A fresh database without a schema."""
    name = _create(_admin)
    yield _url_of(postgres, name)
    _drop(_admin, name)


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """`program("promtool")` is its path. Without it the test is skipped, or fails where REQUIRE_SERVERS=1."""
    fetched = Path(__file__).parents[1] / ".tools" / "bin"

    def find(name: str) -> str:
        found = shutil.which(name, path=str(fetched)) or shutil.which(name)
        if found is None:
            missing = f"{name} is not here: tools/fetch-servers.sh can get it"
            (pytest.fail if os.environ.get("REQUIRE_SERVERS") == "1" else pytest.skip)(missing)
        return found

    return find


def _create(admin: Connection, options: str = "") -> str:
    name = f"test_{uuid4().hex[:12]}"
    admin.execute(text(f'CREATE DATABASE "{name}" {options}'))
    return name


def _drop(admin: Connection, name: str) -> None:
    # FORCE: a test's own forgotten connection is that test's business, not the next one's.
    admin.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


def _url_of(server: str, name: str) -> str:
    return _text(make_url(server).set(database=name))


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


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
