"""Invoices that people enter: one for each account and calendar month in UTC.

One rule: an invoice is a charge of source `invoice` like any other, so roll-ups, the choice of source and the ledger
follow in the same transaction. Its report has no state: nothing was read, so nothing is known to reach anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, text

from exporter.domain import DAY, Charge, Dimensions, Period, Source
from exporter.errors import ConfigError
from exporter.store import accounts, books, facts, leases, partitions
from exporter.store.facts import CHARGES
from exporter.store.leases import Lease
from exporter.store.staging import Stage
from exporter.store.windows import Pass, Reading, replace_charges

REPORT = "invoice"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = timedelta(days=31)
_ONE_TRANSACTION = timedelta(minutes=1)  # the lease is taken and given back in the transaction that writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """What an account's provider asked for one month: `amount` in `currency`. `month` is its first day."""

    account: str
    month: date
    amount: Decimal
    currency: str
    usd: Decimal
    number: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Weight:
    """How much of a month's invoice counts as spend: on the days that no cost report has been read for."""

    days: int
    usd: Decimal


def month_of(month: date) -> Period:
    """The calendar month that begins on `month`, in UTC."""
    return Period(Period.of_day(month).start, Period.of_day(partitions.next_month(month)).start)


def every(db: Connection, account: str = "") -> list[Invoice]:
    """All invoices, or those of one account. After the retention only the dollars of one are left."""
    rows = db.execute(
        text(
            "SELECT d.account_id, d.month, coalesce(c.amount, d.usd) AS amount,"
            " coalesce(c.currency, 'USD') AS currency, d.usd,"
            " coalesce(c.tags->>'number', '') AS number, coalesce(c.tags->>'note', '') AS note FROM"
            " (SELECT account_id, date_trunc('month', day::timestamp)::date AS month, sum(amount_usd) AS usd"
            "  FROM daily_charges WHERE source = 'invoice' AND report = :report GROUP BY 1, 2) d"
            " LEFT JOIN charges c ON c.account_id = d.account_id AND c.source = 'invoice' AND c.report = :report"
            "  AND c.period_start = d.month::timestamp AT TIME ZONE 'UTC'"
            " WHERE :account IN ('', d.account_id) ORDER BY 1, 2"
        ),
        {"report": REPORT, "account": account},
    )
    return [
        Invoice(account=r.account_id, month=r.month, amount=r.amount, currency=r.currency, usd=r.usd,
                number=r.number, note=r.note)
        for r in rows
    ]  # fmt: skip


def add(db: Connection, invoice: Invoice, holder: str, *, replace: bool = False) -> None:
    """Enter an invoice. Takes the account's lease for the length of the caller's transaction.

    Raises:
        ConfigError: there is no such account, it is being synced, or the month has an invoice and `replace` is not set.
    """
    lease = _claimed(db, invoice.account, holder)
    known = _of_month(db, invoice.account, invoice.month)
    if known is not None and not replace:
        raise ConfigError(
            f"{invoice.account} has an invoice of {known.amount:,.2f} {known.currency} for {invoice.month:%Y-%m}"
            " already; add --replace to put this one in its place"
        )
    partitions.ensure(db, month_of(invoice.month))
    _replace(db, lease, invoice.month, invoice)
    leases.release(db, lease, due_in=timedelta(0))


def remove(db: Connection, account: str, month: date, holder: str) -> Invoice:
    """Take an invoice back. Returns what it was. Takes the account's lease like `add`.

    Raises:
        ConfigError: there is no such account or invoice, or the account is being synced.
    """
    lease = _claimed(db, account, holder)
    known = _of_month(db, account, month)
    if known is None:
        raise ConfigError(f"{account} has no invoice for {month:%Y-%m}; see `spend-exporter invoices list`")
    _replace(db, lease, month, None)
    days = {month + n * DAY for n in range((partitions.next_month(month) - month).days)}
    # After the retention the roll-ups are all there is of it: without a fact they come out empty.
    facts.roll_up(db, CHARGES, account, REPORT, days, _LONGEST)
    books.choose_sources(db, account, days)
    leases.release(db, lease, due_in=timedelta(0))
    return known


def weight(db: Connection, account: str, month: date) -> Weight:
    """Where a month's invoice counts as spend."""
    row = db.execute(
        text(
            "SELECT count(*) AS days, coalesce(sum(amount_usd), 0) AS usd"
            " FROM best_days WHERE source = 'invoice' AND account_id = :account AND day >= :first AND day < :end"
        ),
        {"account": account, "first": month, "end": partitions.next_month(month)},
    ).one()
    return Weight(row.days, row.usd)


def _claimed(db: Connection, account: str, holder: str) -> Lease:
    if accounts.find(db, account) is None:
        raise ConfigError(f"there is no account {account}; see `spend-exporter accounts list`")
    lease = leases.claim(db, account, holder, lasts=_ONE_TRANSACTION, even_disabled=True)
    if lease is None:
        raise ConfigError(f"account {account} is being synced by another process; try again in a minute")
    return lease


def _of_month(db: Connection, account: str, month: date) -> Invoice | None:
    return next((invoice for invoice in every(db, account) if invoice.month == month), None)


def _replace(db: Connection, lease: Lease, month: date, invoice: Invoice | None) -> None:
    window = month_of(month)
    stage = Stage(REPORT)
    try:
        stage.next_page()
        if invoice is not None:
            usd = invoice.usd
            stage.add_charges([_charge(invoice, window)], Source.INVOICE, lambda _: usd)
        reading = Reading(
            report=REPORT, source=Source.INVOICE, window=window, stage=stage, kind=Pass.HISTORY,
            read_at=_NEVER, settled_until=_NEVER, wanted_from=_NEVER, longest=_LONGEST,
        )  # fmt: skip
        replace_charges(db, lease, reading)
    finally:
        stage.close()


def _charge(invoice: Invoice, window: Period) -> Charge:
    words = (("note", invoice.note), ("number", invoice.number))
    tags = tuple((key, value) for key, value in words if value)
    return Charge(window, Dimensions(REPORT, "", tags=tags), invoice.amount, invoice.currency)
