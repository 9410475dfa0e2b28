"""Budget metrics: from the store to the sample, absent where nothing is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from exporter.analytics.budget import Outlook
from exporter.budgets import Basis, Budget, Length, Level
from exporter.domain import DAY, Charge, Dimensions, Period, Source
from exporter.metrics.health import Health
from exporter.publish import Publisher
from exporter.publish import budgets as publish_budgets
from exporter.store import accounts, budgets, leases, partitions
from exporter.store.accounts import StoredAccount
from exporter.store.database import Database
from exporter.store.staging import Stage
from exporter.store.windows import Pass, Reading, replace_window

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
BUDGET = Budget(id="b", amount=Decimal(1000), levels=(Level("warning", Decimal(70)),))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, connections=2)
    yield database
    database.close()


def charged(database: Database, amount: object, first: datetime, days: int) -> None:
    """So much on each of some days."""
    database.call(accounts.add, StoredAccount(id="acme", provider="openai", team="core"))
    lease = database.call(leases.claim, "acme", "test", lasts=timedelta(hours=1))
    window = Period(first, first + days * DAY)
    database.call(partitions.ensure, window)
    stage = Stage("costs")
    stage.next_page()
    rows = [Charge(day, Dimensions("m", "u"), Decimal(str(amount)), "USD") for day in window.split(DAY)]
    stage.add_charges(rows, Source.COST_API, lambda charge: charge.amount)
    reading = Reading(report="costs", source=Source.COST_API, window=window, stage=stage, kind=Pass.RECENT,
                      read_at=NOW, settled_until=first, wanted_from=first)  # fmt: skip
    database.call(replace_window, lease, reading)
    stage.close()


def published(database: Database, rates=None, outlooks=None, now: datetime = NOW) -> dict[str, dict]:
    found = database.call(publish_budgets.families, now, rates or {}, outlooks or {})
    return {family.definition.name.removeprefix("spend_budget_"): dict(family.samples) for family in found}


def test_a_budget_as_metrics(database):
    charged(database, 100, datetime(2026, 2, 20, tzinfo=UTC), 19)  # to the tenth of March
    database.call(budgets.add, replace(BUDGET, name="Everything", team="core"))
    found = published(database)
    assert found == {
        "limit_usd": {("b",): 1000},
        "spent_usd": {("b",): 1000},
        "threshold_ratio": {("b", "warning", "actual"): 0.7},
        "threshold_usd": {("b", "warning", "actual"): 700},
        "burn_rate_usd_per_day": {("b", "7d"): 100, ("b", "30d"): 100},
        "at_this_rate_usd": {("b",): 3100},
        "period_start_timestamp_seconds": {("b",): datetime(2026, 3, 1, tzinfo=UTC).timestamp()},
        "period_end_timestamp_seconds": {("b",): datetime(2026, 4, 1, tzinfo=UTC).timestamp()},
        "exhaustion_timestamp_seconds": {("b",): datetime(2026, 3, 10, tzinfo=UTC).timestamp()},
        "info": {("b", "Everything", "core", "", "", "month", "UTC", "USD", ""): 1},
    }


def test_what_is_not_known_is_absent(database):
    database.call(budgets.add, BUDGET)
    database.call(budgets.add, replace(BUDGET, id="euro", currency="EUR"))
    later = replace(BUDGET, id="later", period="custom", start=date(2027, 1, 1), length=Length(30, "days"))
    database.call(budgets.add, later)
    found = published(database)
    assert found["limit_usd"] == {("b",): 1000}
    assert not {"spent_usd", "forecast_usd", "at_this_rate_usd", "exhaustion_timestamp_seconds"} & found.keys()
    assert len(found["info"]) == 3
    assert set(found["period_end_timestamp_seconds"]) == {("b",), ("euro",)}
    assert published(database, {"EUR": Decimal("1.5")})["limit_usd"][("euro",)] == 1500


def test_a_forecast_is_published_when_given(database):
    charged(database, 1, datetime(2026, 3, 1, tzinfo=UTC), 10)
    forecast = Level("soon", Decimal(100), basis=Basis.FORECAST)
    database.call(budgets.add, replace(BUDGET, levels=(forecast,)))
    found = published(database, outlooks={"b": Outlook(Decimal(1200), (Decimal(1000),))})
    assert found["forecast_usd"] == {("b",): 1200}
    assert found["threshold_usd"] == {("b", "soon", "forecast"): 1000}
    assert found["exhaustion_timestamp_seconds"][("b",)] > NOW.timestamp()


def test_the_first_hours_of_a_period_in_a_zone_ahead_of_the_day(database):
    charged(database, 24, datetime(2026, 3, 31, tzinfo=UTC), 2)
    database.call(budgets.add, replace(BUDGET, time_zone="Europe/Berlin"))
    found = published(database, now=datetime(2026, 3, 31, 22, 30, tzinfo=UTC))
    assert found["spent_usd"] == {("b",): 2}  # of the last day of March: its last two hours


async def test_they_are_on_the_page(database):
    database.call(budgets.add, replace(BUDGET, currency="EUR"))
    publisher = Publisher(database=database, health=Health(), clock=lambda: NOW, priced=[])
    publisher.fixed_rates = {"EUR": Decimal("1.1")}
    await publisher.publish()
    assert publisher.latest is not None
    assert b'spend_budget_limit_usd{budget="b"} 1100.0' in publisher.latest.rendered.text.identity
