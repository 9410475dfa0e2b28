"""The demo charges list prices, as the price list of the exporter knows them, with their history."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price

from exporter.demo.prices import BOOK, list_price

TEXT = [name for name in BOOK if name.startswith(("gpt-5", "gpt-audio", "claude", "text-"))]
ASKED = {
    "input": {"input_tokens": 1000},
    "cache_read": {"input_tokens": 1000, "cache_read_tokens": 1000},
    "output": {"output_tokens": 1000},
    "input_audio": {"input_tokens": 1000, "input_audio_tokens": 1000},
    "output_audio": {"output_tokens": 1000, "output_audio_tokens": 1000},
    "cache_write_30m": {"input_tokens": 1000, "cache_write_tokens": 1000},
    "cache_write_1h": {"input_tokens": 1000, "cache_write_tokens": 1000, "cache_write_1h_tokens": 1000},
    "audio_seconds": {"input_tokens": 0, "audio_seconds": 1000},
}
DAYS = (date(2026, 6, 1), date(2026, 8, 10), date(2026, 11, 18))


def listed(model: str, meter: str, day: date, **context: str) -> Decimal:
    provider = "anthropic" if model.startswith("claude") else "openai"
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    price = calc_price(
        Usage(**ASKED[meter]),
        model_ref=model,
        provider_id=provider,
        genai_request_timestamp=moment,
        price_context=context,
    )
    return price.total_price * 1000


@pytest.mark.parametrize("model", TEXT)
@pytest.mark.parametrize("day", DAYS, ids=str)
def test_tokens_cost_what_the_list_says(model, day):
    meters = ["input"] if model.startswith("text-") else ["input", "cache_read", "output"]
    meters += ["input_audio", "output_audio"] if "audio" in model else []
    meters += ["cache_write_30m"] if model.startswith("gpt-5") else []
    meters += ["cache_write_1h"] if model.startswith("claude") else []
    assert {m: list_price(model, m, day) for m in meters} == {m: listed(model, m, day) for m in meters}


@pytest.mark.parametrize(("model", "tier"), [("gpt-5.6-luna", "flex"), ("gpt-5.6-terra", "priority")])
def test_tiers_cost_what_the_list_says(model, tier):
    assert list_price(model, "output", DAYS[-1], tier) == listed(model, "output", DAYS[-1], service_tier=tier)


def test_batches_cost_half():
    assert list_price("claude-sonnet-5", "input", DAYS[-1], "batch") == listed(
        "claude-sonnet-5", "input", DAYS[-1], processing="batch"
    )


def test_transcription_costs_by_the_second():
    assert list_price("whisper-1", "audio_seconds", DAYS[-1]) == listed("whisper-1", "audio_seconds", DAYS[-1])


def test_one_model_is_on_no_price_list():
    with pytest.raises(LookupError):
        listed("aurora-preview-2026-09", "input", DAYS[-1])
    assert list_price("aurora-preview-2026-09", "input", DAYS[-1]) > 0
