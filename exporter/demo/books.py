"""The bill, and the books a correct exporter has to arrive at.

One rule: an amount is quantity × price, exact, never rounded; it is priced by the day it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from exporter.demo.prices import billed_price, list_price
from exporter.demo.series import ANTHROPIC, CLAUDE_CODE, COMPLETIONS, MESSAGES, METERS, OPENAI, Series
from exporter.demo.shape import DayOfHours, Vector
from exporter.demo.visibility import ANALYTICS

if TYPE_CHECKING:
    from exporter.demo.truth import Truth

Amounts = dict[tuple[date, str, str], Decimal]

MILLION = Decimal(1_000_000)
TOOLS: Mapping[str, str] = {  # meters billed whatever the model was, and what OpenAI calls them on the bill
    "web_search_calls": "web search tool calls",
    "file_search_calls": "file search tool calls",
    "code_interpreter_sessions": "code interpreter sessions",
    "vector_store_bytes": "file search storage",
    "code_execution": "",
}
KINDS: Mapping[str, str] = {
    "input": "input_tokens",
    "input_audio": "audio_input_tokens",
    "input_image": "image_input_tokens",
    "cache_read": "cached_input_tokens",
    "cache_write_30m": "cache_write_30m_tokens",
    "cache_write_12h": "cache_write_12h_tokens",
    "output": "output_tokens",
    "output_audio": "audio_output_tokens",
    "images": "images",
    "characters": "characters",
    "audio_seconds": "duration_seconds",
}
TOKEN_TYPES: Mapping[str, str] = {
    "input": "uncached_input_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write_5m": "cache_creation.ephemeral_5m_input_tokens",
    "cache_write_1h": "cache_creation.ephemeral_1h_input_tokens",
    "output": "output_tokens",
}
COST_TYPES: Mapping[str, str] = {"web_search_calls": "web_search", "code_execution": "code_execution"}


class Line(NamedTuple):
    """One meter of one series on one day's bill, in dollars."""

    series: Series
    meter: str
    quantity: int
    amount: Decimal
    list_amount: Decimal

    @property
    def model(self) -> str:
        """Empty for tools: they are billed apart from any model."""
        return "" if self.meter in TOOLS else self.series.model

    @property
    def line_item(self) -> str:
        """OpenAI's text for it."""
        if self.meter in TOOLS:
            return TOOLS[self.meter]
        tier = "" if self.series.tier in ("", "default") else f"{self.series.tier}_"
        return f"{self.model}, {tier}{KINDS[self.meter]}"

    @property
    def cost_type(self) -> str:
        """Anthropic's word for it."""
        return COST_TYPES.get(self.meter, "tokens")

    @property
    def token_type(self) -> str | None:
        """Anthropic's word for the kind of tokens, if it is tokens."""
        return TOKEN_TYPES.get(self.meter)


def bill(series: Series, day: date, total: Vector | None) -> Iterator[Line]:
    """The lines of one series' day; what is free has no line."""
    for meter, quantity in zip(METERS[series.report], total or (), strict=False):
        if not quantity:
            continue
        billed, listed = unit_prices(series, meter, day)
        if listed:
            yield Line(series, meter, quantity, quantity * billed, quantity * listed)


def unit_prices(series: Series, meter: str, day: date) -> tuple[Decimal, Decimal]:
    """Dollars for one unit: as billed, and by the list."""
    if meter in TOOLS:
        return _prices("", meter, day, "", "")
    return _prices(series.model, meter, day, series.tier, series.context)


@lru_cache(maxsize=50_000)
def _prices(model: str, meter: str, day: date, tier: str, context: str) -> tuple[Decimal, Decimal]:
    billed = billed_price(model, meter, day, tier, context)
    return billed / MILLION, list_price(model, meter, day, tier, context) / MILLION


def without_details(series: Series, hours: DayOfHours) -> DayOfHours:
    """The time before OpenAI told cache writes and images apart: they are ordinary input."""
    if series.report != COMPLETIONS:
        return hours
    return tuple([_folded(vector) if vector else None for vector in hours])


def _folded(vector: Vector) -> Vector:
    input_, audio, image, read, write_30m, write_12h, *rest = vector
    return (input_ + image + write_30m + write_12h, audio, 0, read, 0, 0, *rest)


def expected_charges(truth: Truth, provider: str) -> Amounts:
    """Dollars by (day, model, meter); the meter is the provider's own text."""
    books: Amounts = {}
    for day in truth.days():
        for line in truth.lines(provider, day):
            meter = line.line_item if provider == OPENAI else line.token_type or line.cost_type
            _book(books, (day, line.model, meter), line.amount)
    return books


def expected_usage(truth: Truth, provider: str, report: str) -> Amounts:
    """Quantities by (day, model, meter of the glossary)."""
    if (provider, report) == (ANTHROPIC, CLAUDE_CODE):
        return _expected_claude_code(truth)
    books: Amounts = {}
    for series in truth.of(provider, report):
        for day in truth.days():
            for meter, quantity in zip(METERS[report], truth.seen_total(series, day) or (), strict=False):
                _book(books, (day, series.model, meter), Decimal(quantity))
    return books


def _expected_claude_code(truth: Truth) -> Amounts:
    """Claude Code analytics: the same tokens again, seen by another report that knows no cache lifetimes."""
    books: Amounts = {}
    for series in truth.of(ANTHROPIC, MESSAGES):
        for day in truth.days() if series.product == CLAUDE_CODE else ():
            for meter, quantity in claude_code_tokens(truth.seen_total(series, day, ANALYTICS)).items():
                _book(books, (day, series.model, meter), Decimal(quantity))
    return books


def claude_code_tokens(total: Vector | None) -> dict[str, int]:
    """A day's tokens in the words of the glossary."""
    if not total:
        return {}
    input_, read, write_5m, write_1h, output, *_ = total
    return {"input": input_, "output": output, "cache_read": read, "cache_write": write_5m + write_1h}


def _book(books: Amounts, key: tuple[date, str, str], amount: Decimal) -> None:
    if amount:
        books[key] = books.get(key, Decimal(0)) + amount
