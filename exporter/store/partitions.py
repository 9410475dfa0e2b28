"""Monthly partitions of the fact tables. One rule: they are made before they are needed, outside the big transaction,
and attached under a lock that lets readers and writers go on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import Connection, text

from exporter.domain import Period, day_of
from exporter.store.facts import CHARGES, USAGE

LOCK = 7_749_919
TABLES = (USAGE.name, CHARGES.name)


def ensure(db: Connection, window: Period) -> None:
    """Make the partitions that rows starting in `window` go to."""
    missing = [
        (table, month)
        for table in TABLES
        for month in months(window)
        if db.execute(text("SELECT to_regclass(:name)"), {"name": _name(table, month)}).scalar() is None
    ]
    if missing:
        db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    for table, month in missing:
        _attach(db, table, month)


def drop_before(db: Connection, month: date) -> list[str]:
    """Drop whole partitions older than `month`: retention. Roll-ups stay. Returns the names dropped."""
    rows = db.execute(
        text(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = ANY(CAST(:tables AS regclass[])) ORDER BY 1"
        ),
        {"tables": list(TABLES)},
    )
    old = [name for (name,) in rows if date(int(name[-7:-3]), int(name[-2:]), 1) < month]
    for name in old:
        db.execute(text(f"DROP TABLE {name}"))
    return old


def months(window: Period) -> Iterator[date]:
    """The first day of every UTC month that `window` touches."""
    last = day_of(window.end)
    month = day_of(window.start).replace(day=1)
    while month <= last:
        yield month
        month = next_month(month)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _attach(db: Connection, table: str, month: date) -> None:
    name = _name(table, month)
    # Created apart and then attached: CREATE … PARTITION OF would lock out every reader of the table.
    db.execute(text(f"CREATE TABLE IF NOT EXISTS {name} (LIKE {table} INCLUDING ALL)"))
    attached = db.execute(
        text("SELECT 1 FROM pg_inherits WHERE inhrelid = CAST(:name AS regclass)"), {"name": name}
    ).first()
    if attached is None:
        db.execute(
            text(
                f"ALTER TABLE {table} ATTACH PARTITION {name}"
                f" FOR VALUES FROM ('{month} 00:00:00+00') TO ('{next_month(month)} 00:00:00+00')"
            )
        )


def _name(table: str, month: date) -> str:
    return f"{table}_{month:%Y_%m}"
