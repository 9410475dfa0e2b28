"""A small truth with a fixed clock, its simulator, and a naive reader of its API."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from exporter.demo.clock import Clock
from exporter.demo.server import ANTHROPIC_KEY, OPENAI_KEY, Simulator
from exporter.demo.truth import Truth

NOW = datetime(2026, 11, 20, 14, 37, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BETA = "analytics-usage-cost-2026-08-24"


class Reader:
    """Asks the simulator and follows cursors; no retries, no checks."""

    def __init__(self, simulator: Simulator, session: aiohttp.ClientSession) -> None:
        self.simulator, self.session = simulator, session
        self.headers = {
            "openai": {"Authorization": f"Bearer {OPENAI_KEY}"},
            "anthropic": {"x-api-key": ANTHROPIC_KEY, "anthropic-version": "2023-06-01", "anthropic-beta": BETA},
        }

    def url(self, path: str) -> str:
        base = self.simulator.anthropic_url if path.startswith("/v1/organizations/") else self.simulator.openai_url
        return base + path

    def provider(self, path: str) -> str:
        return "anthropic" if path.startswith("/v1/organizations/") else "openai"

    async def reply(self, path: str, *query: tuple[str, Any], headers: dict[str, str] | None = None):
        """Status, headers and text of one request."""
        given = self.headers[self.provider(path)] if headers is None else headers
        params = [(name, str(value)) for name, value in query]
        async with self.session.get(self.url(path), params=params, headers=given) as response:
            return response.status, response.headers, await response.text()

    async def ask(self, path: str, *query: tuple[str, Any], headers: dict[str, str] | None = None):
        """Status and JSON of one request."""
        given = self.headers[self.provider(path)] if headers is None else headers
        params = [(name, str(value)) for name, value in query]
        async with self.session.get(self.url(path), params=params, headers=given) as response:
            return response.status, await response.json()

    async def pages(self, path: str, *query: tuple[str, Any]) -> list[dict[str, Any]]:
        """Every item of `data` on every page."""
        items, page = [], None
        while True:
            status, body = await self.ask(path, *query, *([("page", page)] if page else []))
            assert status == 200, body
            items += body["data"]
            page = body["next_page"]
            assert body["has_more"] == (page is not None)
            if page is None:
                return items

    async def openai(self, report: str, *query: tuple[str, Any], since: datetime, until: datetime):
        times = ("start_time", int(since.timestamp())), ("end_time", int(until.timestamp()))
        return await self.pages(f"/v1/organization/{report}", *times, *query)

    async def anthropic(self, report: str, *query: tuple[str, Any], since: datetime, until: datetime):
        times = ("starting_at", since.isoformat()), ("ending_at", until.isoformat())
        return await self.pages(f"/v1/organizations/{report}", *times, *query)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def truth(clock: Clock) -> Truth:
    return Truth(clock=clock, seed=7, days=5, projects=3)


@pytest.fixture
async def simulator(truth: Truth) -> AsyncIterator[Simulator]:
    async with Simulator(truth) as running:
        yield running


@pytest.fixture
async def reader(simulator: Simulator) -> AsyncIterator[Reader]:
    async with aiohttp.ClientSession() as session:
        yield Reader(simulator, session)


@pytest.fixture
def book():
    """Adds up (key, amount) pairs and forgets zeros, like the expected books."""

    def add(pairs) -> dict[tuple[Any, ...], Decimal]:
        total: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        for key, amount in pairs:
            total[key] += Decimal(str(amount))
        return {key: amount for key, amount in total.items() if amount}

    return add
