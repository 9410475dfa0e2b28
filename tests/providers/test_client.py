"""The client: pace, retries, Retry-After, torn replies, size and time limits, paging, and no secrets."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from exporter import __version__
from exporter.domain import Account
from exporter.errors import ConfigError, NeedsAttention, TryLater, UnexpectedReply
from exporter.providers import ALL
from exporter.providers import client as client_module
from exporter.providers.client import Client, open_client

SECRET = "not-a-real-secret-0123456789"
OK = {"data": [1], "has_more": False}


@pytest.fixture
def there(api):
    return api("openai")


async def get(there, *replies, **client_facts):
    async with there.says("", *replies).client() as client:
        for name, value in client_facts.items():
            setattr(client, name, value)
        return await client.get("/v1/thing", [("group_by[]", "a"), ("group_by[]", "b")])


async def test_says_who_it_is_and_keeps_brackets_literal(there):
    assert await get(there, OK) == OK
    request = there.requests[0]
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["user-agent"] == f"spend-exporter/{__version__}"
    assert request.url.raw_path == b"/v1/thing?group_by[]=a&group_by[]=b"
    assert there.events == [("openai", "2xx")]
    assert there.waits == []


async def test_numbers_are_exact(there):
    reply = await get(there, b'{"money": 0.10000000000000000000000000000000001, "tokens": 3000000000}')
    assert reply == {"money": Decimal("0.10000000000000000000000000000000001"), "tokens": 3_000_000_000}
    assert type(reply["tokens"]) is int


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity", b"1e99999999999999999999"])
async def test_what_is_no_number_is_refused(there, constant):
    with pytest.raises(UnexpectedReply, match="not JSON"):
        await get(there, b'{"money": ' + constant + b"}")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
async def test_retries_what_may_pass(there, status):
    assert await get(there, status, status, OK) == OK
    assert there.waits == [0.5, 1.0]


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ConnectError("no route"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("torn"),
        httpx.DecodingError("gzip"),
    ],
)
async def test_retries_when_the_line_breaks(there, fault):
    assert await get(there, fault, OK) == OK
    assert there.events == [("openai", "error"), ("openai", "2xx")]


async def test_gives_up_after_five_attempts_and_says_why(there):
    with pytest.raises(TryLater, match=r"OpenAI can't answer /v1/thing now \(503") as caught:
        await get(there, 503)
    assert len(there.requests) == 5
    assert there.waits == [0.5, 1.0, 2.0, 4.0]
    assert (caught.value.status, caught.value.retry_after) == (503, None)
    with pytest.raises(TryLater, match="ConnectError no route"):
        await get(there, httpx.ConnectError("no route"))


@pytest.mark.parametrize("status", [400, 402, 404, 409, 422])
async def test_never_retries_a_refusal(there, status):
    error = {
        "error": {"message": "No such width", "type": "invalid_request_error", "param": "bucket_width", "code": None}
    }
    with pytest.raises(UnexpectedReply, match="bucket_width, “No such width”") as caught:
        await get(there, httpx.Response(status, json=error))
    assert (caught.value.status, caught.value.code, caught.value.param) == (
        status,
        "invalid_request_error",
        "bucket_width",
    )
    assert len(there.requests) == 1


@pytest.mark.parametrize(("status", "words"), [(401, "replace it with a valid one"), (403, "the permission it lacks")])
async def test_a_credential_problem_says_what_to_do(there, status, words):
    error = {"error": {"message": f"You sent {SECRET}; missing scope: api.usage.read", "code": "nope"}}
    with pytest.raises(NeedsAttention, match=words) as caught:
        await get(there, httpx.Response(status, json=error))
    assert "missing scope: api.usage.read" in str(caught.value)
    assert ALL["openai"].guide in str(caught.value)
    assert SECRET not in str(caught.value)
    assert (caught.value.status, caught.value.code) == (status, "nope")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[1]",
        b'{"error": "text"}',
        b'{"message": "text"}',
        b'{"error": {"message": null}}',
        b'{"detail": {"nested": 1}}',
    ],
)
async def test_any_body_may_come_with_a_refusal(there, body):
    with pytest.raises(UnexpectedReply, match=r"refused /v1/thing \(400"):
        await get(there, httpx.Response(400, content=body))


def throttled(value, **headers):
    return httpx.Response(429, headers={"retry-after": value, **headers}, json={})


async def test_waits_as_long_as_it_is_asked_to(there):
    await get(there, throttled("7"), throttled("Sat, 21 Nov 2026 12:00:30 GMT"), throttled("1.5"), OK)
    assert there.waits == [7.0, 30.0, 2.0]  # never shorter than the jitter of the third failure
    assert there.events.count(("openai", "throttled")) == 3


@pytest.mark.parametrize("value", ["soon", "-5", "Sat, 21 Nov 2020 12:00:00 GMT", "", "Sat, 99 Nov"])
async def test_a_senseless_retry_after_falls_back_to_backoff(there, value):
    await get(there, throttled(value), OK)
    assert there.waits == [0.5]


async def test_a_long_retry_after_frees_the_sync_at_once(there):
    with pytest.raises(TryLater) as caught:
        await get(there, throttled("301"))
    assert caught.value.retry_after == timedelta(seconds=301)
    assert there.waits == []
    with pytest.raises(TryLater) as caught:
        await get(there, throttled("999999999999"))
    assert caught.value.retry_after == timedelta(days=30)


async def test_broken_json_is_tried_three_times(there):
    assert await get(there, b'{"data"', b'{"data"', OK) == OK
    with pytest.raises(UnexpectedReply, match="not JSON") as caught:
        await get(there, f'{{"data": "{SECRET} dev@example.com'.encode())
    assert len(there.requests) == 6
    assert caught.value.sample == '{"data": "*** ***@***'


@pytest.mark.parametrize("body", [b"[1]", b"null", b'"text"'])
async def test_anything_but_an_object_is_unexpected(there, body):
    with pytest.raises(UnexpectedReply, match="not a JSON object"):
        await get(there, body)
    assert len(there.requests) == 1


async def test_deep_nesting_is_no_crash(there):
    with pytest.raises(UnexpectedReply):
        await get(there, b'{"a":' + b"[" * 200_000)


async def test_a_reply_cut_short_is_asked_for_again():
    lengths = iter([2000, 2000, 2])
    waits = []

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n{}" % next(lengths))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def sleep(seconds):
        waits.append(seconds)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    account = Account("a", "openai", options={"base_url": address}, credentials={"admin_key": SECRET})
    async with server, open_client(ALL["openai"], account, sleep=sleep) as client:
        assert await client.get("/v1/thing") == {}
    assert len(waits) == 2


async def test_large_replies_are_parsed_off_the_event_loop(there, monkeypatch):
    threads = []
    decode = client_module.decode
    monkeypatch.setattr(
        client_module, "decode", lambda body: threads.append(threading.current_thread()) or decode(body)
    )
    assert await get(there, OK) == OK
    large = {"data": ["x" * 70_000]}
    assert await get(there, large) == large
    assert threads[0] is threading.main_thread()
    assert threads[1] is not threading.main_thread()


async def test_a_huge_reply_is_refused(there, monkeypatch):
    monkeypatch.setattr(client_module, "LARGEST_REPLY", 1000)
    with pytest.raises(UnexpectedReply, match="larger than"):
        await get(there, {"data": ["x" * 2000]})
    assert len(there.requests) == 1


class Trickle(httpx.AsyncByteStream):
    async def __aiter__(self):
        while True:
            yield b" "
            await asyncio.sleep(0.005)


async def test_a_trickling_reply_cannot_hold_a_sync(there):
    with pytest.raises(TryLater, match="TimeoutError"):
        await get(there, lambda: httpx.Response(200, stream=Trickle()), _deadline=0.02)
    assert len(there.requests) == 5


async def test_redirects_are_not_followed(there):
    away = httpx.Response(302, headers={"location": "https://elsewhere.example/v1/thing"})
    with pytest.raises(UnexpectedReply, match=r"redirects /v1/thing to https://elsewhere\.example.*base_url"):
        await get(there, away)
    assert len(there.requests) == 1


async def test_keeps_to_its_budget(there):
    async with there.says("", OK).client() as client:
        for _ in range(62):
            await client.get("/v1/thing")
    assert len(there.waits) == 2  # 120 a minute: 60 at once, then two a second
    assert there.waits == pytest.approx([0.5, 1.0], abs=0.3)


async def test_never_more_requests_at_once_than_allowed():
    running, most = 0, 0

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, _request):
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            return httpx.Response(200, json=OK)

    account = Account("a", "openai", credentials={"admin_key": SECRET})
    async with open_client(ALL["openai"], account, transport=Slow()) as client:
        await asyncio.gather(*(client.get("/v1/thing") for _ in range(20)))
    assert most == ALL["openai"].concurrency


async def pages(there, *replies):
    async with there.says("", *replies).client() as client:
        return [page async for page in client.pages("/v1/thing", [("limit", "7")])]


def page(cursor=None, *, more=None, rows=1, **rest):
    return {"data": [{}] * rows, "next_page": cursor, "has_more": cursor is not None if more is None else more, **rest}


async def test_follows_next_page_until_there_is_none(there):
    assert len(await pages(there, page("p2"), page("p3"), page())) == 3
    assert there.asked("page") == [None, "p2", "p3"]
    assert there.asked("limit") == ["7", "7", "7"]


async def test_has_more_decides_when_it_is_there(there):
    assert len(await pages(there, page("p2", more=False))) == 1
    assert len(await pages(there, {"data": [1], "next_page": "p2"}, {"data": [1]})) == 2


async def test_an_empty_page_is_the_end(there):
    assert len(await pages(there, page("p2"), page("p3", rows=0))) == 2


async def test_more_without_a_cursor_is_unexpected(there):
    with pytest.raises(UnexpectedReply, match="there is more but not where"):
        await pages(there, page(None, more=True))


async def test_a_cursor_that_returns_is_unexpected(there):
    with pytest.raises(UnexpectedReply, match="repeated page"):
        await pages(there, page("p2"), page("p3"), page("p2"))


async def test_pages_without_end_are_unexpected(there, monkeypatch):
    monkeypatch.setattr(client_module, "MOST_PAGES", 3)
    with pytest.raises(UnexpectedReply, match="more than 3 pages"):
        await pages(there, *(page(f"p{number}") for number in range(10)))


async def test_a_missing_list_is_named(there):
    with pytest.raises(UnexpectedReply, match="OpenAI's reply to /v1/thing lacks 'data'") as caught:
        await pages(there, {"rows": [], "owner": "dev@example.com"})
    assert caught.value.sample == "{'rows': [], 'owner': '***@***'}"


async def items(there, *replies):
    async with there.says("", *replies).client() as client:
        return [item["id"] async for item in client.items("/v1/things", after="after_id")]


async def test_lists_go_on_after_the_last_id(there):
    replies = [
        {"data": [{"id": "a"}, {"id": "b"}], "last_id": "b", "has_more": True},
        {"data": [{"id": "c"}], "last_id": "c", "has_more": False},
    ]
    assert await items(there, *replies) == ["a", "b", "c"]
    assert there.asked("after_id") == [None, "b"]


async def test_lists_end_and_fail_as_pages_do(there):
    assert await items(there, {"data": [], "last_id": "z", "has_more": True}) == []
    with pytest.raises(UnexpectedReply, match="repeated page"):
        await items(there, {"data": [{"id": "a"}], "last_id": "a", "has_more": True})
    with pytest.raises(UnexpectedReply, match="not where"):
        await items(there, {"data": [{"id": "a"}], "last_id": None, "has_more": True})


async def test_samples_are_short(there):
    with pytest.raises(UnexpectedReply) as caught:
        await get(there, json.dumps(["x" * 100_000]).encode())
    assert len(caught.value.sample) == 2000


def opened(**facts):
    facts = {"credentials": {"admin_key": SECRET}} | facts
    return open_client(ALL["openai"], Account("acme", "openai", **facts))


@pytest.mark.parametrize(
    "address",
    [
        "ftp://x.example",
        "api.openai.com",
        "https://",
        "https://me:pw@x.example",
        "https://x.example/?q=1",
        "https://x.example/#f",
        "https://x.example:port",
    ],
)
def test_a_base_url_must_be_plain_http(address):
    with pytest.raises(ConfigError, match=r"The base_url of account acme must look like https://api\.openai\.com"):
        opened(options={"base_url": address})


@pytest.mark.parametrize("key", ["two\nlines", "ключ", "tab\there"])
def test_a_key_with_odd_characters_is_refused_without_showing_it(key):
    with pytest.raises(NeedsAttention, match="admin_key has characters no key has") as caught:
        opened(credentials={"admin_key": key})
    assert key not in str(caught.value)


async def test_a_key_file_may_end_in_a_newline():
    client = opened(credentials={"admin_key": f"{SECRET}\n"})
    assert client._http.headers["authorization"] == f"Bearer {SECRET}"
    assert repr(client) == "<Client openai acme>"
    await client.close()


async def test_an_observer_is_optional():
    transport = httpx.MockTransport(lambda _: httpx.Response(429, headers={"retry-after": "999"}))
    async with Client(
        httpx.AsyncClient(base_url="http://x.example", transport=transport), provider="x", title="X"
    ) as client:
        with pytest.raises(TryLater):
            await client.get("/")
