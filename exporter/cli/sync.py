"""`sync` and `backfill`: run accounts here and now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exporter.cli import past, show, work
from exporter.errors import ConfigError, SpendError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from exporter.app import Runtime
    from exporter.sync.run import Tally

Accounts = Annotated[list[str] | None, typer.Argument(help="Account ids; all accounts when none is given.")]
COLUMNS = ("account", "inserted", "updated", "deleted", "unchanged", "pages", "seconds")

HISTORY_OF = "prometheus"

Run = Callable[[str], Awaitable["Tally"]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one account's run ended."""

    account: str
    seconds: float
    tally: Tally | None = None
    fault: str = ""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(sync)
    app.command()(backfill)


def sync(accounts: Accounts = None) -> None:
    """Bring accounts up to date now. Exit code 1 when one failed; the others run all the same."""
    with work.opened() as runtime:
        wanted = chosen(runtime, accounts or [])
        report(work.finished(run_all(runtime, wanted, runtime.scheduler.sync_now)))


def backfill(
    accounts: Accounts = None,
    *,
    days: Annotated[
        int | None, typer.Option(min=1, help="How far back, this once; otherwise as configured.", metavar="N")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With the word prometheus for accounts: where to write.", metavar="FOLDER")
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="With --out: the first UTC day to leave out, in place of today."),
    ] = None,
) -> None:
    """Bring accounts up to date and fill their history, newest first. Interrupted, it goes on where it was.

    `backfill prometheus --out FOLDER` fills another history: it writes what is stored of past days as OpenMetrics, for
    promtool to take into a Prometheus. All of it, or --days.
    """
    if out is not None:
        if accounts != [HISTORY_OF]:
            raise typer.BadParameter(f"--out is for `backfill {HISTORY_OF} --out FOLDER`, of all accounts together")
        past.write_history(out, days, until)
        return
    if until is not None:
        raise typer.BadParameter("--until needs --out")
    with work.opened() as runtime, show.bars() as progress:
        outcomes = work.finished(fill_all(runtime, chosen(runtime, accounts or []), days, progress))
    report(outcomes)


def chosen(runtime: Runtime, accounts: Sequence[str]) -> list[str]:
    """The accounts given, else every one that is not disabled.

    Raises:
        ConfigError: there is none.
    """
    from exporter.store.accounts import every

    wanted = list(dict.fromkeys(accounts))
    wanted = wanted or [stored.id for stored in runtime.database.call(every) if not stored.disabled]
    if not wanted:
        raise ConfigError("there is no account to sync; add one with `spend-exporter accounts add`")
    return wanted


async def run_all(runtime: Runtime, accounts: Sequence[str], run: Run) -> list[Outcome]:
    """Run the accounts side by side, as many as the settings allow. A failure ends its own run only."""
    slots = asyncio.Semaphore(runtime.config.settings.sync_concurrency)

    async def one(account: str) -> Outcome:
        async with slots:
            started = time.monotonic()
            try:
                tally = await run(account)
            except SpendError as error:
                return Outcome(account, time.monotonic() - started, fault=str(error))
            return Outcome(account, time.monotonic() - started, tally)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(account)) for account in accounts]
    return [task.result() for task in tasks]


async def fill_all(runtime: Runtime, accounts: Sequence[str], days: int | None, progress: Progress) -> list[Outcome]:
    """`run_all` with history and a bar for each account."""
    from exporter.store.states import reopen_history

    bars = {account: progress.add_task(account, total=1.0) for account in accounts}

    async def one(account: str) -> Tally:
        if days is not None:  # a depth of its own says nothing about the configured one, before and after
            await runtime.database.run(reopen_history, account)
        try:
            return await _fill(runtime, account, days, _Bar(runtime, account, progress, bars[account]))
        finally:
            if days is not None:
                await runtime.database.run(reopen_history, account)

    return await run_all(runtime, accounts, one)


async def _fill(runtime: Runtime, account: str, days: int | None, bar: _Bar) -> Tally:
    """Run until the history is in: one run stops when recent figures are due again."""
    total: Tally | None = None
    share = -1.0
    while True:
        tally = await runtime.scheduler.sync_now(account, history=True, days=days, filled=bar.advance)
        if total is not None:
            tally.pages += total.pages
            tally.counts += total.counts
        total = tally
        before, share = share, await bar.share()
        if share >= 1 or share <= before:
            return total


@dataclass(frozen=True, slots=True)
class _Bar:
    """One account's progress: the share of the wanted history that is in, over all its reports."""

    runtime: Runtime
    account: str
    progress: Progress
    task: TaskID

    async def advance(self) -> None:
        """Show where it is now."""
        await self.share()

    async def share(self) -> float:
        from exporter.store.figures import report_figures

        figures = [row for row in await self.runtime.database.run(report_figures) if row.account == self.account]
        share = sum(row.progress for row in figures) / len(figures) if figures else 1.0
        self.progress.update(self.task, completed=share)
        if self.progress.disable:
            show.note(f"{self.account}: {share:.0%} of the history")
        return share


def report(outcomes: Sequence[Outcome]) -> None:
    """The table of what was done, then a sentence for each failure.

    Raises:
        typer.Exit: something failed.
    """
    done = [outcome for outcome in outcomes if outcome.tally is not None]
    if done:
        show.table(COLUMNS, [_row(outcome) for outcome in done], right=COLUMNS[1:])
    for outcome in outcomes:
        if outcome.fault:
            named = outcome.account in outcome.fault
            show.error(outcome.fault if named else f"account {outcome.account}: {outcome.fault}")
    if len(done) < len(outcomes):
        raise typer.Exit(1)


def _row(outcome: Outcome) -> tuple[object, ...]:
    assert outcome.tally is not None  # noqa: S101
    counts = outcome.tally.counts
    figures = (counts.inserted, counts.updated, counts.deleted, counts.unchanged, outcome.tally.pages)
    return (outcome.account, *(f"{figure:,}" for figure in figures), f"{outcome.seconds:.1f}")
