"""Invoices against bills, and the months that a reconciliation judges.

One rule: what is not known is absent: without an invoice, or without a bill of its month, there is no difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection

from exporter.analytics.months import Days, Month, Part
from exporter.domain import day_of
from exporter.metrics import catalog
from exporter.metrics.snapshot import Family
from exporter.store import invoices
from exporter.store import reconciliation as store
from exporter.store.reconciliation import MonthRow


def families(db: Connection, now: datetime) -> list[Family]:
    """The newest invoice of each account less the bill of its month."""
    del now
    samples = [((row.provider, row.account), float(row.invoiced - row.billed)) for row in store.differences(db)]
    return [Family(catalog.INVOICE_DIFFERENCE_USD, samples)] if samples else []


def months(
    db: Connection, since: date, end: date, now: datetime, priced: Sequence[tuple[str, str]], account: str = ""
) -> list[Month]:
    """What is stored of the months that begin in [since, end), ready to be reconciled.

    `priced`: the (provider, report) pairs whose tokens should have a price.
    """
    parts: dict[tuple[str, date], list[Part]] = defaultdict(list)
    for part in store.parts(db, since, end, account):
        parts[part.account, part.month].append(Part(Days(part.days), *part[3:]))
    unpriced: dict[tuple[str, date], list[tuple[str, Decimal]]] = defaultdict(list)
    for account_id, month, model, tokens in store.unpriced(db, since, end, priced, account):
        unpriced[account_id, month].append((model, tokens))
    currencies = {(invoice.account, invoice.month): invoice.currency for invoice in invoices.every(db, account)}
    found = []
    for row in store.months(db, since, end, account):
        key = (row.account, row.month)
        known = _month(row, now, currencies.get(key, "USD"))
        found.append(replace(known, parts=tuple(parts[key]), unpriced=tuple(unpriced[key])))
    return found


def _month(row: MonthRow, now: datetime, currency: str) -> Month:
    ends = invoices.month_of(row.month).end
    over = ends <= now
    return Month(
        account=row.account,
        provider=row.provider,
        month=row.month,
        over=over,
        settled=over and (row.settled_until is None or row.settled_until >= ends),
        billed=row.billed,
        estimated=row.estimated,
        invoiced=row.invoiced,
        entered=row.entered,
        billed_from=day_of(row.billed_from) if row.billed_from else None,
        billed_only_days=row.billed_only_days,
        estimated_only_days=row.estimated_only_days,
        compared=None
        if row.settled_billed is None or row.settled_estimated is None
        else (row.settled_billed, row.settled_estimated),
        currency=currency,
    )
