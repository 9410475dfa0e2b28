"""SQL that brings one fact table and its daily roll-up in line with a staged reading.

Written once for `usage` and `charges`: they differ only in their value columns. All statements are set-based and run
inside the caller's transaction. Rows that did not change are not touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import IO, Any

from sqlalchemy import Connection, text

DIMENSIONS = "source, identity, report, meter, unit, model, scope, api_key, service_tier, tags"
KEY = ("period_start", "period_end", "source", "identity")
GROUP = "source, report, meter, unit, model, scope, service_tier"


@dataclass(frozen=True, slots=True)
class FactTable:
    """A fact table, its roll-up, and the columns that hold its figures; the last of them is what is rolled up."""

    name: str
    daily: str
    values: tuple[tuple[str, str], ...]  # (column, type)

    @property
    def columns(self) -> str:
        return ", ".join(column for column, _ in self.values)

    @property
    def figure(self) -> str:
        return self.values[-1][0]

    @property
    def staged(self) -> str:
        return f"staged_{self.name}"

    @property
    def changed(self) -> str:
        return f"changed_{self.name}"


USAGE = FactTable("usage", "daily_usage", (("quantity", "numeric"),))
CHARGES = FactTable(
    "charges", "daily_charges", (("amount", "numeric"), ("currency", "text"), ("amount_usd", "numeric"))
)


@dataclass(frozen=True, slots=True)
class Counts:
    """What a replacement did, in rows."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.deleted + other.deleted,
            self.unchanged + other.unchanged,
        )


def copy_in(db: Connection, table: FactTable, rows: IO[bytes]) -> None:
    """COPY the spooled rows into a temporary table that lives as long as the transaction."""
    values = ", ".join(f"{column} {kind} NOT NULL" for column, kind in table.values)
    db.execute(
        text(
            f"CREATE TEMP TABLE {table.staged} (period_start timestamptz NOT NULL, period_end timestamptz NOT NULL,"
            " source text NOT NULL, identity uuid NOT NULL, report text NOT NULL, meter text NOT NULL,"
            " unit text NOT NULL, model text NOT NULL, scope text NOT NULL, api_key text NOT NULL,"
            f" service_tier text NOT NULL, tags jsonb NOT NULL, {values}, page integer NOT NULL) ON COMMIT DROP"
        )
    )
    columns = f"period_start, period_end, {DIMENSIONS}, {table.columns}, page"
    cursor: Any = db.connection.cursor()  # psycopg2's own: SQLAlchemy knows no COPY
    with cursor:
        cursor.copy_expert(f"COPY {table.staged} ({columns}) FROM STDIN", rows)
    db.execute(text(f"ANALYZE {table.staged}"))


def repeated(db: Connection, table: FactTable) -> tuple[int, int]:
    """How many identities came more than once on one page, and how many came again on another page."""
    within, across = db.execute(
        text(
            "SELECT count(*) FILTER (WHERE first = last), count(*) FILTER (WHERE first <> last)"
            f" FROM (SELECT min(page) AS first, max(page) AS last FROM {table.staged}"
            f" GROUP BY {', '.join(KEY)} HAVING count(*) > 1) AS twice"
        )
    ).one()
    return within, across


def add_up_repeats(db: Connection, table: FactTable) -> None:
    """Make one row of rows that one page gave under one identity: the provider splits by something it hides."""
    kept = f"period_start, period_end, {DIMENSIONS}"
    figures = ", ".join(column if kind == "text" else f"sum({column})" for column, kind in table.values)
    texts = "".join(f", {column}" for column, kind in table.values if kind == "text")
    db.execute(text(f"CREATE TEMP TABLE whole ON COMMIT DROP AS TABLE {table.staged}"))
    db.execute(text(f"TRUNCATE {table.staged}"))
    db.execute(
        text(
            f"INSERT INTO {table.staged} ({kept}, {table.columns}, page)"
            f" SELECT {kept}, {figures}, min(page) FROM whole GROUP BY {kept}{texts}"
        )
    )
    db.execute(text("DROP TABLE whole"))


def compare(db: Connection, table: FactTable, scope: Mapping[str, Any], *, keep_silent_days: bool) -> None:
    """Work out what differs: staged figures beside the stored ones (`old_…`), either of them null when absent.

    `scope` binds account, report, start and end. With `keep_silent_days`, stored rows of days the reading says
    nothing about are left out of the comparison, so they stay.
    """
    if not has_rows(db, table, scope):  # a first load: everything is new, nothing to copy about
        db.execute(
            text(
                f"CREATE TEMP VIEW {table.changed} AS SELECT *, NULL::numeric AS old_{table.figure} FROM {table.staged}"
            )
        )
        return
    differs = " OR ".join(f"f.{column} <> s.{column}" for column, _ in table.values)
    same_key = " AND ".join(f"f.{column} = s.{column}" for column in KEY)
    here = "f.account_id = :account AND f.report = :report AND f.period_start >= :start AND f.period_start < :end"
    staged = ", ".join(f"s.{column.strip()}" for column in f"period_start, period_end, {DIMENSIONS}".split(","))
    stored = staged.replace("s.", "f.")
    new = ", ".join(f"s.{column}" for column, _ in table.values)
    absent = ", ".join(f"NULL::{kind}" for _, kind in table.values)
    silent = (
        f" AND (f.period_start AT TIME ZONE 'UTC')::date IN"
        f" (SELECT DISTINCT (period_start AT TIME ZONE 'UTC')::date FROM {table.staged})"
    )
    db.execute(
        text(
            f"CREATE TEMP TABLE {table.changed} ON COMMIT DROP AS"
            f" SELECT {staged}, {new}, f.{table.figure} AS old_{table.figure}"
            f" FROM {table.staged} s LEFT JOIN {table.name} f ON {same_key} AND {here}"
            f" WHERE f.account_id IS NULL OR {differs}"
            f" UNION ALL SELECT {stored}, {absent}, f.{table.figure}"
            f" FROM {table.name} f LEFT JOIN {table.staged} s ON {same_key}"
            f" WHERE {here} AND s.identity IS NULL{silent if keep_silent_days else ''}"
        ),
        scope,
    )


def has_rows(db: Connection, table: FactTable, scope: Mapping[str, Any]) -> bool:
    """True when anything is stored of the report in the window."""
    query = (
        f"SELECT EXISTS (SELECT 1 FROM {table.name} WHERE account_id = :account AND report = :report"
        " AND period_start >= :start AND period_start < :end)"
    )
    return bool(db.execute(text(query), scope).scalar_one())


def drop_temporary(db: Connection, table: FactTable) -> None:
    """So that a second reading fits into the same transaction."""
    db.execute(text(f"DROP TABLE IF EXISTS pg_temp.{table.staged} CASCADE"))  # and the view over it
    db.execute(text(f"DROP TABLE IF EXISTS pg_temp.{table.changed}"))


def count_changes(db: Connection, table: FactTable, staged: int) -> Counts:
    """The comparison in numbers; `staged` is how many rows the reading holds."""
    figure = table.figure
    inserted, updated, deleted = db.execute(
        text(
            f"SELECT count(*) FILTER (WHERE old_{figure} IS NULL),"
            f" count(*) FILTER (WHERE {figure} IS NOT NULL AND old_{figure} IS NOT NULL),"
            f" count(*) FILTER (WHERE {figure} IS NULL) FROM {table.changed}"
        )
    ).one()
    return Counts(inserted, updated, deleted, staged - inserted - updated)


def apply(db: Connection, table: FactTable, account: str) -> None:
    """Carry the comparison out: delete what vanished, insert or update the rest."""
    same_key = " AND ".join(f"f.{column} = c.{column}" for column in KEY)
    db.execute(
        text(
            f"DELETE FROM {table.name} f USING {table.changed} c"
            f" WHERE f.account_id = :account AND {same_key} AND c.{table.figure} IS NULL"
        ),
        {"account": account},
    )
    columns = f"period_start, period_end, {DIMENSIONS}, {table.columns}"
    update = ", ".join(f"{column} = excluded.{column}" for column, _ in table.values)
    db.execute(
        text(
            f"INSERT INTO {table.name} (account_id, {columns})"
            f" SELECT :account, {columns} FROM {table.changed} WHERE {table.figure} IS NOT NULL"
            f" ON CONFLICT (account_id, {', '.join(KEY)}) DO UPDATE SET {update}"
        ),
        {"account": account},
    )


def changed_days(db: Connection, table: FactTable) -> set[date]:
    """The UTC days that changed rows touch."""
    spans = db.execute(
        text(
            "SELECT DISTINCT (period_start AT TIME ZONE 'UTC')::date,"
            " ((period_end - interval '1 microsecond') AT TIME ZONE 'UTC')::date"
            f" FROM {table.changed}"
        )
    )
    return {first + timedelta(days=n) for first, last in spans for n in range((last - first).days + 1)}


def roll_up(db: Connection, table: FactTable, account: str, report: str, days: set[date], longest: timedelta) -> None:
    """Work the daily figures of `days` out again from the facts.

    A period of several days counts in equal shares on each; the last one takes the rounding. `longest` is the
    longest period this report can have: how far before a day a period that reaches into it may begin.
    """
    if not days:
        return
    scope = {"account": account, "report": report, "days": sorted(days)}
    db.execute(
        text(f"DELETE FROM {table.daily} WHERE account_id = :account AND report = :report AND day = ANY(:days)"), scope
    )
    share = f"round({table.figure} / n, 12)"
    db.execute(
        text(
            f"INSERT INTO {table.daily} (account_id, day, {GROUP}, {table.figure})"
            f" SELECT :account, day::date, {GROUP},"
            f" sum(CASE WHEN n = 1 THEN {table.figure}"
            f" WHEN day::date = last THEN {table.figure} - (n - 1) * {share} ELSE {share} END)"
            f" FROM (SELECT {GROUP}, first, last, last - first + 1 AS n, sum({table.figure}) AS {table.figure} FROM"
            f" (SELECT {GROUP}, {table.figure}, (period_start AT TIME ZONE 'UTC')::date AS first,"
            "  ((period_end - interval '1 microsecond') AT TIME ZONE 'UTC')::date AS last"
            f" FROM {table.name} WHERE account_id = :account AND report = :report"
            "  AND period_start >= (CAST(:first AS date) - CAST(:longest AS interval))::timestamp AT TIME ZONE 'UTC'"
            "  AND period_start < (CAST(:last AS date) + 1)::timestamp AT TIME ZONE 'UTC') AS facts"
            f" GROUP BY {GROUP}, first, last) AS spans"
            " CROSS JOIN LATERAL generate_series(first::timestamp, last::timestamp, interval '1 day') AS day"
            f" WHERE day::date = ANY(:days) GROUP BY day::date, {GROUP}"
        ),
        scope | {"first": min(days), "last": max(days), "longest": max(longest - timedelta(days=1), timedelta(0))},
    )
