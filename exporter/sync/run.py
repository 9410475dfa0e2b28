"""One run: bring one account up to date, then fill its history, while the lease is held.

One rule: what one report can't deliver holds up neither the other reports nor anything already stored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from exporter.domain import DAY, Account, Source, day_of
from exporter.errors import BeyondHistory, NeedsAttention, SyncError, UnexpectedReply, UnitMismatch
from exporter.metrics.health import Health
from exporter.pricing.guard import implausible
from exporter.providers.base import Provider, Report
from exporter.providers.client import Client
from exporter.store import accounts, partitions, states, windows
from exporter.store.database import Database
from exporter.store.facts import Counts
from exporter.store.leases import Lease
from exporter.sync import plan
from exporter.sync.plan import Step
from exporter.sync.prices import Valuer
from exporter.sync.reading import Fetched, RateMissing, read_window

FORBIDDEN = 403
NOT_FOUND = 404


@dataclass(slots=True)
class Tally:
    """What a run has done so far."""

    pages: int = 0
    counts: Counts = field(default_factory=Counts)
    restated: int = 0


@dataclass(slots=True, kw_only=True)
class AccountRun:
    """Everything one run needs.

    `fresh` is awaited when recent figures are in, `filled` after each window of history.
    """

    database: Database
    lease: Lease
    account: Account
    provider: Provider
    client: Client
    valuer: Valuer
    health: Health
    clock: Callable[[], datetime]
    days: int
    fresh: Callable[[], Awaitable[None]]
    filled: Callable[[], Awaitable[None]]
    tally: Tally = field(default_factory=Tally)

    async def up_to_date(self, *, force: bool) -> None:
        """Read what is due of every report.

        Raises:
            SyncError: the first fault, after every report had its turn; at once when no other report would fare better.
        """
        faults: list[SyncError] = []
        for report in self._in_order():
            try:
                await self._recent(report, force=force)
            except (NeedsAttention, UnexpectedReply, BeyondHistory) as fault:
                if _not_enabled(report, fault):
                    await self._mark_missing(report, fault)
                elif isinstance(fault, NeedsAttention) and fault.status != FORBIDDEN:
                    raise
                else:
                    faults.append(fault)
        if self.tally.pages:
            await self.fresh()
        if faults:
            raise faults[0]

    async def history(self, until: datetime) -> bool:
        """Fill older windows, the reports in turn, until done or `until`. True: nothing is left to fill."""
        open_reports = self._in_order()
        while open_reports:
            for report in tuple(open_reports):
                if self.clock() >= until:
                    return False
                if not await self._older(report):
                    open_reports.remove(report)
                else:
                    await self.filled()
        return True

    async def names(self) -> None:
        """Read what the provider calls its scopes and keys, once a day. A fault here is no reason to fail."""
        read_at = await self.database.run(states.names_read_at, self.account.id)
        if read_at is not None and self.clock() - read_at < DAY:
            return
        try:
            found = await self.provider.discover(self.client, self.account)
        except SyncError:
            return
        await self.database.run(accounts.set_names, self.account.id, found)

    def _in_order(self) -> list[Report]:
        """Usage before money: the plausibility of a bill is judged by the usage of the same days."""
        return sorted(self.provider.reports, key=lambda report: report.source is Source.COST_API)

    async def _recent(self, report: Report, *, force: bool) -> None:
        known = await self.database.run(states.report_states, self.account.id)
        for step in plan.recent_steps(report, known.get(report.name), self.clock(), self.days, force=force):
            await self._read_what_is_answered(report, step)

    async def _older(self, report: Report) -> bool:
        """Fill one more window. False: there is nothing left."""
        known = await self.database.run(states.report_states, self.account.id)
        step = plan.history_step(report, known.get(report.name), self.clock(), self.days)
        if step is None:
            return False
        try:
            await self._read_what_is_answered(report, step)
        except BeyondHistory:
            await self.database.run(states.finish_history, self.account.id, report.name)
            return False
        return True

    async def _read_what_is_answered(self, report: Report, step: Step) -> None:
        """Read a window, or the younger part of it that the provider still answers for.

        Raises:
            BeyondHistory: it answers for none of it.
        """
        while True:
            try:
                return await self._read_and_replace(report, step)
            except BeyondHistory:
                younger = plan.narrower(report, step)
                if younger is None:
                    raise
                step = younger

    async def _read_and_replace(self, report: Report, step: Step) -> None:
        read_at = self.clock()
        fetched = await self._fetch(report, step)
        try:
            await self.valuer.record_prices(self.database, fetched.book)
            await self.database.run(partitions.ensure, step.window)
            reading = windows.Reading(
                report=report.name,
                source=report.source,
                window=step.window,
                stage=fetched.stage,
                kind=step.kind,
                read_at=read_at,
                settled_until=min(plan.settled_until(report, read_at, fetched.refreshed_at), step.window.end),
                longest=max(report.grain, DAY),
                omits_days=report.omits_days,
                wanted_from=plan.oldest(report, read_at, self.days),
                guard=_guard if report.source is Source.COST_API else None,
            )
            counts = await self.database.run(windows.replace_window, self.lease, reading)
        finally:
            fetched.stage.close()
        self.tally.pages += fetched.stage.pages
        self.tally.counts += counts
        self.tally.restated += counts.updated + counts.deleted

    async def _fetch(self, report: Report, step: Step) -> Fetched:
        """Read the window; when an exchange rate is missing, get it and read once more."""
        parties = (self.client, self.account, self.provider, report, step.window)
        try:
            return await read_window(*parties, self.valuer.valuation, self.health.unknown_fields)
        except RateMissing as missing:
            if not await self.valuer.fetch_rates(self.database, missing.day, day_of(self.clock())):
                raise
        return await read_window(*parties, self.valuer.valuation, self.health.unknown_fields)

    async def _mark_missing(self, report: Report, fault: SyncError) -> None:
        now = self.clock()
        window = plan.recent_steps(report, None, now, self.days, force=True)[-1].window
        await self.database.run(
            states.mark_missing, self.account.id, report.name, report.source, window.end, now, str(fault)
        )


def _not_enabled(report: Report, fault: SyncError) -> bool:
    return report.optional and fault.status in {FORBIDDEN, NOT_FOUND}


def _guard(billed: Decimal, estimated: Decimal) -> None:
    if sentence := implausible(billed, estimated):
        raise UnitMismatch(f"{sentence}; nothing was changed")
