"""The aiohttp application: routes, and the headers every reply carries.

One rule: a handler reads the rendered snapshot's reference once and answers from memory; no database, no lock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from aiohttp import web

from exporter.alerts import Alert
from exporter.errors import SpendError
from exporter.metrics.exposition import Rendered
from exporter.web import alerts
from exporter.web.accept import accepts_gzip, wants_openmetrics
from exporter.web.page import STYLE_HASH, AccountRow, landing, reference

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SECURITY = {
    "Content-Security-Policy": f"default-src 'none'; style-src '{STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Server": "spend-exporter",
}


class State(Protocol):
    """What the pages show and the buttons do; the composition root provides it."""

    def rendered(self) -> Rendered | None:
        """The latest publication, None before the first."""
        ...

    def ready(self) -> tuple[bool, str]:
        """Whether figures can be served, and one sentence why or why not."""
        ...

    def accounts(self) -> Sequence[AccountRow]:
        """What the landing page lists."""
        ...

    async def reload(self) -> str:
        """Read the configuration again; a sentence on success, `SpendError` otherwise."""
        ...

    async def record(self, told: Sequence[Alert]) -> None:
        """Store what Alertmanager told; `SpendError` when that is not possible now."""
        ...


def _now() -> datetime:
    return datetime.now(UTC)


def build_app(
    state: State, *, clock: Callable[[], datetime] = _now, alerts_token: str | None = None, loopback: bool = False
) -> web.Application:
    """All routes over `state`. `clock` is for the ages on the landing page; `loopback`: nobody else can reach us."""
    app = web.Application(client_max_size=alerts.LARGEST)
    app.on_response_prepare.append(_secure)
    app.router.add_get("/", _landing(state, clock))
    app.router.add_get("/metrics", _metrics(state))
    app.router.add_get("/docs", _docs)
    app.router.add_get("/-/healthy", _healthy)
    app.router.add_get("/-/ready", _ready(state))
    reload = _reload(state)
    app.router.add_post("/-/reload", reload)
    app.router.add_put("/-/reload", reload)
    app.router.add_post(alerts.PATH, alerts.receiver(state.record, alerts_token, loopback=loopback))
    return app


async def _secure(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_SECURITY)


def _metrics(state: State) -> Handler:
    async def metrics(request: web.Request) -> web.StreamResponse:
        rendered = state.rendered()
        if rendered is None:
            return web.Response(status=503, text="There are no figures yet: the first snapshot is being made.\n")
        accept = ",".join(request.headers.getall("Accept", []))
        body = rendered.openmetrics if wants_openmetrics(accept) else rendered.text
        headers = {"Content-Type": body.content_type, "Vary": "Accept, Accept-Encoding", "ETag": f'W/"{rendered.etag}"'}
        if accepts_gzip(",".join(request.headers.getall("Accept-Encoding", []))):
            return web.Response(body=body.gzip, headers=headers | {"Content-Encoding": "gzip"})
        return web.Response(body=body.identity, headers=headers)

    return metrics


def _landing(state: State, clock: Callable[[], datetime]) -> Handler:
    async def page(_request: web.Request) -> web.StreamResponse:
        ready, sentence = state.ready()
        return _html(landing(state.accounts(), ready, sentence, clock()))

    return page


async def _docs(_request: web.Request) -> web.StreamResponse:
    return _html(reference())


async def _healthy(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="spend-exporter is healthy.\n")


def _ready(state: State) -> Handler:
    async def ready(_request: web.Request) -> web.StreamResponse:
        good, sentence = state.ready()
        return web.Response(status=200 if good else 503, text=f"{sentence}\n")

    return ready


def _reload(state: State) -> Handler:
    async def reload(_request: web.Request) -> web.StreamResponse:
        try:
            sentence = await state.reload()
        except SpendError as error:
            return web.Response(status=500, text=f"failed to reload config: {error}\n")
        return web.Response(text=f"{sentence}\n")

    return reload


def _html(page: str) -> web.Response:
    return web.Response(text=page, content_type="text/html")
