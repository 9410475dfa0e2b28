"""Who works out forecasts and anomalies, and when that was last done: one claim for all replicas."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from exporter.domain import HOUR, day_of


def claim(db: Connection, holder: str, *, now: datetime, lasts: timedelta) -> bool:
    """True when there is something new to work out and nobody else is at it: then it is the caller's to do.

    New is a day, a sync that changed something, a budget, and an hour: nowcasts learn from hours without news, too.
    """
    found = db.execute(
        text(
            "UPDATE analysis_state SET claimed_by = :holder, claimed_until = now() + :lasts"
            " WHERE claimed_until < now() AND (finished_at IS NULL OR day_seen IS DISTINCT FROM :today"
            f"  OR books_seen < {_NEWEST} OR finished_at <= :hour_ago"
            "  OR finished_at < (SELECT max(updated_at) FROM budgets)) RETURNING 1"
        ),
        {"holder": holder, "lasts": lasts, "today": day_of(now), "hour_ago": now - HOUR},
    )
    return found.first() is not None


def newest_books(db: Connection) -> int:
    """The newest sync that changed anything; what is read after this call is at least as new."""
    found: int = db.execute(text(f"SELECT {_NEWEST}")).scalar_one()
    return found


def finish(db: Connection, *, now: datetime, books: int) -> None:
    """Note that everything up to `books` is worked out, and let go of the claim."""
    db.execute(
        text(
            "UPDATE analysis_state SET claimed_by = '', claimed_until = 'epoch', finished_at = :now,"
            " books_seen = :books, day_seen = :today"
        ),
        {"now": now, "books": books, "today": day_of(now)},
    )


def give_up(db: Connection, holder: str) -> None:
    """Let go of the claim without having done the work."""
    db.execute(text(f"{_RELEASE} WHERE claimed_by = :holder"), {"holder": holder})


def release(db: Connection) -> None:
    """Let go of anybody's claim: nobody else can be at it."""
    db.execute(text(_RELEASE))


def one_at_a_time(db: Connection) -> None:
    """Wait for another analysis to finish its step: both would put the same rows in the place of the same rows."""
    db.execute(text("SELECT pg_advisory_xact_lock(hashtext('spend_exporter_analysis'))"))


def finished_at(db: Connection) -> datetime | None:
    """When the last run was done; None: never."""
    found: datetime | None = db.execute(text("SELECT finished_at FROM analysis_state")).scalar()
    return found


_NEWEST = "(SELECT coalesce(max(id), 0) FROM sync_runs WHERE inserted + updated + deleted > 0)"
_RELEASE = "UPDATE analysis_state SET claimed_by = '', claimed_until = 'epoch'"
