"""Budgets as the database knows them, and what was spent on them. One rule: money comes from `best_charges`.

Roll-ups are of UTC days. A period of another time zone cuts through two of them: there, charges of hours are counted
hour by hour, and the rest of the day in proportion to the time that lies inside. Tags live on single charges only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, text

from exporter.budgets import Budget, Length, Level
from exporter.domain import DAY, Period, ceil_to, day_of, floor_to
from exporter.errors import ConfigError

_COLUMNS = (
    "id", "name", "amount", "currency", "period", "start", "length", "time_zone", "parent",
    "provider", "account", "team", "scope", "model", "tags", "levels", "origin",
)  # fmt: skip
_COLUMN_OF = {"account": "account_id"}


def every(db: Connection) -> dict[str, Budget]:
    """All budgets by id."""
    rows = db.execute(text(f"SELECT {', '.join(_COLUMNS)} FROM budgets ORDER BY id"))
    return {row.id: _budget(row) for row in rows}


def find(db: Connection, budget: str) -> Budget:
    """One budget.

    Raises:
        ConfigError: there is none.
    """
    row = db.execute(text(f"SELECT {', '.join(_COLUMNS)} FROM budgets WHERE id = :id"), {"id": budget}).first()
    if row is None:
        raise ConfigError(f"there is no budget {budget}; see `spend-exporter budgets list`")
    return _budget(row)


def add(db: Connection, budget: Budget) -> None:
    """Add a budget.

    Raises:
        ConfigError: the id is taken.
    """
    if not _write(db, budget, "DO NOTHING"):
        raise ConfigError(f"budget {budget.id} exists already; choose another id or edit it")


def change(db: Connection, budget: Budget) -> None:
    """Store a budget that exists under new terms.

    Raises:
        ConfigError: there is none, or the config file declares it.
    """
    _own(db, budget.id)
    _write(db, budget, _UPDATE)


def remove(db: Connection, budget: str) -> None:
    """Forget a budget.

    Raises:
        ConfigError: there is none, the config file declares it, or others are below it.
    """
    _own(db, budget)
    below = db.execute(text("SELECT id FROM budgets WHERE parent = :id ORDER BY id"), {"id": budget}).scalars().all()
    if below:
        raise ConfigError(f"budget {budget} is the parent of {', '.join(below)}; change or remove those first")
    db.execute(text("DELETE FROM budgets WHERE id = :id"), {"id": budget})


def declare(db: Connection, budgets: Iterable[Budget], *, whole: bool = True) -> None:
    """Make the budgets of origin 'file' exactly these. Without `whole`, others of origin 'file' stay.

    Raises:
        ConfigError: an id belongs to a budget added on the command line.
    """
    declared = list(budgets)
    own = "SELECT id FROM budgets WHERE origin = 'database' AND id = ANY(:ids) ORDER BY id LIMIT 1"
    taken = db.execute(text(own), {"ids": [budget.id for budget in declared]}).scalar()
    if taken is not None:
        raise ConfigError(f"budget {taken} was added on the command line; remove it there first")
    for budget in declared:
        _write(db, budget, _UPDATE)
    if whole:
        db.execute(
            text("DELETE FROM budgets WHERE origin = 'file' AND NOT id = ANY(:ids)"),
            {"ids": [budget.id for budget in declared]},
        )


_UPDATE = f"DO UPDATE SET updated_at = now(), {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"


def _own(db: Connection, budget: str) -> None:
    if find(db, budget).origin == "file":
        raise ConfigError(f"budget {budget} is declared in the config file; change it there")


def _write(db: Connection, budget: Budget, conflict: str) -> bool:
    values: dict[str, Any] = {name: getattr(budget, name) for name in _COLUMNS}
    values["length"] = None if budget.length is None else str(budget.length)
    values["tags"] = json.dumps(dict(budget.tags))
    values["levels"] = json.dumps([level.facts() for level in budget.levels])
    done = db.execute(
        text(
            f"INSERT INTO budgets ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
            f" ON CONFLICT (id) {conflict} RETURNING id"
        ),
        values,
    )
    return done.first() is not None


def _budget(row: Row[Any]) -> Budget:
    values = row._asdict()
    values["length"] = Length.of(values["length"]) if values["length"] else None
    values["tags"] = tuple(sorted(values["tags"].items()))
    values["levels"] = tuple(map(Level.from_facts, values["levels"]))
    return Budget(**values)


def usd_per_unit(db: Connection, fixed: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """What one unit of each known currency is worth: as fixed, else by its newest stored rate."""
    newest = db.execute(text("SELECT DISTINCT ON (currency) currency, usd_per_unit FROM fx_rates ORDER BY 1, day DESC"))
    return {row.currency: row.usd_per_unit for row in newest} | dict(fixed) | {"USD": Decimal(1)}


def first_day(db: Connection, budget: Budget) -> date | None:
    """The first day that anything is known of the budget's accounts; None: no data."""
    found: date | None = db.execute(
        text(
            "SELECT min(day) FROM (SELECT b.day, b.account_id, a.provider, a.team"
            f" FROM best_days b JOIN accounts a ON a.id = b.account_id) f WHERE {_fits(budget, _OF_ACCOUNTS)}"
        ),
        budget.filters,
    ).scalar()
    return found


def spent(db: Connection, budget: Budget, span: Period) -> dict[date, Decimal]:
    """Dollars by UTC day inside `span`, which need not begin or end at midnight UTC."""
    if budget.tags:
        return _tagged(db, budget, span)
    inner = ceil_to(span.start, DAY), floor_to(span.end, DAY)
    found = _whole_days(db, budget, day_of(inner[0]), day_of(inner[1]))
    for day in {day_of(span.start), day_of(span.end - timedelta(microseconds=1))}:
        whole = Period.of_day(day)
        if not span.covers(whole) and (amount := _part_of_day(db, budget, span, whole)):
            found[day] = amount
    return found


_OF_ACCOUNTS = ("provider", "account", "team")


def _fits(budget: Budget, names: Iterable[str] = ()) -> str:
    """The budget's filters as a condition on the columns of `f`."""
    wanted = [name for name in budget.filters if not names or name in names]
    return " AND ".join(["true", *(f"f.{_COLUMN_OF.get(name, name)} = :{name}" for name in wanted)])


def _whole_days(db: Connection, budget: Budget, first: date, end: date) -> dict[date, Decimal]:
    rows = db.execute(
        text(
            "SELECT f.day, sum(f.amount_usd) AS usd FROM best_charges f"
            f" WHERE f.day >= :first AND f.day < :end AND {_fits(budget)} GROUP BY 1 ORDER BY 1"
        ),
        {**budget.filters, "first": first, "end": end},
    )
    return {row.day: row.usd for row in rows}


def _part_of_day(db: Connection, budget: Budget, span: Period, whole: Period) -> Decimal:
    """The part of one UTC day that lies inside: hours as they are, the rest in proportion to time."""
    day = day_of(whole.start)
    total = _whole_days(db, budget, day, day + DAY).get(day, Decimal(0))
    start, end = max(span.start, whole.start), min(span.end, whole.end)
    hourly, inside = db.execute(
        text(
            "SELECT coalesce(sum(f.amount_usd), 0), coalesce(sum(f.amount_usd *"
            f" {_INSIDE}), 0) FROM {_FACTS} f"
            " WHERE f.period_start >= :day_start AND f.period_end <= :day_end"
            f" AND f.period_end - f.period_start < interval '1 day' AND {_fits(budget)}"
        ),
        {**budget.filters, "start": start, "end": end, "day_start": whole.start, "day_end": whole.end},
    ).one()
    rest = (total - hourly) * int((end - start).total_seconds()) / int(DAY.total_seconds())
    return Decimal(inside + rest)


def _tagged(db: Connection, budget: Budget, span: Period) -> dict[date, Decimal]:
    """From the charges themselves. One of several days counts whole, on its first."""
    rows = db.execute(
        text(
            "SELECT f.day, sum(f.amount_usd * CASE WHEN f.period_end - f.period_start > interval '1 day'"
            f" THEN (f.period_start >= :start)::int ELSE {_INSIDE} END) AS usd FROM {_FACTS} f"
            " WHERE f.period_start >= :day_start AND f.period_start < :end"
            f" AND f.period_end > :start AND f.tags @> CAST(:tags AS jsonb) AND {_fits(budget)} GROUP BY 1 ORDER BY 1"
        ),
        {
            **budget.filters,
            "start": span.start,
            "end": span.end,
            "day_start": floor_to(span.start, DAY),
            "tags": json.dumps(dict(budget.tags)),
        },
    )
    return {row.day: row.usd for row in rows}


# The share of a charge's time that lies between :start and :end.
_INSIDE = (
    "greatest(0, extract(epoch FROM least(f.period_end, :end) - greatest(f.period_start, :start)))"
    " / extract(epoch FROM f.period_end - f.period_start)"
)
# Single charges of the source that counts for their day: what best_charges adds up.
_FACTS = (
    "(SELECT c.*, b.day, a.provider, a.team FROM charges c JOIN accounts a ON a.id = c.account_id"
    " JOIN best_days b ON b.account_id = c.account_id AND b.source = c.source"
    " AND b.day = (c.period_start AT TIME ZONE 'UTC')::date)"
)
