"""Read one report over one window: fetch → price → convert → stage. Nothing is stored here.

One rule: a reading is complete or it is thrown away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from exporter.domain import Account, Charge, Period, Source, day_of
from exporter.errors import NeedsAttention
from exporter.fx import Rates
from exporter.pricing.book import PriceBook
from exporter.pricing.charges import priced
from exporter.providers.base import Page, Provider, Report
from exporter.providers.client import Client
from exporter.store.staging import Stage


@dataclass(slots=True)
class Fetched:
    """A complete reading, staged, the book it was priced with, and the provider's word on its own freshness."""

    stage: Stage
    book: PriceBook
    refreshed_at: datetime | None = None


class RateMissing(NeedsAttention):
    """No exchange rate is known for `day`."""

    def __init__(self, currency: str, day: date) -> None:
        super().__init__(
            f"there is no exchange rate for {currency} on {day}: set `fx` in spend.yaml to ecb or to a fixed rate"
        )
        self.day = day


@dataclass(frozen=True, slots=True)
class Valuation:
    """How money is worked out: the price book for usage, exchange rates for charges."""

    book: PriceBook
    rates: Rates

    def usd(self, charge: Charge) -> Decimal:
        """The dollars of a charge by the rate of its day.

        Raises:
            RateMissing: there is no rate for the currency.
        """
        day = day_of(charge.period.start)
        usd = self.rates.usd(charge.amount, charge.currency, day)
        if usd is None:
            raise RateMissing(charge.currency, day)
        return usd


async def read_window(
    client: Client,
    account: Account,
    provider: Provider,
    report: Report,
    window: Period,
    value: Valuation,
    unknown_fields: Callable[[str, int], None],
) -> Fetched:
    """Read the whole window into a stage. The caller closes it.

    Raises:
        SyncError: the reading is not complete.
    """
    fetched = Fetched(Stage(report.name), value.book)
    try:
        async for page in report.fetch(client, account, window):
            if page.unknown_fields:
                unknown_fields(provider.name, len(page.unknown_fields))
            fetched.refreshed_at = _older(fetched.refreshed_at, page.refreshed_at)
            # Formatting and pricing a large page takes many milliseconds: not on the event loop.
            await asyncio.to_thread(_stage_page, fetched.stage, page, provider, report, value)
    except BaseException:
        fetched.stage.close()
        raise
    return fetched


def _stage_page(stage: Stage, page: Page, provider: Provider, report: Report, value: Valuation) -> None:
    stage.next_page()
    stage.add_usage(page.usage, Source.USAGE_API if report.source is Source.COST_API else report.source)
    stage.add_charges(page.charges, report.source, value.usd)
    if report.priced:
        charges, _ = priced(page.usage, value.book, provider.name)
        stage.add_charges(charges, Source.PRICED_USAGE, value.usd)


def _older(one: datetime | None, other: datetime | None) -> datetime | None:
    known = [moment for moment in (one, other) if moment is not None]
    return min(known, default=None)
