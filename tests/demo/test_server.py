"""The simulator: its log, its control door, and its life in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.request
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import aiohttp
import pytest

from exporter.demo.clock import Clock
from exporter.demo.server import ANTHROPIC_KEY, OPENAI_KEY, Simulator, main
from exporter.demo.thread import in_thread
from exporter.demo.truth import Truth

COSTS = "/v1/organization/costs"
START = ("start_time", int(datetime(2026, 11, 17, tzinfo=UTC).timestamp()))


async def control(reader, **orders):
    async with reader.session.post(f"{reader.simulator.openai_url}/_control", json=orders) as response:
        return response.status, await response.read()


async def get(reader, url):
    async with reader.session.get(url) as response:
        return await response.json()


def books(rows):
    return {(date.fromisoformat(day), model, meter): Decimal(amount) for day, model, meter, amount in rows}


async def test_requests_are_noted(reader, simulator):
    await reader.ask(COSTS, START)
    (noted,) = simulator.log
    assert (noted.provider, noted.path) == ("openai", COSTS)
    assert noted.query == f"start_time={START[1]}"
    told = await get(reader, f"{simulator.openai_url}/_requests")
    assert told == {"requests": {f"openai {COSTS}": 1}, "faults": {}}


async def test_it_listens_on_loopback_only(simulator):
    for url in (simulator.openai_url, simulator.anthropic_url):
        assert url.startswith("http://127.0.0.1:")


async def test_orders_are_carried_out(reader, simulator, truth):
    assert (await control(reader, revoke=OPENAI_KEY))[0] == 200
    assert (await reader.ask(COSTS, START))[0] == 401
    await control(reader, restore=OPENAI_KEY, fault={"kind": "500"})
    assert (await reader.ask(COSTS, START))[0] == 500
    await control(reader, fault={"kind": "503", "probability": 1.0, "path": "/costs"})
    assert (await reader.ask(COSTS, START))[0] == 503
    await control(reader, clear_faults=True, analytics=404, lookback_days=7, key_costs=False)
    assert (await reader.ask(COSTS, START))[0] == 200
    assert (simulator.anthropic.analytics, simulator.openai.key_costs) == (404, False)
    assert simulator.openai.usage_lookback == timedelta(days=7)
    await control(reader, lookback_days=None)
    assert simulator.openai.usage_lookback is None
    before = truth.now()
    status, body = await control(reader, advance=3600)
    assert json.loads(body)["now"] == (before + timedelta(hours=1)).isoformat()
    await control(reader, restate={"provider": "openai", "day": "2026-11-18", "factor": 0})
    assert not truth.lines("openai", datetime(2026, 11, 18, tzinfo=UTC).date())
    status, body = await control(reader, dance=1)
    assert (status, json.loads(body)["unknown"]) == (400, ["dance"])


async def test_the_expected_books_can_be_asked_for(reader, simulator, truth):
    told = await get(reader, f"{simulator.anthropic_url}/_expected")
    assert set(told["usage"]) == {"usage/messages", "claude_code"}
    assert len(told["charges"]) == len(truth.expected_charges("anthropic"))
    assert books(told["charges"]) == truth.expected_charges("anthropic")
    assert books(told["usage"]["claude_code"]) == truth.expected_usage("anthropic", "claude_code")
    told = await get(reader, f"{simulator.openai_url}/_expected")
    assert len(told["usage"]) == 11


async def test_a_clock_that_is_not_ours_is_not_moved():
    truth = Truth(clock=lambda: datetime(2026, 11, 20, tzinfo=UTC), days=2, projects=1, models=1)
    async with (
        Simulator(truth) as simulator,
        aiohttp.ClientSession(simulator.openai_url) as session,
        session.post("/_control", json={"advance": 1}) as response,
    ):
        assert response.status == 400


def test_a_clock_without_a_time_is_the_real_one_and_can_be_moved():
    clock = Clock()
    assert abs(clock() - datetime.now(UTC)) < timedelta(seconds=5)
    clock.advance(timedelta(days=1))
    assert clock() > datetime.now(UTC) + timedelta(hours=23)


async def test_it_runs_alone_until_it_is_told_to_stop():
    arguments = ["--now", "2026-11-20T14:00:00+00:00", "--days", "2", "--projects", "1", "--models", "1", "--prompt"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "exporter.demo.server", *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        addresses = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        headers = {"x-api-key": ANTHROPIC_KEY, "anthropic-version": "2023-06-01"}
        async with (
            aiohttp.ClientSession(addresses["anthropic"], headers=headers) as session,
            session.get("/v1/organizations/me") as response,
        ):
            assert response.status == 200
    finally:
        process.terminate()
    assert await asyncio.wait_for(process.wait(), 30) == 0


def test_main_serves_in_this_process_and_stops_on_a_signal(capsys, monkeypatch):
    entered = Simulator.__aenter__

    async def enter_and_stop(self: Simulator) -> Simulator:
        asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGTERM)
        return await entered(self)

    monkeypatch.setattr(Simulator, "__aenter__", enter_and_stop)
    main(["--days", "1", "--projects", "1", "--models", "1"])
    assert set(json.loads(capsys.readouterr().out)) == {"openai", "anthropic"}


@pytest.mark.parametrize("days", [0, 3])
async def test_history_begins_where_the_knob_says(clock, days):
    truth = Truth(clock=clock, days=days, projects=1, models=1)
    assert len(list(truth.days())) == days + 1
    assert Truth(clock=clock).start == datetime(2026, 5, 24, tzinfo=UTC)


def test_it_serves_from_a_thread_to_code_without_a_loop(clock):
    truth = Truth(clock=clock, days=1, projects=1, models=1)
    with in_thread(Simulator(truth)) as simulator:
        request = urllib.request.Request(
            f"{simulator.openai_url}/v1/organization/projects", headers={"Authorization": f"Bearer {OPENAI_KEY}"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            assert len(json.load(response)["data"]) == 3
    assert len(simulator.log) == 1
