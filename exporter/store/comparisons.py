"""Spend beside earlier spend: months, quarters and moving averages of each account.

One rule: the views do the arithmetic, so that dashboards and the API can't differ. `today` is told to them.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, text


class Comparison(NamedTuple):
    """A month or quarter of an account beside the one before. None: there is nothing to compare with."""

    account: str
    provider: str
    team: str
    first_day: date  # the account's first day with figures
    start: date
    amount: Decimal  # up to today
    previous: Decimal | None  # the whole earlier period
    previous_same_day: Decimal | None  # of the running period: the earlier one up to the same day
    change: float | None  # of a period that is over
    same_day_change: float | None  # of the running one


class Average(NamedTuple):
    """A complete day of an account and the mean of the 7 and 30 days that end with it, in dollars per day."""

    account: str
    provider: str
    team: str
    day: date
    amount: Decimal
    avg7: Decimal
    avg30: Decimal


def months(db: Connection, today: date, since: date) -> list[Comparison]:
    """Every account's calendar months that begin at `since` or later."""
    return _compared(db, "month", today, since)


def quarters(db: Connection, today: date, since: date) -> list[Comparison]:
    """Every account's calendar quarters that begin at `since` or later."""
    return _compared(db, "quarter", today, since)


def averages(db: Connection, today: date, since: date) -> list[Average]:
    """Every account's days from `since` up to yesterday."""
    _tell(db, today)
    rows = db.execute(
        text(
            "SELECT account_id, provider, team, day, amount_usd, avg7, avg30 FROM moving_averages"
            " WHERE day >= :since ORDER BY account_id, day"
        ),
        {"since": since},
    )
    return [Average(*row) for row in rows]


def _compared(db: Connection, unit: str, today: date, since: date) -> list[Comparison]:
    _tell(db, today)
    rows = db.execute(
        text(
            f"SELECT account_id, provider, team, first_day, {unit}, amount_usd, previous_usd, previous_same_day_usd,"
            f" change_ratio, same_day_change_ratio FROM {unit}_comparison WHERE {unit} >= :since"
            f" ORDER BY account_id, {unit}"
        ),
        {"since": since},
    )
    return [Comparison(*row) for row in rows]


def _tell(db: Connection, today: date) -> None:
    """For the rest of the transaction."""
    db.execute(text("SELECT set_config('spend.today', :today, true)"), {"today": today.isoformat()})
