"""OpenAI: replies to rows, and what is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.domain import HOUR, Charge, Dimensions, Period
from exporter.errors import BeyondHistory, NeedsAttention, UnexpectedReply
from exporter.providers.openai import GROUPING, GROUPING_BY_KEY, provider
from exporter.providers.openai_rows import ENDPOINTS, carve, charges_from, completions, usage_from

COMPLETIONS, *_ = ENDPOINTS
REPORTS = {report.name: report for report in provider.reports}
KEY = Dimensions("input", "tokens", "gpt-5.6-mini-2026-05-11", "proj_9x", "key_7b", "default")
COSTS = "/v1/organization/costs"


async def read(api, name, window):
    async with api.client(**api.account.options) as client:
        return [page async for page in REPORTS[name].fetch(client, api.account, window)]


def meters(**row):
    return {meter: int(quantity) for meter, _, quantity in completions(row) if quantity}


def test_token_meters_are_disjoint(recorded, day):
    rows = usage_from(recorded("openai/v1.organization.usage.completions"), COMPLETIONS, day).usage[:11]
    assert {row.dimensions.meter: int(row.quantity) for row in rows} == {
        "input": 110_960, "input_audio": 6_000, "input_image": 2_000, "cache_read": 61_440,
        "cache_write_30m": 1_500, "cache_write_12h": 500,
        "output": 19_310, "output_audio": 700, "output_image": 300, "requests": 412,
    } | {"input": 110_960}  # fmt: skip
    assert (
        sum(row.quantity for row in rows if row.dimensions.unit == "tokens" and row.dimensions.service_tier != "batch")
        == 182_400 + 20_310
    )
    assert rows[0].dimensions == KEY
    assert rows[0].period == Period(day.start + 9 * HOUR, day.start + 10 * HOUR)


def test_totals_are_believed_where_details_are_missing_null_or_out_of_step():
    assert meters(input_tokens=900, output_tokens=100) == {"input": 900, "output": 100}
    assert meters(input_tokens=900, input_cached_tokens=None, output_tokens=0, num_model_requests=None) == {
        "input": 900
    }
    assert meters(input_tokens=100, input_cached_tokens=150, input_cache_write_tokens=20, output_tokens=5) == {
        "cache_read": 100, "output": 5,
    }  # fmt: skip
    assert meters(input_tokens=100, input_uncached_tokens=3, input_text_tokens=3, output_tokens=5) == {
        "input": 100,
        "output": 5,
    }
    assert meters(input_tokens=100, input_cache_write_tokens=40, input_cache_write_30m_tokens=30, output_tokens=5) == {
        "input": 60, "cache_write_30m": 30, "cache_write": 10, "output": 5,
    }  # fmt: skip
    with pytest.raises(KeyError):
        meters(output_tokens=5)


AMOUNT = st.one_of(st.none(), st.integers(0, 4_000_000_000))


@given(st.integers(0, 4_000_000_000), st.integers(0, 4_000_000_000), *[AMOUNT] * 8)
def test_the_meters_always_add_up_to_the_totals(
    into, out, cached, written, half_hour, half_day, audio, image, audio_out, image_out
):
    row = {
        "input_tokens": into, "input_cached_tokens": cached, "input_cache_write_tokens": written,
        "input_cache_write_30m_tokens": half_hour, "input_cache_write_12h_tokens": half_day,
        "input_audio_tokens": audio, "input_image_tokens": image,
        "output_tokens": out, "output_audio_tokens": audio_out, "output_image_tokens": image_out,
    }  # fmt: skip
    tokens = [quantity for _, unit, quantity in completions(row) if unit == "tokens"]
    assert sum(tokens) == into + out
    assert min(tokens) >= 0


def test_carving_never_takes_more_than_there_is():
    assert carve(Decimal(10), [4, None, 9]) == [4, 0, 6, 0]


@pytest.mark.parametrize(
    ("row", "tier", "tags"),
    [
        ({"service_tier": "fast"}, "priority", ()),
        ({"service_tier": None}, "", ()),
        ({"service_tier": "new-tier", "batch": False}, "new-tier", ()),
        ({"service_tier": "default", "batch": True}, "batch", ()),
        ({"service_tier": "flex", "batch": True}, "batch", (("service_tier", "flex"),)),
    ],
)
def test_service_tiers(recorded, day, row, tier, tags):
    reply = recorded("openai/v1.organization.usage.embeddings")
    reply["data"][0]["results"][0] |= row | {"output_tokens": 0}
    (first, *_) = usage_from(reply, COMPLETIONS, day).usage
    assert (first.dimensions.service_tier, first.dimensions.tags) == (tier, tags)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("embeddings", {("input", "tokens"): 52_000, ("requests", "requests"): 40}),
        ("moderations", {("input", "tokens"): 1_200, ("requests", "requests"): 6}),
        ("images", {("images", "images"): 4, ("requests", "requests"): 4}),
        ("audio_speeches", {("characters", "characters"): 9_000, ("requests", "requests"): 5}),
        ("audio_transcriptions", {("audio_seconds", "seconds"): 640, ("requests", "requests"): 7}),
        ("vector_stores", {("vector_store_bytes", "bytes"): 3_221_225_472}),
        ("code_interpreter_sessions", {("code_interpreter_sessions", "sessions"): 12}),
        ("file_search_calls", {("file_search_calls", "calls"): 33}),
        ("web_search_calls", {("web_search_calls", "calls"): 21}),  # its requests are counted by completions
    ],
)
async def test_other_usage(api, day, name, expected):
    (page,) = await read(api("openai"), f"usage/{name}", day)
    assert {(row.dimensions.meter, row.dimensions.unit): row.quantity for row in page.usage} == expected


async def test_images_and_searches_keep_their_own_dimensions(api, day):
    (images,) = await read(api("openai"), "usage/images", day)
    assert images.usage[0].dimensions.tags == (("size", "1024x1024"), ("source", "image.generation"))
    (searches,) = await read(api("openai"), "usage/web_search_calls", day)
    assert searches.usage[0].dimensions.tags == (("context_level", "medium"),)


def test_charges_are_exact_dollars_by_line_item(recorded, day):
    page = charges_from(recorded("openai/v1.organization.costs"), GROUPING, day)
    model = "gpt-5.6-mini-2026-05-11"
    assert page.charges == [
        Charge(
            day,
            Dimensions(f"{model}, input_tokens", "tokens", model, "proj_9x"),
            Decimal("1.284013500000000000000000000000001"),
            "USD",
        ),
        Charge(day, Dimensions(f"{model}, output_tokens", "tokens", model, "proj_9x"), Decimal("0.06"), "USD"),
        Charge(
            day,
            Dimensions("Vector store, small, storage", "gibibyte_hours", "Vector store, small", "proj_old"),
            Decimal(2),
            "USD",
        ),
        Charge(day, Dimensions("unattributed", ""), Decimal("-0.5"), "USD"),
    ]


async def test_costs_stop_at_the_empty_page_that_names_another(api, day):
    there = api("openai")
    assert len(await read(there, "costs", day)) == 2
    assert there.asked("page") == [None, "page_past_the_end"]
    query = there.requests[0].url.params
    assert query["start_time"] == "1794960000"
    assert query["end_time"] == "1795046400"
    assert (query["bucket_width"], query["limit"]) == ("1d", "1")
    assert query.get_list("group_by[]") == ["project_id", "line_item"]


async def test_completions_are_read_hourly_with_every_dimension(api, day):
    there = api("openai")
    assert len(await read(there, "usage/completions", day)) == 2
    query = there.requests[0].url.params
    assert (query["bucket_width"], query["limit"]) == ("1h", "24")
    assert query.get_list("group_by[]") == ["project_id", "api_key_id", "model", "batch", "service_tier"]


REFUSED = {"error": {"message": "not before 2025-12-06", "type": "invalid_request_error", "param": "start_time"}}


async def test_costs_by_key_fall_back_and_mark_their_rows(api, day, recorded):
    import httpx

    there = api("openai")
    there.client(costs_by_api_key="true")
    reply = recorded("openai/v1.organization.costs")
    reply = {**reply, "has_more": False, "next_page": None, "data": [{**reply["data"][0], "results": []}]}
    there.says(COSTS, httpx.Response(400, json=REFUSED), reply)
    await read(there, "costs", day)
    assert [tuple(r.url.params.get_list("group_by[]")) for r in there.requests] == [GROUPING_BY_KEY, GROUPING]


def test_rows_keep_the_grouping_they_were_read_with(recorded, day):
    reply = recorded("openai/v1.organization.costs")
    reply["data"][0]["results"][0]["api_key_id"] = "key_7b"
    first = charges_from(reply, GROUPING_BY_KEY, day).charges[0].dimensions
    assert (first.api_key, first.tags) == ("key_7b", (("grouping", "project_id,line_item,api_key_id"),))


async def test_without_the_option_a_refused_grouping_stands(api, day):
    there = api("openai").says(COSTS, 400)
    with pytest.raises(UnexpectedReply):
        await read(there, "costs", day)
    assert len(there.requests) == 1


@pytest.mark.parametrize("name", ["costs", "usage/completions"])
async def test_days_beyond_the_look_back_end_a_back_fill(api, day, name):
    import httpx

    error = {"error": {"message": "too old", "param": "start_time", "code": "reporting_lookback_exceeded"}}
    there = api("openai").says("", httpx.Response(400, json=error))
    there.client(costs_by_api_key="true")
    with pytest.raises(BeyondHistory, match="too old"):
        await read(there, name, day)
    assert len(there.requests) == 1


async def test_a_bucket_on_two_pages_is_unexpected(api, day, recorded):
    reply = recorded("openai/v1.organization.usage.embeddings")
    there = api("openai").says("", reply | {"has_more": True, "next_page": "p2"}, reply)
    with pytest.raises(UnexpectedReply, match="repeats a bucket of an earlier page"):
        await read(there, "usage/embeddings", day)


async def test_a_bucket_twice_on_one_page_is_unexpected(api, day, recorded):
    reply = recorded("openai/v1.organization.usage.embeddings")
    there = api("openai").says("", reply | {"data": reply["data"] * 2})
    with pytest.raises(UnexpectedReply, match="repeats a bucket"):
        await read(there, "usage/embeddings", day)


async def test_a_bucket_outside_the_window_is_unexpected(api, day):
    tomorrow = replace(day, start=day.end, end=day.end + timedelta(days=1))
    with pytest.raises(UnexpectedReply, match="outside the window"):
        await read(api("openai"), "costs", tomorrow)


def test_unknown_fields_are_named(recorded, day):
    reply = recorded("openai/v1.organization.costs") | {"warning": None}
    reply["data"][0]["note"] = ""
    reply["data"][0]["results"][0]["discount"] = 0
    assert charges_from(reply, GROUPING, day).unknown_fields == {"warning", "note", "discount"}


async def test_discover_reads_archived_projects_whose_keys_are_gone(api):
    there = api("openai")
    async with there.client() as client:
        names = await provider.discover(client, there.account)
    assert [(name.kind, name.id, name.name) for name in names] == [
        ("scope", "proj_9x", "Checkout"),
        ("api_key", "key_7b", "checkout-prod"),
        ("scope", "proj_old", "Old search"),
    ]
    assert there.asked("include_archived")[0] == "true"
    assert "any" in there.asked("owner_project_access")


async def test_discover_does_not_hide_a_bad_key_half_way(api):
    there = api("openai").says("/v1/organization/projects/proj_9x/api_keys", 401)
    async with there.client() as client:
        with pytest.raises(NeedsAttention):
            await provider.discover(client, there.account)
