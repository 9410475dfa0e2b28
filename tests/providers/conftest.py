"""A provider in memory: recorded replies or a script of them, served through `httpx.MockTransport`.

One rule: every recorded reply is about 2026-11-18, and the clock stands at 2026-11-21 noon. A file is named for the
path it answers, with dots for slashes, and ``@cursor`` for a further page.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from exporter.domain import Account, Period
from exporter.providers import ALL
from exporter.providers.client import open_client

RESPONSES = Path(__file__).parent / "responses"
DAY = Period.of_day(date(2026, 11, 18))
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "not-a-real-secret-0123456789"


class Api:
    """Answers from the script first, then from the folder of recorded replies, else 404. Remembers every request."""

    def __init__(self, provider: str) -> None:
        self.provider = ALL[provider]
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        self.events: list[tuple] = []
        self.account = account_of(provider)
        self._script: dict[str, list] = {}

    def says(self, path: str, *replies) -> Api:
        """The next answers at `path` ("" for any): a status, a JSON object, raw bytes, a response or an exception."""
        self._script[path] = list(replies)
        return self

    def client(self, **options: str):
        self.account = account_of(self.provider.name, **options)
        return open_client(
            self.provider,
            self.account,
            transport=httpx.MockTransport(self),
            observe=self,
            sleep=self._sleep,
            random=lambda: 0.5,
            now=lambda: NOW,
        )

    def asked(self, parameter: str) -> list[str | None]:
        return [request.url.params.get(parameter) for request in self.requests]

    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]

    def request(self, provider: str, code_class: str, seconds: float) -> None:
        assert seconds >= 0
        self.events.append((provider, code_class))

    def throttled(self, provider: str) -> None:
        self.events.append((provider, "throttled"))

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path
        for key in (path, ""):
            if replies := self._script.get(key):
                return response_of(replies.pop(0) if len(replies) > 1 else replies[0])
        params = request.url.params
        cursor = params.get("page") or params.get("after") or params.get("after_id")
        file = (
            RESPONSES / self.provider.name / f"{path.strip('/').replace('/', '.')}{'@' + cursor if cursor else ''}.json"
        )
        return httpx.Response(200, content=file.read_bytes()) if file.exists() else response_of(404)


def account_of(provider: str, **options: str) -> Account:
    """Only the credentials it takes: what is required, or else the first."""
    fields = [field for field in ALL[provider].credentials if field.required] or ALL[provider].credentials[:1]
    return Account(f"{provider}-test", provider, options=options, credentials={field.name: SECRET for field in fields})


def response_of(reply) -> httpx.Response:
    match reply:
        case Exception():
            raise reply
        case int():
            error = {"type": f"error_{reply}", "message": f"Refused: {SECRET} of dev@example.com"}
            return httpx.Response(reply, json={"error": error})
        case dict():
            return httpx.Response(200, json=reply)
        case bytes():
            return httpx.Response(200, content=reply)
    return reply() if callable(reply) else reply


@pytest.fixture
def api():
    """`api("openai")`: that provider in memory."""
    return Api


@pytest.fixture
def recorded():
    """`recorded("openai/v1.organization.costs")`: a reply as the client would hand it over."""

    def load(name: str):
        return json.loads((RESPONSES / f"{name}.json").read_text(), parse_float=Decimal)

    return load


@pytest.fixture
def day() -> Period:
    """The day every recorded reply is about."""
    return DAY
