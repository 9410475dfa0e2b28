"""The words of the system: accounts, periods, usage and charges.

One rule: everything here is an immutable value. No I/O, no clock, standard library only.
Money is ``Decimal`` in an ISO 4217 currency and lives only in `Charge`; a quantity lives only in
`Usage`. A missing dimension is the empty string, so that every part of a row's identity is comparable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Tags = tuple[tuple[str, str], ...]
"""Further dimensions as sorted ``(key, value)`` pairs: hashable, unlike a dict."""


class Source(StrEnum):
    """Where a row came from. `best_charges` picks one source for each account and day."""

    COST_API = "cost_api"  # the provider's own cost report
    INVOICE = "invoice"
    IMPORT = "import"
    MANUAL = "manual"  # typed in by a person
    REQUEST = "request"  # one request at a time, from telemetry
    PRICED_USAGE = "priced_usage"  # usage × price book
    USAGE_API = "usage_api"  # the provider's own usage report; never money
    ANALYTICS = "analytics"  # activity that overlaps other reports: kept, never added up with them


class Confidence(StrEnum):
    """How sure a figure is. Derived from source and age, never stored."""

    OFFICIAL = "official"  # stated by the provider and older than its settling time
    PROVISIONAL = "provisional"  # stated, may still be restated
    ESTIMATED = "estimated"  # we priced it
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A half-open span of UTC time: `start` is in, `end` is out."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() != timedelta(0) or self.end.utcoffset() != timedelta(0):
            raise ValueError("a period needs UTC times")
        if self.start >= self.end:
            raise ValueError(f"a period must end after it starts: {self.start} – {self.end}")

    @classmethod
    def of_epochs(cls, start: float, end: float) -> Period:
        """From two unix timestamps in seconds."""
        return cls(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))

    @classmethod
    def of_day(cls, day: date) -> Period:
        """The UTC day."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return cls(start, start + DAY)

    def covers(self, other: Period) -> bool:
        """True when `other` lies wholly inside."""
        return self.start <= other.start and other.end <= self.end

    def split(self, longest: timedelta) -> Iterator[Period]:
        """Consecutive pieces, oldest first, none longer than `longest`."""
        start = self.start
        while start < self.end:
            end = min(start + longest, self.end)
            yield Period(start, end)
            start = end


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Everything that tells two rows of one report and period apart.

    `meter` is what is counted (``input``, ``gpt-5, output``), `unit` what it is counted in (``tokens``),
    `scope` the provider's project, workspace or resource id, `api_key` the key's id (never its secret).
    """

    meter: str
    unit: str
    model: str = ""
    scope: str = ""
    api_key: str = ""
    service_tier: str = ""
    tags: Tags = ()


def identity(report: str, dimensions: Dimensions, currency: str = "") -> str:
    """32 hex digits over *every* dimension: the part of a row's natural key that has no column of its own."""
    d = dimensions
    parts = (report, d.meter, d.unit, d.model, d.scope, d.api_key, d.service_tier, d.tags, currency)
    return blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


class Usage(NamedTuple):
    """A quantity consumed in a period. Never money."""

    period: Period
    dimensions: Dimensions
    quantity: Decimal


class Charge(NamedTuple):
    """Money owed for a period, in whole units of `currency` (never cents)."""

    period: Period
    dimensions: Dimensions
    amount: Decimal
    currency: str


class Subject(NamedTuple):
    """What a series of daily dollars is of. A field that does not apply is empty.

    `level` is ``total``, ``provider``, ``team``, ``account``, ``budget``, or ``scope`` or ``model`` of one account.
    """

    level: str
    provider: str = ""
    account: str = ""
    team: str = ""
    scope: str = ""
    model: str = ""
    budget: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """What a provider calls one of its ids: a project, a workspace, a key."""

    kind: str  # "scope" or "api_key"
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Account:
    """One credential's view of a provider: the unit of sync and lease.

    `credentials` are plain text in memory only; they appear in no repr.
    """

    id: str
    provider: str
    name: str = ""
    team: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)


def day_of(moment: datetime) -> date:
    """The UTC day a moment belongs to."""
    return moment.astimezone(UTC).date()


def floor_to(moment: datetime, grain: timedelta) -> datetime:
    """The start of the UTC bucket of width `grain` that `moment` lies in."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (moment - epoch) // grain * grain


def ceil_to(moment: datetime, grain: timedelta) -> datetime:
    """The first bucket border of width `grain` at or after `moment`."""
    below = floor_to(moment, grain)
    return below if below == moment else below + grain
