"""What a naive reader adds up over the API is exactly what the truth expects."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from exporter.demo.books import unit_prices
from exporter.demo.series import METERS

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
SINCE, UNTIL = MIDNIGHT - timedelta(days=6), MIDNIGHT + timedelta(days=1)
DIMS = [("group_by[]", name) for name in ("project_id", "api_key_id", "model", "batch", "service_tier")]

OPENAI_FIELDS = {
    "embeddings": {"input": "input_tokens", "requests": "num_model_requests"},
    "moderations": {"input": "input_tokens", "requests": "num_model_requests"},
    "images": {"images": "images", "requests": "num_model_requests"},
    "audio_speeches": {"characters": "characters", "requests": "num_model_requests"},
    "audio_transcriptions": {"audio_seconds": "seconds", "requests": "num_model_requests"},
    "vector_stores": {"vector_store_bytes": "usage_bytes"},
    "code_interpreter_sessions": {"code_interpreter_sessions": "num_sessions"},
    "file_search_calls": {"file_search_calls": "num_requests"},
    "web_search_calls": {"web_search_calls": "num_requests"},
}
COMPLETION_FIELDS = {
    "input": "input_text_tokens",
    "input_audio": "input_audio_tokens",
    "input_image": "input_image_tokens",
    "cache_read": "input_cached_tokens",
    "cache_write_30m": "input_cache_write_30m_tokens",
    "cache_write_12h": "input_cache_write_12h_tokens",
    "output": "output_text_tokens",
    "output_audio": "output_audio_tokens",
    "requests": "num_model_requests",
}


def day_of(epoch: int) -> date:
    return datetime.fromtimestamp(epoch, UTC).date()


def openai_pairs(buckets, fields):
    for bucket in buckets:
        for row in bucket["results"]:
            for meter, field in fields.items():
                yield (day_of(bucket["start_time"]), row.get("model") or "", meter), row[field]


@pytest.mark.parametrize("width", ["1d", "1h"])
async def test_completions_add_up_at_every_width(reader, truth, book, width):
    buckets = await reader.openai("usage/completions", *DIMS, ("bucket_width", width), since=SINCE, until=UNTIL)
    assert book(openai_pairs(buckets, COMPLETION_FIELDS)) == truth.expected_usage("openai", "usage/completions")


@pytest.mark.parametrize("path", OPENAI_FIELDS)
async def test_the_smaller_reports_add_up(reader, truth, book, path):
    fields = OPENAI_FIELDS[path]
    grouping = [("group_by", "model")] if "requests" in fields or path == "web_search_calls" else []
    buckets = await reader.openai(f"usage/{path}", *grouping, ("bucket_width", "1h"), since=SINCE, until=UNTIL)
    expected = truth.expected_usage("openai", f"usage/{path}")
    assert expected
    assert book(openai_pairs(buckets, fields)) == expected


async def test_nothing_used_decisions_yet(reader, truth):
    buckets = await reader.openai("usage/decisions", since=SINCE, until=UNTIL)
    assert len(buckets) == 7
    assert not any(bucket["results"] for bucket in buckets)
    assert truth.expected_usage("openai", "usage/decisions") == {}


async def test_minutes_add_up_to_the_hour_while_it_grows(reader, book):
    hour = datetime(2026, 11, 20, 14, tzinfo=UTC)
    window = {"since": hour, "until": hour + timedelta(hours=1)}
    minutes = await reader.openai("usage/completions", *DIMS, ("bucket_width", "1m"), **window)
    hours = await reader.openai("usage/completions", *DIMS, ("bucket_width", "1h"), **window)
    assert len(minutes) == 38
    assert book(openai_pairs(minutes, COMPLETION_FIELDS)) == book(openai_pairs(hours, COMPLETION_FIELDS)) != {}
    assert not any(bucket["results"] for bucket in minutes[27:])  # the last ten minutes do not show yet


@pytest.mark.parametrize("keys", [[], [("group_by[]", "api_key_id")]])
async def test_openai_costs_add_up_to_the_last_digit(reader, truth, book, keys):
    grouping = [("group_by[]", "project_id"), ("group_by[]", "line_item"), *keys]
    buckets = await reader.openai("costs", *grouping, ("limit", 180), since=SINCE, until=UNTIL)
    rows = [(day_of(bucket["start_time"]), row) for bucket in buckets for row in bucket["results"]]
    pairs = (
        ((day, row["line_item"].rpartition(", ")[0], row["line_item"]), row["amount"]["value"]) for day, row in rows
    )
    assert book(pairs) == truth.expected_charges("openai")
    assert {type(row["amount"]["value"]) for _, row in rows} == {str, float}
    units = {row["quantity_unit"] for _, row in rows}
    assert units == {"tokens", "1000_tokens", "images", "characters", "duration_seconds", "gibibyte_hours", None}


async def test_both_generations_of_anthropic_usage_add_up(reader, truth, book):
    grouping = [("group_by[]", name) for name in ("model", "workspace_id", "api_key_id", "service_tier")]
    rows = await reader.anthropic(
        "analytics/usage", *grouping, ("time_bucket_width", "1h"), ("limit", 1000), since=SINCE, until=UNTIL
    )
    buckets = await reader.anthropic(
        "usage_report/messages", *grouping, ("bucket_width", "1h"), since=SINCE, until=UNTIL
    )
    newer = book(anthropic_pairs((row["starting_at"], row["group"], row["usage"]) for row in rows))
    legacy = ((bucket["starting_at"], row, row) for bucket in buckets for row in bucket["results"])
    expected = truth.expected_usage("anthropic", "usage/messages")
    assert newer == expected
    assert book(anthropic_pairs(legacy)) == {key: q for key, q in expected.items() if key[2] != "requests"}


def anthropic_pairs(rows):
    for start, group, usage in rows:
        quantities = {
            "input": usage["uncached_input_tokens"],
            "cache_read": usage["cache_read_input_tokens"],
            "cache_write_5m": usage["cache_creation"]["ephemeral_5m_input_tokens"],
            "cache_write_1h": usage["cache_creation"]["ephemeral_1h_input_tokens"],
            "output": usage["output_tokens"],
            "web_search_calls": usage["server_tool_use"]["web_search_requests"],
            "requests": usage.get("requests", 0),
        }
        for meter, quantity in quantities.items():
            yield (date.fromisoformat(start[:10]), group["model"], meter), quantity


@pytest.mark.parametrize("width", ["1d", "1h"])
async def test_newer_costs_are_cents_and_add_up(reader, truth, book, width):
    grouping = [("group_by[]", name) for name in ("model", "workspace_id", "cost_type", "token_type")]
    rows = await reader.anthropic(
        "analytics/cost", *grouping, ("time_bucket_width", width), ("limit", 1000), since=SINCE, until=UNTIL
    )
    pairs = ((cost_key(row["starting_at"], row["group"]), Decimal(row["cost"]["amount"]) / 100) for row in rows)
    assert book(pairs) == truth.expected_charges("anthropic")
    assert all(row["cost"]["requests"] is None for row in rows)
    discounted = [row["cost"] for row in rows if row["group"]["model"] == "claude-opus-5"]
    assert all(Decimal(c["amount"]) == Decimal(c["list_amount"]) * Decimal("0.9") for c in discounted)


async def test_legacy_costs_are_cents_and_add_up(reader, truth, book):
    grouping = [("group_by[]", "workspace_id"), ("group_by[]", "description")]
    buckets = await reader.anthropic("cost_report", *grouping, ("limit", 31), since=SINCE, until=UNTIL)
    rows = [(bucket["starting_at"], row) for bucket in buckets for row in bucket["results"]]
    pairs = ((cost_key(start, row), Decimal(row["amount"]) / 100) for start, row in rows)
    assert book(pairs) == truth.expected_charges("anthropic")
    assert {row["workspace_id"] for _, row in rows} == {None, "wrkspc_01Support", "wrkspc_01Coding"}


def cost_key(start, group):
    return date.fromisoformat(start[:10]), group["model"] or "", group["token_type"] or group["cost_type"]


async def test_claude_code_adds_up(reader, truth, book):
    pairs = []
    for n in range(7):
        day = SINCE.date() + timedelta(days=n)
        for row in await reader.pages("/v1/organizations/usage_report/claude_code", ("starting_at", day), ("limit", 2)):
            for model in row["model_breakdown"]:
                words = {**model["tokens"], "cache_write": model["tokens"]["cache_creation"]}
                del words["cache_creation"]
                pairs += [((day, model["model"], meter), quantity) for meter, quantity in words.items()]
    assert book(pairs) == truth.expected_usage("anthropic", "claude_code") != {}


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_settled_charges_are_usage_times_the_billed_price(truth, clock, book, provider):
    clock.advance(timedelta(days=3))
    pairs = []
    for series in truth.of(provider):
        for day in truth.days():
            if day >= MIDNIGHT.date() + timedelta(days=2):
                continue
            for meter, quantity in zip(METERS[series.report], truth.seen_total(series, day) or (), strict=False):
                pairs.append(((day,), quantity * unit_prices(series, meter, day)[0]))
    charged = ((day, model, meter, amount) for (day, model, meter), amount in truth.expected_charges(provider).items())
    until = MIDNIGHT.date() + timedelta(days=2)
    assert book(pairs) == book(((day,), amount) for day, _, _, amount in charged if day < until)
