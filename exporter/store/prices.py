"""List prices that figures were computed with, and exchange rates. One rule: a recorded price is never overwritten
by a sync, only by the re-pricing command.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, text

ALWAYS = date.min


class PriceRow(NamedTuple):
    """US dollars for one unit from `valid_from` until `valid_until` (out). `ALWAYS`: since the list can tell."""

    provider: str
    model: str
    meter: str
    service_tier: str
    context: str
    valid_from: date
    valid_until: date | None
    usd_per_unit: Decimal
    origin: str


class RateRow(NamedTuple):
    """What one unit of a currency was worth on a day, in US dollars."""

    day: date
    currency: str
    usd_per_unit: Decimal
    source: str


_COLUMNS = ", ".join(PriceRow._fields)
_VALUES = ", ".join(f":{column}" for column in PriceRow._fields)


def recorded_prices(db: Connection) -> list[PriceRow]:
    """Every recorded price."""
    return [PriceRow(*row) for row in db.execute(text(f"SELECT {_COLUMNS} FROM prices"))]


def record_prices(db: Connection, prices: Iterable[PriceRow]) -> None:
    """Keep prices that were used for the first time. One that is recorded already stays as it is."""
    for price in prices:
        db.execute(text(f"INSERT INTO prices ({_COLUMNS}) VALUES ({_VALUES}) ON CONFLICT DO NOTHING"), price._asdict())


def replace_prices(db: Connection, prices: Iterable[PriceRow]) -> None:
    """Make the recorded prices exactly these: the last step of re-pricing."""
    db.execute(text("DELETE FROM prices"))
    record_prices(db, prices)


def stored_rates(db: Connection, since: date = date.min) -> list[RateRow]:
    """Exchange rates from a day on."""
    rows = db.execute(
        text("SELECT day, currency, usd_per_unit, source FROM fx_rates WHERE day >= :since"), {"since": since}
    )
    return [RateRow(*row) for row in rows]


def store_rates(db: Connection, rates: Iterable[RateRow]) -> None:
    """Add rates, the newer word winning."""
    for rate in rates:
        db.execute(
            text(
                "INSERT INTO fx_rates (day, currency, usd_per_unit, source)"
                " VALUES (:day, :currency, :usd_per_unit, :source) ON CONFLICT (day, currency)"
                " DO UPDATE SET usd_per_unit = excluded.usd_per_unit, source = excluded.source"
            ),
            rate._asdict(),
        )
