"""Both simulated providers on 127.0.0.1, for the demo and for tests.

One rule: loopback only. ``python -m exporter.demo.server`` runs it alone and prints its two addresses as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from exporter.demo import anthropic, control, openai
from exporter.demo.clock import Clock
from exporter.demo.faults import Faults
from exporter.demo.series import ANTHROPIC, OPENAI
from exporter.demo.truth import Truth
from exporter.demo.wire import Access

LOOPBACK = "127.0.0.1"
OPENAI_KEY = "sk-admin-demo-not-a-real-key"
OPENAI_KEY_WITHOUT_SCOPE = "sk-admin-demo-without-scope"
ANTHROPIC_KEY = "sk-ant-admin01-demo-not-a-real-key"
ANTHROPIC_KEY_WITHOUT_SCOPE = "sk-ant-admin01-demo-without-scope"
KEPT_REQUESTS = 10_000


class Asked(NamedTuple):
    """One request that was answered; `query` as it was sent."""

    provider: str
    path: str
    query: str


class Simulator:
    """Starts both servers on entering, stops them on leaving.

    `truth`, `faults`, `openai` and `anthropic` (options) may be changed while it runs. `log` holds the last
    requests, `counts` all of them by provider and path. Ports of 0 mean: any that is free.
    """

    def __init__(
        self, truth: Truth, *, faults: Faults | None = None, port_openai: int = 0, port_anthropic: int = 0
    ) -> None:
        self.truth, self.faults = truth, faults or Faults(truth.seed)
        self.openai, self.anthropic = openai.Options(), anthropic.Options()
        self.log: deque[Asked] = deque(maxlen=KEPT_REQUESTS)
        self.counts: Counter[tuple[str, str]] = Counter()
        self._access = {
            OPENAI: Access({OPENAI_KEY}, {OPENAI_KEY_WITHOUT_SCOPE}),
            ANTHROPIC: Access({ANTHROPIC_KEY}, {ANTHROPIC_KEY_WITHOUT_SCOPE}),
        }
        self._ports = {OPENAI: port_openai, ANTHROPIC: port_anthropic}
        self._runners: list[web.AppRunner] = []

    @property
    def openai_url(self) -> str:
        """Base URL; paths begin with ``/v1/organization``."""
        return f"http://{LOOPBACK}:{self._ports[OPENAI]}"

    @property
    def anthropic_url(self) -> str:
        """Base URL; paths begin with ``/v1/organizations``."""
        return f"http://{LOOPBACK}:{self._ports[ANTHROPIC]}"

    def revoke(self, key: str) -> None:
        """The key is refused with 401 from now on."""
        for access in self._access.values():
            access.revoke(key)

    def restore(self, key: str) -> None:
        """Undo `revoke`."""
        for access in self._access.values():
            access.restore(key)

    async def __aenter__(self) -> Self:
        await self._start(OPENAI, self._openai_app())
        await self._start(ANTHROPIC, self._anthropic_app())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    def _openai_app(self) -> web.Application:
        faulty = self.faults.middleware(OPENAI, openai.refused)
        server = openai.OpenAI(self.truth, self._access[OPENAI], self.openai)
        return server.application(self._noted(OPENAI), faulty)

    def _anthropic_app(self) -> web.Application:
        faulty = self.faults.middleware(ANTHROPIC, anthropic.refused)
        server = anthropic.Anthropic(self.truth, self._access[ANTHROPIC], self.anthropic)
        return server.application(self._noted(ANTHROPIC), faulty)

    def _noted(self, provider: str) -> Middleware:
        @web.middleware
        async def noted(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not request.path.startswith("/_"):
                self.log.append(Asked(provider, request.path, request.query_string))
                self.counts[provider, request.path] += 1
            return await handler(request)

        return noted

    async def _start(self, provider: str, app: web.Application) -> None:
        control.add_routes(app, self, provider)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, LOOPBACK, self._ports[provider]).start()
        self._ports[provider] = runner.addresses[0][1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until SIGTERM or SIGINT."""
    asyncio.run(serve(_parser().parse_args(arguments)))


async def serve(options: argparse.Namespace) -> None:
    """Both servers, until the process is told to stop."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    truth = Truth(
        clock=Clock(options.now),
        seed=options.seed,
        days=options.days,
        projects=options.projects,
        models=options.models,
        lateness=not options.prompt,
    )
    ports = {"port_openai": options.port_openai, "port_anthropic": options.port_anthropic}
    async with Simulator(truth, **ports) as simulator:
        addresses = {"openai": simulator.openai_url, "anthropic": simulator.anthropic_url}
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        await stopped.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="exporter.demo.server", description="Simulated OpenAI and Anthropic.")
    parser.add_argument("--port-openai", type=int, default=0)
    parser.add_argument("--port-anthropic", type=int, default=0)
    parser.add_argument("--now", type=datetime.fromisoformat, help="a fixed clock (ISO 8601 with a zone)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, help="days of history (default: six months)")
    parser.add_argument("--projects", type=int, default=4)
    parser.add_argument("--models", type=int, default=6)
    parser.add_argument("--prompt", action="store_true", help="nothing arrives late, nothing is restated")
    return parser


if __name__ == "__main__":
    main()
