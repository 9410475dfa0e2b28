"""How far the demo's first sync and back-fill are, read from the latest publication.

One rule: bars on a terminal, plain lines elsewhere; and no query of its own.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from exporter.cli import show
from exporter.domain import Source

if TYPE_CHECKING:
    from exporter.app import Runtime
    from exporter.publish import Publication

LOOK_EVERY = 0.25
LINE_EACH = 0.25  # of the history


def lively() -> bool:
    """True when somebody is watching a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


async def first_figures(runtime: Runtime) -> None:
    """Wait until every account has shown its bill, or has failed to (which is said)."""
    told: set[str] = set()
    while True:
        waiting = False
        if (latest := runtime.publisher.latest) is not None:
            for account in latest.accounts:
                if account.failure_sentence and account.account not in told:
                    show.note(f"{account.account}: {account.failure_sentence}")
                    told.add(account.account)
                waiting |= not account.failure_sentence and not _billed(runtime, latest, account.account)
            if not waiting and latest.accounts:
                return
        await asyncio.sleep(LOOK_EVERY)


async def history(runtime: Runtime) -> None:
    """Show the back-fill until it is done."""
    if lively():
        await _bars(runtime)
    else:
        await _lines(runtime)
    show.note("All history is in.")


def shares(latest: Publication) -> dict[str, float]:
    """Each account's share of the wanted history, over its reports."""
    found: dict[str, list[float]] = {account.account: [] for account in latest.accounts}
    for report in latest.reports:
        found[report.account].append(report.progress)
    return {account: sum(parts) / len(parts) for account, parts in found.items() if parts}


def _billed(runtime: Runtime, latest: Publication, account: str) -> bool:
    """The bill is read last, so with it all recent figures are in."""
    return any(
        row.account == account
        and any(
            report.name == row.report and report.source is Source.COST_API
            for report in runtime.providers[row.provider].reports
        )
        for row in latest.reports
    )


async def _bars(runtime: Runtime) -> None:
    with show.bars() as progress:
        tasks = {}
        while True:
            found = _now(runtime)
            for account, share in found.items():
                if account not in tasks:
                    tasks[account] = progress.add_task(f"history of {account}", total=1.0)
                progress.update(tasks[account], completed=share)
            if found and min(found.values()) >= 1:
                return
            await asyncio.sleep(LOOK_EVERY)


async def _lines(runtime: Runtime) -> None:
    said = -1.0
    while True:
        found = _now(runtime)
        least = min(found.values(), default=0.0)
        if found and (least >= said + LINE_EACH or least >= 1):
            said = least
            show.note("history: " + ", ".join(f"{account} {share:.0%}" for account, share in found.items()))
        if least >= 1:
            return
        await asyncio.sleep(LOOK_EVERY)


def _now(runtime: Runtime) -> dict[str, float]:
    latest = runtime.publisher.latest
    return shares(latest) if latest else {}
