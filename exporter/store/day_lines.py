"""What a day's bill consists of: dollars and tokens of single days, to explain why a day was dearer.

One rule: dollars come from `best_charges`; what is counted for activity reports (source `analytics`) is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, text


class DayLine(NamedTuple):
    """One model of one scope on one day: dollars charged, and tokens where they are known under the same names."""

    account: str
    day: date
    scope: str
    model: str
    usd: float
    tokens: float


def lines(db: Connection, days: Iterable[tuple[str, date]]) -> list[DayLine]:
    """Everything these accounts were charged for, or consumed, on these days."""
    wanted = list(days)
    rows = db.execute(
        text(
            "WITH wanted AS (SELECT * FROM unnest(CAST(:accounts AS text[]), CAST(:days AS date[])) w(account_id, day))"
            " SELECT account_id, day, scope, model, sum(usd), sum(tokens) FROM ("
            "  SELECT account_id, day, scope, model, amount_usd::float8 AS usd, 0::float8 AS tokens"
            "  FROM best_charges JOIN wanted USING (account_id, day)"
            "  UNION ALL SELECT account_id, day, scope, model, 0, quantity::float8"
            "  FROM daily_usage JOIN wanted USING (account_id, day) WHERE unit = 'tokens' AND source <> 'analytics'"
            " ) one GROUP BY 1, 2, 3, 4"
        ),
        {"accounts": [account for account, _ in wanted], "days": [day for _, day in wanted]},
    )
    return [DayLine(*row) for row in rows]


def scope_names(db: Connection) -> dict[tuple[str, str], str]:
    """What providers call their scopes, by account and id."""
    rows = db.execute(text("SELECT account_id, id, name FROM names WHERE kind = 'scope' AND name <> ''"))
    return {(row.account_id, row.id): row.name for row in rows}
