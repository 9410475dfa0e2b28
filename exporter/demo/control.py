"""The tests' own door to a simulator in another process: ``POST /_control``, ``GET /_expected``, ``GET /_requests``.

One rule: it is no part of any provider's contract, needs no key and meets no fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from exporter.demo.books import Amounts
from exporter.demo.clock import Clock
from exporter.demo.series import ANTHROPIC, CLAUDE_CODE, EXECUTIONS, MESSAGES, METERS, OPENAI

if TYPE_CHECKING:
    from exporter.demo.server import Simulator

REPORTS = {
    OPENAI: tuple(name for name in METERS if name not in (MESSAGES, EXECUTIONS)),
    ANTHROPIC: (MESSAGES, CLAUDE_CODE),
}


def add_routes(app: web.Application, simulator: Simulator, provider: str) -> None:
    """The three paths, on one server; they act on the whole simulator."""

    async def control(request: web.Request) -> web.Response:
        orders = await request.json()
        unknown = set(orders) - set(ORDERS)
        if unknown:
            return web.json_response({"unknown": sorted(unknown), "known": sorted(ORDERS)}, status=400)
        for name, order in orders.items():
            ORDERS[name](simulator, order)
        return web.json_response({"now": simulator.truth.now().isoformat()})

    async def expected(_: web.Request) -> web.Response:
        return web.json_response(books(simulator, provider))

    async def requests(_: web.Request) -> web.Response:
        counts = {f"{name} {path}": count for (name, path), count in simulator.counts.items()}
        return web.json_response({"requests": counts, "faults": dict(simulator.faults.happened)})

    app.router.add_post("/_control", control)
    app.router.add_get("/_expected", expected)
    app.router.add_get("/_requests", requests)


def books(simulator: Simulator, provider: str) -> dict[str, object]:
    """The expected books of one provider: ``[day, model, meter, decimal]`` each."""
    truth = simulator.truth
    return {
        "charges": listed(truth.expected_charges(provider)),
        "usage": {report: listed(truth.expected_usage(provider, report)) for report in REPORTS[provider]},
    }


def listed(amounts: Amounts) -> list[list[str]]:
    """The books as JSON can say them."""
    return [[day.isoformat(), model, meter, f"{amount:f}"] for (day, model, meter), amount in amounts.items()]


def _restate(simulator: Simulator, order: Mapping[str, Any]) -> None:
    day = date.fromisoformat(order["day"])
    simulator.truth.restate(order["provider"], day, order["factor"], order.get("scope", ""))


def _fault(simulator: Simulator, order: Mapping[str, Any]) -> None:
    where = {"provider": order.get("provider", ""), "path": order.get("path", "")}
    if "probability" in order:
        simulator.faults.chance(order["kind"], order["probability"], **where)
    else:
        simulator.faults.script(order["kind"], order.get("count", 1), **where)


def _advance(simulator: Simulator, seconds: float) -> None:
    clock = simulator.truth.clock
    if not isinstance(clock, Clock):
        raise web.HTTPBadRequest(text="this simulator's clock cannot be moved")
    clock.advance(timedelta(seconds=seconds))


def _clear_faults(simulator: Simulator, _: object) -> None:
    simulator.faults.clear()


def _revoke(simulator: Simulator, key: str) -> None:
    simulator.revoke(key)


def _restore(simulator: Simulator, key: str) -> None:
    simulator.restore(key)


def _analytics(simulator: Simulator, status: int) -> None:
    simulator.anthropic.analytics = status


def _lookback(simulator: Simulator, days: float | None) -> None:
    simulator.openai.usage_lookback = None if days is None else timedelta(days=days)


def _key_costs(simulator: Simulator, allowed: bool) -> None:
    simulator.openai.key_costs = allowed


ORDERS: dict[str, Callable[[Simulator, Any], None]] = {
    "restate": _restate,
    "fault": _fault,
    "clear_faults": _clear_faults,
    "advance": _advance,  # seconds
    "revoke": _revoke,
    "restore": _restore,
    "analytics": _analytics,  # 200, 403 or 404
    "lookback_days": _lookback,
    "key_costs": _key_costs,
}
