"""What each budget's period is expected to come to, day by day, as the last analysis saw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPath:
    """`days`: dollars expected of whole UTC days from `first_day` to the period's end; that day is no later than
    `made_on`, and earlier while a provider has not answered for the days between.
    """

    budget: str
    period_start: datetime
    period_end: datetime
    made_on: date
    first_day: date
    total: float
    lower: float
    upper: float
    days: Sequence[float]


_COLUMNS = ("budget", "period_start", "period_end", "made_on", "first_day", "total", "lower", "upper", "days")


def replace_day(db: Connection, made_on: date, paths: Sequence[BudgetPath]) -> None:
    """Make the paths of one day exactly these."""
    db.execute(text("DELETE FROM budget_outlooks WHERE made_on = :made_on"), {"made_on": made_on})
    if paths:
        db.execute(
            text(
                f"INSERT INTO budget_outlooks ({', '.join(_COLUMNS)})"
                f" SELECT {', '.join(f':{name}' for name in _COLUMNS)}"
                " WHERE EXISTS (SELECT FROM budgets WHERE id = :budget)"  # removed while we were at it
            ),
            [{name: getattr(path, name) for name in _COLUMNS} for path in paths],
        )


def newest(db: Connection, since: date) -> dict[str, BudgetPath]:
    """The newest path of each budget, of those made from `since` on."""
    rows = db.execute(
        text(
            f"SELECT DISTINCT ON (budget) {', '.join(_COLUMNS)} FROM budget_outlooks WHERE made_on >= :since"
            " ORDER BY budget, made_on DESC"
        ),
        {"since": since},
    )
    return {row.budget: BudgetPath(**row._asdict()) for row in rows}
