"""Which source counts for an account-day, and the double entry that follows. One rule: both happen in the
transaction that changed the figures, so the counters equal the books at every moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from exporter.domain import Source
from exporter.store.facts import USAGE

STATED = (Source.COST_API, Source.INVOICE, Source.IMPORT, Source.MANUAL)
"""Sources that state money, the one that wins first. Only the first is restated for a while."""

ESTIMATED = (Source.REQUEST, Source.PRICED_USAGE)
MONEY = "usd"


def choose_sources(db: Connection, account: str, days: set[date]) -> None:
    """Decide again, for each of `days`, which source counts, and book the difference.

    Stated money wins. Until the provider's figures for a day are settled, the larger of stated and estimated counts,
    because a bill that is still arriving is too low rather than too high.
    """
    if not days:
        return
    scope: dict[str, Any] = {"account": account, "days": sorted(days)}
    db.execute(text(_CHOOSE), scope | {"stated": list(STATED), "estimated": list(ESTIMATED)})
    _book(
        db,
        account,
        "SELECT CAST(:money AS text) AS counter, coalesce(c.amount_usd, 0) - coalesce(b.amount_usd, 0) AS change"
        " FROM chosen c FULL JOIN"
        " (SELECT day, amount_usd FROM best_days WHERE account_id = :account AND day = ANY(:days)) b USING (day)",
        scope | {"money": MONEY},
    )
    db.execute(text("DELETE FROM best_days WHERE account_id = :account AND day = ANY(:days)"), scope)
    db.execute(
        text(
            "INSERT INTO best_days (account_id, day, source, stated, amount_usd)"
            " SELECT :account, day, source, stated, amount_usd FROM chosen"
        ),
        scope,
    )
    db.execute(text("DROP TABLE chosen"))


def book_tokens(db: Connection, account: str) -> None:
    """Book what the comparison of usage found, by token meter. Activity reports overlap others: not booked."""
    _book(
        db,
        account,
        "SELECT meter AS counter, coalesce(quantity, 0) - coalesce(old_quantity, 0) AS change"
        f" FROM {USAGE.changed} WHERE unit = 'tokens' AND source <> :overlapping",
        {"overlapping": Source.ANALYTICS},
    )


def _book(db: Connection, account: str, changes: str, parameters: Mapping[str, Any]) -> None:
    db.execute(
        text(
            "INSERT INTO ledger (account_id, counter, recognized, reversed)"
            " SELECT :account, counter, sum(greatest(change, 0)), sum(greatest(-change, 0))"
            f" FROM ({changes}) AS changes WHERE change <> 0 GROUP BY counter"
            " ON CONFLICT (account_id, counter) DO UPDATE SET"
            " recognized = ledger.recognized + excluded.recognized, reversed = ledger.reversed + excluded.reversed"
        ),
        {**parameters, "account": account},
    )


_CHOOSE = """
CREATE TEMP TABLE chosen ON COMMIT DROP AS
WITH totals AS (
    SELECT day, source, sum(amount_usd) AS usd FROM daily_charges
    WHERE account_id = :account AND day = ANY(:days) GROUP BY day, source
), stated AS (
    SELECT DISTINCT ON (day) day, source, usd FROM totals
    WHERE source = ANY(:stated) ORDER BY day, array_position(CAST(:stated AS text[]), source)
), estimated AS (
    SELECT DISTINCT ON (day) day, source, usd FROM totals
    WHERE source = ANY(:estimated) ORDER BY day, usd DESC, source
), settled AS (
    SELECT settled_until FROM settled_accounts WHERE account_id = :account
), compared AS (
    SELECT day, s.source AS s_source, s.usd AS s_usd, e.source AS e_source, e.usd AS e_usd,
           s.source IS NOT NULL AND (e.source IS NULL OR s.usd >= e.usd OR s.source <> 'cost_api'
               OR coalesce((day + 1)::timestamp AT TIME ZONE 'UTC' <= (SELECT settled_until FROM settled), false))
           AS stated_wins
    FROM stated s FULL JOIN estimated e USING (day)
)
SELECT day, CASE WHEN stated_wins THEN s_source ELSE e_source END AS source, s_source IS NOT NULL AS stated,
       CASE WHEN stated_wins THEN s_usd ELSE e_usd END AS amount_usd
FROM compared
"""
