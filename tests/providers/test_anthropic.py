"""Anthropic: two API generations to the same rows, cents to dollars, and Claude Code activity."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from exporter.domain import DAY, HOUR, Charge, Dimensions, Period
from exporter.errors import BeyondHistory, NeedsAttention, UnexpectedReply
from exporter.providers.anthropic import authenticate, provider
from exporter.providers.anthropic_rows import (
    charges_from_analytics,
    charges_from_report,
    usage_from_analytics,
    usage_from_report,
)

REPORTS = {report.name: report for report in provider.reports}
A = "/v1/organizations"
NEW_USAGE, OLD_USAGE = f"{A}/analytics/usage", f"{A}/usage_report/messages"
NEW_COST, OLD_COST = f"{A}/analytics/cost", f"{A}/cost_report"
KEY = Dimensions(
    "input", "tokens", "claude-sonnet-5", "wrkspc_01AB", "apikey_01XY", "standard", (("context_window", "0-200k"),)
)


async def read(api, name, window):
    async with api.client(**api.account.options) as client:
        return [page async for page in REPORTS[name].fetch(client, api.account, window)]


def quantities(rows):
    return {row.dimensions.meter: int(row.quantity) for row in rows}


METERS = {"input": 91_200, "cache_read": 540_000, "cache_write_5m": 18_000, "cache_write_1h": 2_500, "output": 33_100}


def test_usage_of_the_newer_generation(recorded, day):
    page = usage_from_analytics(recorded("anthropic/v1.organizations.analytics.usage"), day, set())
    assert quantities(page.usage) == METERS | {"requests": 260, "web_search_calls": 4}
    assert page.usage[0].dimensions == KEY
    assert page.usage[0].period == Period(day.start + 9 * HOUR, day.start + 10 * HOUR)
    assert page.refreshed_at == datetime(2026, 11, 19, 9, 40, tzinfo=UTC)


def test_usage_of_the_older_generation(recorded, day):
    page = usage_from_report(recorded("anthropic/v1.organizations.usage_report.messages"), day, set())
    assert quantities(page.usage) == METERS | {"web_search_calls": 4}
    tags = (("context_window", "0-200k"), ("inference_geo", "global"))
    assert page.usage[0].dimensions == replace(KEY, scope="", tags=tags)
    assert page.refreshed_at is None


def test_charges_of_the_newer_generation_are_dollars(recorded, day):
    page = charges_from_analytics(recorded("anthropic/v1.organizations.analytics.cost"), day, set())
    tokens = Dimensions(
        "output_tokens", "tokens", "claude-sonnet-5", "wrkspc_01AB", "", "standard",
        (("context_window", "0-200k"), ("inference_geo", "global")),
    )  # fmt: skip
    assert page.charges == [
        Charge(day, tokens, Decimal("0.4965"), "USD"),
        Charge(
            day, replace(tokens, meter="uncached_input_tokens"), Decimal("0.001234567890123456789012345678901"), "USD"
        ),
        Charge(day, replace(tokens, meter="web_search", unit="", model="", tags=()), Decimal("0.04"), "USD"),
    ]


def test_charges_of_the_older_generation_are_dollars(recorded, day):
    page = charges_from_report(recorded("anthropic/v1.organizations.cost_report"), day, set())
    assert [(row.dimensions.meter, row.dimensions.unit, row.amount) for row in page.charges] == [
        ("output_tokens", "tokens", Decimal("1.2345")),
        ("code_execution", "", Decimal("0.005")),
    ]


def test_charges_without_a_kind_are_kept(recorded, day):
    reply = recorded("anthropic/v1.organizations.cost_report")
    first, second = reply["data"][0]["results"]
    first |= {"token_type": None}
    second |= {"cost_type": None, "currency": "eur"}
    charges = charges_from_report(reply, day, set()).charges
    assert [(row.dimensions.meter, row.currency) for row in charges] == [("tokens", "USD"), ("unattributed", "EUR")]


def test_a_new_cache_lifetime_still_counts_and_is_reported(recorded, day):
    reply = recorded("anthropic/v1.organizations.analytics.usage")
    reply["data"][0]["usage"]["cache_creation"]["ephemeral_24h_input_tokens"] = 70
    reply["data"][0]["usage"]["server_tool_use"]["code_runs"] = 1
    page = usage_from_analytics(reply, day, set())
    assert quantities(page.usage)["cache_write"] == 70
    assert page.unknown_fields == {"cache_creation.ephemeral_24h_input_tokens", "server_tool_use.code_runs"}


def test_a_flattened_cache_field_is_drift_not_zero(recorded, day):
    reply = recorded("anthropic/v1.organizations.analytics.usage")
    reply["data"][0]["usage"]["cache_creation_input_tokens"] = reply["data"][0]["usage"].pop("cache_creation")
    with pytest.raises(KeyError, match="cache_creation"):
        usage_from_analytics(reply, day, set())


async def test_asks_the_newer_generation_first(api, day):
    there = api("anthropic")
    assert len(await read(there, "usage/messages", day)) == 2
    assert there.paths() == [NEW_USAGE, NEW_USAGE]
    request = there.requests[0]
    assert request.headers["anthropic-beta"] == "analytics-usage-cost-2026-08-24"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.headers["x-api-key"]
    assert "authorization" not in request.headers
    query = request.url.params
    assert (query["starting_at"], query["ending_at"]) == ("2026-11-18T00:00:00Z", "2026-11-19T00:00:00Z")
    assert (query["time_bucket_width"], query["limit"], query["order_by"]) == ("1h", "1000", "time")
    assert len(query.get_list("group_by[]")) == 5


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize(
    ("report", "new", "old"), [("usage/messages", NEW_USAGE, OLD_USAGE), ("costs", NEW_COST, OLD_COST)]
)
async def test_falls_back_where_the_newer_generation_is_not_enabled(api, day, status, report, new, old):
    there = api("anthropic").says(new, status)
    (page,) = await read(there, report, day)
    assert page.usage or page.charges
    assert there.paths() == [new, old]
    assert "anthropic-beta" not in there.requests[1].headers


async def test_a_bad_key_is_no_reason_to_fall_back(api, day):
    there = api("anthropic").says(NEW_COST, 401)
    with pytest.raises(NeedsAttention):
        await read(there, "costs", day)
    assert there.paths() == [NEW_COST]


async def test_trouble_after_the_first_page_does_not_mix_generations(api, day, recorded):
    there = api("anthropic").says(NEW_USAGE, recorded_plain(recorded, "analytics.usage"), 404)
    with pytest.raises(UnexpectedReply):
        await read(there, "usage/messages", day)
    assert there.paths() == [NEW_USAGE, NEW_USAGE]


def recorded_plain(recorded, name):
    return recorded(f"anthropic/v1.organizations.{name}")


async def test_before_2026_only_the_older_generation_is_asked(api, day):
    old = replace(day, start=day.start - 400 * DAY, end=day.end - 400 * DAY)
    there = api("anthropic").says(OLD_COST, {"data": [], "has_more": False})
    assert len(await read(there, "costs", old)) == 1
    there.says(OLD_COST, 403)  # an analytics key: fine for this year, not for then
    with pytest.raises(BeyondHistory):
        await read(there, "costs", old)
    assert set(there.paths()) == {OLD_COST}


async def test_a_day_without_a_complete_bucket_is_an_empty_read_only_today(api, day):
    today = replace(day, start=day.start + 3 * DAY, end=day.end + 3 * DAY)
    there = api("anthropic").says("", 400)
    (page,) = await read(there, "costs", today)
    assert not page.charges
    with pytest.raises(UnexpectedReply):
        await read(there, "costs", replace(today, start=day.start))


async def test_a_row_on_two_pages_is_unexpected(api, day, recorded):
    reply = recorded_plain(recorded, "analytics.usage")
    there = api("anthropic").says(NEW_USAGE, reply, reply | {"has_more": False, "next_page": None})
    with pytest.raises(UnexpectedReply, match="repeats a row of an earlier page"):
        await read(there, "usage/messages", day)


async def test_an_older_bucket_on_two_pages_is_unexpected(api, day, recorded):
    reply = recorded_plain(recorded, "usage_report.messages")
    there = api("anthropic").says(NEW_USAGE, 404)
    there.says(OLD_USAGE, reply | {"has_more": True, "next_page": "p2"}, reply)
    with pytest.raises(UnexpectedReply, match="repeats a bucket of an earlier page"):
        await read(there, "usage/messages", day)


def activity(*rows):
    return {"data": list(rows), "has_more": False, "next_page": None}


async def test_claude_code_activity_and_its_estimate(api, day):
    (page,) = await read(api("anthropic"), "claude_code", day)
    first = [row for row in page.usage if row.dimensions.tags[0] == page.usage[0].dimensions.tags[0]]
    assert quantities(first) == {
        "sessions": 5, "lines_added": 820, "lines_removed": 143, "commits": 6, "pull_requests": 1,
        "input": 41_000, "output": 9_800, "cache_read": 310_000, "cache_write": 20_000,
    }  # fmt: skip
    (charge,) = page.charges
    assert (charge.amount, charge.currency, charge.dimensions.meter) == (Decimal("0.88"), "USD", "estimated_cost")
    assert charge.dimensions.model == "claude-sonnet-5"


async def test_claude_code_users_are_hashed_unless_asked_otherwise(api, day):
    there = api("anthropic")
    (page,) = await read(there, "claude_code", day)
    shown = repr(page)
    assert "dev@example.com" not in shown
    assert "ci-robot" not in shown
    assert len(dict(page.usage[0].dimensions.tags)["actor"]) == 12
    there.client(actor_names="true")
    (page,) = await read(there, "claude_code", day)
    assert dict(page.usage[0].dimensions.tags) == {
        "actor": "dev@example.com", "customer_type": "api", "terminal_type": "vscode",
    }  # fmt: skip


async def test_claude_code_is_asked_day_by_day(api, day):
    there = api("anthropic").says("", activity())
    assert len(await read(there, "claude_code", replace(day, end=day.end + timedelta(days=2)))) == 3
    assert there.asked("starting_at") == ["2026-11-18", "2026-11-19", "2026-11-20"]


async def test_claude_code_may_have_nothing_for_today_yet(api, day):
    today = replace(day, start=day.start + 3 * DAY, end=day.end + 3 * DAY)
    assert (
        len(await read(api("anthropic").says("", activity(), 400), "claude_code", replace(today, start=day.end + DAY)))
        == 2
    )
    with pytest.raises(UnexpectedReply):
        await read(api("anthropic").says("", 400), "claude_code", day)


async def test_claude_code_rows_of_another_day_are_unexpected(api, day):
    there = api("anthropic").says("", activity({"date": "2026-11-17T00:00:00Z"}))
    with pytest.raises(UnexpectedReply, match="in the reply for 2026-11-18"):
        await read(there, "claude_code", day)


def test_one_credential_of_two():
    assert authenticate({"oauth_token": "not-a-real-token"})["authorization"] == "Bearer not-a-real-token"
    for credentials in ({}, {"admin_key": "a", "oauth_token": "b"}):
        with pytest.raises(NeedsAttention, match="exactly one credential"):
            authenticate(credentials)
    with pytest.raises(NeedsAttention, match="ordinary Anthropic API key"):
        authenticate({"admin_key": "sk-ant-api03-not-a-real-key"})
