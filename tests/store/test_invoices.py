"""Entered invoices: charges like any other, so shares, the choice of source and the ledger follow."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from exporter.domain import Period
from exporter.errors import ConfigError
from exporter.store import invoices, leases, retention
from exporter.store.engine import transaction
from exporter.store.invoices import Invoice, Weight

MARCH = date(2026, 3, 1)
SPEND = "SELECT source, count(*), sum(amount_usd) FROM best_charges GROUP BY 1 ORDER BY 1"
LEDGER = "SELECT recognized, reversed FROM ledger WHERE counter = 'usd'"


def invoice(amount: object, month: date = MARCH, **more) -> Invoice:
    usd = Decimal(str(amount))
    return Invoice(**({"account": "acme", "month": month, "amount": usd, "currency": "USD", "usd": usd} | more))


@pytest.fixture
def acme(books):
    """An account that nobody is syncing."""
    lease = books.account()
    books.run(leases.release, lease, due_in=timedelta(hours=1))
    return books


def enter(books, entered: Invoice, **more) -> None:
    books.run(invoices.add, entered, "test", **more)


def claimed(books):
    return books.run(leases.claim, "acme", "test", lasts=timedelta(hours=1))


def consistent(books) -> bool:
    [(spent,)] = books.rows("SELECT coalesce(sum(amount_usd), 0) FROM best_days")
    [(charged,)] = books.rows("SELECT coalesce(sum(amount_usd), 0) FROM best_charges")
    [(booked,)] = books.rows("SELECT coalesce(sum(recognized - reversed), 0) FROM ledger WHERE counter = 'usd'")
    return bool(spent == charged == booked)


@pytest.mark.parametrize(("month", "days"), [(date(2026, 2, 1), 28), (MARCH, 31), (date(2026, 4, 1), 30)])
def test_a_month_counts_in_equal_shares_that_add_up_exactly(acme, month, days):
    enter(acme, invoice(100, month))
    shares = [usd for (usd,) in acme.rows("SELECT amount_usd FROM best_charges ORDER BY day")]
    assert len(shares) == days
    assert sum(shares) == 100
    assert len(set(shares[:-1])) == 1
    assert max(shares) - min(shares) < Decimal("0.000000001")
    assert acme.rows("SELECT min(day), max(day) FROM best_days") == [(month, month + timedelta(days - 1))]
    assert acme.rows(LEDGER) == [(100, 0)]
    assert consistent(acme)


def test_neighbouring_months_do_not_touch_each_other(acme):
    enter(acme, invoice(62, date(2026, 1, 1)))
    enter(acme, invoice(28, date(2026, 2, 1)))
    enter(acme, invoice(31))
    by_month = "SELECT date_trunc('month', day)::date, sum(amount_usd) FROM daily_charges GROUP BY 1 ORDER BY 1"
    assert [usd for _, usd in acme.rows(by_month)] == [62, 28, 31]


def test_without_a_cost_report_the_invoice_replaces_the_estimate(acme):
    lease = claimed(acme)
    acme.estimates(lease, acme.window(0, 31), *(acme.charge(day, 5) for day in range(31)))
    acme.run(leases.release, lease, due_in=timedelta(0))
    enter(acme, invoice(310))
    assert acme.rows(SPEND) == [("invoice", 31, 310)]
    assert acme.rows(LEDGER) == [(310, 0)]
    assert acme.run(invoices.weight, "acme", MARCH) == Weight(31, Decimal(310))


def test_it_never_replaces_a_cost_report(acme):
    lease = claimed(acme)
    acme.costs(lease, acme.window(0, 31), *(acme.charge(day, 2) for day in range(31)))
    acme.run(leases.release, lease, due_in=timedelta(0))
    enter(acme, invoice(93))
    assert acme.rows(SPEND) == [("cost_api", 31, 62)]
    assert acme.run(invoices.weight, "acme", MARCH) == Weight(0, Decimal(0))
    acme.run(invoices.remove, "acme", MARCH, "test")
    assert acme.rows(SPEND) == [("cost_api", 31, 62)]
    assert acme.rows(LEDGER) == [(62, 0)]


@pytest.mark.parametrize("invoice_first", [True, False])
def test_it_counts_on_days_that_no_cost_report_has_been_read_for(acme, invoice_first):
    if invoice_first:
        enter(acme, invoice(93))
    lease = claimed(acme)
    acme.costs(lease, acme.window(0, 11), *(acme.charge(day, 2) for day in range(10)))  # on the eleventh nothing
    acme.run(leases.release, lease, due_in=timedelta(0))
    if not invoice_first:
        enter(acme, invoice(93))
    assert acme.rows(SPEND) == [("cost_api", 10, 20), ("invoice", 20, 60)]
    assert acme.run(invoices.weight, "acme", MARCH) == Weight(20, Decimal(60))
    assert consistent(acme)
    lease = claimed(acme)
    acme.costs(lease, acme.window(9, 31), acme.charge(9, 2))
    acme.run(leases.release, lease, due_in=timedelta(0))
    assert acme.rows(SPEND) == [("cost_api", 10, 20)]
    assert consistent(acme)
    booked = acme.rows(LEDGER)
    acme.run(invoices.remove, "acme", MARCH, "test")
    assert acme.rows(LEDGER) == booked  # what counted nowhere is taken back nowhere


def test_in_a_month_billed_nothing_it_counts_nowhere(acme):
    lease = claimed(acme)
    acme.costs(lease, acme.window(0, 31))
    acme.run(leases.release, lease, due_in=timedelta(0))
    enter(acme, invoice(93))
    assert acme.rows(SPEND) == acme.rows(LEDGER) == []
    assert acme.run(invoices.every) == [invoice(93)]


def test_what_the_exporter_knows_of_its_reports_stays(acme):
    lease = claimed(acme)
    acme.estimates(lease, acme.window(0, 3), acme.charge(0, 5))
    before = acme.rows("SELECT * FROM report_state")
    acme.run(leases.release, lease, due_in=timedelta(0))
    enter(acme, invoice(31))
    assert acme.rows("SELECT * FROM report_state") == before
    assert claimed(acme) is not None  # given back


def test_replace_and_remove(acme):
    enter(acme, invoice(31, number="A-1", note="first"))
    with pytest.raises(ConfigError, match=r"acme has an invoice of 31\.00 USD for 2026-03 already; add --replace"):
        enter(acme, invoice(62))
    assert acme.rows(LEDGER) == [(31, 0)]
    assert claimed(acme) is not None  # a refusal holds nothing
    acme.run(leases.release_all)
    euro = invoice(56, currency="EUR", usd=Decimal(62), number="A-2")
    enter(acme, euro, replace=True)
    assert acme.run(invoices.every) == [euro]
    assert acme.rows("SELECT amount, currency, amount_usd FROM charges") == [(56, "EUR", 62)]
    assert acme.rows(SPEND) == [("invoice", 31, 62)]
    assert consistent(acme)
    assert acme.run(invoices.remove, "acme", MARCH, "test") == euro
    assert acme.run(invoices.every) == []
    assert acme.rows("SELECT * FROM charges") == acme.rows("SELECT * FROM best_days") == []
    assert consistent(acme)
    [(recognized, reversed_)] = acme.rows(LEDGER)
    assert recognized == reversed_ > 0
    with pytest.raises(ConfigError, match="acme has no invoice for 2026-03; see `spend-exporter invoices list`"):
        acme.run(invoices.remove, "acme", MARCH, "test")


def test_a_credit_note_is_booked_as_taken_back(acme):
    enter(acme, invoice(-31))
    assert acme.rows(LEDGER) == [(0, 31)]
    assert consistent(acme)


def test_after_the_retention_the_dollars_stay_and_can_still_be_removed(acme):
    enter(acme, invoice(31, currency="EUR", number="A-1"))
    acme.run(retention.forget, datetime(2026, 11, 21, tzinfo=UTC), 1)
    assert acme.rows("SELECT * FROM charges") == []
    assert acme.run(invoices.every) == [invoice(31)]
    with pytest.raises(ConfigError, match="already"):
        enter(acme, invoice(5))
    acme.run(invoices.remove, "acme", MARCH, "test")
    assert acme.run(invoices.every) == []
    assert acme.rows("SELECT * FROM best_days") == []
    assert consistent(acme)


def test_a_syncing_or_unknown_account_is_refused(books):
    books.account()
    with pytest.raises(ConfigError, match="acme is being synced by another process; try again in a minute"):
        enter(books, invoice(1))
    with pytest.raises(ConfigError, match="there is no account nobody; see `spend-exporter accounts list`"):
        enter(books, invoice(1, account="nobody"))
    with pytest.raises(ConfigError, match="there is no account nobody"):
        books.run(invoices.remove, "nobody", MARCH, "test")
    assert books.rows("SELECT * FROM charges") == []


def test_a_writer_that_is_in_the_middle_is_not_overtaken(acme):
    lease = claimed(acme)
    acme.run(leases.release, lease, due_in=timedelta(0))
    with transaction(acme.engine) as db:
        db.execute(text("SELECT 1 FROM sync_state FOR UPDATE"))
        with pytest.raises(ConfigError, match="being synced"):
            enter(acme, invoice(1))


def test_one_account_at_a_time(acme):
    acme.run(leases.release, acme.account("other"), due_in=timedelta(0))
    enter(acme, invoice(31))
    enter(acme, invoice(62, account="other"))
    assert [i.account for i in acme.run(invoices.every)] == ["acme", "other"]
    assert acme.run(invoices.every, "other") == [invoice(62, account="other")]
    assert invoices.month_of(MARCH) == Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
