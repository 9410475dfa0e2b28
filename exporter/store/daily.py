"""Daily dollars as series need them: by account, scope and model, and how far each account's figures reach.

One rule: money comes from `best_charges`. What a provider has not answered for is told apart from a day without spend.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, text


class AccountSpan(NamedTuple):
    """One account and the UTC days its figures cover: [first, end), `end` None where nothing is read (typed in).

    `since`: while its history is still being read, the first day that is. `ended`: removed or switched off.
    """

    account: str
    provider: str
    team: str
    first: date
    end: date | None
    since: date | None
    ended: bool


class Amounts(NamedTuple):
    """What an account, or one of its scopes or models, came to on the days that have something."""

    account: str
    key: str  # the scope or the model; empty for the account itself
    days: list[int]  # after the first day asked for
    amounts: list[float]


def spans(db: Connection) -> list[AccountSpan]:
    """Every account that ever had a charge, removed ones included: what they cost was spent.

    How far an account reaches is told by its cost report, or by its other reports where it has none.
    """
    rows = db.execute(
        text(
            "SELECT a.id, a.provider, a.team, min(b.day) AS first, r.until, r.since,"
            " a.removed_at IS NOT NULL OR a.disabled AS ended FROM accounts a"
            " JOIN best_days b ON b.account_id = a.id"
            " LEFT JOIN (SELECT account_id, (min(read_until) AT TIME ZONE 'UTC')::date AS until,"
            "   (max(read_from) FILTER (WHERE NOT history_done AND read_from > wanted_from) AT TIME ZONE 'UTC')::date"
            "    AS since"
            "  FROM (SELECT *, bool_or(source = 'cost_api') OVER (PARTITION BY account_id) AS billed FROM report_state"
            "   WHERE missing = '' AND source <> 'analytics') s"
            "  WHERE source = 'cost_api' OR NOT billed GROUP BY 1) r ON r.account_id = a.id"
            " GROUP BY a.id, a.provider, a.team, r.until, r.since ORDER BY 1"
        )
    )
    return [AccountSpan(*row) for row in rows]


def first_day(db: Connection) -> date | None:
    """The first UTC day that money or usage is stored of."""
    return db.execute(
        text("SELECT least((SELECT min(day) FROM best_days), (SELECT min(day) FROM daily_usage))")
    ).scalar()


def by_account(db: Connection, since: date, end: date) -> list[Amounts]:
    """Dollars of each account by day in [since, end)."""
    return _gathered(
        db, "SELECT account_id, '', day, amount_usd FROM best_days WHERE day >= :since AND day < :end", since, end
    )


def by_scope(db: Connection, since: date, end: date) -> list[Amounts]:
    """Dollars of each scope by day in [since, end)."""
    return _by(db, "scope", since, end)


def by_model(db: Connection, since: date, end: date) -> list[Amounts]:
    """Dollars of each model by day in [since, end)."""
    return _by(db, "model", since, end)


def requests(db: Connection, since: date, end: date) -> list[Amounts]:
    """Requests (not dollars) of each account by day in [since, end)."""
    rows = (
        "SELECT account_id, '', day, sum(quantity) FROM daily_usage WHERE day >= :since AND day < :end"
        " AND meter = 'requests' AND source <> 'analytics' GROUP BY 1, 3 HAVING sum(quantity) <> 0"
    )
    return _gathered(db, rows, since, end)


def _by(db: Connection, column: str, since: date, end: date) -> list[Amounts]:
    rows = (
        f"SELECT account_id, {column}, day, sum(amount_usd) FROM best_charges"
        f" WHERE day >= :since AND day < :end AND {column} <> '' GROUP BY 1, 2, 3"
    )
    return _gathered(db, rows, since, end)


def _gathered(db: Connection, rows: str, since: date, end: date) -> list[Amounts]:
    """A row for each series instead of one for each of its days: there are hundreds of thousands of those."""
    found = db.execute(
        text(
            "SELECT account_id, key, array_agg(day - :since), array_agg(amount::float8)"
            f" FROM ({rows}) r (account_id, key, day, amount) GROUP BY 1, 2"
        ),
        {"since": since, "end": end},
    )
    return [Amounts(*row) for row in found]


def settled_until(db: Connection) -> dict[str, datetime]:
    """Until when each account's own money is settled; accounts without a cost report are not in it."""
    rows = db.execute(text("SELECT account_id, settled_until FROM settled_accounts"))
    return {row.account_id: row.settled_until for row in rows}
