"""Forecasts with the day they were made, what came of them, and how good they were.

One rule: a forecast is replaced on the day it was made and never afterwards; only what came follows the books.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from exporter.domain import Subject


class Key(NamedTuple):
    """Whose forecast it is: what stays when an account moves to another team."""

    account_id: str
    level: str
    name: str

    @classmethod
    def of(cls, subject: Subject) -> Key:
        """`name` is the provider's, the team's or the budget's."""
        names = {"provider": subject.provider, "team": subject.team, "budget": subject.budget}
        return cls(subject.account, subject.level, names.get(subject.level, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredForecast:
    """One row of `forecasts`; docs and units are there."""

    key: Key
    horizon: str
    made_on: date
    since: date
    until: date
    spent: float
    total: float
    lower: float
    upper: float
    naive: float
    method: str
    volatility: str
    hindcast: bool = False
    daily: Sequence[float] | None = None
    daily_lower: Sequence[float] | None = None
    daily_upper: Sequence[float] | None = None


class Past(NamedTuple):
    """A forecast whose days are over."""

    key: Key
    horizon: str
    total: float
    lower: float
    upper: float
    naive: float
    came: float


@dataclass(frozen=True, slots=True)
class StoredScore:
    """One row of `forecast_scores`."""

    key: Key
    horizon: str
    count: int
    error: float | None
    coverage: float
    skill: float | None


class Newest(NamedTuple):
    """The newest forecast of a series that is still watched, for showing. `provider` and `team` are today's."""

    key: Key
    provider: str
    team: str
    horizon: str
    made_on: date
    since: date
    until: date
    spent: float
    total: float
    lower: float
    upper: float
    method: str
    volatility: str


_COLUMNS = {
    "account_id": "text", "level": "text", "name": "text", "horizon": "text", "made_on": "date", "since": "date",
    "until": "date", "spent": "float8", "total": "float8", "lower": "float8", "upper": "float8", "naive": "float8",
    "method": "text", "volatility": "text", "hindcast": "boolean",
    "daily": "float8[]", "daily_lower": "float8[]", "daily_upper": "float8[]",
}  # fmt: skip
_KEY = "account_id, level, name"
_PRIMARY = ("account_id", "level", "name", "horizon", "made_on")


def replace_day(db: Connection, made_on: date, rows: Sequence[StoredForecast]) -> None:
    """Make the forecasts of one day exactly these. What is the same is not written again: most runs change little."""
    keys = zip(*{row.key for row in rows}, strict=True) if rows else ((), (), ())
    db.execute(
        text(
            "DELETE FROM forecasts f WHERE made_on = :made_on AND NOT EXISTS (SELECT FROM"
            " unnest(CAST(:accounts AS text[]), CAST(:levels AS text[]), CAST(:names AS text[]))"
            " AS k(account, level, name) WHERE (k.account, k.level, k.name) = (f.account_id, f.level, f.name))"
        ),
        {"made_on": made_on, **dict(zip(("accounts", "levels", "names"), map(list, keys), strict=True))},
    )
    values = [name for name in _COLUMNS if name not in _PRIMARY]
    changes = ", ".join(f"{name} = excluded.{name}" for name in values)
    before, after = (", ".join(f"{of}.{name}" for name in values) for of in ("f", "excluded"))
    _insert(db, rows, f"({', '.join(_PRIMARY)}) DO UPDATE SET {changes} WHERE ({before}) IS DISTINCT FROM ({after})")


def add_hindcasts(db: Connection, rows: Iterable[StoredForecast]) -> None:
    """Add forecasts made afterwards; one that is there already stays."""
    _insert(db, rows, "DO NOTHING")


def _insert(db: Connection, rows: Iterable[StoredForecast], conflict: str) -> None:
    """All in one statement."""
    columns = ", ".join(_COLUMNS)
    typed = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    db.execute(
        text(
            f"INSERT INTO forecasts AS f ({columns}) SELECT {columns} FROM json_to_recordset(CAST(:rows AS json))"
            f" AS r({typed}) ON CONFLICT {conflict}"
        ),
        {"rows": json.dumps([_facts(row) for row in rows], default=str, allow_nan=False)},
    )


def _facts(row: StoredForecast | StoredScore) -> dict[str, Any]:
    facts = asdict(row)
    return {**facts.pop("key")._asdict(), **facts}


def made_since(db: Connection, since: date) -> set[tuple[Key, date]]:
    """Which series have a forecast of which day, from `since` on."""
    rows = db.execute(
        text(f"SELECT {_KEY}, made_on FROM forecasts WHERE made_on >= :since AND horizon = '30d'"), {"since": since}
    )
    return {(Key(*row[:3]), row.made_on) for row in rows}


def fill_came(db: Connection, first: date, running: Mapping[Key, Sequence[float]]) -> None:
    """Write what came beside every forecast since `first` whose days are over, wherever that is new or has changed.

    `running`: by series, what was spent from `first` up to each day, NaN from the first day that is not settled.
    """
    told = [{**key._asdict(), "sums": [None if one != one else one for one in sums]} for key, sums in running.items()]  # noqa: PLR0124
    db.execute(
        text(
            "WITH books AS MATERIALIZED (SELECT account_id, level, name, sums FROM"
            " json_to_recordset(CAST(:rows AS json)) AS r(account_id text, level text, name text, sums float8[])),"
            " found AS (SELECT f.ctid AS place,"
            "  b.sums[f.until - CAST(:first AS date) + 1] - b.sums[f.since - CAST(:first AS date) + 1] AS came"
            f"  FROM forecasts f JOIN books b USING ({_KEY}) WHERE f.since >= :first)"
            " UPDATE forecasts f SET came = found.came FROM found"
            " WHERE f.ctid = found.place AND f.came IS DISTINCT FROM found.came"
        ),
        {"rows": json.dumps(told), "first": first},
    )


def over(db: Connection, since: date, weekday: int) -> list[Past]:
    """Forecasts made on one weekday (Monday is 1) from `since` on of which is known what came."""
    rows = db.execute(
        text(
            f"SELECT {_KEY}, horizon, total, lower, upper, naive, came FROM forecasts"
            " WHERE made_on >= :since AND extract(isodow FROM made_on) = :weekday AND came IS NOT NULL"
            " ORDER BY 1, 2, 3, 4"
        ),
        {"since": since, "weekday": weekday},
    )
    return [Past(Key(*row[:3]), *row[3:]) for row in rows]


def replace_scores(db: Connection, scores: Iterable[StoredScore]) -> None:
    """Make the scores exactly these."""
    db.execute(text("DELETE FROM forecast_scores"))
    rows = [_facts(one) for one in scores]
    if rows:
        db.execute(
            text(
                f"INSERT INTO forecast_scores ({_KEY}, horizon, count, error, coverage, skill)"
                " VALUES (:account_id, :level, :name, :horizon, :count, :error, :coverage, :skill)"
            ),
            rows,
        )


def scores(db: Connection) -> list[StoredScore]:
    """Every score."""
    rows = db.execute(
        text(f"SELECT {_KEY}, horizon, count, error, coverage, skill FROM forecast_scores ORDER BY 1, 2, 3, 4")
    )
    return [StoredScore(Key(*row[:3]), *row[3:]) for row in rows]


def newest(db: Connection, since: date, today: date) -> list[Newest]:
    """The newest forecast of each series and horizon made from `since` on, if its days are not over by `today`.

    Removed accounts and budgets are left out.
    """
    rows = db.execute(
        text(
            f"SELECT DISTINCT ON ({_KEY}, horizon) {_KEY}, coalesce(a.provider, '') AS provider,"
            " coalesce(a.team, '') AS team, horizon, made_on, since, until, spent, total, lower, upper, method,"
            " volatility FROM (SELECT * FROM forecasts WHERE made_on >= :since AND until > :today AND NOT hindcast) f"
            " LEFT JOIN (SELECT id, provider, team, removed_at FROM accounts) a ON a.id = f.account_id"
            " WHERE a.removed_at IS NULL AND (level <> 'budget' OR EXISTS (SELECT FROM budgets b WHERE b.id = f.name))"
            f" ORDER BY {_KEY}, horizon, made_on DESC"
        ),
        {"since": since, "today": today},
    )
    return [Newest(Key(*row[:3]), *row[3:]) for row in rows]


def back_filling(db: Connection) -> bool:
    """True while the history of an account that syncs well is still being read."""
    found: bool = db.execute(
        text(
            "SELECT EXISTS (SELECT FROM report_state r JOIN accounts a ON a.id = r.account_id"
            " JOIN sync_state s USING (account_id) WHERE r.missing = '' AND NOT a.disabled AND a.removed_at IS NULL"
            " AND s.consecutive_failures = 0 AND NOT r.history_done AND r.read_from > r.wanted_from)"
        )
    ).scalar_one()
    return found
