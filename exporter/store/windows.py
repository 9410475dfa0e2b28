"""Replace a window: after one complete reading, make the books say what the provider says, in one transaction.

Restated, late, repeated and vanished rows are all the same case here. Facts, roll-ups, the choice of source, the
ledger and the report's state change together or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, text

from exporter.domain import DAY, Period, Source
from exporter.errors import UnexpectedReply
from exporter.store import books, facts
from exporter.store.facts import CHARGES, USAGE, Counts, FactTable
from exporter.store.leases import Lease, fence
from exporter.store.staging import Spool, Stage

WORK_MEMORY = "128MB"  # one reading at a time is compared; the server's default would spill to disk


class Pass(StrEnum):
    """Why a window is read."""

    RECENT = "recent"  # up to now, re-reading what may still change
    LATE = "late"  # the same, much further back
    HISTORY = "history"  # older: back-fill, or a step on the way to now


Guard = Callable[[Decimal, Decimal], None]
"""Called with (billed, estimated) dollars of the days that have both; raises `UnitMismatch` to refuse the reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One report, read whole over one window, and what the reader knows about it.

    `wanted_from`: where the history of this report shall begin. `settled_until`: figures before it are not expected
    to change. `longest`: the longest period a row can have.
    """

    report: str
    source: Source
    window: Period
    stage: Stage
    kind: Pass
    read_at: datetime
    settled_until: datetime
    wanted_from: datetime
    longest: timedelta = DAY
    omits_days: bool = False
    guard: Guard | None = None


def replace_window(db: Connection, lease: Lease, reading: Reading) -> Counts:
    """Bring the books in line with `reading`, inside the caller's transaction.

    Raises:
        LeaseLost: another replica took over.
        UnexpectedReply: a row lies outside the window, or came on two pages.
        UnitMismatch: the guard refused the amounts.
    """
    fence(db, lease)
    db.execute(text("SELECT set_config('work_mem', :memory, true)"), {"memory": WORK_MEMORY})
    account = lease.account
    counts = Counts()
    days: set[date] = set()
    for table, spool in ((USAGE, reading.stage.usage), (CHARGES, reading.stage.charges)):
        if spool.rows or facts.has_rows(db, table, _scope(account, reading)):
            counts += _replace(db, table, account, reading, spool)
            days |= _roll_up(db, table, account, reading)
    days |= _record_state(db, account, reading)
    books.choose_sources(db, account, days)
    for table in (USAGE, CHARGES):
        facts.drop_temporary(db, table)
    return counts


def replace_charges(db: Connection, lease: Lease, reading: Reading) -> Counts:
    """`replace_window` for money alone: usage, and what is known of the report, stay as they are. For re-pricing.

    Raises:
        LeaseLost: another replica took over.
    """
    fence(db, lease)
    counts = _replace(db, CHARGES, lease.account, reading, reading.stage.charges)
    books.choose_sources(db, lease.account, _roll_up(db, CHARGES, lease.account, reading))
    facts.drop_temporary(db, CHARGES)
    return counts


def _replace(db: Connection, table: FactTable, account: str, reading: Reading, spool: Spool) -> Counts:
    facts.copy_in(db, table, spool.rewound())
    staged = spool.rows
    within, across = facts.repeated(db, table)
    if across:
        raise UnexpectedReply(f"{reading.report}: {across} rows came on two pages of one reading; nothing was changed")
    if within:
        facts.add_up_repeats(db, table)
        staged = db.execute(text(f"SELECT count(*) FROM {table.staged}")).scalar_one()
    _refuse_outside(db, table, reading)
    if table is CHARGES and reading.guard is not None:
        reading.guard(*_billed_and_estimated(db, account))
    facts.compare(db, table, _scope(account, reading), keep_silent_days=reading.omits_days)
    counts = facts.count_changes(db, table, staged)
    if counts.inserted + counts.updated + counts.deleted:
        facts.apply(db, table, account)
    return counts


def _roll_up(db: Connection, table: FactTable, account: str, reading: Reading) -> set[date]:
    """Bring the changed days' roll-ups up to date, and book what that did to tokens. Returns those days."""
    days = facts.changed_days(db, table)
    if table is USAGE and days:
        with books.booking_tokens(db, account, reading.report, days):
            facts.roll_up(db, table, account, reading.report, days, reading.longest)
    elif days:
        facts.roll_up(db, table, account, reading.report, days, reading.longest)
    return days


def _scope(account: str, reading: Reading) -> dict[str, Any]:
    window = reading.window
    return {"account": account, "report": reading.report, "start": window.start, "end": window.end}


def _refuse_outside(db: Connection, table: FactTable, reading: Reading) -> None:
    window = reading.window
    stray, longest = db.execute(
        text(
            "SELECT min(period_start) FILTER (WHERE period_start < :start OR period_start >= :end),"
            f" max(period_end - period_start) FROM {table.staged}"
        ),
        {"start": window.start, "end": window.end},
    ).one()
    if longest is not None and longest > reading.longest:
        raise UnexpectedReply(
            f"{reading.report}: got a row over {longest}, longer than {reading.longest}; nothing was changed"
        )
    if stray is not None:
        raise UnexpectedReply(
            f"{reading.report}: asked for {window.start:%F %H:%M} to {window.end:%F %H:%M} UTC,"
            f" got a row of {stray:%F %H:%M}; nothing was changed"
        )


def _billed_and_estimated(db: Connection, account: str) -> tuple[Decimal, Decimal]:
    """Dollars stated by the staged rows and estimated by us, over the days that have both."""
    billed, estimated = db.execute(
        text(
            "SELECT coalesce(sum(s.usd), 0), coalesce(sum(e.usd), 0) FROM"
            " (SELECT (period_start AT TIME ZONE 'UTC')::date AS day, sum(amount_usd) AS usd"
            f"  FROM {CHARGES.staged} GROUP BY 1) s JOIN"
            " (SELECT day, sum(amount_usd) AS usd FROM daily_charges"
            "  WHERE account_id = :account AND source = :estimate GROUP BY 1) e USING (day)"
        ),
        {"account": account, "estimate": Source.PRICED_USAGE},
    ).one()
    return billed, estimated


def _record_state(db: Connection, account: str, reading: Reading) -> set[date]:
    """Note what has been read. Returns the days to choose again because of it."""
    before = _settled(db, account)
    latest = _latest_end(db, reading)
    db.execute(
        text(_RECORD_STATE),
        _scope(account, reading)
        | {
            "source": reading.source,
            "kind": reading.kind,
            "read_at": reading.read_at,
            "latest": latest,
            "settled": reading.settled_until,
            "wanted": reading.wanted_from,
        },
    )
    return _resettled(db, account, before, _settled(db, account)) | books.outdated_invoice_days(db, account)


def _settled(db: Connection, account: str) -> datetime | None:
    found: datetime | None = db.execute(
        text("SELECT settled_until FROM settled_accounts WHERE account_id = :account"), {"account": account}
    ).scalar()
    return found


def _resettled(db: Connection, account: str, before: datetime | None, after: datetime | None) -> set[date]:
    """The days with stated money that became settled or, by a report that lags behind the others, unsettled again."""
    if before == after:
        return set()
    ends = "(day + 1)::timestamp AT TIME ZONE 'UTC' <="
    days = db.execute(
        text(
            "SELECT day FROM best_days WHERE account_id = :account AND stated"
            f" AND coalesce({ends} CAST(:before AS timestamptz), false)"
            f" <> coalesce({ends} CAST(:after AS timestamptz), false)"
        ),
        {"account": account, "before": before, "after": after},
    )
    return set(days.scalars())


def _latest_end(db: Connection, reading: Reading) -> datetime | None:
    ends = [
        db.execute(text(f"SELECT max(period_end) FROM {table.staged}")).scalar()
        for table in (USAGE, CHARGES)
        if _exists(db, table.staged)
    ]
    known = [min(end, reading.read_at) for end in ends if end is not None]
    return max(known, default=None)


def _exists(db: Connection, temporary: str) -> bool:
    return db.execute(text("SELECT to_regclass(:name)"), {"name": f"pg_temp.{temporary}"}).scalar() is not None


_RECORD_STATE = """
INSERT INTO report_state AS r (account_id, report, source, read_from, read_until, read_at, read_late_at, latest_end,
    settled_until, wanted_from)
VALUES (:account, :report, :source, :start, :end, CASE WHEN :kind <> 'history' THEN :read_at END,
    CASE WHEN :kind = 'late' THEN :read_at END, :latest, :settled, :wanted)
ON CONFLICT (account_id, report) DO UPDATE SET
    read_from = least(r.read_from, excluded.read_from),
    read_until = greatest(r.read_until, excluded.read_until),
    read_at = coalesce(excluded.read_at, r.read_at),
    read_late_at = coalesce(excluded.read_late_at, r.read_late_at),
    latest_end = greatest(r.latest_end, excluded.latest_end),
    settled_until = greatest(r.settled_until, excluded.settled_until),
    wanted_from = excluded.wanted_from,
    missing = ''
"""
