"""The demo's world: a story that a folder remembers, and the simulators that tell it.

One rule: one folder, one story. History that was synced yesterday must not have happened differently today.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.budgets import DEFAULT_LEVELS, Basis, Budget, Level
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from exporter.config import Settings
    from exporter.demo.server import Simulator
    from exporter.domain import Account
    from exporter.providers.base import Provider

FILE_NAME = "demo.json"
IDS = ("openai-demo", "anthropic-demo")


# Amounts that the invented spend of about $18,000 a month makes interesting: kept, tight and broken.
BUDGETS = tuple(
    replace(budget, origin="file")
    for budget in (
        Budget(id="everything", name="All AI spend", amount=Decimal(66_000), period="quarter"),
        Budget(id="platform", name="Platform team", amount=Decimal(11_000), team="platform"),
        Budget(id="research", name="Research team", amount=Decimal(9_000), team="research", time_zone="Europe/Berlin",
               levels=(*DEFAULT_LEVELS, Level("forecast", Decimal(100), basis=Basis.FORECAST))),
        Budget(id="coding", name="Coding agents", amount=Decimal(1_100), period="week", scope="wrkspc_01Coding"),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Story:
    """What a truth is made from. `anchor`: the moment its incident and restatements are counted from."""

    seed: int
    months: int
    anchor: datetime


def remembered(folder: Path, *, months: int, seed: int) -> Story:
    """The story of this folder, begun now if it has none.

    Raises:
        ConfigError: the folder tells another one, or can't be used.
    """
    file = folder / FILE_NAME
    try:
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            story = {"seed": seed, "months": months, "anchor": datetime.now(UTC).isoformat(timespec="seconds")}
            file.write_text(json.dumps(story) + "\n", encoding="utf-8")
        known = json.loads(file.read_text(encoding="utf-8"))
        story_told = Story(int(known["seed"]), int(known["months"]), datetime.fromisoformat(known["anchor"]))
    except OSError as error:
        raise ConfigError(
            f"the demo can't use the folder {folder}: {error.strerror}; choose another --data-dir"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{file} is not the demo's: choose another --data-dir") from None
    if (story_told.seed, story_told.months) != (seed, months):
        raise ConfigError(
            f"{folder} holds a demo of {story_told.months} months with seed {story_told.seed}:"
            " use these, or another --data-dir"
        )
    return story_told


def incidents(story: Story) -> Iterator[str]:
    """What happened in a story, as the CSV that `alerts replay --events` reads."""
    from exporter.demo.truth import Truth

    yield "name,first,last,provider"
    truth = Truth(clock=lambda: story.anchor, months=story.months, seed=story.seed, anchor=story.anchor)
    known = {happening for happening in truth.happenings() if happening[1] >= truth.start.date()}
    yield from (",".join(map(str, happening)) for happening in sorted(known, key=lambda one: (one[1], one[0])))


def settings(folder: Path, *, days: int, database: Path | None = None) -> Settings:
    """The environment's settings, but for what could mix the demo with real data."""
    from exporter.config import read_settings

    own = {
        "data_dir": folder,
        "backfill_days": days,
        "database_url": None,
        "database_url_file": database,
        "encryption_keys": None,
        "encryption_keys_file": None,
    }
    return read_settings().model_copy(update=own)


def refuse_others(database: Path) -> None:
    """Make sure that a database holds nothing, or this demo's accounts only.

    Raises:
        ConfigError: it holds others.
        StoreError: it is out of reach.
    """
    from exporter.config.settings import Settings
    from exporter.store.accounts import ids
    from exporter.store.engine import open_engine, transaction

    address = Settings.model_construct(database_url_file=database).database()
    assert address is not None  # noqa: S101
    engine = open_engine(address.get_secret_value())
    try:
        with transaction(engine) as db:
            found = ids(db)
    finally:
        engine.dispose()
    if others := sorted(found - set(IDS)):
        raise ConfigError(f"the database of {database} has accounts that are not the demo's, such as {others[0]}")


def accounts(simulator: Simulator) -> tuple[Account, ...]:
    """One account at each simulated provider."""
    from exporter.demo.server import ANTHROPIC_KEY, OPENAI_KEY
    from exporter.domain import Account

    return (
        Account(IDS[0], "openai", "OpenAI (invented)", "platform", {"base_url": simulator.openai_url},
                {"admin_key": OPENAI_KEY}),
        Account(IDS[1], "anthropic", "Anthropic (invented)", "research",
                {"base_url": simulator.anthropic_url}, {"admin_key": ANTHROPIC_KEY}),
    )  # fmt: skip


def unlimited() -> dict[str, Provider]:
    """The providers, without the pace that real ones ask for: nobody is kept from his work here."""
    from exporter.providers import ALL

    return {name: replace(provider, requests_per_minute=60_000) for name, provider in ALL.items()}


@contextmanager
def simulated(story: Story) -> Iterator[Simulator]:
    """Both simulators, on a thread and an event loop of their own: a scrape must not wait for an invented reply."""
    started: Future[tuple[Simulator, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_tell(story, started)), name="simulator", daemon=True)
    thread.start()
    simulator, loop, stop = started.result(timeout=60)
    try:
        yield simulator
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=10)


async def _tell(story: Story, started: Future[tuple[Simulator, asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    from exporter.demo.clock import Clock
    from exporter.demo.server import Simulator
    from exporter.demo.truth import Truth

    stop = asyncio.Event()
    try:
        truth = Truth(clock=Clock(), seed=story.seed, months=story.months, anchor=story.anchor)
        async with Simulator(truth) as simulator:
            started.set_result((simulator, asyncio.get_running_loop(), stop))
            await stop.wait()
    except Exception as error:
        if started.done():
            raise
        started.set_exception(error)
