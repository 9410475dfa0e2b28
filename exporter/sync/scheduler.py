"""Claim what is due, run it, give it back: the loop every replica runs.

One rule: one bad account never holds up another. Replicas share the work through leases in the database.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from exporter.domain import HOUR, Account
from exporter.errors import ConfigError, LeaseLost, NeedsAttention, SpendError, StoreError, SyncError
from exporter.metrics.health import Health
from exporter.providers.base import Provider
from exporter.providers.client import Client
from exporter.store import accounts, leases, states
from exporter.store.accounts import StoredAccount
from exporter.store.database import Database
from exporter.store.leases import Lease
from exporter.sync import plan
from exporter.sync.prices import Valuer
from exporter.sync.run import AccountRun, Tally

log = logging.getLogger(__name__)


async def _nothing() -> None:
    return None


@dataclass(slots=True, kw_only=True)
class Scheduler:
    """Runs syncs. `resolve` adds the credentials to a stored account; `published` is awaited when figures changed."""

    database: Database
    providers: Mapping[str, Provider]
    resolve: Callable[[StoredAccount], Account]
    open_client: Callable[[Provider, Account], Client]
    valuer: Valuer
    health: Health
    clock: Callable[[], datetime]
    holder: str
    backfill_days: int
    concurrency: int = 4
    lease_lasts: timedelta = timedelta(seconds=60)
    published: Callable[[], Awaitable[None]] = _nothing
    dice: Callable[[], float] = random.random
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, tick: float = 1.0) -> None:
        """Claim and run until cancelled. A database that is out of reach is waited for."""
        try:
            while True:
                await self._start_due()
                await asyncio.sleep(tick)
        finally:
            await self._stop()

    async def sync_now(
        self,
        account: str,
        *,
        history: bool = False,
        days: int | None = None,
        filled: Callable[[], Awaitable[None]] = _nothing,
    ) -> Tally:
        """Run one account here and now, for the command line. `days`: how far back, this once.

        Raises:
            ConfigError: there is no such account.
            SyncError: it did not finish.
        """
        stored = await self.database.run(accounts.find, account)
        if stored is None:
            raise ConfigError(f"there is no account {account}; see `spend-exporter accounts list`")
        lease = await self.database.run(leases.claim, account, self.holder, lasts=self.lease_lasts)
        if lease is None:
            why = "is disabled" if stored.disabled else "is being synced by another process; try again in a minute"
            raise ConfigError(f"account {account} {why}")
        if days is not None:
            stored = replace(stored, backfill_days=days)
        job = _Job(self, lease, stored, "backfill" if history else "manual", filled)
        await job.run()
        if job.error is not None:
            raise job.error
        return job.tally

    async def _start_due(self) -> None:
        free = self.concurrency - len(self._running)
        if free <= 0:
            return
        try:
            claimed = await self.database.run(leases.claim_due, self.holder, lasts=self.lease_lasts, limit=free)
            for lease in claimed:
                stored = await self.database.run(accounts.find, lease.account)
                if stored is not None:
                    self._start(_Job(self, lease, stored, "schedule", self.published))
        except StoreError as error:
            log.warning("%s", error)
        self.health.leases(len(self._running))

    def _start(self, job: _Job) -> None:
        task = asyncio.create_task(job.run(), name=f"sync {job.lease.account}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _stop(self) -> None:
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.health.leases(0)


@dataclass(slots=True)
class _Job:
    """One claimed account, from lease to release."""

    scheduler: Scheduler
    lease: Lease
    stored: StoredAccount
    trigger: str
    filled: Callable[[], Awaitable[None]]
    tally: Tally = field(default_factory=Tally)
    error: SyncError | None = None
    more: bool = False  # history is left to fill
    interval: timedelta = HOUR

    async def run(self) -> None:
        """Sync, record the outcome, release. Never raises but when cancelled."""
        started = self.scheduler.clock()
        keeper = asyncio.create_task(self._keep_lease())
        try:
            await self._sync(started)
        except asyncio.CancelledError:
            await self._give_back(timedelta(0))
            raise
        except SyncError as error:
            self.error = error
        except SpendError as error:  # the database or the configuration: not this account's fault, but its run is over
            self.error = SyncError(str(error))
        except Exception as error:
            log.exception("account %s: the sync stopped on a fault of this program", self.lease.account)
            self.error = SyncError(f"a fault of this program ({type(error).__name__}); see the log and report it")
        finally:
            keeper.cancel()
        if not isinstance(self.error, LeaseLost):
            await self._finish(started)

    async def _sync(self, started: datetime) -> None:
        at = self.scheduler
        provider = at.providers.get(self.stored.provider)
        if provider is None:
            raise NeedsAttention(
                f"this version knows no provider {self.stored.provider}: run `spend-exporter providers`"
            )
        account = at.resolve(self.stored)
        self.interval = min(report.interval for report in provider.reports)
        async with at.open_client(provider, account) as client:
            run = AccountRun(
                database=at.database,
                lease=self.lease,
                account=account,
                provider=provider,
                client=client,
                valuer=at.valuer,
                health=at.health,
                clock=at.clock,
                days=at.backfill_days if self.stored.backfill_days is None else self.stored.backfill_days,
                fresh=at.published,
                filled=self.filled,
                tally=self.tally,
            )
            await run.up_to_date(force=self.trigger != "schedule")
            await run.names()
            if self.trigger != "manual":
                self.more = not await run.history(started + self.interval)

    async def _keep_lease(self) -> None:
        at = self.scheduler
        while True:
            await asyncio.sleep(at.lease_lasts.total_seconds() / 3)
            with suppress(StoreError):  # the fence decides in the end
                await at.database.run(leases.renew, self.lease, lasts=at.lease_lasts)

    async def _finish(self, started: datetime) -> None:
        at = self.scheduler
        self._report()
        error = self.error
        run = states.Run(
            account=self.lease.account,
            trigger=self.trigger,
            holder=at.holder,
            started_at=started,
            finished_at=at.clock(),
            pages=self.tally.pages,
            counts=self.tally.counts,
            reason=error.reason if error else "",
            sentence=str(error) if error else "",
            sample=getattr(error, "sample", ""),
        )
        try:
            failures = await at.database.run(states.record_run, run)
        except StoreError as fault:
            log.warning("account %s: %s", self.lease.account, fault)
            return
        interval = timedelta(0) if self.more else self.interval
        await self._give_back(plan.due_in(interval, failures, error, at.dice()))
        await at.published()

    def _report(self) -> None:
        health, provider, account = self.scheduler.health, self.stored.provider, self.lease.account
        if self.error is not None:
            health.failed(provider, account, self.error.reason)
            log.warning("account %s: %s", account, self.error)
            return
        counts = self.tally.counts
        rows = {name: getattr(counts, name) for name in ("inserted", "updated", "deleted", "unchanged")}
        health.synced(provider, account, rows, restated=self.tally.restated)
        level = logging.INFO if self.tally.pages else logging.DEBUG  # nothing was due: nothing to tell
        log.log(level, "account %s: synced, %s", account, ", ".join(f"{count} {name}" for name, count in rows.items()))

    async def _give_back(self, due_in: timedelta) -> None:
        with suppress(StoreError):
            await self.scheduler.database.run(leases.release, self.lease, due_in=due_in)
