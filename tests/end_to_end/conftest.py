"""The whole program against the simulated providers: real connectors, real Postgres, one movable clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from exporter.app import Runtime, opened
from exporter.config import Config, SpendFile
from exporter.config.model import AccountPlan
from exporter.config.settings import Settings
from exporter.demo.clock import Clock
from exporter.demo.server import ANTHROPIC_KEY, OPENAI_KEY, Simulator
from exporter.demo.truth import Truth
from exporter.domain import Account
from exporter.providers.client import open_client

NOW = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
Amounts = dict[tuple[date, str, str], Decimal]


@dataclass
class World:
    """A simulator and a program that syncs from it. `accounts` maps provider to account id."""

    simulator: Simulator
    runtime: Runtime
    clock: Clock

    @property
    def truth(self) -> Truth:
        return self.simulator.truth

    def later(self, **span: float) -> None:
        """Move the clock of both sides."""
        self.clock.advance(timedelta(**span))

    async def sync(self, *accounts: str, history: bool = False) -> None:
        """Run accounts now; all of them without names."""
        for account in accounts or ("openai", "anthropic"):
            await self.runtime.scheduler.sync_now(account, history=history)

    def check(self) -> None:
        """The books equal the truth for every account, day, model and meter, and the counters equal the books."""
        for provider in ("openai", "anthropic"):
            assert self.booked_charges(provider) == self.truth.expected_charges(provider)
            for report in self.runtime.providers[provider].reports:
                if report.name.startswith("usage/"):
                    expected = self.truth.expected_usage(provider, report.name)
                    assert self.booked_usage(provider, report.name) == expected, report.name
        self.check_counters()

    def check_counters(self) -> None:
        """Recognized minus reversed is what is in the books, in dollars and in tokens of every kind."""
        wrong = (
            "SELECT count(*) FROM (SELECT account_id, 'usd' AS counter, sum(amount_usd) AS booked FROM best_charges"
            " GROUP BY 1 UNION ALL SELECT account_id, meter, sum(quantity) FROM usage"
            " WHERE unit = 'tokens' AND source <> 'analytics' GROUP BY 1, 2) AS books"
            " FULL JOIN ledger l USING (account_id, counter)"
            " WHERE coalesce(booked, 0) IS DISTINCT FROM coalesce(l.recognized - l.reversed, 0)"
        )
        assert self.one(wrong) == 0

    def booked_charges(self, account: str, source: str = "cost_api") -> Amounts:
        return self._sums(
            "SELECT day, model, meter, sum(amount_usd) FROM daily_charges"
            " WHERE account_id = :account AND source = :wanted GROUP BY 1, 2, 3",
            account,
            source,
        )

    def booked_usage(self, account: str, report: str) -> Amounts:
        return self._sums(
            "SELECT (period_start AT TIME ZONE 'UTC')::date, model, meter, sum(quantity) FROM usage"
            " WHERE account_id = :account AND report = :wanted GROUP BY 1, 2, 3",
            account,
            report,
        )

    def one(self, statement: str, **parameters: object) -> object:
        return self.runtime.database.call(lambda db: db.execute(text(statement), parameters).scalar())

    def _sums(self, statement: str, account: str, wanted: str) -> Amounts:
        found = self.runtime.database.call(
            lambda db: db.execute(text(statement), {"account": account, "wanted": wanted}).all()
        )
        return {(day, model, meter): amount for day, model, meter, amount in found}


def config_for(simulator: Simulator, folder: Path, **settings: object) -> Config:
    """Two accounts on the simulator, as a file would declare them."""
    quick = {"requests_per_minute": "60000"}
    addresses = {"openai": simulator.openai_url, "anthropic": simulator.anthropic_url}
    keys = {"openai": OPENAI_KEY, "anthropic": ANTHROPIC_KEY}
    accounts = tuple(
        Account(name, name, team="platform", options={"base_url": url, **quick}, credentials={"admin_key": keys[name]})
        for name, url in addresses.items()
    )
    days = (simulator.truth.anchor - simulator.truth.start).days + 2  # before that there is nothing to ask for
    plans = {account.id: AccountPlan(backfill_days=days) for account in accounts}
    return Config(Settings(data_dir=folder, **settings), SpendFile(accounts=accounts, plans=plans))


async def hardly(seconds: float) -> None:
    """Back-off without the wait."""
    await asyncio.sleep(min(seconds, 0.002))


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def truth(clock: Clock) -> Truth:
    """Small, so that a test takes seconds; override it for more."""
    return Truth(clock=clock, days=40, projects=2, models=3)


@pytest.fixture
async def simulator(truth: Truth) -> AsyncIterator[Simulator]:
    async with Simulator(truth) as running:
        yield running


@pytest.fixture
def world(
    simulator: Simulator, clock: Clock, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    with ExitStack() as stack:
        runtime = stack.enter_context(opened(config_for(simulator, tmp_path), clock=clock))
        runtime.scheduler.open_client = partial(open_client, observe=runtime.health, now=clock, sleep=hardly)
        yield World(simulator, runtime, clock)
