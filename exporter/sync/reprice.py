"""Price stored usage again: the only way a recorded price, or history computed with it, ever changes.

One rule: under the account's lease, month by month, each in one transaction; roll-ups, the choice of source and the
ledger follow as in any sync. Doing it twice changes nothing, so what was interrupted is simply done again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection

from exporter.domain import DAY, Charge, Period, Source, Usage
from exporter.errors import ConfigError
from exporter.pricing.book import Difference, repriced
from exporter.pricing.charges import priced
from exporter.providers.base import Provider, Report
from exporter.store import accounts, leases, partitions, stored, windows
from exporter.store import prices as store
from exporter.store.accounts import StoredAccount
from exporter.store.database import Database
from exporter.store.facts import Counts
from exporter.store.leases import Lease
from exporter.store.staging import Stage
from exporter.store.windows import Pass, Reading
from exporter.sync.prices import Valuer, price_row, unit_price
from exporter.sync.reading import Valuation

PORTION = 5_000
# Nobody renews in the background: one month of one report has to be done in this time, or the fence refuses it.
LEASE_LASTS = timedelta(minutes=10)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class MonthChange(NamedTuple):
    """What re-pricing did to one account's estimate of one month, in dollars."""

    account: str
    month: date
    before: Decimal
    after: Decimal


@dataclass(slots=True, kw_only=True)
class Repricing:
    """Compares recorded prices with the current list, and applies the difference to stored usage."""

    database: Database
    providers: Mapping[str, Provider]
    valuer: Valuer
    holder: str

    def differences(self) -> tuple[Difference, ...]:
        """Recorded prices that the current list contradicts."""
        return self.valuer.valuation.book.differences()

    async def apply(self) -> list[MonthChange]:
        """Re-price every account, then make the recorded prices the new ones. Returns the months that changed.

        Raises:
            ConfigError: an account is being synced by another process.
            StoreError: the database is out of reach.
            LeaseLost: another process took over meanwhile.
        """
        recorded = {price.key: price for price in map(unit_price, await self.database.run(store.recorded_prices))}
        new = [price_row(price) for price in repriced(recorded, self.differences()).values()]
        self.valuer.load(new, await self.database.run(store.stored_rates))
        changes: list[MonthChange] = []
        for account in await self.database.run(accounts.every):
            if provider := self.providers.get(account.provider):
                changes += await self._account(account, provider)
        await self.database.run(store.replace_prices, new)
        await self.valuer.record_prices(self.database)
        return changes

    async def _account(self, account: StoredAccount, provider: Provider) -> list[MonthChange]:
        before = await self.database.run(stored.estimates_by_month, account.id)
        async with self._leased(account.id) as lease:
            for report in provider.reports:
                if report.priced:
                    await self._report(lease, provider, report)
        after = await self.database.run(stored.estimates_by_month, account.id)
        zero = Decimal(0)
        return [
            MonthChange(account.id, month, before.get(month, zero), after.get(month, zero))
            for month in sorted({*before, *after})
            if before.get(month, zero) != after.get(month, zero)
        ]

    async def _report(self, lease: Lease, provider: Provider, report: Report) -> None:
        extent = await self.database.run(stored.extent, lease.account, report.name)
        for window in _months(extent) if extent else ():
            await self.database.run(leases.renew, lease, lasts=LEASE_LASTS)
            await self.database.run(reprice_window, lease, provider.name, report, window, self.valuer.valuation)

    @asynccontextmanager
    async def _leased(self, account: str) -> AsyncIterator[Lease]:
        lease = await self.database.run(leases.claim, account, self.holder, lasts=LEASE_LASTS, even_disabled=True)
        if lease is None:
            raise ConfigError(f"account {account} is being synced by another process; try again in a minute")
        try:
            yield lease
        finally:  # due now: what was read meanwhile is at most a little late
            await self.database.run(leases.release, lease, due_in=timedelta(0))


def reprice_window(
    db: Connection, lease: Lease, provider: str, report: Report, window: Period, value: Valuation
) -> Counts:
    """Replace the estimates of one report in one window by what the stored usage costs at `value`'s prices.

    Raises:
        LeaseLost: another process took over; nothing was written.
    """
    leases.fence(db, lease)
    stage = Stage(report.name)
    try:
        stage.next_page()
        # What the report states itself is money too, and shares its window: it goes back in as it came out.
        for charge, source, usd in stored.stated_charges(db, lease.account, report.name, window):
            stage.add_charges([charge], source, partial(_as_stored, usd))
        for rows in _portions(stored.usage(db, lease.account, report.name, window)):
            charges, _ = priced(rows, value.book, provider)
            stage.add_charges(charges, Source.PRICED_USAGE, value.usd)
        return windows.replace_charges(db, lease, _reading(report, window, stage))
    finally:
        stage.close()


def _as_stored(usd: Decimal, _: Charge) -> Decimal:
    return usd


def _reading(report: Report, window: Period, stage: Stage) -> Reading:
    return Reading(
        report=report.name,
        source=report.source,
        window=window,
        stage=stage,
        kind=Pass.HISTORY,
        read_at=NEVER,
        settled_until=NEVER,
        wanted_from=NEVER,
        longest=max(report.grain, DAY),
    )


def _months(extent: Period) -> Iterator[Period]:
    for month in partitions.months(extent):
        following = partitions.next_month(month)
        yield Period(Period.of_day(month).start, Period.of_day(following).start)


def _portions(rows: Iterable[Usage]) -> Iterator[list[Usage]]:
    rest = iter(rows)
    while portion := list(islice(rest, PORTION)):
        yield portion
