"""Changes that were announced: what begins meanwhile, where they apply, is no anomaly anybody has to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, text

from exporter.errors import ConfigError
from exporter.store.staging import storable


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """From `first_day` to `last_day`, both in. An empty scope or model is any."""

    account: str
    scope: str = ""
    model: str = ""
    first_day: date
    last_day: date
    note: str = ""
    planned_by: str
    created_at: datetime
    id: int = 0  # given by the database


def add(db: Connection, change: PlannedChange) -> int:
    """Keep an announcement. Returns its number.

    Raises:
        ConfigError: there is no such account, or it ends before it begins.
    """
    if change.last_day < change.first_day:
        raise ConfigError(f"a planned change can't end on {change.last_day}, before it begins on {change.first_day}")
    known = db.execute(text("SELECT 1 FROM accounts WHERE id = :id"), {"id": change.account}).first()
    if known is None:
        raise ConfigError(f"there is no account {change.account}; see `spend-exporter accounts list`")
    id_: int = db.execute(
        text(
            "INSERT INTO planned_changes (account_id, scope, model, first_day, last_day, note, planned_by, created_at)"
            " VALUES (:account, :scope, :model, :first_day, :last_day, :note, :planned_by, :created_at) RETURNING id"
        ),
        {
            "account": change.account,
            "scope": storable(change.scope),
            "model": storable(change.model),
            "first_day": change.first_day,
            "last_day": change.last_day,
            "note": storable(change.note),
            "planned_by": storable(change.planned_by),
            "created_at": change.created_at,
        },
    ).scalar_one()
    return id_


def every(db: Connection) -> list[PlannedChange]:
    """All of them, the oldest first."""
    rows = db.execute(
        text(
            "SELECT account_id AS account, id, scope, model, first_day, last_day, note, planned_by, created_at"
            " FROM planned_changes ORDER BY first_day, id"
        )
    )
    return [PlannedChange(**row._asdict()) for row in rows]


def remove(db: Connection, change: int) -> None:
    """Forget an announcement; what it covered is news again.

    Raises:
        ConfigError: there is none.
    """
    gone = db.execute(text("DELETE FROM planned_changes WHERE id = :id RETURNING 1"), {"id": change}).first()
    if gone is None:
        raise ConfigError(f"there is no planned change {change}; see `spend-exporter anomalies plans`")
    db.execute(text("UPDATE anomalies SET planned = NULL WHERE planned = :id"), {"id": change})
