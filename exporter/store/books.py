"""Which source counts for an account-day, and the double entry that follows. One rule: both happen in the
transaction that changed the figures, so the counters equal the books at every moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from exporter.domain import Source
from exporter.store.facts import USAGE

STATED = (Source.COST_API, Source.INVOICE, Source.IMPORT, Source.MANUAL)
"""Sources that state money, the one that wins first. Only the first is restated for a while."""

ESTIMATED = (Source.REQUEST, Source.PRICED_USAGE)
MONEY = "usd"

# Of a row with a `day`: a cost report has been read for all of it, so silence means that nothing was billed. Also when
# the report became missing since: what it said before stays, and a lost permission shall not move money.
_ANSWERED = """EXISTS (
    SELECT FROM report_state r WHERE r.account_id = :account AND r.source = 'cost_api'
    AND r.read_from <= day::timestamp AT TIME ZONE 'UTC' AND (day + 1)::timestamp AT TIME ZONE 'UTC' <= r.read_until
)"""


def choose_sources(db: Connection, account: str, days: set[date]) -> None:
    """Decide again, for each of `days`, which source counts, and book the difference.

    Stated money wins. Until the provider's figures for a day are settled, the larger of stated and estimated counts,
    because a bill that is still arriving is too low rather than too high. An invoice counts only on days that no cost
    report has answered for: on the others its money is in the bill already.
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


def outdated_invoice_days(db: Connection, account: str) -> set[date]:
    """The days on which an invoice counts although a cost report has answered for them by now."""
    days = db.execute(
        text(f"SELECT day FROM best_days WHERE account_id = :account AND source = 'invoice' AND {_ANSWERED}"),
        {"account": account},
    )
    return set(days.scalars())


@contextmanager
def booking_tokens(db: Connection, account: str, report: str, days: set[date]) -> Iterator[None]:
    """Book what happens to a report's daily token counts inside the block, by token meter.

    From the roll-ups, not the facts: facts that retention dropped and a long pass reads again are no news.
    Activity reports overlap others: not booked.
    """
    before = _tokens(db, account, report, days)
    yield
    after = _tokens(db, account, report, days)
    for day, meter in {*before, *after}:
        change = after.get((day, meter), Decimal(0)) - before.get((day, meter), Decimal(0))
        if change:
            _book(
                db,
                account,
                "SELECT CAST(:meter AS text) AS counter, CAST(:change AS numeric) AS change",
                {"meter": meter, "change": change},
            )


def _tokens(db: Connection, account: str, report: str, days: set[date]) -> dict[tuple[date, str], Decimal]:
    rows = db.execute(
        text(
            f"SELECT day, meter, sum(quantity) AS quantity FROM {USAGE.daily} WHERE account_id = :account"
            " AND report = :report AND day = ANY(:days) AND unit = 'tokens' AND source <> :overlapping GROUP BY 1, 2"
        ),
        {"account": account, "report": report, "days": sorted(days), "overlapping": Source.ANALYTICS},
    )
    return {(row.day, row.meter): row.quantity for row in rows}


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


_CHOOSE = f"""
CREATE TEMP TABLE chosen ON COMMIT DROP AS
WITH totals AS (
    SELECT day, source, sum(amount_usd) AS usd FROM daily_charges
    WHERE account_id = :account AND day = ANY(:days) GROUP BY day, source
), stated AS (
    SELECT DISTINCT ON (day) day, source, usd FROM totals
    WHERE source = ANY(:stated) AND NOT (source = 'invoice' AND {_ANSWERED})
    ORDER BY day, array_position(CAST(:stated AS text[]), source)
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
