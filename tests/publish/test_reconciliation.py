"""What the books say of a month, side by side, and the difference that is published."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from exporter.analytics.months import Days, Kind
from exporter.analytics.reconcile import reconcile
from exporter.domain import Source
from exporter.metrics.health import Health
from exporter.publish import Publisher
from exporter.publish import reconciliation as publish
from exporter.store import accounts, invoices, leases
from exporter.store.database import Database
from exporter.store.invoices import Invoice

MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
NOW = datetime(2026, 5, 12, tzinfo=UTC)
PRICED = [("openai", "usage")]


@pytest.fixture
def acme(books):
    """Two months of bills at 90 % of list prices, settled until the 21st of April."""
    lease = books.account()
    books.estimates(lease, books.window(0, 61), *(books.charge(day, 10, model="gpt-5") for day in range(61)))
    billed = [books.charge(day, 9, model="gpt-5") for day in range(61) if day not in {3, 4}]
    books.costs(lease, books.window(0, 61), *billed, settled_until=books.moment(51))
    books.run(leases.release, lease, due_in=timedelta(0))
    return books


def enter(books, amount: int, month: date = MARCH, account: str = "acme", currency: str = "USD") -> None:
    money = Decimal(amount)
    invoice = Invoice(account=account, month=month, amount=money, currency=currency, usd=money)
    books.run(invoices.add, invoice, "test", replace=True)


def months(books, since: date = MARCH, end: date = MAY, account: str = "") -> list:
    return books.run(publish.months, since, end, NOW, PRICED, account)


def published(books) -> dict:
    return {
        family.definition.name: dict(family.samples) for family in books.run(publish.families, NOW) if family.samples
    }


def test_a_month_side_by_side(acme):
    enter(acme, 310, currency="EUR")
    march, april = months(acme)
    assert (march.account, march.provider, march.month, march.over, march.settled) == (
        "acme", "openai", MARCH, True, True,
    )  # fmt: skip
    assert (march.billed, march.estimated, march.invoiced, march.entered) == (29 * 9, 310, 310, None)
    assert (march.billed_only_days, march.estimated_only_days, march.compared) == (0, 2, (29 * 9, 290))
    assert (march.billed_from, march.currency) == (MARCH, "EUR")
    assert (april.settled, april.billed, april.invoiced, april.compared) == (False, 270, None, (20 * 9, 200))
    assert {part.days: part.estimated for part in april.parts if part.estimated} == {
        Days.BOTH: 200, Days.UNSETTLED: 100,
    }  # fmt: skip


def test_every_dollar_of_stored_months_is_explained(acme):
    march, april = reconcile(months(acme))
    assert {cause.kind: cause.usd for cause in march.causes} == {Kind.MISSING_DAYS: -20, Kind.PRICE_DIFFERENCE: -29}
    assert march.bill_difference == -49
    assert {cause.kind: cause.usd for cause in april.causes} == {Kind.NOT_SETTLED: -10, Kind.PRICE_DIFFERENCE: -20}
    assert (april.ratio, april.drift) == (Decimal("0.9"), 0)


def test_credits_and_meters_and_typed_in_money(books):
    lease = books.account()
    day = books.window(0, 1)
    books.estimates(lease, day, books.charge(0, 10, model="gpt-5"))
    credit = books.charge(0, -4, meter="credit", unit="", scope="p")
    seats = books.charge(0, 7, meter="seats", unit="")
    books.costs(lease, day, books.charge(0, 10, model="gpt-5"), credit, seats, settled_until=books.moment(40))
    books.read(lease, "typed", Source.MANUAL, day, charges=[[books.charge(0, 3)]])
    [verdict] = reconcile(months(books))
    assert verdict.month.entered == 3
    assert {cause.kind: cause.usd for cause in verdict.causes} == {Kind.CREDITS: -4, Kind.NO_USAGE_REPORT: 7}


def test_tokens_without_a_price(books):
    lease = books.account()
    tokens = [books.usage(0, 500, model="new"), books.usage(1, 20, model="new"), books.usage(1, 9, model="other")]
    books.tokens(lease, books.window(0, 2), *tokens)
    books.costs(lease, books.window(0, 1), books.charge(0, 3, model="new"), settled_until=books.moment(40))
    [month] = months(books)
    assert month.unpriced == (("new", 520), ("other", 9))
    assert books.run(publish.months, MARCH, MAY, NOW, [("openai", "another")], "")[0].unpriced == ()


def test_without_a_cost_report_no_day_waits_for_a_bill(books):
    books.estimates(books.account(), books.window(0, 2), books.charge(0, 10), books.charge(1, 10))
    [month] = months(books)
    assert (month.settled, month.billed, month.estimated_only_days, month.compared) == (True, None, 0, None)
    assert reconcile([month])[0].causes == ()


def test_only_the_wanted_months_and_account(acme):
    acme.run(leases.release, acme.account("other"), due_in=timedelta(0))
    enter(acme, 5, account="other")
    assert [(m.account, m.month) for m in months(acme)] == [("acme", MARCH), ("acme", APRIL), ("other", MARCH)]
    assert [m.month for m in months(acme, MARCH, APRIL, "acme")] == [MARCH]
    [other] = months(acme, account="other")
    assert (other.invoiced, other.billed, other.parts, other.settled) == (5, None, (), True)


def test_the_newest_invoice_less_the_bill_of_its_month(acme):
    assert published(acme) == {}
    enter(acme, 300)
    assert published(acme) == {"spend_invoice_difference_usd": {("openai", "acme"): 300 - 261}}
    enter(acme, 250, APRIL)
    assert published(acme) == {"spend_invoice_difference_usd": {("openai", "acme"): 250 - 270}}


def test_without_a_bill_of_that_month_there_is_no_difference(acme):
    enter(acme, 300)
    enter(acme, 300, MAY)
    acme.run(leases.release, acme.account("other"), due_in=timedelta(0))
    enter(acme, 300, account="other")
    assert published(acme) == {}


def test_a_removed_account_is_not_published(acme):
    enter(acme, 300)
    acme.run(accounts.remove, "acme")
    assert published(acme) == {}


async def test_it_is_on_the_page(acme, database_url):
    enter(acme, 300)
    database = Database(database_url, connections=2)
    publisher = Publisher(database=database, health=Health(), clock=lambda: NOW, priced=[])
    await publisher.publish()
    database.close()
    assert publisher.latest is not None
    assert (
        b'spend_invoice_difference_usd{account="acme",provider="openai"} 39.0'
        in publisher.latest.rendered.text.identity
    )
