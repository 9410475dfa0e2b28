"""The one way to talk to a provider: authenticated, paced, retried, size-limited GETs that return exact JSON.

One rule: whatever goes wrong leaves here as `NeedsAttention`, `TryLater` or `UnexpectedReply`, with no secret in it.
Redirects are never followed: a credential must not travel to an address nobody configured.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import random as roll
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import urlencode

import httpx

from exporter import __version__
from exporter.domain import Account
from exporter.errors import ConfigError, NeedsAttention, SyncError, TryLater, UnexpectedReply
from exporter.providers.pacing import LONGEST_WAIT, Budget, backoff, retry_after
from exporter.providers.replies import Json, Refusal, decode, refusal_from, scrub

if TYPE_CHECKING:
    import ssl

    from exporter.providers.base import Provider

logger = logging.getLogger(__name__)

Query = Sequence[tuple[str, str]]

ATTEMPTS = 5
JSON_ATTEMPTS = 3  # proxies tear replies; a reply torn three times is simply not JSON
DEADLINE = 120.0  # seconds for one whole reply, so that a trickle can't hold a sync for ever
TIMEOUT = httpx.Timeout(30.0, connect=10.0, pool=None)  # waiting for our own pool is the semaphore's business
LARGEST_REPLY = 64 * 2**20
LARGEST_INLINE = 64 * 2**10  # above this, JSON is parsed off the event loop
MOST_PAGES = 10_000


class Observer(Protocol):
    """Who wants to know about requests: the exporter's own metrics."""

    def request(self, provider: str, code_class: str, seconds: float) -> None:
        """One request ended: `code_class` is ``2xx`` … ``5xx``, or ``error`` when no whole reply came."""

    def throttled(self, provider: str) -> None:
        """The provider said 429."""


class _Nobody:
    def request(self, provider: str, code_class: str, seconds: float) -> None:
        pass

    def throttled(self, provider: str) -> None:
        pass


NOBODY: Observer = _Nobody()


class _Setback(Exception):
    """An attempt failed and another may succeed. `error` is what to raise when none is left."""

    def __init__(self, error: SyncError, *, asked: timedelta | None = None, attempts: int = ATTEMPTS) -> None:
        super().__init__()
        self.error, self.asked, self.attempts = error, asked, attempts


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: httpx.Headers
    body: bytes


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Client:
    """One account's connection to its provider. Use it as an async context manager, or `close` it."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        provider: str,
        title: str,
        account: str = "",
        guide: str = "",
        secrets: Sequence[str] = (),
        requests_per_minute: int = 60,
        concurrency: int = 2,
        deadline: float = DEADLINE,
        observe: Observer = NOBODY,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = roll,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.provider, self.title, self.account, self.now = provider, title, account, now
        self._http, self._guide, self._secrets = http, guide, tuple(secrets)
        self._slots = asyncio.Semaphore(concurrency)
        self._budget = Budget(requests_per_minute, time.monotonic())
        self._deadline, self._observe, self._sleep, self._random = deadline, observe, sleep, random

    def __repr__(self) -> str:
        return f"<Client {self.provider} {self.account}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str, query: Query = (), headers: Mapping[str, str] | None = None) -> Json:
        """The JSON object at `path`, after as many attempts as it is worth."""
        attempt = 1
        while True:
            try:
                return await self._attempt(path, query, headers)
            except _Setback as setback:
                wait = max(_seconds(setback.asked), backoff(attempt, self._random()))
                if attempt >= setback.attempts or wait > _seconds(LONGEST_WAIT):
                    raise setback.error from None
                logger.info("%s %s: %s Attempt %d; waiting %.1f s.", *self._who, setback.error, attempt, wait)
            await self._sleep(wait)
            attempt += 1

    async def pages(
        self, path: str, query: Query = (), *, headers: Mapping[str, str] | None = None, rows: str = "data"
    ) -> AsyncIterator[Json]:
        """Every page of a report that pages by `has_more` and `next_page`, whole replies.

        An empty page ends the report even if it names a next one: some providers hand out cursors for ever.
        """
        cursor, seen = "", set[str]()
        while True:
            page = await self.get(path, [*query, ("page", cursor)] if cursor else query, headers)
            with self.reading(path, page):
                empty, cursor = not page[rows], _next_cursor(page, page.get("next_page"), seen)
            yield page
            if empty or not cursor:
                return

    async def items(
        self, path: str, query: Query = (), *, headers: Mapping[str, str] | None = None, after: str = "after"
    ) -> AsyncIterator[Json]:
        """Every item of a list that pages by `has_more` and `last_id` (sent back as `after`)."""
        cursor, seen = "", set[str]()
        while True:
            page = await self.get(path, [*query, (after, cursor)] if cursor else query, headers)
            with self.reading(path, page):
                items = list(page["data"])
                cursor = _next_cursor(page, page.get("last_id") if page.get("has_more") else None, seen)
            for item in items:
                yield item
            if not items or not cursor:
                return

    @contextmanager
    def reading(self, path: str, reply: object) -> Iterator[None]:
        """Around the parsing of a reply: whatever does not fit becomes an `UnexpectedReply` with a scrubbed sample."""
        try:
            yield
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as fault:
            what = (
                f"lacks {fault}: its API may have changed" if isinstance(fault, KeyError) else f"can't be read: {fault}"
            )
            raise UnexpectedReply(
                self.scrub(f"{self.title}'s reply to {path} {what}."), sample=self.scrub(str(reply))
            ) from None

    def scrub(self, text: str) -> str:
        """`text` fit for a log, an error or a sample."""
        return scrub(text, self._secrets)

    @property
    def _who(self) -> tuple[str, str]:
        return self.provider, self.account

    async def _attempt(self, path: str, query: Query, headers: Mapping[str, str] | None) -> Json:
        # Brackets stay literal: both `group_by[]` and its escaped form are seen in the wild, this one is documented.
        url = f"{path}?{urlencode(query, safe='[]:,')}" if query else path
        async with self._slots:
            if wait := self._budget.reserve(time.monotonic()):
                await self._sleep(wait)
            reply = await self._exchange(url, path, headers)
        if reply.status // 100 != 2:
            raise self._fault_in(reply, path)
        return await self._object_in(reply, path)

    async def _exchange(self, url: str, path: str, headers: Mapping[str, str] | None) -> _Reply:
        started, code_class = time.monotonic(), "error"
        try:
            async with asyncio.timeout(self._deadline), self._http.stream("GET", url, headers=headers) as response:
                reply = _Reply(response.status_code, response.headers, await self._body(response, path))
            code_class = f"{reply.status // 100}xx"
        except (httpx.RequestError, OSError) as fault:  # a TimeoutError is an OSError too
            # `from None`: the fault's own request holds the credential.
            what = self.scrub(f"{type(fault).__name__} {fault}".strip())
            raise _Setback(TryLater(f"{self.title} gave no whole answer to {path} ({what}).")) from None
        else:
            return reply
        finally:
            self._observe.request(self.provider, code_class, time.monotonic() - started)

    async def _body(self, response: httpx.Response, path: str) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > LARGEST_REPLY:
                raise UnexpectedReply(f"{self.title}'s reply to {path} is larger than {LARGEST_REPLY // 2**20} MiB.")
        return bytes(body)

    async def _object_in(self, reply: _Reply, path: str) -> Json:
        small = len(reply.body) <= LARGEST_INLINE
        try:
            whole: Any = decode(reply.body) if small else await asyncio.to_thread(decode, reply.body)
        except ValueError as fault:
            error = self._unexpected(f"{self.title}'s reply to {path} is not JSON: {fault}.", reply)
            raise _Setback(error, attempts=JSON_ATTEMPTS) from None
        if not isinstance(whole, dict):
            raise self._unexpected(f"{self.title}'s reply to {path} is not a JSON object.", reply)
        return whole

    def _fault_in(self, reply: _Reply, path: str) -> Exception:
        """Any status but 2xx, as the error that says what happens next."""
        status, said = reply.status, refusal_from(reply.body)
        code, param = self.scrub(said.code), self.scrub(said.param)
        if status in (401, 403):
            return NeedsAttention(self._plea(status, path, said), status=status, code=code)
        words = self._words(status, said)
        if status in (408, 429) or status >= 500:
            if status == 429:
                self._observe.throttled(self.provider)
            asked = retry_after(reply.headers, self.now())
            sentence = f"{self.title} can't answer {path} now ({words})."
            return _Setback(TryLater(sentence, retry_after=asked, status=status, code=code), asked=asked)
        if status // 100 == 3:
            target = self.scrub(reply.headers.get("location", "nowhere"))
            sentence = f"{self.title} redirects {path} to {target}: set base_url to the address to ask."
        else:
            sentence = f"{self.title} refused {path} ({words})."
        return self._unexpected(sentence, reply, status=status, code=code, param=param)

    def _plea(self, status: int, path: str, said: Refusal) -> str:
        words = self._words(status, said)
        see = f" See {self._guide}." if self._guide else ""
        if status == 401:
            return f"{self.title} does not accept the credential ({words}): replace it with a valid one.{see}"
        return f"{self.title} denies access to {path} ({words}): give the credential the permission it lacks.{see}"

    def _words(self, status: int, said: Refusal) -> str:
        parts = [str(status), said.code, said.param, f"“{said.message[:400]}”" if said.message else ""]
        return self.scrub(", ".join(part for part in parts if part))

    def _unexpected(
        self, sentence: str, reply: _Reply, *, status: int = 0, code: str = "", param: str = ""
    ) -> UnexpectedReply:
        sample = self.scrub(reply.body[: 2**16].decode("utf-8", "replace"))
        return UnexpectedReply(self.scrub(sentence), sample=sample, status=status, code=code, param=param)


def open_client(
    provider: Provider,
    account: Account,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    observe: Observer = NOBODY,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    random: Callable[[], float] = roll,
    now: Callable[[], datetime] = utc_now,
) -> Client:
    """A client for one account. Raises `ConfigError` for a bad `base_url`, `NeedsAttention` for a bad credential."""
    credentials = {name: value.strip() for name, value in account.credentials.items()}
    for name, value in credentials.items():
        if not (value.isascii() and value.isprintable()):
            raise NeedsAttention(f"{provider.title}'s {name} has characters no key has: copy it again.")
    auth = provider.authenticate(credentials)
    http = httpx.AsyncClient(
        base_url=_base_url(provider, account),
        headers={"user-agent": f"spend-exporter/{__version__}", "accept": "application/json", **auth},
        timeout=TIMEOUT,
        limits=httpx.Limits(max_connections=provider.concurrency),
        transport=transport,
        verify=_trust() if transport is None else True,
        follow_redirects=False,
    )
    return Client(
        http,
        provider=provider.name,
        title=provider.title,
        account=account.id,
        guide=provider.guide,
        secrets=_secrets(provider, credentials, auth),
        requests_per_minute=_pace(provider, account),
        concurrency=provider.concurrency,
        observe=observe,
        sleep=sleep,
        random=random,
        now=now,
    )


def _base_url(provider: Provider, account: Account) -> httpx.URL:
    given = account.options.get("base_url") or provider.base_url
    try:
        url = httpx.URL(given)
    except httpx.InvalidURL:
        url = httpx.URL("")
    # A user name in the address would replace our Authorization header.
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise ConfigError(f"The base_url of account {account.id} must look like {provider.base_url}.")
    return url


def _pace(provider: Provider, account: Account) -> int:
    given = account.options.get("requests_per_minute", "")
    if not given:
        return provider.requests_per_minute
    if not given.isdecimal() or not int(given):
        raise ConfigError(f"The requests_per_minute of account {account.id} must be a whole number above 0.")
    return int(given)


def _secrets(provider: Provider, credentials: Mapping[str, str], auth: Mapping[str, str]) -> list[str]:
    """What must never be shown: secret credentials, and what headers make of them (as Basic does)."""
    public = {field.name for field in provider.credentials if not field.secret}
    secrets = {value for name, value in credentials.items() if name not in public}
    secrets |= {value.split(" ", 1)[1] for value in auth.values() if value.startswith(("Basic ", "Bearer "))}
    return sorted((secret for secret in secrets if len(secret) >= 4), key=len, reverse=True)


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """Loading the certificate store takes tens of milliseconds: once is enough for all accounts."""
    return httpx.create_ssl_context()


def _next_cursor(page: Json, cursor: object, seen: set[str]) -> str:
    """Where the next page begins, or "" after the last. Remembers it in `seen`."""
    more = page.get("has_more")
    if more is False or (more is None and cursor is None):
        return ""
    if not isinstance(cursor, str) or not cursor:
        raise ValueError("it says there is more but not where")
    if cursor in seen:
        raise ValueError("repeated page: its cursor leads in a circle")
    if len(seen) >= MOST_PAGES:
        raise ValueError(f"more than {MOST_PAGES} pages")
    seen.add(cursor)
    return cursor


def _seconds(span: timedelta | None) -> float:
    return span.total_seconds() if span else 0.0
