"""The price book: which unit price holds for which use on which day.

One rule: an override wins over a recorded price, a recorded price over today's list. A recorded price is one
that figures were once computed with; a newer list doesn't change it, so history never re-prices itself silently.

Pure: the list, the overrides and the recorded prices are handed in. Prices are resolved to intervals once per use,
so a question is one dictionary look-up and one bisection, and the cache doesn't grow with the days asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import zip_longest
from typing import NamedTuple

from exporter.domain import Tags
from exporter.pricing.prices import Catalogue, Override, PriceKey, UnitPrice, Use, context_of, tier_of

OVERRIDE = "override"
_PARENTS = {"reasoning": "output"} | dict.fromkeys(
    ("cache_write_5m", "cache_write_30m", "cache_write_1h", "cache_write_12h"), "cache_write"
)
"""A price of your own for the whole holds for its parts, unless the part has one."""


class Difference(NamedTuple):
    """A recorded price, and what the current list says instead; `None`: the list no longer knows it."""

    recorded: UnitPrice
    current: UnitPrice | None


class ListPrice(NamedTuple):
    """One line of a printed price list."""

    provider: str
    model: str
    meter: str
    service_tier: str
    context: str
    usd_per_million: Decimal
    valid_from: date | None
    origin: str


@dataclass(slots=True)
class _Schedule:
    """One use's price over time. `starts[i]` is the first day of `prices[i]`; the first is the first of all days."""

    starts: list[date]
    prices: list[UnitPrice | None]
    used: list[bool]


class PriceBook:
    """Answers with a unit price, or with `None`: unpriced."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        lists: Mapping[str, str] | None = None,
        overrides: Iterable[Override] = (),
        recorded: Mapping[PriceKey, UnitPrice] | None = None,
    ) -> None:
        """`lists`: a provider's name in the catalogue where it differs from ours; empty: the catalogue has none."""
        self._catalogue = catalogue
        self._lists = dict(lists or {})
        self._overrides = tuple(overrides)
        self._recorded = dict(recorded or {})
        self._recorded_by_use = _by_use(self._recorded.values())
        self._reported: set[PriceKey] = set()
        self._schedules: dict[Use, _Schedule] = {}
        self._quick: dict[tuple[str, str, str, str, Tags], _Schedule] = {}

    def unit_price(
        self, provider: str, model: str, meter: str, service_tier: str, day: date, tags: Tags = ()
    ) -> UnitPrice | None:
        """The price that holds on that UTC day; `None`: nobody knows one."""
        conditions = tuple(tag for tag in tags if tag[0] in _PRICING_TAGS) if tags else ()
        quick = (provider, model, meter, service_tier, conditions)
        schedule = self._quick.get(quick)
        if schedule is None:
            use = Use(provider, model, meter, tier_of(service_tier, conditions), context_of(conditions))
            schedule = self._quick[quick] = self._schedule(use)
        at = bisect_right(schedule.starts, day) - 1
        schedule.used[at] = True
        return schedule.prices[at]

    def newly_used(self) -> tuple[UnitPrice, ...]:
        """List prices that figures were computed with since the last call and that aren't recorded yet."""
        new = {}
        for schedule in tuple(self._schedules.values()):
            for price, used in zip(schedule.prices, schedule.used, strict=True):
                if used and price is not None and price.origin != OVERRIDE and price.key not in self._recorded:
                    new[price.key] = price
        fresh = tuple(price for key, price in new.items() if key not in self._reported)
        self._reported.update(price.key for price in fresh)
        return fresh

    def differences(self) -> tuple[Difference, ...]:
        """Recorded prices that the current list contradicts, for a person to judge."""
        found: list[Difference] = []
        for use, recorded in self._recorded_by_use.items():
            listed = self._listed(use)
            for price in recorded:
                now = [one for one in listed if _same_days(price, one)]
                found += [Difference(price, one) for one in now if one.usd_per_unit != price.usd_per_unit]
                if not now:
                    found.append(Difference(price, None))
        return tuple(found)

    def list_prices(self, day: date, provider: str | None = None, model: str | None = None) -> tuple[ListPrice, ...]:
        """Every price that holds on a day, own ones included, in a fixed order."""
        uses = {*self._listed_uses(provider, model), *self._own_uses(provider, model)}
        rows = ((use, _on(self._choices(use), day)) for use in sorted(uses))
        return tuple(
            ListPrice(*use, usd_per_million=p.usd_per_unit * 1_000_000, valid_from=p.valid_from, origin=p.origin)
            for use, p in rows
            if p is not None
        )

    def _schedule(self, use: Use) -> _Schedule:
        schedule = self._schedules.get(use)
        if schedule is None:
            borders = self._choices(use)
            starts = [start for start, _ in borders]
            schedule = _Schedule(starts, [price for _, price in borders], [False] * len(starts))
            self._schedules[use] = schedule
        return schedule

    def _choices(self, use: Use) -> list[tuple[date, UnitPrice | None]]:
        """The price from each border on; a border is any day on which one of the three sources changes."""
        own, recorded, listed = self._own(use), self._recorded_by_use.get(use, ()), self._listed(use)
        borders = {date.min}
        for price in (*own, *recorded, *listed):
            borders.update(day for day in (price.valid_from, price.valid_until) if day is not None)
        return [(day, _first(own, day) or _chosen(recorded, listed, day)) for day in sorted(borders)]

    def _own(self, use: Use) -> list[UnitPrice]:
        """Overrides for a use, the one that counts first: exact meter, then stated tier, then later in the file."""
        ranked = []
        for place, one in enumerate(self._overrides):
            exact, tier = one.meter == use.meter, tier_of(one.service_tier, ())
            meter_fits = exact or one.meter == _PARENTS.get(use.meter)
            tier_fits = not one.service_tier or tier == use.service_tier
            if (one.provider, one.model) == (use.provider, use.model) and meter_fits and tier_fits:
                key = PriceKey(*use, valid_from=one.valid_from)
                price = UnitPrice(key, one.usd_per_unit, OVERRIDE, one.valid_until)
                ranked.append(((exact, bool(one.service_tier), place), price))
        return [price for _, price in sorted(ranked, key=lambda pair: pair[0], reverse=True)]

    def _listed(self, use: Use) -> list[UnitPrice]:
        """The list's prices under our provider's name, each with the day the next one begins."""
        name = self._lists.get(use.provider, use.provider)
        points = self._catalogue.points(use._replace(provider=name)) if name else ()
        return [
            UnitPrice(
                PriceKey(*use, valid_from=point.valid_from),
                point.usd_per_unit,
                point.origin,
                following.valid_from if following else None,
            )
            for point, following in zip_longest(points, points[1:])
            if point.usd_per_unit is not None
        ]

    def _listed_uses(self, provider: str | None, model: str | None) -> Iterator[Use]:
        if provider is not None:
            names = {provider: self._lists.get(provider, provider)}
        else:
            names = self._lists or {use.provider: use.provider for use in self._catalogue.uses(None, model)}
        for name, listed in names.items():
            if listed:
                yield from (use._replace(provider=name) for use in self._catalogue.uses(listed, model))

    def _own_uses(self, provider: str | None, model: str | None) -> Iterator[Use]:
        for one in self._overrides:
            if provider in (None, one.provider) and (model is None or model.lower() in one.model.lower()):
                yield Use(one.provider, one.model, one.meter, tier_of(one.service_tier, ()))


_PRICING_TAGS = frozenset({"batch", "context_window", "speed"})


def repriced(recorded: Mapping[PriceKey, UnitPrice], differences: Iterable[Difference]) -> dict[PriceKey, UnitPrice]:
    """The recorded prices as they'd be if these differences were accepted. A price the list forgot stays."""
    prices = dict(recorded)
    accepted = [difference for difference in differences if difference.current is not None]
    for old, _ in accepted:
        prices.pop(old.key, None)
    for old, new in accepted:
        if new is not None:
            # The first day stays the recorded one where the list's price began earlier: other recorded prices may.
            starts = max((d for d in (old.valid_from, new.valid_from) if d is not None), default=None)
            key = new.key._replace(valid_from=starts)
            prices[key] = replace(new, key=key)
    return prices


def _by_use(prices: Iterable[UnitPrice]) -> dict[Use, list[UnitPrice]]:
    """Newest first, so that the first one that covers a day is the one."""
    found: dict[Use, list[UnitPrice]] = {}
    for price in sorted(prices, key=lambda price: price.valid_from or date.min, reverse=True):
        found.setdefault(price.key.use, []).append(price)
    return found


def _first(prices: Sequence[UnitPrice], day: date) -> UnitPrice | None:
    return next((price for price in prices if price.covers(day)), None)


def _chosen(recorded: Sequence[UnitPrice], listed: Sequence[UnitPrice], day: date) -> UnitPrice | None:
    """Recorded, unless it was recorded as "until further notice" and the list has that notice."""
    old, new = _first(recorded, day), _first(listed, day)
    if old is None or new is None:
        return old or new
    changed_since = (new.valid_from or date.min) > (old.valid_from or date.min)
    return new if changed_since and old.valid_until is None else old


def _same_days(recorded: UnitPrice, listed: UnitPrice) -> bool:
    """True when both speak of the same days. An open recorded price speaks of its first day only: what the list
    says of later days is a change of price, not a contradiction.
    """
    start = recorded.valid_from or date.min
    if listed.covers(start):
        return True
    return recorded.valid_until is not None and start < (listed.valid_from or date.min) < recorded.valid_until


def _on(choices: Sequence[tuple[date, UnitPrice | None]], day: date) -> UnitPrice | None:
    return choices[bisect_right([start for start, _ in choices], day) - 1][1]
