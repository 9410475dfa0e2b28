"""What the demo's providers charge. One rule: dollars per million units, exact, dated.

The figures are the public list prices of these models with their real changes; two models carry a contract
discount of 10 %, which is why the bill and an estimate differ a little.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

D = Decimal
EVER = date(2000, 1, 1)
TOKENS = ("input", "cache_read", "cache_write", "output")
DISCOUNTED = frozenset({"gpt-5.4-mini", "claude-opus-5"})
DISCOUNT = D("0.9")
TIERS: Mapping[str, Decimal] = {"batch": D("0.5"), "flex": D("0.5"), "priority": D(2)}
LONG_CONTEXT: Mapping[str, Decimal] = {"output": D("1.5")}  # everything else doubles above 200k tokens

Rates = Mapping[str, Decimal]


def _text(*dollars: str) -> Rates:
    return dict(zip(TOKENS, map(D, dollars), strict=False))


def _always(**dollars: str) -> tuple[tuple[date, Rates], ...]:
    return ((EVER, {meter: D(price) for meter, price in dollars.items()}),)


BOOK: Mapping[str, tuple[tuple[date, Rates], ...]] = {
    "gpt-5.6-terra": (
        (EVER, _text("2.5", "0.25", "3.125", "15")),
        (date(2026, 7, 30), _text("2", "0.2", "2.5", "12")),
    ),
    "gpt-5.6-luna": (
        (EVER, _text("1", "0.1", "1.25", "6")),
        (date(2026, 7, 30), _text("0.2", "0.02", "0.25", "1.2")),
    ),
    "gpt-5.6-sol": (
        (EVER, _text("5", "0.5", "6.25", "30")),
        (date(2026, 8, 21), _text("4", "0.4", "5", "20")),
    ),
    "gpt-5.4-mini": ((EVER, _text("0.75", "0.075", "0.75", "4.5")),),
    "gpt-audio-mini": _always(input="0.6", cache_read="0.6", output="2.4", input_audio="10", output_audio="20"),
    "text-embedding-3-small": _always(input="0.02"),
    "text-embedding-3-large": _always(input="0.13"),
    "omni-moderation-latest": (),  # free
    "gpt-image-1": _always(images="40000"),
    "tts-1": _always(characters="15"),
    "whisper-1": _always(audio_seconds="100"),
    "claude-sonnet-5": ((EVER, {**_text("2", "0.2", "2.5", "10"), "cache_write_1h": D(4)}),),
    "claude-opus-5": ((EVER, {**_text("5", "0.5", "6.25", "25"), "cache_write_1h": D(10)}),),
    "claude-haiku-4-5-20251001": ((EVER, {**_text("1", "0.1", "1.25", "5"), "cache_write_1h": D(2)}),),
    "claude-opus-4-8": ((EVER, {**_text("5", "0.5", "6.25", "25"), "cache_write_1h": D(10)}),),
    "claude-sonnet-4-5-20250929": ((EVER, {**_text("3", "0.3", "3.75", "15"), "cache_write_1h": D(6)}),),
    # Known to no price list: its tokens stay unpriced, only the bill knows.
    "aurora-preview-2026-09": ((EVER, _text("3", "0.3", "3.75", "18")),),
    # Tools: charged whatever the model was.
    "": _always(
        web_search_calls="10000",
        file_search_calls="2500",
        code_interpreter_sessions="30000",
        vector_store_bytes="0.0000037",
        code_execution="12500",
    ),
}


def list_price(model: str, meter: str, day: date, tier: str = "", context: str = "") -> Decimal:
    """Dollars for a million units, before discount; 0 for what is free (requests, moderation)."""
    rate = D(0)
    for since, rates in BOOK[model]:
        if since <= day:
            rate = _rate(rates, meter)
    if context == "200k-1M":
        rate *= LONG_CONTEXT.get(meter, D(2))
    return rate * TIERS.get(tier, D(1))


def billed_price(model: str, meter: str, day: date, tier: str = "", context: str = "") -> Decimal:
    """Dollars for a million units as billed."""
    price = list_price(model, meter, day, tier, context)
    return price * DISCOUNT if model in DISCOUNTED else price


def _rate(rates: Rates, meter: str) -> Decimal:
    """A cache write is priced by its lifetime where that is stated, else as a plain one; image input as text."""
    if meter == "input_image":
        return rates.get("input", D(0))
    if meter not in rates and meter.startswith("cache_write"):
        return rates.get("cache_write", D(0))
    return rates.get(meter, D(0))
