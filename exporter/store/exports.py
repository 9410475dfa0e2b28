"""Rows on their way out of Postgres, by COPY.

One rule: rows come in the order of the table's primary key, which an index has already. A reader that stopped goes on
behind the last row it has, however the rows before have changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection

from exporter.store.export_columns import COSTS, COUNTS, DAILY_USAGE, HOURLY_USAGE, Column, Form, Kind, written
from exporter.store.export_focus import FOCUS

FILTERS = ("provider", "account", "team", "model", "scope", "source", "confidence")

FOCUS_VERSIONS = tuple(FOCUS)
SEPARATOR = b"\x1f"

Key = tuple[str, ...]
"""Where a row stands: its primary key, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows and columns. `since` and `until` are UTC days, half-open; `filters`: by column, any of them.

    `all_sources` adds what does not count: costs that another source states better, usage that overlaps other usage.
    `columns` empty means all of them; `after` is the key of the last row the reader has; `limit` 0 is no limit.
    """

    kind: str  # costs, usage
    since: date
    until: date
    hourly: bool = False
    all_sources: bool = False
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    redact: bool = False
    after: Key = ()
    limit: int = 0
    focus: str = ""  # a version: FOCUS columns in place of ours


class Summary(NamedTuple):
    """How many rows a selection has in all, whatever `after` and `limit`, and what those that count come to."""

    records: int
    totals: dict[str, Decimal]  # by currency, or by unit


class _Table(NamedTuple):
    """Rows `r` of one kind. `day` is what the period is compared with."""

    rows: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    totals: tuple[str, str]  # the unit, the figure
    start: str = "date"


def columns_of(selection: Selection) -> tuple[Column, ...]:
    """What the selection shows, in order. Names that do not exist are left out."""
    known = (*_table(selection).columns, *((COUNTS,) if selection.all_sources else ()))
    by_name = {column.name: column for column in known}
    return tuple(by_name[name] for name in selection.columns if name in by_name) if selection.columns else known


def summary(db: Connection, selection: Selection) -> Summary:
    """Counts and sums, in one pass."""
    table = _table(selection)
    unit, figure = table.totals
    counted = f"count(*), coalesce(trim_scale(sum({figure}) FILTER (WHERE r.counts)), 0)"
    grouped = f"GROUP BY {unit} ORDER BY {unit}" if unit.startswith("r.") else "HAVING count(*) > 0"
    where, values = _where(selection)
    with _cursor(db) as cursor:
        cursor.execute(f"SELECT {unit}, {counted} FROM ({table.rows}) r WHERE {where} {grouped}", values)
        rows = cursor.fetchall()
    return Summary(sum(count for _, count, _ in rows), {unit: total for unit, _, total in rows})


def copy_out(db: Connection, selection: Selection, form: Form, write: Callable[[bytes], object]) -> int:
    """Hand every row to `write`, as a line that ends with a newline. Returns how many there were.

    As JSON, a line is the values alone, with `SEPARATOR` between them: strings in quotes with backslashes before quotes
    and backslashes, but control characters as they are; flags and nulls bare; tags a string that holds an object.
    """
    columns = columns_of(selection)
    shown = ", ".join(f'{written(column, form, redact=selection.redact)} AS "{column.name}"' for column in columns)
    query, values = _query(selection, shown)
    with _cursor(db) as cursor:
        statement = f"COPY ({query}) TO STDOUT (FORMAT csv{_as_json(columns) if form is Form.JSON else ''})"
        cursor.copy_expert(cursor.mogrify(statement, values), _Sink(write))
        return int(cursor.rowcount)


def _as_json(columns: Sequence[Column]) -> str:
    """COPY writes JSON's strings four times as fast as row_to_json."""
    quoted = ", ".join(f'"{column.name}"' for column in columns if column.kind is not Kind.FLAG)
    return f", DELIMITER E'\\x1f', ESCAPE E'\\\\', NULL 'null', FORCE_QUOTE ({quoted})"


def last_key(db: Connection, selection: Selection) -> Key:
    """Where the last row of a limited selection stands; empty when no row follows it."""
    if not selection.limit:
        return ()
    key = ", ".join(f"r.{name}::text" for name in key_of(selection))
    query, values = _query(selection, key, f"LIMIT 2 OFFSET {selection.limit - 1:d}")
    with _cursor(db) as cursor:
        cursor.execute(query, values)
        rows = cursor.fetchall()
    return tuple(rows[0]) if len(rows) > 1 else ()


def key_of(selection: Selection) -> tuple[str, ...]:
    """What a key of this selection is made of."""
    return _table(selection).key


class _Sink:
    """What psycopg2 takes for a file. libpq hands over one row at a time."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write = write


def _cursor(db: Connection) -> Any:
    return db.connection.cursor()  # psycopg2's own: SQLAlchemy knows no COPY


def _query(selection: Selection, shown: str, limit: str = "") -> tuple[str, dict[str, Any]]:
    table = _table(selection)
    where, values = _where(selection)
    order = _of("r", table.key)
    if selection.after:
        where += f" AND ({order}) > ({', '.join(f'%(after{place})s' for place in range(len(table.key)))})"
        values |= {f"after{place}": value for place, value in enumerate(selection.after)}
    limit = limit or (f"LIMIT {selection.limit:d}" if selection.limit else "")
    if not (selection.after or limit):
        order = _of("r", table.key[:2])  # nobody goes on behind the end of it, and each day would have to be sorted
    return f"SELECT {shown} FROM ({table.rows}) r WHERE {where} ORDER BY {order} {limit}", values


def _where(selection: Selection) -> tuple[str, dict[str, Any]]:
    start = _table(selection).start
    parts = [f"r.{start} >= %(since)s", f"r.{start} < %(until)s"]
    if not selection.all_sources:
        parts.append("r.counts")
    values: dict[str, Any] = {"since": selection.since, "until": selection.until}
    for name, wanted in selection.filters.items():
        parts.append(f"r.{name} = ANY(%({name})s)")
        values[name] = list(wanted)
    return " AND ".join(parts), values


def _of(row: str, names: Sequence[str]) -> str:
    return ", ".join(f"{row}.{name}" for name in names)


def _table(selection: Selection) -> _Table:
    if selection.focus:
        return _FOCUS._replace(columns=FOCUS[selection.focus])
    if selection.kind == "usage":
        return _HOURLY_USAGE if selection.hourly else _DAILY_USAGE
    return _ALL_COSTS if selection.all_sources else _COSTS


_NAMES = "LEFT JOIN names n ON n.account_id = c.account_id AND n.kind = 'scope' AND n.id = c.scope"
_WHAT = "c.source, c.report, c.meter, c.unit, c.model, c.scope, coalesce(n.name, '') AS scope_name, c.service_tier"
_DAY_KEY = ("account", "date", "source", "report", "meter", "unit", "model", "scope", "service_tier")
_DIMENSIONS = ("account_id", "day", *_DAY_KEY[3:])
_PRIMARY = ("account_id", "day", *_DAY_KEY[2:])
_SETTLED = "(c.day + 1)::timestamp AT TIME ZONE 'UTC'"
_MONEY = ("'USD'", "r.amount_usd")
_QUANTITY = ("r.unit", "r.quantity")

_COSTS = _Table(
    "SELECT c.day AS date, c.provider, c.account_id AS account, c.team, c.category,"
    f" {_WHAT}, c.amount_usd, c.confidence, true AS counts FROM best_charges c {_NAMES}",
    _DAY_KEY,
    COSTS,
    _MONEY,
)
# What best_charges says of the source that counts, and the same of those that do not.
_ALL_COSTS = _Table(
    "SELECT c.day AS date, a.provider, c.account_id AS account, a.team, a.category,"
    f" {_WHAT}, c.amount_usd, coalesce(b.confidence, CASE WHEN c.source = 'manual' THEN 'manual'"
    "  WHEN c.source IN ('invoice', 'import') THEN 'official'"
    "  WHEN c.source <> 'cost_api' THEN 'estimated'"
    f" WHEN {_SETTLED} <= s.settled_until THEN 'official' ELSE 'provisional' END) AS confidence,"
    " b.account_id IS NOT NULL AS counts FROM daily_charges c JOIN accounts a ON a.id = c.account_id"
    " LEFT JOIN settled_accounts s ON s.account_id = c.account_id LEFT JOIN best_charges b"
    f" ON ({_of('b', _PRIMARY)}) = ({_of('c', _PRIMARY)}) {_NAMES}",
    _DAY_KEY,
    COSTS,
    _MONEY,
)

# Only an estimated charge has the dimensions of the usage it is of.
_FOCUS = _COSTS._replace(
    rows="SELECT c.day AS date, c.provider, c.account_id AS account, c.team, c.category,"
    f" {_WHAT}, c.amount_usd, c.confidence, true AS counts, a.name AS account_name, u.quantity FROM best_charges c"
    f" JOIN accounts a ON a.id = c.account_id LEFT JOIN daily_usage u ON u.source = 'usage_api'"
    f" AND ({_of('u', _DIMENSIONS)}) = ({_of('c', _DIMENSIONS)}) {_NAMES}",
)


def _usage(table: str, when: str, end: str, more: str, key: tuple[str, ...], columns: tuple[Column, ...]) -> _Table:
    """Usage is as sure as its own report is settled."""
    return _Table(
        f"SELECT {when}, a.provider, c.account_id AS account, a.team, a.category, {_WHAT}, {more}c.quantity,"
        " CASE WHEN c.source = 'manual' THEN 'manual'"
        f" WHEN {end} <= s.settled_until THEN 'official' ELSE 'provisional' END AS confidence,"
        f" c.source <> 'analytics' AS counts FROM {table} c JOIN accounts a ON a.id = c.account_id"
        f" LEFT JOIN report_state s ON s.account_id = c.account_id AND s.report = c.report {_NAMES}",
        key,
        columns,
        _QUANTITY,
        key[1],
    )


_DAILY_USAGE = _usage("daily_usage", "c.day AS date", _SETTLED, "", _DAY_KEY, DAILY_USAGE)
_HOURLY_USAGE = _usage(
    "usage",
    "c.period_start, c.period_end, c.identity",
    "c.period_end",
    "c.api_key, c.tags, ",
    ("account", "period_start", "period_end", "source", "identity"),
    HOURLY_USAGE,
)
