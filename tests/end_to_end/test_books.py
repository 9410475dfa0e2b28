"""The books equal the ground truth to the last decimal, whatever happens on the way."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from exporter.app import opened
from exporter.demo.faults import KINDS
from exporter.demo.truth import Truth
from exporter.errors import SyncError
from exporter.store import leases

if TYPE_CHECKING:
    from exporter.demo.clock import Clock
    from tests.end_to_end.conftest import World

# Faults that the program must see through. A wrong unit looks like a plain reply: test_refusals.py.
FAULTS = sorted(KINDS - {"wrong_unit"})
FEW_DAYS = 6


@pytest.fixture
def truth(request: pytest.FixtureRequest, clock: Clock) -> Truth:
    return Truth(clock=clock, days=getattr(request, "param", FEW_DAYS), projects=2, models=3)


@pytest.mark.parametrize("truth", [75], indirect=True)
async def test_after_a_full_back_fill(world: World) -> None:
    await world.sync(history=True)
    world.check()
    assert len(world.booked_charges("openai")) > 100
    assert world.one("SELECT bool_and(read_from <= wanted_from OR missing <> '') FROM report_state")


@pytest.mark.parametrize("status", [403, 404])
async def test_with_the_legacy_reports_of_anthropic(world: World, status: int) -> None:
    world.simulator.anthropic.analytics = status
    await world.sync("anthropic", history=True)
    assert world.booked_charges("anthropic") == world.truth.expected_charges("anthropic")


async def test_a_switch_between_generations_of_the_api_restates_instead_of_doubling(world: World) -> None:
    world.simulator.anthropic.analytics = 404
    await world.sync(history=True)
    world.simulator.anthropic.analytics = 200
    world.later(days=1, hours=1)
    await world.sync()
    world.check()


async def test_after_ten_repeated_syncs_nothing_is_written_twice(world: World) -> None:
    await world.sync(history=True)
    before = world.one("SELECT sum(inserted + updated + deleted) FROM sync_runs")
    for _ in range(10):
        await world.sync()
    world.check()
    assert world.one("SELECT sum(inserted + updated + deleted) FROM sync_runs") == before


async def test_while_data_arrives_late(world: World) -> None:
    for _ in range(8):
        world.later(hours=7, minutes=13)
        await world.sync()
    world.check()


@pytest.mark.parametrize("factor", ["1.37", "0.4", "0"], ids=["up", "down", "to zero"])
async def test_after_a_restatement(world: World, factor: str) -> None:
    await world.sync(history=True)
    day = world.clock().date()
    for provider in ("openai", "anthropic"):
        for ago in (1, 2, 3):
            world.truth.restate(provider, day - timedelta(days=ago), factor)
    await world.sync()
    world.check()
    reversed_usd = world.one("SELECT min(reversed) FROM ledger WHERE counter = 'usd'")
    assert (reversed_usd > 0) == (factor != "1.37")


@pytest.mark.parametrize("truth", [30], indirect=True)
async def test_a_restatement_weeks_back_is_found_by_the_daily_long_pass(world: World) -> None:
    await world.sync(history=True)
    world.truth.restate("openai", world.clock().date() - timedelta(days=24), "2")
    world.later(days=1, hours=1)
    await world.sync()
    world.check()


@pytest.mark.parametrize("kind", FAULTS)
async def test_with_a_fault_of_one_kind(world: World, kind: str) -> None:
    world.simulator.faults.slow_seconds, world.simulator.faults.trickle_seconds = 0.02, 0.001
    world.simulator.faults.chance(kind, 0.2)
    for _ in range(3):
        await try_to_sync(world)
        world.check_counters()
    assert world.simulator.faults.happened[kind] or kind == "529"
    world.simulator.faults.clear()
    await world.sync(history=True)
    world.check()


async def test_with_every_fault_at_once(world: World) -> None:
    world.simulator.faults.slow_seconds, world.simulator.faults.trickle_seconds = 0.02, 0.001
    for kind in FAULTS:
        world.simulator.faults.chance(kind, 0.01)
    for _ in range(10):
        await try_to_sync(world)
        world.later(minutes=20)
        world.check_counters()
    world.simulator.faults.clear()
    await world.sync(history=True)
    world.check()


async def test_with_two_replicas_on_one_database(world: World) -> None:
    """Both loops run at once; a third of the time one of them loses its leases in the middle."""
    with ExitStack() as stack:
        other = stack.enter_context(opened(world.runtime.config, clock=world.clock))
        other.scheduler.open_client = world.runtime.scheduler.open_client
        loops = [asyncio.create_task(scheduler.serve(0.02)) for scheduler in (world.runtime.scheduler, other.scheduler)]
        for turn in range(12):
            await asyncio.sleep(0.15)
            world.runtime.database.call(leases.ask_for_sync, "openai")
            world.runtime.database.call(leases.ask_for_sync, "anthropic")
            if turn % 3 == 2:
                world.runtime.database.call(leases.release_all)
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
    world.runtime.database.call(leases.release_all)
    await world.sync(history=True)
    world.check()


async def try_to_sync(world: World) -> None:
    for account in ("openai", "anthropic"):
        with suppress(SyncError):
            await world.sync(account, history=True)
