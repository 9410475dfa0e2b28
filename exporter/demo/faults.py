"""Everything that goes wrong with real APIs, at will.

One rule: one fault for one request, and only where it can be told from a good reply; a scripted fault waits for
the first request it applies to.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from exporter.demo.spoil import SPOILERS, spoil, spoils
from exporter.demo.wire import Refusal

REFUSALS = {"429": 429, "429_seconds": 429, "429_date": 429, "500": 500, "503": 503, "529": 529}
PAGES = {"html": 502, "html_200": 200}
BEFORE = frozenset({*REFUSALS, *PAGES, "slow"})
AFTER = frozenset({*SPOILERS, "torn", "trickle", "broken_json", "repeated_page"})
KINDS = BEFORE | AFTER
HTML = "<html><head><title>Bad gateway</title></head><body><h1>Error</h1></body></html>"

Refuse = Callable[[Refusal], web.Response]


@dataclass
class Armed:
    """A fault that waits: for the next `count` requests, or for a share of all."""

    kind: str
    provider: str
    path: str
    count: int = 0
    probability: float = 0.0

    def meets(self, provider: str, path: str) -> bool:
        """True when it is meant for this request; `path` may be a part of one."""
        return self.provider in ("", provider) and self.path in path


class Faults:
    """Switchable at run time and seeded. `happened` counts what was done, by kind."""

    def __init__(self, seed: int = 1) -> None:
        self.happened: Counter[str] = Counter()
        self.retry_after = 1
        self.slow_seconds = 1.0
        self.trickle_seconds = 0.01
        self._rng = random.Random(seed)
        self._armed: list[Armed] = []
        self._last: dict[tuple[str, str], bytes] = {}

    def script(self, kind: str, count: int = 1, *, provider: str = "", path: str = "") -> None:
        """The next `count` requests that fit meet this fault."""
        self._arm(Armed(kind, provider, path, count=count))

    def chance(self, kind: str, probability: float, *, provider: str = "", path: str = "") -> None:
        """A share of all requests that fit meets this fault."""
        self._arm(Armed(kind, provider, path, probability=probability))

    def clear(self) -> None:
        """No more faults."""
        self._armed.clear()

    def middleware(self, provider: str, refuse: Refuse) -> Middleware:
        """The faults of one server."""

        @web.middleware
        async def faulty(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith("/_"):
                return await handler(request)
            return await self._serve(provider, refuse, request, handler)

        return faulty

    async def _serve(self, provider: str, refuse: Refuse, request: web.Request, handler: Handler) -> web.StreamResponse:
        if endless(request):
            return _endless_page(request)
        kind = self._take(provider, request, BEFORE)
        if kind in REFUSALS:
            return self._refusal(kind, refuse)
        if kind in PAGES:
            return web.Response(status=PAGES[kind], text=HTML, content_type="text/html")
        if kind == "slow":
            await asyncio.sleep(self.slow_seconds)
        response = await handler(request)
        if kind or not isinstance(response, web.Response) or response.status != 200:
            return response
        return await self._after(provider, request, response)

    async def _after(self, provider: str, request: web.Request, response: web.Response) -> web.StreamResponse:
        place = provider, request.path
        before, body = self._last.get(place), response.body
        assert isinstance(body, bytes)  # noqa: S101
        self._last[place] = body
        kind = self._take(provider, request, AFTER, body)
        if kind == "repeated_page":
            return _json(before or body)
        if kind == "broken_json":
            return _json(body[: len(body) // 2])
        if kind == "torn":
            return await _torn(request, body)
        if kind == "trickle":
            return await self._trickled(request, body)
        return _json(spoil(kind, body)) if kind else response

    def _arm(self, armed: Armed) -> None:
        if armed.kind not in KINDS:
            raise ValueError(f"unknown fault {armed.kind!r}; known: {', '.join(sorted(KINDS))}")
        self._armed.append(armed)

    def _take(self, provider: str, request: web.Request, kinds: Collection[str], body: bytes = b"") -> str:
        """The kind of the first armed fault that meets this request; empty for none."""
        for armed in list(self._armed):
            if armed.kind not in kinds or not armed.meets(provider, request.path):
                continue
            if not _applies(armed.kind, request, body) or not self._strikes(armed):
                continue
            self.happened[armed.kind] += 1
            return armed.kind
        return ""

    def _strikes(self, armed: Armed) -> bool:
        if armed.probability:
            return self._rng.random() < armed.probability
        armed.count -= 1
        if armed.count <= 0:
            self._armed.remove(armed)
        return True

    def _refusal(self, kind: str, refuse: Refuse) -> web.Response:
        messages = {429: "Rate limit reached.", 529: "Overloaded"}
        types = {429: "rate_limit_error", 529: "overloaded_error"}
        status = REFUSALS[kind]
        message = messages.get(status, "The server had an error while processing your request.")
        response = refuse(Refusal(status, message, kind=types.get(status, "server_error")))
        later = datetime.now(UTC) + timedelta(seconds=self.retry_after)
        if kind == "429_seconds":
            response.headers["Retry-After"] = str(self.retry_after)
        if kind == "429_date":
            response.headers["Retry-After"] = format_datetime(later, usegmt=True)
        return response

    async def _trickled(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """The whole reply, in twenty pieces."""
        response = await _begun(request, body)
        size = max(1, len(body) // 20)
        for start in range(0, len(body), size):
            await response.write(body[start : start + size])
            await asyncio.sleep(self.trickle_seconds)
        await response.write_eof()
        return response


def endless(request: web.Request) -> bool:
    """True for the cursors that an ``endless`` reply handed out."""
    return request.query.get("page", "").startswith("page_endless")


def _endless_page(request: web.Request) -> web.Response:
    number = int(request.query["page"].removeprefix("page_endless")) + 1
    body = {"object": "page", "data": [], "has_more": True, "next_page": f"page_endless{number}"}
    return _json(json.dumps(body).encode())


def _applies(kind: str, request: web.Request, body: bytes) -> bool:
    if kind == "repeated_page":
        return "page" in request.query
    return spoils(kind, request.path, body) if kind in SPOILERS else True


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", charset="utf-8")


async def _begun(request: web.Request, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    return response


async def _torn(request: web.Request, body: bytes) -> web.StreamResponse:
    """Half of the promised body, then the connection ends."""
    response = await _begun(request, body)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
