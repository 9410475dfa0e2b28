"""The simulated OpenAI refuses what the contract refuses, in the contract's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from exporter.demo.server import OPENAI_KEY, OPENAI_KEY_WITHOUT_SCOPE

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
START = ("start_time", int((MIDNIGHT - 3 * DAY).timestamp()))
END = ("end_time", int(MIDNIGHT.timestamp()))
COMPLETIONS = "/v1/organization/usage/completions"
COSTS = "/v1/organization/costs"


def epoch(*day: int) -> int:
    return int(datetime(*day, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        (COMPLETIONS, [START, ("bucket_width", "2h")], "bucket_width"),
        (COSTS, [START, ("bucket_width", "1h")], "bucket_width"),
        (COMPLETIONS, [START, ("limit", 32)], "limit"),
        (COMPLETIONS, [START, ("bucket_width", "1h"), ("limit", 169)], "limit"),
        (COMPLETIONS, [START, ("bucket_width", "1m"), ("limit", 1441)], "limit"),
        (COMPLETIONS, [START, ("limit", 0)], "limit"),
        (COMPLETIONS, [START, ("limit", "many")], "limit"),
        (COSTS, [START, ("limit", 181)], "limit"),
        (COMPLETIONS, [START, ("colour", "red")], "colour"),
        (COMPLETIONS, [START, ("sizes", "1024x1024")], "sizes"),
        (COSTS, [START, ("models", "gpt-5.6-terra")], "models"),
        (COMPLETIONS, [START, START], "start_time"),
        (COMPLETIONS, [START, ("group_by", "line_item")], "group_by"),
        (COMPLETIONS, [START, ("group_by", "model,project_id")], "group_by"),
        (COMPLETIONS, [START, ("group_by", "model"), ("group_by[]", "model")], "group_by"),
        (COSTS, [START, ("group_by", "model")], "group_by"),
        ("/v1/organization/usage/vector_stores", [START, ("group_by", "model")], "group_by"),
        (COMPLETIONS, [START, ("batch", "maybe")], "batch"),
        (COMPLETIONS, [], "start_time"),
        (COMPLETIONS, [("start_time", "2026-11-01")], "start_time"),
        (COMPLETIONS, [("start_time", START[1] * 1000)], "start_time"),
        (COMPLETIONS, [START, ("end_time", START[1])], "end_time"),
        (COMPLETIONS, [START, ("page", "page_forged")], "page"),
        (COMPLETIONS, [START, ("page", "page_é")], "page"),
    ],
)
async def test_a_wrong_query_is_refused_with_400(reader, path, query, param):
    status, body = await reader.ask(path, *query)
    assert (status, body["error"]["param"]) == (400, param)
    assert body["error"]["type"] == "invalid_request_error"
    assert set(body["error"]) == {"message", "type", "param", "code"}


async def test_a_cursor_is_bound_to_its_query(reader):
    query = START, END, ("limit", 1), ("group_by[]", "model")
    _, first = await reader.ask(COMPLETIONS, *query)
    page = ("page", first["next_page"])
    assert (await reader.ask(COMPLETIONS, *query, page))[0] == 200
    assert (await reader.ask(COMPLETIONS, START, ("end_time", END[1] + 60), *query[2:], page))[0] == 400
    assert (await reader.ask(COMPLETIONS, START, END, ("limit", 2), query[3], page))[0] == 400
    assert (await reader.ask(COMPLETIONS, START, END, ("limit", 1), page))[0] == 400
    assert (await reader.ask("/v1/organization/usage/embeddings", *query, page))[0] == 400


@pytest.mark.parametrize("limit", [1, 2, 7, 31])
async def test_paging_returns_every_bucket_once(reader, limit):
    since, until = MIDNIGHT - 40 * DAY, MIDNIGHT + 9 * DAY
    buckets = await reader.openai("usage/completions", ("limit", limit), since=since, until=until)
    starts = [bucket["start_time"] for bucket in buckets]
    assert starts == [int((since + n * DAY).timestamp()) for n in range(41)]
    assert not any(bucket["results"] for bucket in buckets[:30])  # before the truth begins
    assert all(len(bucket["results"]) == 1 for bucket in buckets[-5:])


async def test_without_limit_a_page_has_seven_days_and_ends_now(reader):
    status, body = await reader.ask(COMPLETIONS, ("start_time", START[1] - 20 * 86_400))
    assert (status, len(body["data"]), body["has_more"]) == (200, 7, True)
    status, body = await reader.ask(COSTS, START)
    assert len(body["data"]) == 4


async def test_dimensions_not_asked_for_are_null(reader):
    _, body = await reader.ask(COMPLETIONS, START, END, ("group_by", "project_id"), ("group_by", "batch"))
    row = body["data"][0]["results"][0]
    assert row["project_id"]
    assert row["batch"] is not None
    assert [row[dim] for dim in ("user_id", "api_key_id", "model", "service_tier", "api_source")] == [None] * 5
    _, body = await reader.ask(COSTS, START, END)
    (row,) = body["data"][0]["results"]
    assert row["line_item"] is row["project_id"] is None
    assert "quantity" not in row


async def test_totals_include_their_parts(reader):
    _, body = await reader.ask(COMPLETIONS, START, END, ("group_by", "api_key_id"))
    rows = [row for bucket in body["data"] for row in bucket["results"]]
    for row in rows:
        parts = ("input_uncached_tokens", "input_cached_tokens", "input_cache_write_tokens")
        assert row["input_tokens"] == sum(row[part] for part in parts)
    assert None in {row["api_key_id"] for row in rows}


async def test_filters_narrow_the_report(reader):
    for query in (("models", "gpt-5.6-sol"), ("project_ids[]", "proj_docs2K"), ("batch", "true")):
        _, body = await reader.ask(
            COMPLETIONS, START, END, query, ("group_by", "model"), ("group_by", "project_id"), ("group_by", "batch")
        )
        dim = {"models": "model", "project_ids[]": "project_id", "batch": "batch"}[query[0]]
        values = {str(row[dim]).lower() for bucket in body["data"] for row in bucket["results"]}
        assert values == {query[1].lower()}
    item = "gpt-5.6-sol, output_tokens"
    _, body = await reader.ask(COSTS, START, END, ("line_items", item), ("group_by", "line_item"))
    assert {row["line_item"] for bucket in body["data"] for row in bucket["results"]} == {item}


async def test_objects_are_named_as_the_real_ones(reader):
    names = {}
    for path in ("usage/file_search_calls", "usage/web_search_calls", "usage/completions", "costs"):
        _, body = await reader.ask(f"/v1/organization/{path}", START, END)
        assert (body["object"], body["data"][0]["object"]) == ("page", "bucket")
        names[path] = body["data"][0]["results"][0]["object"]
    assert names == {
        "usage/file_search_calls": "organization.usage.file_searches.result",
        "usage/web_search_calls": "organization.usage.web_searches.result",
        "usage/completions": "organization.usage.completions.result",
        "costs": "organization.costs.result",
    }


async def test_costs_by_key_begin_on_the_sixth_of_december_2025(reader, simulator):
    key = ("group_by", "api_key_id")
    early, floor = ("start_time", epoch(2025, 12, 5)), ("start_time", epoch(2025, 12, 6))
    status, body = await reader.ask(COSTS, early, key)
    assert (status, body["error"]["param"], body["error"]["code"]) == (400, "start_time", "invalid_request_error")
    assert (await reader.ask(COSTS, floor, key))[0] == 200
    assert (await reader.ask(COSTS, early, ("group_by", "user_id")))[0] == 200
    assert (await reader.ask(COSTS, early, ("group_by", "user_id"), ("group_by", "project_id")))[0] == 400
    simulator.openai.key_costs = False
    assert (await reader.ask(COSTS, floor, key))[0] == 400


async def test_an_old_start_can_be_refused_for_usage_but_not_for_costs(reader, simulator):
    simulator.openai.usage_lookback = 30 * DAY
    old = ("start_time", epoch(2026, 10, 1))
    status, body = await reader.ask(COMPLETIONS, old)
    assert (status, body["error"]["code"]) == (400, "reporting_lookback_exceeded")
    assert (await reader.ask(COSTS, old))[0] == 200
    assert (await reader.ask(COMPLETIONS, START))[0] == 200


async def test_keys(reader, simulator):
    async def status(header: dict[str, str]) -> int:
        return (await reader.ask(COSTS, START, headers=header))[0]

    assert await status({}) == 401
    assert await status({"Authorization": "Bearer sk-proj-ordinary"}) == 401
    assert await status({"Authorization": OPENAI_KEY}) == 401
    code, body = await reader.ask(COSTS, START, headers={"Authorization": f"Bearer {OPENAI_KEY_WITHOUT_SCOPE}"})
    assert code == 403
    assert "api.usage.read" in body["error"]["message"]
    simulator.revoke(OPENAI_KEY)
    code, body = await reader.ask(COSTS, START)
    assert (code, body["error"]["code"]) == (401, "invalid_api_key")
    assert OPENAI_KEY not in body["error"]["message"]
    simulator.restore(OPENAI_KEY)
    assert (await reader.ask(COSTS, START))[0] == 200
    assert (await reader.ask("/v1/organization/nothing"))[0] == 404


async def test_details_are_null_and_then_missing_in_old_buckets(clock):
    from exporter.demo.openai_rows import completions, tier_name

    since = (MIDNIGHT - 120 * DAY).date()
    vector = (10, 1, 0, 5, 0, 0, 4, 2, 3)
    recent, older, oldest = (completions(vector, since - n * DAY, since) for n in (0, 1, 31))
    assert recent["input_text_tokens"] == 10
    assert older["input_text_tokens"] is None
    assert "input_text_tokens" not in oldest
    assert recent["input_tokens"] == older["input_tokens"] == oldest["input_tokens"] == 16
    assert [tier_name("priority", MIDNIGHT.date()), tier_name("flex", MIDNIGHT.date())] == ["fast", "flex"]


async def test_old_buckets_carry_the_tokens_that_have_no_field_yet_as_input(clock, book):
    from exporter.demo.truth import Truth

    truth = Truth(clock=clock, seed=7, days=122, projects=1, models=1)
    meters = {day: set() for day, _, _ in truth.expected_usage("openai", "usage/completions")}
    for day, _, meter in truth.expected_usage("openai", "usage/completions"):
        meters[day].add(meter)
    assert meters[truth.start.date()] == {"input", "cache_read", "output", "requests"}
    assert "cache_write_30m" in meters[truth.details_since]


async def test_projects_are_listed_in_pages(reader):
    path = "/v1/organization/projects"
    _, first = await reader.ask(path, ("limit", 2), ("include_archived", "true"))
    _, second = await reader.ask(path, ("limit", 2), ("include_archived", "true"), ("after", first["last_id"]))
    assert (first["object"], first["has_more"], second["has_more"]) == ("list", True, False)
    assert [row["status"] for row in first["data"] + second["data"]] == ["active"] * 3 + ["archived"]
    _, active = await reader.ask(path)
    assert len(active["data"]) == 3
    assert (await reader.ask(path, ("limit", 101)))[0] == 400
    assert (await reader.ask(path, ("after", "proj_unknown")))[0] == 400


async def test_keys_are_listed_per_project_and_hidden_when_the_owner_left(reader):
    path = "/v1/organization/projects/proj_eval9M/api_keys"
    _, active = await reader.ask(path)
    _, everything = await reader.ask(path, ("owner_project_access", "any"))
    assert (len(active["data"]), len(everything["data"])) == (1, 2)
    assert set(active["data"][0]) >= {"id", "name", "redacted_value", "created_at", "owner"}
    assert (await reader.ask("/v1/organization/projects/proj_none/api_keys"))[0] == 404


async def test_people_are_listed(reader):
    _, body = await reader.ask("/v1/organization/users", ("emails", "ada@example.com"))
    assert [row["id"] for row in body["data"]] == ["user-ada"]
