"""Reconciliation: bill, estimate and invoice of each account and month, how they drift apart, and why they differ.

One rule: plain `Decimal` to the end; what is not known is None, and a month is judged only by months before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from statistics import median

from exporter.analytics.causes import of_bill, of_invoice
from exporter.analytics.months import Cause, Compared, Kind, Month

EARLIER = 6  # months whose ratio a month's is held against
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of one month, in US dollars and ratios.

    `ratio`: billed ÷ estimated over settled days that have both. `drift`: that ratio divided by the median of up to six
    settled months before, minus 1. The invoice is held against the bill, or the estimate where there is no bill.
    """

    month: Month
    bill_difference: Decimal | None
    ratio: Decimal | None
    drift: Decimal | None
    invoice_difference: Decimal | None
    invoice_ratio: Decimal | None
    causes: tuple[Cause, ...]


def reconcile(months: Iterable[Month]) -> list[Verdict]:
    """A verdict on each month, by account and month."""
    found = []
    for _, own in groupby(sorted(months, key=lambda m: (m.account, m.month)), key=lambda m: m.account):
        earlier: list[Month] = []
        for month in own:
            found.append(_verdict(month, earlier))
            earlier.append(month)
    return found


def _verdict(month: Month, earlier: Sequence[Month]) -> Verdict:
    estimated = _ZERO if month.estimated is None and month.unpriced else month.estimated
    bill = _difference(month.billed, estimated)
    base = estimated if month.billed is None else month.billed
    invoice = _difference(month.invoiced, base)
    causes = [
        *(of_bill(month, bill) if bill is not None else ()),
        *(of_invoice(month, invoice) if invoice is not None else ()),
        *_missing_invoice(month, earlier),
    ]
    ratio = _ratio(month)
    invoiced_ratio = month.invoiced / base if month.invoiced is not None and base else None
    return Verdict(month, bill, ratio, _drift(ratio, earlier), invoice, invoiced_ratio, tuple(causes))


def _difference(stated: Decimal | None, base: Decimal | None) -> Decimal | None:
    return None if stated is None or base is None else stated - base


def _ratio(month: Month) -> Decimal | None:
    billed, estimated = month.compared or (_ZERO, _ZERO)
    return billed / estimated if estimated > 0 else None


def _drift(ratio: Decimal | None, earlier: Sequence[Month]) -> Decimal | None:
    before = [known for month in earlier if month.settled and (known := _ratio(month)) is not None][-EARLIER:]
    usual = median(before) if before else _ZERO
    return ratio / usual - 1 if ratio is not None and usual else None


def _missing_invoice(month: Month, earlier: Sequence[Month]) -> Iterator[Cause]:
    last = max((m.month for m in earlier if m.invoiced is not None), default=None)
    if month.over and month.invoiced is None and last is not None:
        sentence = f"no invoice is entered, {last:%Y-%m} has one; add it with `spend-exporter invoices add`"
        yield Cause(Compared.INVOICE, Kind.MISSING_INVOICE, _ZERO, sentence)
