from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from exporter.domain import DAY, Charge, Dimensions, Name, Period, Source, Usage
from exporter.errors import StoreError
from exporter.metrics.health import Health
from exporter.publish import Publisher
from exporter.store import accounts, figures, leases, partitions, states
from exporter.store.accounts import StoredAccount
from exporter.store.database import Database
from exporter.store.facts import Counts
from exporter.store.staging import Stage
from exporter.store.states import Run
from exporter.store.windows import Pass, Reading, replace_window

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = Period(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))


@dataclass
class Shop:
    """A store with one account, and its publisher."""

    database: Database
    health: Health = field(default_factory=Health)
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.database.call(accounts.add, StoredAccount(id="acme", provider="openai", category="ai", name="Acme"))
        self.lease = self.database.call(leases.claim, "acme", "test", lasts=timedelta(hours=1))

    def publisher(self, **more) -> Publisher:
        ready = {"database": self.database, "health": self.health, "clock": lambda: self.now}
        return Publisher(**(ready | {"priced": [("openai", "usage")]} | more))

    def sell(self, *amounts: object, report: str = "costs", source: Source = Source.COST_API) -> None:
        """Today's charges become exactly these, one scope each."""
        stage = Stage(report)
        stage.next_page()
        rows = [
            Charge(TODAY, Dimensions("input", "tokens", model="m", scope=f"s{n}"), Decimal(str(amount)), "USD")
            for n, amount in enumerate(amounts)
        ]
        stage.add_charges(rows, source, lambda charge: charge.amount)
        self._replace(report, source, stage)

    def use(self, quantity: int, model: str = "m", **dimensions) -> None:
        """Today's usage becomes exactly this."""
        stage = Stage("usage")
        stage.next_page()
        filled = Dimensions(**({"meter": "input", "unit": "tokens", "model": model} | dimensions))
        stage.add_usage([Usage(TODAY, filled, Decimal(quantity))], Source.USAGE_API)
        self._replace("usage", Source.USAGE_API, stage)

    def _replace(self, report: str, source: Source, stage: Stage) -> None:
        self.database.call(partitions.ensure, TODAY)
        reading = Reading(
            report=report,
            source=source,
            window=TODAY,
            stage=stage,
            kind=Pass.RECENT,
            read_at=NOW,
            settled_until=TODAY.start - DAY,
            wanted_from=TODAY.start,
        )
        self.database.call(replace_window, self.lease, reading)
        stage.close()


def samples(publisher: Publisher, name: str) -> dict[tuple[str, ...], float]:
    """The values of one metric by its label values, in alphabetical order of the labels."""
    assert publisher.latest is not None
    parsed = text_string_to_metric_families(publisher.latest.rendered.text.identity.decode())
    found = [sample for family in parsed for sample in family.samples if sample.name == name]
    return {tuple(value for _, value in sorted(sample.labels.items())): sample.value for sample in found}


def total(publisher: Publisher, name: str) -> float:
    return sum(samples(publisher, name).values())


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    database = Database(database_url, connections=4)
    yield Shop(database)
    database.close()


async def test_what_is_in_the_store_is_in_the_bytes_in_every_form(shop):
    shop.sell("1.25", "-0.25")
    shop.use(3_000_000_000)
    publisher = shop.publisher()
    await publisher.publish()

    assert samples(publisher, "spend_today_usd") == {
        ("acme", "ai", "m", "openai", "s0", "api", ""): 1.25,
        ("acme", "ai", "m", "openai", "s1", "api", ""): -0.25,
    }
    assert total(publisher, "spend_month_to_date_usd") == 1
    assert samples(publisher, "spend_yesterday_usd") == {}
    assert total(publisher, "spend_tokens_today") == total(publisher, "spend_tokens_month_to_date") == 3e9
    assert samples(publisher, "spend_recognized_usd_total") == {("acme", "openai"): 1}
    assert samples(publisher, "spend_reversed_usd_total") == {("acme", "openai"): 0}
    assert samples(publisher, "spend_tokens_recognized_total") == {("acme", "openai", "input"): 3e9}
    assert samples(publisher, "spend_unpriced_tokens_month_to_date") == {("m", "openai"): 3e9}
    rendered = publisher.latest.rendered
    assert gzip.decompress(rendered.text.gzip) == rendered.text.identity
    assert b"spend_recognized_usd_total" in rendered.openmetrics.identity


async def test_a_store_without_figures_is_published_too(shop):
    publisher = shop.publisher()
    await publisher.publish()

    assert samples(publisher, "spend_today_usd") == {}
    assert samples(publisher, "spend_exporter_database_up") == {(): 1}
    assert [account.account for account in publisher.latest.accounts] == ["acme"]


async def test_requests_names_and_the_state_of_an_account_are_published(shop):
    shop.use(7, meter="requests", unit="requests")
    shop.database.call(accounts.set_names, "acme", [Name("scope", "p", "Project")])
    run = Run(
        account="acme",
        trigger="schedule",
        holder="me",
        started_at=NOW - timedelta(seconds=4),
        finished_at=NOW,
        pages=1,
        counts=Counts(),
    )
    shop.database.call(states.record_run, run)
    publisher = shop.publisher()
    await publisher.publish()
    text_ = publisher.latest.rendered.text.identity.decode()

    assert total(publisher, "spend_requests_today") == 7
    assert 'name="Acme"' in text_
    assert "Project" in text_
    assert [report.report for report in publisher.latest.reports] == ["usage"]


async def test_an_account_that_never_ran_is_neither_up_nor_down_and_a_failed_one_is_down(shop):
    publisher = shop.publisher()
    await publisher.publish()
    assert samples(publisher, "spend_provider_up") == {}
    run = Run(
        account="acme",
        trigger="schedule",
        holder="me",
        started_at=NOW,
        finished_at=NOW,
        pages=0,
        counts=Counts(),
        reason="try_later",
        sentence="Busy.",
    )
    shop.database.call(states.record_run, run)
    await publisher.publish()
    assert samples(publisher, "spend_provider_up") == {("acme", "openai"): 0}
    assert b'reason="try_later"' in publisher.latest.rendered.text.identity


async def test_without_a_database_the_last_figures_stay_and_say_so(shop, monkeypatch):
    shop.sell(5)
    publisher = shop.publisher()
    await publisher.publish()
    real, shop.now = Database.call, NOW + timedelta(minutes=5)

    def down(*_args, **_kwargs):
        raise StoreError("can't reach the database")

    monkeypatch.setattr(Database, "call", down)
    await publisher.publish()
    assert total(publisher, "spend_today_usd") == 5
    assert samples(publisher, "spend_exporter_database_up") == {(): 0}
    assert publisher.latest.rendered.taken_at == NOW
    assert [account.account for account in publisher.latest.accounts] == ["acme"]

    monkeypatch.setattr(Database, "call", real)
    await publisher.publish()
    assert samples(publisher, "spend_exporter_database_up") == {(): 1}
    assert publisher.latest.rendered.taken_at == shop.now


async def test_a_database_that_was_never_there_publishes_nothing(shop, monkeypatch):
    def down(*_args, **_kwargs):
        raise StoreError("can't reach the database")

    monkeypatch.setattr(Database, "call", down)
    publisher = shop.publisher()
    await publisher.publish()

    assert publisher.latest is None


async def test_every_figure_of_a_publication_is_of_the_same_moment(shop, monkeypatch):
    """A writer commits between the first query and the last: the publication shows the state before it, whole."""
    shop.sell(5)
    real = figures.ledger
    wrote = threading.Event()

    def ledger_after_a_writer(db):
        writer = threading.Thread(target=lambda: (shop.sell(100), wrote.set()))
        writer.start()
        assert wrote.wait(20)
        writer.join()
        return real(db)

    publisher = shop.publisher()
    with monkeypatch.context() as patch:
        patch.setattr(figures, "ledger", ledger_after_a_writer)
        await publisher.publish()
    assert total(publisher, "spend_today_usd") == total(publisher, "spend_recognized_usd_total") == 5

    await publisher.publish()
    assert total(publisher, "spend_today_usd") == total(publisher, "spend_recognized_usd_total") == 100


async def test_a_publication_can_not_write(shop, monkeypatch):
    def writes(db):
        db.execute(text("DELETE FROM alembic_version"))
        return []

    monkeypatch.setattr(figures, "ledger", writes)
    publisher = shop.publisher()
    await publisher.publish()

    assert publisher.latest is None  # refused by Postgres, said like any fault of the database


async def test_what_is_over_the_cap_is_folded_and_the_sum_stays_exact(shop):
    amounts = [Decimal(n) + Decimal("0.125") for n in range(20)]
    shop.sell(*amounts)
    publisher = shop.publisher(cap=5)
    await publisher.publish()
    today = samples(publisher, "spend_today_usd")

    assert len(today) == 6
    assert today["acme", "ai", "other", "openai", "other", "api", ""] == float(sum(amounts[:15]))
    assert sum(today.values()) == float(sum(amounts))
    assert samples(publisher, "spend_exporter_series_folded")["spend_today_usd",] == 15


async def test_a_series_that_is_kept_gives_way_only_to_a_clearly_larger_one(shop):
    shop.sell(10, 9)
    publisher = shop.publisher(cap=1)
    await publisher.publish()
    shop.sell(10, 11)
    await publisher.publish()
    assert any("s0" in labels for labels in samples(publisher, "spend_today_usd"))

    shop.sell(10, 20)
    await publisher.publish()
    assert any("s1" in labels for labels in samples(publisher, "spend_today_usd"))


async def test_several_askers_get_one_publication(shop, monkeypatch):
    publisher = shop.publisher(interval=timedelta(hours=1))
    count = 0
    real = Publisher.publish

    async def counted(self):
        nonlocal count
        count += 1
        await real(self)

    monkeypatch.setattr(Publisher, "publish", counted)
    serving = asyncio.create_task(publisher.serve())
    while publisher.latest is None:
        await asyncio.sleep(0.01)
    first = publisher.latest
    for _ in range(10):
        await publisher.ask()
    while publisher.latest is first:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    serving.cancel()

    assert count == 2


async def test_an_ask_during_a_publication_is_not_lost(shop):
    publisher = shop.publisher(interval=timedelta(hours=1))
    serving = asyncio.create_task(publisher.serve())
    await asyncio.sleep(0)  # the first publication is under way
    await publisher.ask()
    async with asyncio.timeout(20):
        while publisher.latest is None:
            await asyncio.sleep(0.001)  # a loop without a pause would keep the interpreter from the publisher's thread
        first = publisher.latest
        while publisher.latest is first:
            await asyncio.sleep(0.01)
    serving.cancel()


async def test_it_publishes_at_least_once_per_interval(shop):
    publisher = shop.publisher(interval=timedelta(seconds=0.05))
    serving = asyncio.create_task(publisher.serve())
    seen = set()
    async with asyncio.timeout(20):
        while len(seen) < 3:
            seen.add(id(publisher.latest))
            await asyncio.sleep(0.01)
    serving.cancel()


async def test_what_one_topic_breaks_is_missing_and_the_money_is_published(shop, monkeypatch, caplog):
    def broken(*_):
        raise OverflowError("date value out of range")

    monkeypatch.setattr("exporter.publish.budgets.families", broken)
    shop.sell("1.25")
    publisher = shop.publisher()
    await publisher.publish()

    assert total(publisher, "spend_today_usd") == 1.25
    assert "budgets could not be published; the rest is" in caplog.text
