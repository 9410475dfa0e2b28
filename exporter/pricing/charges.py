"""Usage in, estimated charges out.

One rule: a row is priced at the unit price of its own day, exactly, or it isn't priced. Unknown is never zero.
"""

from __future__ import annotations

from collections.abc import Iterable

from exporter.domain import Charge, Usage
from exporter.pricing.book import PriceBook


def price(usage: Usage, book: PriceBook, provider: str) -> Charge | None:
    """The charge for a row, for the same period and dimensions; `None`: no price.

    Amounts aren't rounded: sums over many small rows would drift.
    """
    period, dimensions, quantity = usage
    unit = book.unit_price(
        provider, dimensions.model, dimensions.meter, dimensions.service_tier, period.start.date(), dimensions.tags
    )
    return None if unit is None else Charge(period, dimensions, quantity * unit.usd_per_unit, "USD")


def priced(rows: Iterable[Usage], book: PriceBook, provider: str) -> tuple[list[Charge], list[Usage]]:
    """The charges of many rows, and the rows of tokens that stayed unpriced.

    Requests, images and the like are no tokens: without a price of your own they are neither charged nor unpriced.
    """
    charges: list[Charge] = []
    unpriced: list[Usage] = []
    for usage in rows:
        charge = price(usage, book, provider)
        if charge is not None:
            charges.append(charge)
        elif usage.dimensions.unit == "tokens" and usage.quantity:
            unpriced.append(usage)
    return charges, unpriced
