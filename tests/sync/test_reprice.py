"""Re-pricing beyond what the command line's tests see: a lost lease, and rows that are not priced usage."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from exporter.config import PriceOverride
from exporter.domain import DAY, Charge, Dimensions, Period, Source, Usage
from exporter.errors import LeaseLost
from exporter.fx import Rates
from exporter.pricing import NoList, PriceBook
from exporter.providers.base import Report
from exporter.store import accounts, leases, partitions, stored, windows
from exporter.store.accounts import StoredAccount
from exporter.store.database import Database
from exporter.store.staging import Stage
from exporter.store.windows import Pass, Reading
from exporter.sync.reading import Valuation
from exporter.sync.reprice import reprice_window

WINDOW = Period.of_day(date(2026, 10, 31))
MONTH = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
TAGGED = Dimensions("input", "tokens", "m", "s", "k", "batch", (("a", "1"), ("b", 'ü"\t')))
LEASTS = timedelta(minutes=1)


async def _nothing(*_):
    yield


REPORT = Report(name="both", source=Source.COST_API, fetch=_nothing, priced=True)


def value(price: str) -> Valuation:
    book = PriceBook(NoList(), overrides=[PriceOverride("p", "m", "input", Decimal(price))])
    return Valuation(book, Rates.of((), {}))


@pytest.fixture
def database(database_url):
    database = Database(database_url, connections=2)
    database.call(partitions.ensure, MONTH)
    database.call(accounts.add, StoredAccount(id="a", provider="p"))
    yield database
    database.close()


@pytest.fixture
def lease(database):
    """An account whose one report states money and usage, of which the usage was priced at 2."""
    lease = database.call(leases.claim, "a", "test", lasts=LEASTS)
    stage = Stage("both")
    stage.next_page()
    stage.add_usage([Usage(WINDOW, TAGGED, Decimal(3))], Source.USAGE_API)
    stage.add_charges([Charge(WINDOW, TAGGED, Decimal(9), "EUR")], Source.COST_API, lambda _: Decimal("9.9"))
    stage.add_charges([Charge(WINDOW, TAGGED, Decimal(6), "USD")], Source.PRICED_USAGE, lambda c: c.amount)
    now = WINDOW.end
    reading = Reading(report="both", source=Source.COST_API, window=WINDOW, stage=stage, kind=Pass.RECENT, read_at=now,
                      settled_until=now - DAY, wanted_from=now - DAY)  # fmt: skip
    database.call(windows.replace_window, lease, reading)
    stage.close()
    return lease


def charges(database):
    return database.call(
        lambda db: [
            tuple(r) for r in db.execute(text("SELECT source, currency, amount, amount_usd FROM charges ORDER BY 1"))
        ]
    )


def test_stated_money_beside_it_stays_with_the_dollars_of_its_day(database, lease):
    counts = database.call(reprice_window, lease, "p", REPORT, MONTH, value("5"))
    assert (counts.updated, counts.unchanged, counts.inserted, counts.deleted) == (1, 1, 0, 0)
    assert charges(database) == [("cost_api", "EUR", 9, Decimal("9.9")), ("priced_usage", "USD", 15, 15)]
    assert database.call(stored.estimates_by_month, "a") == {date(2026, 10, 1): 15}


def test_the_larger_estimate_counts_until_the_bill_is_settled(database, lease):
    database.call(reprice_window, lease, "p", REPORT, MONTH, value("5"))
    best = database.call(lambda db: db.execute(text("SELECT source, amount_usd FROM best_days")).one())
    assert tuple(best) == ("priced_usage", 15)


def test_usage_that_lost_its_price_loses_its_estimate(database, lease):
    unpriced = Valuation(PriceBook(NoList()), Rates.of((), {}))
    assert database.call(reprice_window, lease, "p", REPORT, MONTH, unpriced).deleted == 1
    assert [row[0] for row in charges(database)] == ["cost_api"]


def test_a_lost_lease_writes_nothing(database, lease):
    before = charges(database)
    database.call(leases.release, lease, due_in=timedelta(0))
    assert database.call(leases.claim, "a", "another", lasts=LEASTS) is not None
    with pytest.raises(LeaseLost):
        database.call(reprice_window, lease, "p", REPORT, MONTH, value("5"))
    assert charges(database) == before


def test_what_is_read_back_is_what_went_in(database, lease):
    assert database.call(lambda db: list(stored.usage(db, "a", "both", MONTH))) == [Usage(WINDOW, TAGGED, Decimal(3))]
    assert database.call(stored.extent, "a", "both") == WINDOW
    assert database.call(stored.extent, "a", "nothing") is None
