"""List prices with history from the package genai-prices. The only module that touches it.

One rule: a price is read from the model's price table, never computed from an amount of usage. The package
picks its long-context steps by the size of *one request*; a daily sum would always land in the dearest step.
So the step comes from the row's own statement (`context`), and where the row says nothing the base price holds.

The package is young (0.x): pyproject pins it, and a test compares every price here with its own calculation.
It is imported at the first question, because most commands and every scrape never ask one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from exporter.pricing.prices import Point, Use, step_of

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, PriceVariant, Provider, TieredPrices

_CACHE_WRITE = ("cache_write_mtok", "input_mtok")

PRICE_KEYS: Mapping[str, tuple[str, ...]] = {
    # The first one a model has. Where a list has no discount for a part, the part costs what its whole costs.
    "input": ("input_mtok",),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "cache_write": _CACHE_WRITE,
    # A list's plain write price is the shortest lifetime's: 5 minutes at Anthropic, 30 minutes at OpenAI.
    "cache_write_5m": ("cache_write_5m_mtok", *_CACHE_WRITE),
    "cache_write_30m": _CACHE_WRITE,
    # Longer lifetimes cost more (1.6 to 2 times the plain write): without a price of their own they are unknown.
    "cache_write_1h": ("cache_write_1h_mtok",),
    "cache_write_12h": (),
    "output": ("output_mtok",),
    "reasoning": ("output_reasoning_mtok", "output_mtok"),
    # Images are read at the text price unless listed apart. Audio, video and image *output* cost many times
    # the text price, so without a price of their own they are unknown rather than far too cheap.
    "input_image": ("input_image_mtok", "input_mtok"),
    "input_audio": ("input_audio_mtok",),
    "input_video": ("input_video_mtok",),
    "output_audio": ("output_audio_mtok",),
    "output_image": ("output_image_mtok",),
    "output_video": ("output_video_mtok",),
    "cache_read_audio": ("cache_audio_read_mtok", "input_audio_mtok"),
    "cache_read_image": ("cache_image_read_mtok", "input_image_mtok", "cache_read_mtok", "input_mtok"),
}

_OWN_METER = {keys[0]: meter for meter, keys in reversed(list(PRICE_KEYS.items())) if keys}
"""The meter a price is printed under: the first of those that begin with it."""

TIER_RULES: Mapping[tuple[str, str], Decimal] = {
    # Share of the standard price, only where the list has no price for the tier on that day (it has none before
    # October 2026) and the provider's published rule is one factor for every model and token kind:
    ("openai", "batch"): Decimal("0.5"),  # "Batch API: 50 % off" since April 2024
    ("openai", "flex"): Decimal("0.5"),  # "Flex is priced at Batch API rates" since April 2025
    ("anthropic", "batch"): Decimal("0.5"),  # "charged at 50 % of the standard API prices" since October 2024
}


class _Model(NamedTuple):
    """A model of the list, and whether its tier prices hold at the provider that was asked for."""

    info: ModelInfo
    own: bool


class GenaiPrices:
    """The bundled snapshot, loaded once, at the first question."""

    @cached_property
    def origin(self) -> str:
        """Name and version, as recorded with every price."""
        from importlib.metadata import version  # noqa: PLC0415

        return f"genai-prices {version('genai-prices')}"

    @cached_property
    def _list(self) -> list[Provider]:
        from genai_prices.data import providers  # noqa: PLC0415  # 11 MiB and a third of a second: only when asked

        return providers

    @cached_property
    def _providers(self) -> dict[str, Provider]:
        return {provider.id: provider for provider in self._list}

    def points(self, use: Use) -> tuple[Point, ...]:
        """The price of a use over time, oldest first, equal neighbours joined."""
        found = self._find(use.provider, use.model)
        if found is None or use.meter not in PRICE_KEYS:
            return ()
        points: list[Point] = []
        for start in (None, *_changes(found.info)):
            price, note = _price(found, use, start or date.min)
            point = Point(start, price, f"{self.origin}{note}" if price is not None else "")
            if not points or points[-1][1:] != point[1:]:
                points.append(point)
        return () if all(point.usd_per_unit is None for point in points) else tuple(points)

    def uses(self, provider: str | None, model: str | None) -> Iterator[Use]:
        """Everything with a price of its own, so that derived prices don't fill the list."""
        for one in self._list:
            if provider is None or one.id == provider:
                for info in one.models:
                    if model is None or model.lower() in info.id.lower() or info.is_match(model):
                        yield from _uses(one.id, info)

    def _find(self, provider: str, model: str) -> _Model | None:
        # By exact id: the package's own search also matches parts of a name, and a wrong provider's price is
        # worse than none.
        listed = self._providers.get(provider)
        info = listed.find_model(model, all_providers=self._list) if listed and model else None
        if listed is None or info is None:
            return None
        return _Model(info, own=any(info is one for one in listed.models))


def _price(model: _Model, use: Use, day: date) -> tuple[Decimal | None, str]:
    """US dollars for one token, and a remark for the origin where a rule stood in for a listed price."""
    moment = datetime.combine(day, time(12), UTC)  # time-of-day prices (DeepSeek): what holds at noon
    conditions = _conditions(use)
    prices = model.info.get_prices(moment, conditions if model.own else None)
    key = next((key for key in PRICE_KEYS[use.meter] if getattr(prices, key) is not None), None)
    per_million = _at_step(getattr(prices, key), step_of(use.context)) if key else None
    if not key or not per_million:  # zero for tokens that were used means "not known", as for whisper by tokens
        return None, ""
    share, note = _stand_in(model, use, key, moment) if conditions else (Decimal(1), "")
    return (per_million * share).scaleb(-6), note


def _stand_in(model: _Model, use: Use, key: str, moment: datetime) -> tuple[Decimal, str]:
    """What to do where the list has no price for this tier on that day: a published rule, else standard.

    Where the list has the tier from a later day on, the rule covers what the tier covers there: OpenAI's batches
    never halved the cached input of gpt-4o, for example.
    """
    conditions = _conditions(use)
    # An entry made for another provider has that provider's tiers; ours may have different ones.
    known = [v for v in _variants(model.info) if model.own and _matches(v, conditions)]
    if any(v.constraint is None or v.constraint.active(moment) for v in known):
        return Decimal(1), ""
    share = TIER_RULES.get((use.provider, use.service_tier))
    if share is None or (known and not any(getattr(v.prices, key) for v in known)):
        return Decimal(1), f", standard price in place of {use.service_tier or 'fast'}"
    return share, f", {use.service_tier} at {share:.0%} of standard"


def _conditions(use: Use) -> dict[str, str]:
    """Our words for tier and mode in the package's words."""
    conditions = {}
    if use.service_tier == "batch":
        conditions["processing"] = "batch"
    elif use.service_tier:
        conditions["service_tier"] = use.service_tier
    if "fast" in use.context.split(", "):
        conditions["speed"] = "fast"
    return conditions


def _variants(info: ModelInfo) -> list[PriceVariant]:
    return info.price_variants or []


def _matches(variant: PriceVariant, conditions: Mapping[str, str]) -> bool:
    return all(conditions.get(name) == value for name, value in variant.when.items())


def _at_step(value: Decimal | TieredPrices, above: int) -> Decimal:
    """The price of requests larger than `above` tokens; 0 means "no statement": the base price."""
    if isinstance(value, Decimal):
        return value
    price = value.base
    for tier in value.tiers:
        if above and tier.start <= above:
            price = tier.price
    return price


def _changes(info: ModelInfo) -> list[date]:
    """Every day on which some price of the model starts."""
    prices = info.prices if isinstance(info.prices, list) else []
    constraints = [*(step.constraint for step in prices), *(variant.constraint for variant in _variants(info))]
    return sorted({start for constraint in constraints if (start := getattr(constraint, "start_date", None))})


def _uses(provider: str, info: ModelInfo) -> Iterator[Use]:
    tables = [step.prices for step in info.prices] if isinstance(info.prices, list) else [info.prices]
    tiers = dict.fromkeys(["", *(tier for v in _variants(info) if (tier := _tier(v)))])
    for tier in tiers:
        for key, meter in _OWN_METER.items():
            if any(getattr(table, key) is not None for table in tables):
                yield Use(provider, info.id, meter, tier)
                yield from (Use(provider, info.id, meter, tier, f"above {n}") for n in _steps(tables, key))


def _tier(variant: PriceVariant) -> str:
    """The tier a variant is for; empty when it is for the ordinary one or not for a tier at all."""
    tier = variant.when.get("processing") or variant.when.get("service_tier") or ""
    return "" if tier == "default" else tier


def _steps(tables: list[ModelPrice], key: str) -> list[int]:
    values = [getattr(table, key) for table in tables]
    return sorted({tier.start for value in values if not isinstance(value, Decimal | None) for tier in value.tiers})
