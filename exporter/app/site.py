"""What the web pages show, out of the latest publication."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from exporter.alerts import Alert
from exporter.metrics.exposition import Rendered
from exporter.publish import Publication, Publisher
from exporter.store.figures import AccountFigures, ReportFigures
from exporter.web import AccountRow, AccountState


@dataclass(frozen=True, slots=True)
class Site:
    """The web application's view of the program (`exporter.web.State`)."""

    publisher: Publisher
    reloading: Callable[[], Awaitable[str]]
    recording: Callable[[Sequence[Alert]], Awaitable[None]]

    def rendered(self) -> Rendered | None:
        latest = self.publisher.latest
        return None if latest is None else latest.rendered

    def ready(self) -> tuple[bool, str]:
        if self.publisher.latest is None:
            return False, "The first figures are being read from the database."
        return True, "Ready: figures are being served."

    def accounts(self) -> Sequence[AccountRow]:
        latest = self.publisher.latest
        return [] if latest is None else [_row(account, latest) for account in latest.accounts]

    async def reload(self) -> str:
        return await self.reloading()

    async def record(self, told: Sequence[Alert]) -> None:
        await self.recording(told)


def _row(account: AccountFigures, latest: Publication) -> AccountRow:
    reports = [r for r in latest.reports if (r.provider, r.account) == (account.provider, account.account)]
    return AccountRow(
        provider=account.provider,
        account=account.account,
        state=_state(account),
        last_success=account.last_success_at,
        data_until=max((r.latest_end for r in reports if r.latest_end), default=None),
        backfill=_least_progress(reports),
        error="" if account.disabled else account.failure_sentence,
    )


def _state(account: AccountFigures) -> AccountState:
    if account.disabled:
        return AccountState.DISABLED
    if account.failure_reason == "needs_attention":
        return AccountState.STOPPED
    if account.consecutive_failures:
        return AccountState.RETRYING
    return AccountState.OK if account.last_success_at else AccountState.WAITING


def _least_progress(reports: Sequence[ReportFigures]) -> float | None:
    return min((r.progress for r in reports), default=None)
