"""Forget old facts. Roll-ups, the ledger and the choice of source stay, so totals of old months do not change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, text

from exporter.domain import day_of
from exporter.store import alert_history, partitions
from exporter.store.facts import CHARGES, USAGE

RUNS_KEPT = timedelta(days=90)


def forget(db: Connection, now: datetime, months: int) -> list[str]:
    """Drop what is older than `months`, or than an account's own retention. Returns the partitions dropped."""
    today = day_of(now)
    rows = db.execute(text("SELECT id, coalesce(retention_months, :months) AS kept FROM accounts"), {"months": months})
    kept: dict[str, int] = {row.id: row.kept for row in rows}
    longest = max([months, *kept.values()])
    for account, own in kept.items():
        if own < longest:
            _forget_account(db, account, _months_ago(today, own))
    db.execute(text("DELETE FROM sync_runs WHERE finished_at < :moment"), {"moment": now - RUNS_KEPT})
    alert_history.forget(db, datetime.combine(_months_ago(today, longest), time.min, UTC))
    return partitions.drop_before(db, _months_ago(today, longest))


def _forget_account(db: Connection, account: str, month: date) -> None:
    for table in (USAGE, CHARGES):
        db.execute(
            text(
                f"DELETE FROM {table.name} WHERE account_id = :account"
                " AND period_start < CAST(:month AS timestamp) AT TIME ZONE 'UTC'"
            ),
            {"account": account, "month": month},
        )


def _months_ago(today: date, months: int) -> date:
    """The first day of the month `months` before today's."""
    index = today.year * 12 + today.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)
