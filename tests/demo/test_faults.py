"""Each fault does what it says, once, where it applies, and good replies stay good."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from time import monotonic

import aiohttp
import pytest

from exporter.demo.faults import Faults

COSTS = "/v1/organization/costs"
COMPLETIONS = "/v1/organization/usage/completions"
PROJECTS = "/v1/organization/projects"
COST_REPORT = "/v1/organizations/cost_report"
NEW_COST = "/v1/organizations/analytics/cost"
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
START = ("start_time", int((MIDNIGHT - timedelta(days=3)).timestamp()))
AT = ("starting_at", "2026-11-17T00:00:00Z")


async def test_rate_limits_say_when_to_come_back_or_do_not(reader, simulator):
    for kind in ("429_seconds", "429_date", "429"):
        simulator.faults.script(kind)
    status, headers, text = await reader.reply(COSTS, START)
    assert (status, headers["Retry-After"], json.loads(text)["error"]["type"]) == (429, "1", "rate_limit_error")
    status, headers, _ = await reader.reply(COSTS, START)
    assert status == 429
    assert abs(parsedate_to_datetime(headers["Retry-After"]) - datetime.now(UTC)) < timedelta(seconds=5)
    status, headers, _ = await reader.reply(COSTS, START)
    assert (status, "Retry-After" in headers) == (429, False)
    assert (await reader.reply(COSTS, START))[0] == 200
    assert simulator.faults.happened == {"429_seconds": 1, "429_date": 1, "429": 1}


async def test_outages_have_the_providers_own_shape(reader, simulator):
    simulator.faults.script("500", provider="openai")
    simulator.faults.script("529", count=2, provider="anthropic")
    simulator.faults.script("503", path="/costs")
    status, body = await reader.ask(COST_REPORT, AT)
    assert (status, body["error"]["type"]) == (529, "overloaded_error")
    assert (await reader.ask(COST_REPORT, AT))[0] == 529
    assert (await reader.ask(COST_REPORT, AT))[0] == 200
    status, body = await reader.ask(COMPLETIONS, START)
    assert (status, body["error"]["type"]) == (500, "server_error")
    assert (await reader.ask(COMPLETIONS, START))[0] == 200
    assert (await reader.ask(COSTS, START))[0] == 503


@pytest.mark.parametrize(("kind", "status"), [("html", 502), ("html_200", 200)])
async def test_an_html_page_in_place_of_json(reader, simulator, kind, status):
    simulator.faults.script(kind)
    got, headers, text = await reader.reply(COSTS, START)
    assert (got, headers["Content-Type"].partition(";")[0]) == (status, "text/html")
    assert text.startswith("<html>")


async def test_slow_and_trickling_replies_are_late_but_good(reader, simulator):
    good = await reader.ask(COSTS, START)
    simulator.faults.slow_seconds, simulator.faults.trickle_seconds = 0.2, 0.01
    for kind in ("slow", "trickle"):
        simulator.faults.script(kind)
        begun = monotonic()
        assert await reader.ask(COSTS, START) == good
        assert monotonic() - begun > 0.15


async def test_a_torn_reply_ends_in_the_middle(reader, simulator):
    simulator.faults.script("torn")
    with pytest.raises(aiohttp.ClientPayloadError):
        await reader.ask(COSTS, START)
    assert (await reader.ask(COSTS, START))[0] == 200


async def test_broken_json_comes_with_200(reader, simulator):
    simulator.faults.script("broken_json")
    status, _, text = await reader.reply(COSTS, START)
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


async def test_a_required_field_is_renamed_or_becomes_an_object(reader, simulator):
    for kind in ("renamed_field", "object_number"):
        simulator.faults.script(kind)
    _, body = await reader.ask(COMPLETIONS, START)
    row = body["data"][0]["results"][0]
    assert "input_tokens" not in row
    assert row["input_tokens_v2"] > 0
    _, body = await reader.ask(COSTS, START)
    assert body["data"][0]["results"][0]["amount"]["value"]["currency"] == "usd"


async def test_an_unknown_field_changes_nothing_else(reader, simulator):
    _, good = await reader.ask(PROJECTS)
    simulator.faults.script("extra_field")
    _, more = await reader.ask(PROJECTS)
    assert more.pop("shiny_new_field") == {"answer": 42}
    assert [row.pop("shiny_new_field") for row in more["data"]] == [42] * 3
    assert more == good


async def test_the_same_page_comes_again_for_the_next_cursor(reader, simulator):
    query = START, ("limit", 1)
    simulator.faults.script("repeated_page")
    _, first = await reader.ask(COSTS, *query)
    _, again = await reader.ask(COSTS, *query, ("page", first["next_page"]))
    _, second = await reader.ask(COSTS, *query, ("page", first["next_page"]))
    assert again == first != second


async def test_more_is_promised_without_a_cursor(reader, simulator):
    simulator.faults.script("null_cursor")
    assert (await reader.ask(PROJECTS))[1]["has_more"] is False  # lists have no such cursor: the fault waits
    _, body = await reader.ask(COSTS, START)
    assert (body["has_more"], body["next_page"]) == (True, None)


async def test_empty_pages_that_never_end_follow_the_last_good_one(reader, simulator):
    simulator.faults.script("endless")
    _, first = await reader.ask(COSTS, START, ("limit", 3))
    _, last = await reader.ask(COSTS, START, ("limit", 3), ("page", first["next_page"]))
    assert last["data"]
    assert last["has_more"]
    seen = {last["next_page"]}
    for _ in range(3):
        _, last = await reader.ask(COSTS, START, ("limit", 3), ("page", last["next_page"]))
        assert (last["data"], last["has_more"]) == ([], True)
        seen.add(last["next_page"])
    assert len(seen) == 4


async def test_cents_in_place_of_dollars(reader, simulator):
    def amount(value) -> Decimal:
        return Decimal(str(value))

    _, good = await reader.ask(COSTS, START)
    _, fine = await reader.ask(NEW_COST, AT)
    for _ in range(2):
        simulator.faults.script("wrong_unit")
    assert (await reader.ask(COMPLETIONS, START))[0] == 200  # no money in it: the fault waits
    _, bad = await reader.ask(COSTS, START)
    for right, wrong in zip(good["data"], bad["data"], strict=True):
        pairs = zip(right["results"], wrong["results"], strict=True)
        assert all(100 * amount(r["amount"]["value"]) == amount(w["amount"]["value"]) for r, w in pairs)
    _, bad = await reader.ask(NEW_COST, AT)
    right, wrong = fine["data"][0]["cost"], bad["data"][0]["cost"]
    assert [amount(right[name]) * 100 for name in ("amount", "list_amount")] == [
        amount(wrong[name]) for name in ("amount", "list_amount")
    ]


async def test_a_share_of_all_requests_fails_until_cleared(reader, simulator):
    simulator.faults.chance("500", 0.5)
    first = [(await reader.ask(PROJECTS))[0] for _ in range(30)]
    assert 5 < first.count(500) < 25
    simulator.faults.clear()
    assert {(await reader.ask(PROJECTS))[0] for _ in range(10)} == {200}


async def test_refusals_of_the_api_itself_are_left_alone(reader, simulator):
    simulator.faults.script("renamed_field")
    assert (await reader.ask(COSTS))[0] == 400
    assert simulator.faults.happened == {}


def test_an_unknown_fault_is_named():
    with pytest.raises(ValueError, match="unknown fault 'flood'; known: 429, "):
        Faults().script("flood")
