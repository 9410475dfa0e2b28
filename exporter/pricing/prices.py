"""The words of pricing: a key, a unit price, and what a list of prices and an override must offer.

One rule: a unit price is what *one* unit costs from a day on. It never depends on how many were used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Protocol

from exporter.domain import Tags


class Use(NamedTuple):
    """What is priced, without the date: the conditions one price holds under.

    `service_tier` is empty for the ordinary tier; `context` is empty unless the row says that a dearer
    step or mode applied (``above 200000``, ``fast``).
    """

    provider: str
    model: str
    meter: str
    service_tier: str = ""
    context: str = ""


class PriceKey(NamedTuple):
    """A use and the day its price came into force; `None`: for as long as the list can tell."""

    provider: str
    model: str
    meter: str
    service_tier: str = ""
    context: str = ""
    valid_from: date | None = None

    @property
    def use(self) -> Use:
        """The key without its date."""
        return Use(*self[:5])


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """US dollars for one unit, from `key.valid_from` until the day `valid_until` (which is out)."""

    key: PriceKey
    usd_per_unit: Decimal
    origin: str  # "genai-prices 0.2.3", "override"
    valid_until: date | None = None  # None: until further notice

    @property
    def valid_from(self) -> date | None:
        """The first day it holds; `None`: always."""
        return self.key.valid_from

    def covers(self, day: date) -> bool:
        """True when the price holds on that day."""
        starts, ends = self.key.valid_from, self.valid_until
        return (starts is None or starts <= day) and (ends is None or day < ends)


class Point(NamedTuple):
    """One step of a list price over time. A `usd_per_unit` of `None`: no price known from then on."""

    valid_from: date | None
    usd_per_unit: Decimal | None
    origin: str


class Catalogue(Protocol):
    """A list of prices with history."""

    def points(self, use: Use) -> tuple[Point, ...]:
        """The price over time, oldest first; empty when the model or the meter is unknown."""
        ...

    def uses(self, provider: str | None, model: str | None) -> Iterator[Use]:
        """Everything it has a price of its own for."""
        ...


class Override(Protocol):
    """A price of your own. An empty `service_tier` means every tier."""

    @property
    def provider(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def meter(self) -> str: ...
    @property
    def service_tier(self) -> str: ...
    @property
    def usd_per_unit(self) -> Decimal: ...
    @property
    def valid_from(self) -> date | None: ...
    @property
    def valid_until(self) -> date | None: ...


class NoList:
    """A catalogue without prices: only overrides count."""

    def points(self, use: Use) -> tuple[Point, ...]:
        """Nothing."""
        del use
        return ()

    def uses(self, provider: str | None, model: str | None) -> Iterator[Use]:
        """Nothing."""
        del provider, model
        return iter(())


STANDARD_TIERS = frozenset({"", "default", "standard", "auto"})
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


def tier_of(service_tier: str, tags: Tags) -> str:
    """The tier a price is looked up under: the ordinary ones are all the empty string."""
    if service_tier == "batch" or (tags and ("batch", "true") in tags):
        return "batch"
    return "" if service_tier in STANDARD_TIERS else service_tier


def context_of(tags: Tags) -> str:
    """The conditions beside the tier that change a price, as far as the row itself states them.

    The size of a row's quantity is *not* one of them: a row is a sum over many requests, and a list's
    context steps look at one request.
    """
    parts = []
    for name, value in tags:
        if name == "context_window" and (above := _lower_bound(value)):
            parts.append(f"above {above}")
        elif name == "speed" and value == "fast":
            parts.append("fast")
    return ", ".join(parts)


def step_of(context: str) -> int:
    """The request size a context says was exceeded; 0 when it says nothing."""
    for part in context.split(", "):
        if part.startswith("above "):
            return int(part.removeprefix("above "))
    return 0


def _lower_bound(window: str) -> int:
    """``200k-1M`` → 200000. A spelling we don't know counts as the lowest window."""
    low = window.partition("-")[0].strip().lower()
    digits = low.rstrip("km")
    unit = low[len(digits) :]
    return int(digits) * _UNITS[unit] if digits.isdecimal() and unit in _UNITS else 0
