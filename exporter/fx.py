"""Exchange rates: any currency into US dollars by the rate of the usage day.

One rule: the rate of a day is the last one published on or before it, at most a week earlier. No rate: no figure.

The European Central Bank publishes reference rates on working days, as units of a currency for one euro:
https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal, InvalidOperation
from typing import NamedTuple

# expat is driven by hand because ElementTree would expand entities: any document type is refused below, so
# neither an entity bomb nor an external entity can exist. It also keeps no tree of the full-history file.
from xml.parsers import expat  # nosec B407

import httpx

from exporter.errors import SyncError, TryLater, UnexpectedReply

ECB_URL = "https://www.ecb.europa.eu/stats/eurofxref"
LONGEST_GAP = timedelta(days=7)  # Easter is five days without a rate
_RECENT = timedelta(days=80)  # the 90-day file counts calendar days; leave a margin
_LATEST = timedelta(days=1)
_RETRY = frozenset({408, 429})
# Both of the ECB's figures have four to six significant digits; fifteen lose nothing and fit any database column.
_PRECISION = Context(prec=15)


class Rate(NamedTuple):
    """What one unit of a currency was worth on a day. A row of the store's rate table."""

    day: date
    currency: str
    usd_per_unit: Decimal
    source: str = "ecb"


@dataclass(frozen=True, slots=True)
class Rates:
    """Every known rate, ready to be asked. A fixed rate holds on every day and wins over a published one."""

    fixed: Mapping[str, Decimal] = field(default_factory=dict)
    _days: Mapping[str, tuple[date, ...]] = field(default_factory=dict, repr=False)
    _values: Mapping[str, tuple[Decimal, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, rows: Iterable[Rate] = (), fixed: Mapping[str, Decimal] | None = None) -> Rates:
        """From stored rows in any order, and fixed rates from the configuration."""
        by_currency: dict[str, dict[date, Decimal]] = {}
        for row in rows:
            by_currency.setdefault(row.currency, {})[row.day] = row.usd_per_unit
        days = {currency: tuple(sorted(found)) for currency, found in by_currency.items()}
        values = {currency: tuple(by_currency[currency][day] for day in days[currency]) for currency in days}
        return cls(dict(fixed or {}), days, values)

    def usd(self, amount: Decimal, currency: str, day: date) -> Decimal | None:
        """The amount in US dollars; `None`: no rate for that day."""
        if currency == "USD":
            return amount
        rate = self.fixed.get(currency) or self._published(currency, day)
        return None if rate is None else amount * rate

    def _published(self, currency: str, day: date) -> Decimal | None:
        days = self._days.get(currency, ())
        at = bisect_right(days, day) - 1
        if at < 0 or day - days[at] > LONGEST_GAP:
            return None
        return self._values[currency][at]


def rates_from(xml: bytes, since: date | None = None) -> tuple[Rate, ...]:
    """One of the ECB's three files in; US dollars for one unit of each currency out, days before `since` left out."""
    reader = _Reader(since or date.min)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.element
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, InvalidOperation, ValueError) as error:
        raise UnexpectedReply(f"The exchange rates can't be read: {error}", sample=_sample(xml)) from None
    if not reader.knows_dollar:
        raise UnexpectedReply("The exchange rates hold no rate for the US dollar.", sample=_sample(xml))
    return tuple(row for day, per_euro in reader.read.items() for row in _in_usd(day, per_euro))


def file_for(since: date, today: date) -> str:
    """The smallest of the three files that reaches back to `since`."""
    if since >= today - _LATEST:
        return "eurofxref-daily.xml"
    return "eurofxref-hist-90d.xml" if since >= today - _RECENT else "eurofxref-hist.xml"


async def fetch(base_url: str, client: httpx.AsyncClient, *, since: date, today: date) -> tuple[Rate, ...]:
    """The rates published from `since` on. Ask from a week before the first day you need."""
    url = f"{(base_url or ECB_URL).rstrip('/')}/{file_for(since, today)}"
    try:
        reply = await client.get(url)
    except httpx.HTTPError as error:
        raise TryLater(f"The exchange rates are out of reach ({type(error).__name__}).") from error
    if reply.status_code != httpx.codes.OK:
        raise _refused(reply.status_code)
    # The full history is several megabytes of XML: parsing it would hold up a scrape.
    return await asyncio.to_thread(rates_from, reply.content, since)


class _Reader:
    """Collects `<Cube time=…>` and the `<Cube currency=… rate=…>` inside it. Days without a dollar rate are useless."""

    def __init__(self, since: date) -> None:
        self.read: dict[date, dict[str, Decimal]] = {}
        self.knows_dollar = False
        self._since = since
        self._day = date.min

    def element(self, name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] != "Cube":
            return
        if "time" in attributes:
            self._day = date.fromisoformat(attributes["time"])
            return
        if "currency" in attributes:
            self._rate(attributes["currency"], attributes.get("rate", "0"))

    def _rate(self, currency: str, written: str) -> None:
        rate = Decimal(written)
        if not rate.is_finite() or rate <= 0 or self._day == date.min:
            raise ValueError(f"a rate for {currency[:8]} without a positive number or a day")
        self.knows_dollar |= currency == "USD"
        if self._day >= self._since:
            self.read.setdefault(self._day, {})[currency] = rate


def _refuse(*_: object) -> None:
    raise ValueError("it declares a document type, which the ECB's files never do")


def _in_usd(day: date, per_euro: Mapping[str, Decimal]) -> Iterable[Rate]:
    if (usd := per_euro.get("USD")) is None:
        return
    yield Rate(day, "EUR", usd)
    for currency, rate in sorted(per_euro.items()):
        if currency != "USD":
            yield Rate(day, currency, _PRECISION.divide(usd, rate))


def _refused(status: int) -> SyncError:
    sentence = f"The exchange rates answered with HTTP {status}."
    if status in _RETRY or status >= 500:
        return TryLater(sentence, status=status)
    return UnexpectedReply(sentence, status=status)


def _sample(body: bytes) -> str:
    return body[:2_000].decode(errors="replace")
