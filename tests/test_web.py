"""The web server: negotiation, whole scrapes, health, reload, and pages that escape what came from outside."""

from __future__ import annotations

import asyncio
import gzip
import random
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer

from exporter.errors import ConfigError
from exporter.metrics.exposition import Body, Rendered
from exporter.web import AccountRow, AccountState, build_app
from exporter.web.accept import accepts_gzip, wants_openmetrics
from exporter.web.page import age, landing

NOON = datetime(2025, 11, 21, 12, tzinfo=UTC)
TEXT, OPENMETRICS = b"spend_today_usd 1.0\n", b"spend_today_usd 1.0\n# EOF\n"


def rendering(text: bytes = TEXT) -> Rendered:
    return Rendered(
        NOON,
        "17.5",
        Body("text/plain; version=0.0.4; charset=utf-8", text, gzip.compress(text)),
        Body("application/openmetrics-text; version=1.0.0; charset=utf-8", OPENMETRICS, gzip.compress(OPENMETRICS)),
    )


@dataclass
class Fake:
    """The state the composition root would provide."""

    latest: Rendered | None = field(default_factory=rendering)
    rows: list[AccountRow] = field(default_factory=list)
    fault: Exception | None = None
    reads: int = 0

    def rendered(self):
        self.reads += 1
        return self.latest

    def ready(self):
        return (True, "Figures are being served.") if self.latest else (False, "The first snapshot is being made.")

    def accounts(self):
        return self.rows

    async def reload(self):
        if self.fault:
            raise self.fault
        return "The configuration was loaded."

    async def record(self, told):
        """Alerts have tests of their own."""


@pytest.fixture
def state():
    return Fake()


@pytest.fixture
async def client(state):
    async with TestClient(TestServer(build_app(state, clock=lambda: NOON)), auto_decompress=False) as client:
        yield client


PLAIN = {"Accept-Encoding": "identity"}
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        (PROMETHEUS, True),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; Version=1.0.0", True),
        ('application/openmetrics-text; version="1.0.0"', True),
        ("application/openmetrics-text; version=0.0.1", False),
        ("application/openmetrics-text; version=2.0.0, text/plain;q=0.1", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=0.3, text/plain;q=0.9", False),
        ("text/plain;q=0.3, application/openmetrics-text;q=0.9", True),
        ("application/openmetrics-text;q=0.3, */*;q=0.9", False),
        ("*/*, application/openmetrics-text", True),
        ("text/plain, application/openmetrics-text", False),
        ("application/openmetrics-text, text/plain", True),
        ("application/openmetrics-text;q=high", False),
        ("application/openmetrics-text;q=nan", False),
        (",;=,;;q", False),
    ],
)
def test_openmetrics_is_for_those_who_ask(accept, wanted):
    assert wants_openmetrics(accept) is wanted


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("br, deflate", False),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("gzip;q=2", False),
    ],
)
def test_gzip_is_for_those_who_accept_it(accept, wanted):
    assert accepts_gzip(accept) is wanted


async def test_metrics_as_text_by_default(client, state):
    reply = await client.get("/metrics", headers=PLAIN)
    assert (reply.status, await reply.read()) == (200, TEXT)
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert reply.headers["Vary"] == "Accept, Accept-Encoding"
    assert "Content-Encoding" not in reply.headers
    assert state.reads == 1


async def test_metrics_as_prometheus_asks(client):
    reply = await client.get("/metrics", headers={"Accept": PROMETHEUS, "Accept-Encoding": "gzip"})
    assert reply.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert reply.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(await reply.read()) == OPENMETRICS


async def test_head_has_the_length_and_no_body(client):
    reply = await client.head("/metrics", headers=PLAIN)
    assert (reply.status, reply.headers["Content-Length"], await reply.read()) == (200, str(len(TEXT)), b"")


async def test_before_the_first_snapshot(client, state):
    state.latest = None
    metrics, ready, healthy = [await client.get(path) for path in ("/metrics", "/-/ready", "/-/healthy")]
    assert (metrics.status, await metrics.text()) == (
        503,
        "There are no figures yet: the first snapshot is being made.\n",
    )
    assert (ready.status, await ready.text()) == (503, "The first snapshot is being made.\n")
    assert (healthy.status, await healthy.text()) == (200, "spend-exporter is healthy.\n")


async def test_ready_after_it(client):
    reply = await client.get("/-/ready")
    assert (reply.status, await reply.text()) == (200, "Figures are being served.\n")


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_reload(client, state, method):
    reply = await client.request(method, "/-/reload")
    assert (reply.status, await reply.text()) == (200, "The configuration was loaded.\n")
    state.fault = ConfigError("spend.yaml, line 3: there is no key 'acounts'.")
    reply = await client.request(method, "/-/reload")
    assert reply.status == 500
    assert await reply.text() == "failed to reload config: spend.yaml, line 3: there is no key 'acounts'.\n"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_reload_needs_post_or_put(client, method):
    reply = await client.request(method, "/-/reload")
    assert (reply.status, reply.headers["Allow"]) == (405, "POST,PUT")


async def test_unknown_paths_get_a_plain_404(client):
    reply = await client.get("/<script>")
    assert (reply.status, reply.content_type) == (404, "text/plain")
    assert "<" not in await reply.text()


@pytest.mark.parametrize("path", ["/", "/docs", "/metrics", "/-/healthy", "/nowhere"])
async def test_every_reply_is_locked_down(client, path):
    reply = await client.get(path)
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Server"] == "spend-exporter"


async def test_the_landing_page_links_and_lists(client, state):
    state.rows = [
        AccountRow("openai", "acme", AccountState.OK, NOON - timedelta(minutes=7), NOON - timedelta(hours=3), 0.999),
        AccountRow("aws", "payer", AccountState.STOPPED, error="The key was refused: make a new one.", backfill=1.0),
    ]
    page = await (await client.get("/", headers=PLAIN)).text()
    for wanted in (
        'href="/metrics"',
        'href="/-/healthy"',
        'href="/docs"',
        "7 min ago",
        "2025-11-21 11:53 UTC",
        "3 h ago",
        "99 %",
    ):
        assert wanted in page
    for wanted in ("needs attention", "never", "complete", "The key was refused: make a new one."):
        assert wanted in page
    assert "<script" not in page
    assert not re.search(r"https?://", page)


async def test_an_empty_landing_page_says_what_to_do_first(client):
    page = await (await client.get("/", headers=PLAIN)).text()
    assert "No accounts yet" in page
    assert "spend-exporter check-config" in page


async def test_the_reference_page_has_every_metric(client):
    page = await (await client.get("/docs", headers=PLAIN)).text()
    assert "spend_today_usd" in page
    assert "spend_exporter_build_info" in page


def test_everything_from_outside_is_escaped():
    evil = '<img src="x" onerror=1>&'
    row = AccountRow(evil, evil, AccountState.RETRYING, error=evil)
    page = landing([row], ready=False, sentence=evil, now=NOON)
    assert "<img" not in page
    assert page.count("&lt;img src=&quot;x&quot; onerror=1&gt;&amp;") == 4


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (-5, "just now"),
        (0, "just now"),
        (1, "1 min ago"),
        (59, "59 min ago"),
        (60, "1 h ago"),
        (2879, "47 h ago"),
        (2880, "2 days ago"),
    ],
)
def test_ages(minutes, words):
    assert age(timedelta(minutes=minutes)) == words


async def test_scrapes_are_never_torn(client, state):
    """While publications come and go, each scrape is wholly one of them."""
    versions = [rendering(b"%d\n" % n * 200_000) for n in (1, 2)]
    state.latest = versions[0]

    async def publish():
        while True:
            state.latest = random.choice(versions)  # a fixed order would keep step with the scrapes
            await asyncio.sleep(0)

    async def scrape():
        return [await (await client.get("/metrics", headers=PLAIN)).read() for _ in range(15)]

    publishing = asyncio.create_task(publish())
    bodies = await asyncio.gather(*[scrape() for _ in range(4)])
    publishing.cancel()
    assert {body for some in bodies for body in some} == {version.text.identity for version in versions}


async def test_a_large_scrape_does_not_hold_up_the_loop(client, state):
    state.latest = rendering(b"x" * 18_000_000)
    worst = min([await _worst_lag(client) for _ in range(3)])
    assert worst < 0.05


async def _worst_lag(client) -> float:
    """The longest pause of the loop while another thread's client reads the whole body."""
    url = str(client.make_url("/metrics"))
    reading = asyncio.ensure_future(asyncio.to_thread(asyncio.run, _size(url)))
    worst = 0.0
    while not reading.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, time.perf_counter() - before - 0.001)
    assert await reading == 18_000_000
    return worst


async def _size(url: str) -> int:
    async with ClientSession(auto_decompress=False) as session, session.get(url, headers=PLAIN) as reply:
        return sum([len(chunk) async for chunk in reply.content.iter_chunked(1 << 16)])
