"""The simulated Anthropic refuses what the contract refuses, in the contract's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from exporter.demo.anthropic_legacy import cents
from exporter.demo.server import ANTHROPIC_KEY, ANTHROPIC_KEY_WITHOUT_SCOPE

ROOT = "/v1/organizations"
MESSAGES, COST = f"{ROOT}/usage_report/messages", f"{ROOT}/cost_report"
USAGE, NEW_COST = f"{ROOT}/analytics/usage", f"{ROOT}/analytics/cost"
CODE = f"{ROOT}/usage_report/claude_code"
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
START, END = ("starting_at", "2026-11-17T00:00:00Z"), ("ending_at", "2026-11-20T00:00:00Z")
DAILY = ("time_bucket_width", "1d")
VERSION = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (MESSAGES, [START, ("bucket_width", "1w")]),
        (COST, [START, ("bucket_width", "1h")]),
        (MESSAGES, [START, ("limit", 32)]),
        (COST, [START, ("limit", 32)]),
        (MESSAGES, [START, ("limit", 0)]),
        (MESSAGES, [START, ("group_by", "model")]),  # arrays need their brackets here
        (MESSAGES, [START, ("group_by[]", "product")]),
        (MESSAGES, [START, ("group_by[]", "speed")]),  # needs a beta header
        (COST, [START, ("group_by[]", "api_key_id")]),
        (MESSAGES, [START, ("time_bucket_width", "1d")]),
        (MESSAGES, []),
        (MESSAGES, [("starting_at", "2026-11-17")]),
        (MESSAGES, [("starting_at", "2026-11-17T00:00:00")]),
        (MESSAGES, [("starting_at", "yesterday")]),
        (MESSAGES, [END, ("starting_at", "2026-11-20T00:00:00Z")]),
        (COST, [("starting_at", "2026-11-20T00:00:00Z")]),  # no complete bucket
        (MESSAGES, [START, ("page", "page_x")]),
        (USAGE, [START, DAILY]),  # an end is required
        (USAGE, [START, END, ("bucket_width", "1d")]),
        (USAGE, [START, END, DAILY, ("limit", 1001)]),
        (USAGE, [START, END, DAILY, ("order_by", "amount")]),
        (USAGE, [START, END, DAILY, ("group_by[]", "cost_type")]),
        (USAGE, [START, END, ("time_bucket_width", "1m")]),
        (USAGE, [("starting_at", "2026-10-01T00:00:00Z"), ("ending_at", "2026-11-02T00:00:00Z"), DAILY]),
        (USAGE, [("starting_at", "2025-12-31T00:00:00Z"), ("ending_at", "2026-01-05T00:00:00Z"), DAILY]),
        (NEW_COST, [START, END, *[("group_by[]", d) for d in ("model", "actor", "speed", "product", "actor_type",
                                                             "workspace_id")]]),
        (CODE, [("starting_at", "2026-11-17T00:00:00Z")]),
        (CODE, [("starting_at", "20261117")]),
        (CODE, [("starting_at", "2026-11-17"), ("ending_at", "2026-11-18")]),
        (CODE, [("starting_at", "2026-11-17"), ("limit", 1001)]),
        (CODE, []),
        (f"{ROOT}/workspaces", [("limit", 1001)]),
        (f"{ROOT}/me", [("verbose", "1")]),
    ],
)  # fmt: skip
async def test_a_wrong_query_is_refused_with_400(reader, path, query):
    status, body = await reader.ask(path, *query)
    assert (status, body["type"], body["error"]["type"]) == (400, "error", "invalid_request_error"), body
    assert body["request_id"].startswith("req_")


async def test_the_year_bound_moves_with_the_clock(reader, clock):
    query = ("starting_at", "2026-02-01T00:00:00Z"), ("ending_at", "2026-02-02T00:00:00Z"), DAILY
    assert (await reader.ask(USAGE, *query))[0] == 200
    clock.advance(90 * DAY)
    assert (await reader.ask(USAGE, *query))[0] == 400


async def test_five_dimensions_beside_the_two_of_costs_are_accepted(reader):
    dims = ("model", "workspace_id", "api_key_id", "service_tier", "context_window", "cost_type", "token_type")
    grouping = [("group_by[]", dim) for dim in dims]
    status, body = await reader.ask(NEW_COST, START, END, DAILY, *grouping)
    assert (status, len(body["data"]), body["has_more"]) == (200, 20, True)  # rows, twenty unless asked otherwise
    assert set(body["data"][0]["group"]) == set(dims)


@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_paging_by_row_returns_every_row_once(reader, limit):
    grouping = [("group_by[]", "model"), ("group_by[]", "workspace_id"), ("order_by", "time"), ("order", "asc")]
    rows = await reader.pages(USAGE, START, END, DAILY, *grouping, ("limit", limit))
    keys = [(row["starting_at"], row["group"]["model"], row["group"]["workspace_id"]) for row in rows]
    assert len(set(keys)) == len(keys) == 3 * 12
    assert [key[0] for key in keys] == sorted(key[0] for key in keys)


async def test_a_cursor_is_bound_to_its_query(reader):
    query = START, END, DAILY, ("group_by[]", "model"), ("limit", 2)
    _, body = await reader.ask(USAGE, *query)
    page = ("page", body["next_page"])
    assert (await reader.ask(USAGE, *query, page))[0] == 200
    assert (await reader.ask(NEW_COST, *query, page))[0] == 400
    assert (await reader.ask(USAGE, START, END, DAILY, ("group_by[]", "model"), ("limit", 3), page))[0] == 400


async def test_without_a_width_there_is_one_aggregate_per_group(reader):
    start, end = ("starting_at", "2026-11-17T09:40:00+00:00"), ("ending_at", "2026-11-18T10:10:00+00:00")
    _, body = await reader.ask(USAGE, start, end)
    (row,) = body["data"]
    assert (row["starting_at"], row["ending_at"]) == ("2026-11-17T09:00:00Z", "2026-11-18T10:00:00Z")
    assert row["group"] == {}
    _, body = await reader.ask(NEW_COST, start, end)
    (row,) = body["data"]
    assert row["cost"]["requests"] > 0
    assert body["data_refreshed_at"] == "2026-11-20T14:32:12Z"
    assert (await reader.ask(USAGE, start))[0] == 200


async def test_minutes_of_the_newer_reports(reader):
    query = ("starting_at", "2026-11-20T13:00:00Z"), ("ending_at", "2026-11-20T14:00:00Z"), ("limit", 1000)
    minutes = await reader.pages(NEW_COST, *query, ("time_bucket_width", "1m"))
    (hour,) = await reader.pages(NEW_COST, *query, ("time_bucket_width", "1h"))
    assert sum(Decimal(row["cost"]["amount"]) for row in minutes) == Decimal(hour["cost"]["amount"])


async def test_rows_come_in_the_order_asked_for(reader):
    _, body = await reader.ask(USAGE, START, END, DAILY, ("group_by[]", "model"), ("order_by", "output_tokens"))
    tokens = [row["usage"]["output_tokens"] for row in body["data"]]
    assert tokens == sorted(tokens, reverse=True)


async def test_filters_narrow_the_newer_report_and_an_empty_entry_means_none(reader):
    _, body = await reader.ask(USAGE, START, END, ("api_key_ids[]", ""), ("group_by[]", "api_key_id"))
    assert [row["group"]["api_key_id"] for row in body["data"]] == [None]
    _, body = await reader.ask(MESSAGES, START, END, ("models[]", "claude-opus-5"), ("group_by[]", "model"))
    assert {row["model"] for bucket in body["data"] for row in bucket["results"]} == {"claude-opus-5"}
    _, body = await reader.ask(MESSAGES, START, END, ("models[]", "nobody-knows"), ("bucket_width", "1h"))
    assert not any(bucket["results"] for bucket in body["data"])


async def test_actors_are_objects(reader):
    _, body = await reader.ask(USAGE, START, END, ("group_by[]", "actor"))
    actors = [row["group"]["actor"] for row in body["data"]]
    assert {"type": "user_actor", "id": "ada@example.com"} in actors
    assert None in actors


async def test_tools_are_billed_apart_from_any_model(reader):
    grouping = [("group_by[]", dim) for dim in ("cost_type", "model", "product")]
    rows = await reader.pages(NEW_COST, START, END, DAILY, *grouping)
    tools = [row["group"] for row in rows if row["group"]["cost_type"] != "tokens"]
    assert {group["cost_type"] for group in tools} == {"web_search", "code_execution"}
    assert {group["model"] for group in tools} == {None}
    assert {group["product"] for group in tools if group["cost_type"] == "code_execution"} == {None}


async def test_the_default_workspace_is_null_only_in_the_legacy_reports(reader):
    _, legacy = await reader.ask(MESSAGES, START, END, ("group_by[]", "workspace_id"))
    _, newer = await reader.ask(USAGE, START, END, ("group_by[]", "workspace_id"))
    assert None in {row["workspace_id"] for bucket in legacy["data"] for row in bucket["results"]}
    assert "wrkspc_01Default" in {row["group"]["workspace_id"] for row in newer["data"]}


async def test_descriptions_are_null_unless_asked_for(reader):
    _, body = await reader.ask(COST, START, END)
    (row,) = body["data"][0]["results"]
    amount, currency = row.pop("amount"), row.pop("currency")
    assert (isinstance(amount, str), currency) == (True, "USD")
    assert set(row.values()) == {None}
    assert cents(Decimal("1.2345")) == "123.4500"


async def test_speed_needs_its_beta_header(reader):
    headers = {"x-api-key": ANTHROPIC_KEY, **VERSION, "anthropic-beta": "fast-mode-2026-02-01"}
    status, body = await reader.ask(MESSAGES, START, END, ("group_by[]", "speed"), headers=headers)
    assert (status, body["data"][0]["results"][0]["speed"]) == (200, "standard")


async def test_headers(reader, simulator):
    async def status(path, query, headers):
        return (await reader.ask(path, *query, headers=headers))[0]

    key = {"x-api-key": ANTHROPIC_KEY}
    assert await status(COST, [START], {}) == 401
    assert await status(COST, [START], {"x-api-key": "sk-ant-api03-ordinary", **VERSION}) == 401
    assert await status(COST, [START], key) == 400
    assert await status(COST, [START], {**key, **VERSION}) == 200
    assert await status(COST, [START], {"Authorization": f"Bearer {ANTHROPIC_KEY}", **VERSION}) == 200
    assert await status(USAGE, [START, END], {**key, **VERSION}) == 400
    code, body = await reader.ask(COST, START, headers={"x-api-key": ANTHROPIC_KEY_WITHOUT_SCOPE, **VERSION})
    assert (code, body["error"]["type"]) == (403, "permission_error")
    simulator.revoke(ANTHROPIC_KEY)
    code, body = await reader.ask(COST, START)
    assert (code, body["error"]["type"]) == (401, "authentication_error")


@pytest.mark.parametrize("status", [403, 404])
async def test_the_newer_endpoints_can_be_switched_off(reader, simulator, status):
    simulator.anthropic.analytics = status
    assert (await reader.ask(USAGE, START, END))[0] == status
    assert (await reader.ask(COST, START))[0] == 200
    assert (await reader.ask(f"{ROOT}/nothing"))[0] == 404


async def test_claude_code_has_one_row_per_person(reader):
    _, body = await reader.ask(CODE, ("starting_at", "2026-11-18"))
    actors = [row["actor"] for row in body["data"]]
    assert {"type": "user_actor", "email_address": "ada@example.com"} in actors
    assert {"type": "api_actor", "api_key_name": "claude code ci"} in actors
    model = body["data"][0]["model_breakdown"][0]
    assert isinstance(model["estimated_cost"]["amount"], int)
    _, future = await reader.ask(CODE, ("starting_at", "2026-11-25"))
    assert future == {"data": [], "has_more": False, "next_page": None}


async def test_names(reader):
    _, me = await reader.ask(f"{ROOT}/me")
    assert me["type"] == "organization"
    _, every = await reader.ask(f"{ROOT}/workspaces", ("include_archived", "true"), ("limit", 3))
    _, rest = await reader.ask(
        f"{ROOT}/workspaces", ("include_archived", "true"), ("limit", 3), ("after_id", every["last_id"])
    )
    assert (every["has_more"], [row["name"] for row in rest["data"]]) == (True, ["Pilot 2025"])
    _, back = await reader.ask(f"{ROOT}/workspaces", ("limit", 1), ("before_id", "wrkspc_01Coding"))
    assert ([row["name"] for row in back["data"]], back["has_more"]) == (["Support"], True)
    _, keys = await reader.ask(f"{ROOT}/api_keys", ("status", "active"))
    assert {row["workspace_id"] for row in keys["data"]} == {None, "wrkspc_01Support", "wrkspc_01Coding"}
    _, keys = await reader.ask(f"{ROOT}/api_keys", ("workspace_id", "wrkspc_01Coding"))
    assert len(keys["data"]) == 3
    _, people = await reader.ask(f"{ROOT}/users", ("email", "ada@example.com"))
    assert len(people["data"]) == 1
    _, nobody = await reader.ask(f"{ROOT}/service_accounts")
    assert nobody == {"data": [], "first_id": None, "last_id": None, "has_more": False}
