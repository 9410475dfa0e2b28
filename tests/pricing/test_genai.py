"""Against the real list: expected prices are the provider's published ones on the day named."""

import subprocess
import sys
import warnings
from datetime import UTC, date, datetime, time
from decimal import Decimal

import genai_prices
import pytest
from genai_prices.data import providers
from genai_prices.data_units import unit_data

from exporter.pricing import GenaiPrices, PriceBook
from exporter.pricing.genai import PRICE_KEYS, TIER_RULES
from exporter.pricing.prices import Use, context_of, step_of

BOOK = PriceBook(GenaiPrices())
NOVEMBER = date(2026, 11, 1)
BEFORE_TIERS = date(2026, 1, 1)
LONG = (("context_window", "200k-1M"),)


def per_million(
    model: str, meter: str, tier: str = "", day: date = NOVEMBER, tags=(), provider: str = "openai"
) -> Decimal | None:
    found = BOOK.unit_price(provider, model, meter, tier, day, tags)
    return None if found is None else found.usd_per_unit * 1_000_000


@pytest.mark.parametrize(
    ("provider", "model", "meter", "expected"),
    [
        ("openai", "gpt-5", "input", "1.25"),
        ("openai", "gpt-5-2025-08-07", "cache_read", "0.125"),
        ("openai", "gpt-5", "output", "10"),
        ("openai", "gpt-5", "reasoning", "10"),
        ("openai", "text-embedding-3-small", "input", "0.02"),
        ("openai", "gpt-6-sol", "cache_write_30m", "2.5"),
        ("anthropic", "claude-sonnet-4-5", "input", "3"),
        ("anthropic", "claude-sonnet-4-5", "cache_read", "0.3"),
        ("anthropic", "claude-sonnet-4-5", "cache_write", "3.75"),
        ("anthropic", "claude-sonnet-4-5", "cache_write_5m", "3.75"),
        ("anthropic", "claude-sonnet-4-5", "cache_write_1h", "6"),
        ("anthropic", "claude-sonnet-4-5", "output", "15"),
    ],
)
def test_published_prices(provider: str, model: str, meter: str, expected: str):
    assert per_million(model, meter, provider=provider) == Decimal(expected)


@pytest.mark.parametrize(
    ("model", "meter"),
    [
        ("whisper-1", "input"),  # billed by the second; by tokens it would be zero
        ("gpt-4o-audio-preview", "input_audio"),  # costs sixteen times its text
        ("gpt-5", "output_image"),
        ("gpt-6-sol", "cache_write_12h"),  # dearer than the 30 minutes the list has
        ("gpt-5", "requests"),
        ("no-such-model", "input"),
        ("", "input"),
    ],
)
def test_what_the_list_does_not_know_is_unpriced(model: str, meter: str):
    assert per_million(model, meter) is None


@pytest.mark.parametrize("provider", ["nobody", "open", "my-openai-proxy", "litellm", ""])
def test_a_provider_is_found_by_its_exact_name_only(provider: str):
    assert per_million("gpt-5", "input", provider=provider) is None


def test_a_sum_never_falls_into_a_long_context_step():
    per_token = BOOK.unit_price("anthropic", "claude-sonnet-4-5", "input", "", NOVEMBER)

    assert per_token is not None
    assert 3_000_000_000 * per_token.usd_per_unit == 9_000


def test_a_row_that_states_the_long_window_pays_its_price():
    def claude(meter: str, tier: str = "", window: str = "200k-1M") -> Decimal | None:
        tags = (("context_window", window),)
        return per_million("claude-sonnet-4-5", meter, tier, NOVEMBER, tags, "anthropic")

    assert (claude("input"), claude("output")) == (6, Decimal("22.5"))
    assert claude("input", "batch") == 3
    assert claude("input", window="0-200k") == 3
    # A step far below the window's lower end applies; one above it doesn't.
    assert per_million("claude-haiku-5-5", "input", tags=LONG, provider="anthropic") == Decimal("0.5")
    assert per_million("gpt-6-sol", "input", tags=LONG) == 2


@pytest.mark.parametrize(
    ("window", "step"),
    [
        ("200k-1M", 200_000),
        ("1M-2M", 1_000_000),
        ("272000-", 272_000),
        ("0-200k", 0),
        ("", 0),
        ("long", 0),
        ("12x-1M", 0),
        ("k-1M", 0),
    ],
)
def test_a_window_is_read_by_its_lower_end(window: str, step: int):
    assert step_of(context_of((("context_window", window),))) == step


@pytest.mark.parametrize(
    ("model", "tier", "day", "expected", "remark"),
    [
        ("gpt-5", "batch", NOVEMBER, "5", ""),
        ("gpt-5", "batch", BEFORE_TIERS, "5", ", batch at 50% of standard"),
        ("gpt-5", "flex", BEFORE_TIERS, "5", ", flex at 50% of standard"),
        ("gpt-5", "priority", NOVEMBER, "20", ""),
        ("gpt-5", "fast", NOVEMBER, "20", ""),
        ("gpt-5", "priority", BEFORE_TIERS, "10", ", standard price in place of priority"),
        ("gpt-5", "scale", NOVEMBER, "10", ", standard price in place of scale"),
    ],
)
def test_tiers(model: str, tier: str, day: date, expected: str, remark: str):
    found = BOOK.unit_price("openai", model, "output", tier, day)

    assert found is not None
    assert found.usd_per_unit * 1_000_000 == Decimal(expected)
    assert found.origin == f"genai-prices {genai_prices.__version__}{remark}"


def test_batch_before_the_list_knew_it_is_half_for_anthropic_and_standard_elsewhere():
    def batch(provider: str, model: str) -> Decimal | None:
        return per_million(model, "input", "batch", BEFORE_TIERS, provider=provider)

    assert batch("anthropic", "claude-sonnet-4-5") == Decimal("1.5")
    assert batch("mistral", "mistral-large-latest") == per_million(
        "mistral-large-latest", "input", day=BEFORE_TIERS, provider="mistral"
    )


def test_the_fast_mode_is_a_tag():
    fast = (("speed", "fast"),)
    with_mode = next(m.id for p in providers if p.id == "anthropic" for m in p.models if _has_speed(m))

    standard = per_million(with_mode, "output", provider="anthropic")
    assert standard is not None
    assert per_million(with_mode, "output", tags=fast, provider="anthropic") == 2 * standard
    found = BOOK.unit_price("anthropic", "claude-sonnet-4-5", "output", "", NOVEMBER, fast)
    assert found is not None
    assert found.origin.endswith("standard price in place of fast")


def _has_speed(model) -> bool:
    return any("speed" in variant.when for variant in model.price_variants or ())


def test_another_provider_can_sell_a_model_at_its_own_tiers():
    azure = next(p for p in providers if p.id == "azure")
    assert "openai" in (azure.fallback_model_providers or [])
    fallback = next(
        m.id
        for p in providers
        if p.id == "openai"
        for m in p.models
        if not azure._match_model(m.id) and m.price_variants
    )

    standard = per_million(fallback, "output", provider="azure")
    assert standard is not None
    # OpenAI's own batch price is not Azure's: the standard price stands in and the origin says so.
    assert per_million(fallback, "output", "batch", provider="azure") == standard


def test_tier_rules_hold_wherever_the_list_has_the_tier():
    """Should a provider change its rule, the list shows it first."""
    ratios = {rule: set[Decimal]() for rule in TIER_RULES}
    for provider, tier in TIER_RULES:
        for info in next(p for p in providers if p.id == provider).models:
            for meter in ("input", "output"):
                at = BOOK.unit_price(provider, info.id, meter, tier, NOVEMBER)
                standard = BOOK.unit_price(provider, info.id, meter, "", NOVEMBER)
                if at and standard and "%" not in at.origin and "in place of" not in at.origin:
                    ratios[provider, tier].add(at.usd_per_unit / standard.usd_per_unit)

    assert {rule: found - {1} for rule, found in ratios.items()} == {
        rule: {share} for rule, share in TIER_RULES.items()
    }


def test_a_rule_covers_no_more_than_the_tier_does_where_it_is_listed():
    # OpenAI lists no batch price for gpt-4o's cached input and none at all for gpt-3.5-turbo-1106.
    assert per_million("gpt-4o", "input", "batch", BEFORE_TIERS) == Decimal("1.25")
    assert per_million("gpt-4o", "cache_read", "batch", BEFORE_TIERS) == Decimal("1.25")
    assert per_million("gpt-4o", "cache_read", "batch", NOVEMBER) == Decimal("1.25")
    assert per_million("gpt-3.5-turbo-1106", "input", "batch", BEFORE_TIERS) == 1
    # The rule follows the standard price of its day: o3 fell from 10 to 2 dollars in June 2025.
    assert per_million("o3", "input", "batch", date(2025, 6, 9)) == 5
    assert per_million("o3", "input", "batch", date(2025, 6, 10)) == 1
    # Retired models never had a listed batch price.
    assert per_million("claude-3-5-sonnet", "output", "batch", BEFORE_TIERS, provider="anthropic") == Decimal("7.5")


USAGE = {  # what one token of each kind is to the package: parts count into their whole
    "input": {"input_tokens": 1},
    "cache_read": {"input_tokens": 1, "cache_read_tokens": 1},
    "cache_write": {"input_tokens": 1, "cache_write_tokens": 1},
    "cache_write_5m": {"input_tokens": 1, "cache_write_tokens": 1, "cache_write_5m_tokens": 1},
    "cache_write_1h": {"input_tokens": 1, "cache_write_tokens": 1, "cache_write_1h_tokens": 1},
    "output": {"output_tokens": 1},
    "reasoning": {"output_tokens": 1, "output_reasoning_tokens": 1},
    "input_audio": {"input_tokens": 1, "input_audio_tokens": 1},
    "input_image": {"input_tokens": 1, "input_image_tokens": 1},
    "output_audio": {"output_tokens": 1, "output_audio_tokens": 1},
}


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "mistral", "groq", "x-ai", "deepseek", "aws"])
def test_every_price_equals_the_packages_own_calculation_for_one_token(provider: str):
    compared = 0
    noon = datetime.combine(NOVEMBER, time(12), UTC)
    for info in next(p for p in providers if p.id == provider).models:
        for meter, tokens in USAGE.items():
            mine = BOOK.unit_price(provider, info.id, meter, "", NOVEMBER)
            # By id, a model may be found through another one's pattern; both sides must look alike.
            if mine is None:
                continue
            theirs = genai_prices.calc_price(
                genai_prices.Usage(**tokens), info.id, provider_id=provider, genai_request_timestamp=noon
            )
            assert mine.usd_per_unit == theirs.input_price + theirs.output_price, (info.id, meter)
            compared += 1
    assert compared > 10


def test_every_token_price_of_the_list_is_known_here():
    """A new kind of token price in the package has to be given a meter, or be left out on purpose."""
    left_out = {"output_citation_mtok"}
    listed = {unit["price_key"] for unit in unit_data.values()}
    used = {key for p in providers for m in p.models for table in _tables(m) for key in table.__dict__}

    assert {key for key in used if key.endswith("_mtok")} - left_out <= {
        k for keys in PRICE_KEYS.values() for k in keys
    }
    assert {key for keys in PRICE_KEYS.values() for key in keys} <= listed


def _tables(model):
    steps = model.prices if isinstance(model.prices, list) else []
    variants = model.price_variants or []
    return [*(s.prices for s in [*steps, *variants]), *([] if steps else [model.prices])]


def test_the_list_names_own_prices_with_tiers_and_steps():
    uses = set(GenaiPrices().uses("anthropic", "claude-sonnet-4-5"))

    assert Use("anthropic", "claude-sonnet-4-5", "cache_write_1h", "batch") in uses
    assert Use("anthropic", "claude-sonnet-4-5", "input", "", "above 200000") in uses
    assert not [use for use in uses if use.meter == "reasoning"]  # priced as output, not listed apart
    assert {use.provider for use in GenaiPrices().uses(None, "sonnet-4-5")} >= {"anthropic"}


def test_a_dated_name_finds_its_model_in_the_list():
    assert {use.model for use in GenaiPrices().uses("openai", "gpt-5-2025-08-07")} == {"gpt-5"}


def test_listed_prices_can_be_printed():
    rows = BOOK.list_prices(NOVEMBER, "anthropic", "claude-sonnet-4-5")

    assert {(row.meter, row.context): row.usd_per_million for row in rows if not row.service_tier} == {
        ("input", ""): 3,
        ("input", "above 200000"): 6,
        ("cache_read", ""): Decimal("0.3"),
        ("cache_read", "above 200000"): Decimal("0.6"),
        ("cache_write", ""): Decimal("3.75"),
        ("cache_write", "above 200000"): Decimal("7.5"),
        ("cache_write_1h", ""): 6,
        ("cache_write_1h", "above 200000"): 12,
        ("output", ""): 15,
        ("output", "above 200000"): Decimal("22.5"),
    }


def test_the_package_is_not_imported_before_it_is_needed():
    code = (
        "import sys, exporter.pricing as p; b = p.PriceBook(p.GenaiPrices());"
        "assert not [m for m in sys.modules if m.startswith('genai_prices') or m == 'pydantic']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_reading_prices_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert PriceBook(GenaiPrices()).list_prices(NOVEMBER)
