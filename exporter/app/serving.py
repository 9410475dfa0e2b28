"""Serve: the web server, the sync loop, the publisher and the housekeeping, until a signal ends them."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web

from exporter.alerts import Alert
from exporter.app import process, threads
from exporter.app.runtime import Runtime
from exporter.app.site import Site
from exporter.config import Settings
from exporter.errors import ConfigError, SpendError, StoreError
from exporter.pricing.prices import Use
from exporter.store import alert_history, retention
from exporter.web import build_app

log = logging.getLogger(__name__)

HOUSEKEEPING_SECONDS = 6 * 3600.0
A_USE = Use("openai", "gpt-4o", "input")


async def serve(runtime: Runtime, *, ready: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT. `ready` is called with the URL when the first figures can be scraped.

    Raises:
        ConfigError: the address can't be listened on.
        StoreError: the database went away at the start.
    """
    _prepare(runtime)
    runtime.health.config_loaded(runtime.clock(), successful=True)
    stop = _stop_on_signals(asyncio.get_running_loop())
    _reload_on_hangup(asyncio.get_running_loop(), runtime)
    async with _listening(runtime) as url:
        await runtime.publisher.publish()
        ready(url)
        await _until(
            stop,
            runtime.publisher.serve(),
            runtime.scheduler.serve(),
            runtime.analyst.serve(),
            _housekeeping(runtime),
            _keep_database(runtime),
        )


def _prepare(runtime: Runtime) -> None:
    """What takes long and can't be interrupted happens before the first scrape."""
    process.share_the_interpreter()
    process.give_memory_back()
    runtime.valuer.catalogue.points(A_USE)  # the list of prices is loaded at the first question
    process.keep_what_is_loaded()


async def reload(runtime: Runtime) -> str:
    """Read the configuration again. What can't be read changes nothing.

    Raises:
        ConfigError, StoreError: with the sentence to show.
    """
    try:
        config = await asyncio.to_thread(runtime.read)
        await asyncio.to_thread(runtime.apply, config)
    except SpendError as error:
        log.error("the configuration was not reloaded: %s", error)  # noqa: TRY400 (the sentence says it all)
        runtime.health.config_loaded(runtime.clock(), successful=False)
        await runtime.publisher.ask()
        raise
    runtime.health.config_loaded(runtime.clock(), successful=True)
    await runtime.publisher.ask()
    log.info("configuration reloaded: %d accounts in the file", len(config.accounts))
    return f"Reloaded: {len(config.accounts)} accounts in the file."


@asynccontextmanager
async def _listening(runtime: Runtime) -> AsyncIterator[str]:
    """The web server runs on a loop of its own: reading a large reply must not hold up a scrape."""
    here = asyncio.get_running_loop()
    settings = runtime.config.settings
    site = Site(
        runtime.publisher,
        lambda: threads.on(here, reload(runtime)),
        lambda told: threads.on(here, _record(runtime, told)),
    )
    application = build_app(site, alerts_token=settings.alerts_token(), loopback=settings.listens_on_loopback)
    with threads.own_loop("web") as loop:
        runner = web.AppRunner(application, access_log=None)
        try:
            yield await threads.on(loop, _start(runner, settings))
        finally:
            await threads.on(loop, runner.cleanup())


async def _record(runtime: Runtime, told: Sequence[Alert]) -> None:
    await runtime.database.run(alert_history.record, told, runtime.clock())


async def _start(runner: web.AppRunner, settings: Settings) -> str:
    host, port = settings.listen_address
    await runner.setup()
    try:
        await web.TCPSite(runner, host or None, port).start()
    except OSError as error:
        raise ConfigError(f"can't listen on {settings.listen}: {error.strerror or error}; set SPEND_LISTEN") from None
    return _url(runner.addresses[0])


def _url(address: tuple[object, ...]) -> str:
    host, port = str(address[0]), address[1]
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 (shown, not bound)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _stop_on_signals(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _reload_on_hangup(loop: asyncio.AbstractEventLoop, runtime: Runtime) -> None:
    running: set[asyncio.Task[None]] = set()

    async def again() -> None:
        with suppress(SpendError):  # the log and the metric say it
            await reload(runtime)

    def start() -> None:
        task = loop.create_task(again())
        running.add(task)  # the loop itself keeps no strong reference
        task.add_done_callback(running.discard)

    loop.add_signal_handler(signal.SIGHUP, start)


async def _until(stop: asyncio.Event, *works: Coroutine[Any, Any, None]) -> None:
    """Run the works until `stop`, or until one of them fails."""
    tasks = [asyncio.create_task(work) for work in works]
    waiting = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {waiting}:
            task.result()
    finally:
        for task in (waiting, *tasks):
            task.cancel()
        await asyncio.gather(waiting, *tasks, return_exceptions=True)


async def _housekeeping(runtime: Runtime) -> None:
    """Retention, a few times a day."""
    while True:
        with suppress(StoreError):
            dropped = await runtime.database.run(
                retention.forget, runtime.clock(), runtime.config.settings.retention_months
            )
            if dropped:
                log.info("retention: dropped %s", ", ".join(dropped))
        await asyncio.sleep(HOUSEKEEPING_SECONDS)


async def _keep_database(runtime: Runtime) -> None:
    """Start the embedded database again when it died. A database of somebody else's is only waited for."""
    embedded = runtime.embedded
    while embedded is not None:
        if not embedded.running:
            log.warning("the embedded database stopped; starting it again")
            with suppress(StoreError):
                await asyncio.to_thread(embedded.start)
        await asyncio.sleep(1)
    await asyncio.Event().wait()
