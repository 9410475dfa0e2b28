"""Anomalies of stored days: what was found, what it belongs to, what people said of it.

One rule: a row stays for good. What the books show no longer is withdrawn, and its verdict waits in case it comes back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from exporter.domain import Subject, day_of
from exporter.errors import ConfigError

OPEN_AFTER = 2  # days from an anomaly's last day to the newest judged one, while it stays open
STAYS = 3  # days in a row after which it is the new level: counted from them, whatever still comes
OPEN_AT_MOST = timedelta(days=60)  # so that the first look at a long history raises no old alarm


class Key(NamedTuple):
    """What makes an anomaly the same one in the next analysis."""

    account: str
    level: str
    scope: str
    model: str
    family: str
    day: date


@dataclass(frozen=True, slots=True)
class Incident:
    """What an analysis says of one incident. Figures are dollars of the first day; of kind ``requests``, requests.

    `parts`: price, volume, mix, new_scope and contributors. `total_excess`: of all its days.
    """

    account: str  # '' for the total
    level: str
    scope: str
    model: str
    day: date
    until: date
    kind: str
    became: str
    severity: str
    score: float
    cost: float
    expected: float
    lower: float
    upper: float
    total_excess: float
    explanation: str = ""
    parts: Mapping[str, Any] = field(default_factory=dict)
    planned: int | None = None

    @property
    def excess(self) -> float:
        """The first day's money beyond the expected; negative when it is missing."""
        return self.cost - self.expected

    @property
    def family(self) -> str:
        """Incidents of one series that begin on one day are the same one only within a family."""
        if self.kind in ("drift", "requests"):
            return self.kind
        return "rise" if self.excess > 0 else "fall"

    @property
    def key(self) -> Key:
        """Its identity from one analysis to the next."""
        return Key(self.account, self.level, self.scope, self.model, self.family, self.day)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An incident as it is kept. `part_of` is the anomaly that stands for it; None: it stands for itself."""

    id: int
    subject: Subject
    incident: Incident
    part_of: int | None
    verdict: str
    verdict_by: str
    verdict_at: datetime | None
    verdict_note: str
    found_at: datetime
    withdrawn_at: datetime | None
    open: bool


class Judged(NamedTuple):
    """Which days of an account's books were judged: those from `books_begin` on and before `until`."""

    books_begin: date
    until: date


_FIELDS = {
    "account_id": "text", "level": "text", "scope": "text", "model": "text", "day": "date", "until": "date",
    "family": "text", "kind": "text", "became": "text", "severity": "text", "score": "float8", "cost": "float8",
    "expected": "float8", "lower": "float8", "upper": "float8", "total_excess": "float8", "explanation": "text",
    "parts": "jsonb", "planned": "bigint",
}  # fmt: skip
_RECORD = ", ".join(f"{name} {type_}" for name, type_ in _FIELDS.items())
_OPEN = (
    "n.part_of IS NULL AND n.planned IS NULL AND n.withdrawn_at IS NULL AND n.verdict IN ('', 'confirmed')"
    " AND CASE n.became WHEN 'level_shift' THEN least(n.until, n.day + CAST(:stays AS int) - 1) ELSE n.until END"
    "  >= j.until - 1 - CAST(:after AS int) AND n.day >= :oldest"
)
_ANOMALIES = (
    f"SELECT n.*, coalesce(a.provider, '') AS provider, coalesce(a.team, '') AS team, coalesce({_OPEN}, false) AS open"
    " FROM anomalies n LEFT JOIN accounts a ON a.id = n.account_id LEFT JOIN judged_accounts j USING (account_id)"
)


def since(db: Connection, first: date, now: datetime) -> list[Anomaly]:
    """Everything that began on `first` or later, oldest first."""
    rows = db.execute(text(f"{_ANOMALIES} WHERE n.day >= :first ORDER BY n.day, n.id"), _open(now) | {"first": first})
    return list(map(_anomaly, rows))


def open_ones(db: Connection, now: datetime) -> list[Anomaly]:
    """What is open now, oldest first: found, going on or just over, and nobody said that it is none."""
    rows = db.execute(text(f"{_ANOMALIES} WHERE {_OPEN} ORDER BY n.day, n.id"), _open(now))
    return list(map(_anomaly, rows))


def find(db: Connection, anomaly: int, now: datetime) -> Anomaly:
    """One of them.

    Raises:
        ConfigError: there is none.
    """
    row = db.execute(text(f"{_ANOMALIES} WHERE n.id = :id"), _open(now) | {"id": anomaly}).first()
    if row is None:
        raise ConfigError(f"there is no anomaly {anomaly}; see `spend-exporter anomalies`")
    return _anomaly(row)


def add(db: Connection, incidents: Iterable[Incident], now: datetime) -> None:
    """Keep what is new."""
    names = ", ".join(_FIELDS)
    db.execute(
        text(
            f"INSERT INTO anomalies ({names}, found_at)"
            f" SELECT {names}, :now FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({_RECORD}) ORDER BY day, level"
        ),
        {"rows": _records(enumerate(incidents)), "now": now},
    )


def revise(db: Connection, incidents: Mapping[int, Incident]) -> None:
    """Take over what the books say now. What was withdrawn is back."""
    names = ", ".join(f"{name} = r.{name}" for name in _FIELDS)
    db.execute(
        text(
            f"UPDATE anomalies n SET {names}, withdrawn_at = NULL"
            f" FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(id bigint, {_RECORD}) WHERE n.id = r.id"
        ),
        {"rows": _records(incidents.items())},
    )


def withdraw(db: Connection, anomalies: Iterable[int], now: datetime) -> None:
    """The books show them no longer."""
    db.execute(
        text("UPDATE anomalies SET withdrawn_at = :now, part_of = NULL WHERE id = ANY(:ids)"),
        {"ids": list(anomalies), "now": now},
    )


def link(db: Connection, parents: Mapping[int, int | None]) -> None:
    """Say which anomaly stands for which. What is right already is not touched."""
    db.execute(
        text(
            "UPDATE anomalies n SET part_of = r.part_of"
            " FROM unnest(CAST(:ids AS bigint[]), CAST(:parents AS bigint[])) AS r(id, part_of)"
            " WHERE n.id = r.id AND n.part_of IS DISTINCT FROM r.part_of"
        ),
        {"ids": list(parents), "parents": list(parents.values())},
    )


def judged(db: Connection) -> dict[str, Judged]:
    """How far each account was judged; '' is the total."""
    rows = db.execute(text("SELECT account_id, books_begin, until FROM judged_accounts"))
    return {row.account_id: Judged(row.books_begin, row.until) for row in rows}


def note_judged(db: Connection, accounts: Mapping[str, Judged]) -> None:
    """Remember how far each account was judged."""
    db.execute(
        text(
            "INSERT INTO judged_accounts"
            " SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:begins AS date[]), CAST(:untils AS date[]))"
            " ON CONFLICT (account_id) DO UPDATE SET books_begin = excluded.books_begin, until = excluded.until"
            " WHERE (judged_accounts.books_begin, judged_accounts.until) <> (excluded.books_begin, excluded.until)"
        ),
        {
            "ids": list(accounts),
            "begins": [one.books_begin for one in accounts.values()],
            "untils": [one.until for one in accounts.values()],
        },
    )


def _open(now: datetime) -> dict[str, Any]:
    return {"after": OPEN_AFTER, "stays": STAYS, "oldest": day_of(now - OPEN_AT_MOST)}


def _records(incidents: Iterable[tuple[int, Incident]]) -> str:
    return json.dumps([_record(id_, incident) for id_, incident in incidents], default=str)


def _record(id_: int, incident: Incident) -> dict[str, Any]:
    values = {name: getattr(incident, name) for name in _FIELDS if name != "account_id"}
    return {"id": id_, "account_id": incident.account} | values


def _anomaly(row: Row[Any]) -> Anomaly:
    kept = row._asdict()
    own = [name for name in Incident.__slots__ if name != "account"]
    return Anomaly(
        subject=Subject(row.level, row.provider, row.account_id, row.team, row.scope, row.model),
        incident=Incident(account=row.account_id, **{name: kept[name] for name in own}),
        **{name: kept[name] for name in Anomaly.__slots__ if name not in ("subject", "incident")},
    )
