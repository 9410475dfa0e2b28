"""Where Alertmanager's webhook arrives.

One rule: 200 only when the message is stored. What could be stored later is answered with 503, which Alertmanager tries
again; what never can be, with 4xx and one sentence.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from exporter.alerts import Alert, NotUnderstood, read_webhook
from exporter.errors import SpendError

log = logging.getLogger(__name__)

PATH = "/-/alerts"
LARGEST = 1024 * 1024  # bytes; one alert of ours has about two thousand

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Record = Callable[[Sequence[Alert]], Awaitable[None]]


def receiver(record: Record, token: str | None, *, loopback: bool) -> Handler:
    """Hands the alerts of each message to `record`. Without a token only an exporter on loopback takes any."""

    async def received(request: web.Request) -> web.StreamResponse:
        if refused := _refusal(request, token, loopback=loopback):
            return refused
        try:
            alerts = read_webhook(await request.read())
        except web.HTTPRequestEntityTooLarge:
            return _answer(413, f"The message is larger than {LARGEST} bytes.")
        except NotUnderstood as error:
            return _answer(400, f"Not stored: {error}.")
        try:
            await record(alerts)
        except SpendError as error:
            log.warning("alerts were not stored: %s", error)
            return _answer(503, "Not stored, try again: the database can't be used now.")
        return _answer(200, f"Stored: {len(alerts)}.")

    return received


def _refusal(request: web.Request, token: str | None, *, loopback: bool) -> web.Response | None:
    if token is None and not loopback:
        return _answer(403, "Alerts are not taken: set SPEND_ALERTS_TOKEN_FILE, and the same token in Alertmanager.")
    given = request.headers.get("Authorization", "")
    if token is not None and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return _answer(401, "The bearer token is missing or wrong.", {"WWW-Authenticate": "Bearer"})
    # A page in somebody's browser can't send this type to another site unasked.
    if request.content_type != "application/json":
        return _answer(415, "The message must be application/json.")
    return None


def _answer(status: int, sentence: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=f"{sentence}\n", headers=headers)
