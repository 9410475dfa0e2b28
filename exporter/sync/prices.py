"""The prices and exchange rates a sync works with, and their way to and from the store.

One rule: a list price is recorded before the first figure that was computed with it is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import httpx

from exporter import fx
from exporter.pricing.book import PriceBook
from exporter.pricing.prices import Catalogue, Override, PriceKey, UnitPrice
from exporter.store import prices as store
from exporter.store.database import Database
from exporter.store.prices import ALWAYS, PriceRow, RateRow
from exporter.sync.reading import Valuation


@dataclass(slots=True, kw_only=True)
class Valuer:
    """Holds the current valuation; replaced as a whole when prices, rates or the configuration change.

    `ecb_url`: where reference rates come from when a currency needs them; empty: the bank itself, None: nowhere.
    """

    catalogue: Catalogue
    lists: Mapping[str, str]
    overrides: Iterable[Override] = ()
    fixed_rates: Mapping[str, Decimal] = field(default_factory=dict)
    ecb_url: str | None = None
    valuation: Valuation = field(init=False)
    _unsaved: list[PriceRow] = field(default_factory=list)

    def load(self, recorded: Iterable[PriceRow], rates: Iterable[RateRow]) -> None:
        """Begin again from what the store holds."""
        prices = {price.key: price for price in map(unit_price, recorded)}
        book = PriceBook(self.catalogue, lists=self.lists, overrides=self.overrides, recorded=prices)
        self.valuation = Valuation(book, fx.Rates.of((fx.Rate(*row) for row in rates), self.fixed_rates))

    async def refresh(self, database: Database) -> None:
        """`load` from the database."""
        recorded = await database.run(store.recorded_prices)
        rates = await database.run(store.stored_rates)
        await asyncio.to_thread(self.load, recorded, rates)

    async def record_prices(self, database: Database, book: PriceBook | None = None) -> None:
        """Save list prices used for the first time. After a fault they are tried again next time.

        `book` is the one a reading was priced with: the current one may have replaced it meanwhile.
        """
        self._unsaved += [price_row(price) for price in (book or self.valuation.book).newly_used()]
        if self._unsaved:
            saving = list(self._unsaved)
            await database.run(store.record_prices, saving)
            self._unsaved = [row for row in self._unsaved if row not in saving]

    async def fetch_rates(self, database: Database, day: date, today: date) -> bool:
        """Get the European Central Bank's reference rates from `day` on. False: only fixed rates are wanted.

        Raises:
            TryLater: they are out of reach; the stored ones stay.
            UnexpectedReply: they can't be read.
        """
        if self.ecb_url is None:
            return False
        async with httpx.AsyncClient(timeout=30) as client:
            fetched = await fx.fetch(self.ecb_url, client, since=day - fx.LONGEST_GAP, today=today)
        await database.run(store.store_rates, [RateRow(*rate) for rate in fetched])
        await self.refresh(database)
        return True


def price_row(price: UnitPrice) -> PriceRow:
    """How a price is stored."""
    key = price.key
    return PriceRow(*key.use, key.valid_from or ALWAYS, price.valid_until, price.usd_per_unit, price.origin)


def unit_price(row: PriceRow) -> UnitPrice:
    """The reverse of `price_row`."""
    valid_from = None if row.valid_from == ALWAYS else row.valid_from
    key = PriceKey(row.provider, row.model, row.meter, row.service_tier, row.context, valid_from)
    return UnitPrice(key, row.usd_per_unit, row.origin, row.valid_until)
