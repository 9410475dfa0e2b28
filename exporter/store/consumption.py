"""What was consumed lately, as savings need it: tokens by mix, flow and context window, and what was paid for them.

One rule: everything is of the complete days in [since, today), and of accounts that are still there.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

ORDINARY = ["", "default", "standard", "auto"]
SEATS = ["seat", "seats", "user", "users", "license", "licenses"]


class Known(NamedTuple):
    """An account, and the first day with usage, or with money where it has no usage."""

    provider: str
    account: str
    first: date


class Consumed(NamedTuple):
    """Tokens of one meter."""

    account: str
    scope: str
    model: str
    service_tier: str
    meter: str
    quantity: Decimal


class Paid(NamedTuple):
    """Dollars of one model over the settled days that have both."""

    account: str
    model: str
    billed: Decimal
    estimated: Decimal


class Detail(NamedTuple):
    """Tokens of one meter by key and stated context window; `hourly`: known by the hour."""

    scope: str
    model: str
    api_key: str
    service_tier: str
    window: str
    meter: str
    hourly: bool
    quantity: Decimal


class Hours(NamedTuple):
    """When one flow used its tokens: all, by night, in the busiest hours, on weekends, and on how many days."""

    scope: str
    model: str
    api_key: str
    tokens: float
    by_night: float
    in_busiest: float
    on_weekends: float
    days: int


class PaidSeats(NamedTuple):
    """Seats of an account, what was charged for them, and how many people on a subscription were active."""

    account: str
    seats: Decimal
    usd: Decimal
    active: int


LIVE = "IN (SELECT id FROM accounts WHERE removed_at IS NULL)"


def known(db: Connection) -> list[Known]:
    """Since when anything is known of each account."""
    first = (
        "coalesce((SELECT min(day) FROM daily_usage u WHERE u.account_id = a.id AND u.source <> 'analytics'),"
        " (SELECT min(day) FROM best_days b WHERE b.account_id = a.id))"
    )
    rows = db.execute(
        text(f"SELECT * FROM (SELECT provider, id, {first} AS first FROM accounts a WHERE removed_at IS NULL) k"
             " WHERE first IS NOT NULL ORDER BY 2")
    )  # fmt: skip
    return [Known(*row) for row in rows]


def consumed(db: Connection, since: date, today: date) -> list[Consumed]:
    """Tokens of every model."""
    rows = db.execute(
        text(
            "SELECT account_id, scope, model, service_tier, meter, sum(quantity) FROM daily_usage"
            f" WHERE day >= :since AND day < :today AND unit = 'tokens' AND source <> 'analytics' AND model <> ''"
            f" AND account_id {LIVE} GROUP BY 1, 2, 3, 4, 5 HAVING sum(quantity) > 0 ORDER BY 1, 2, 3, 4, 5"
        ),
        {"since": since, "today": today},
    )
    return [Consumed(*row) for row in rows]


def paid(db: Connection, since: date, today: date) -> list[Paid]:
    """What the provider billed for a model beside what it was estimated at."""
    rows = db.execute(
        text(
            "SELECT account_id, model, sum(billed), sum(estimated) FROM"
            " (SELECT account_id, model, day, sum(amount_usd) FILTER (WHERE source = 'cost_api') AS billed,"
            "   sum(amount_usd) FILTER (WHERE source = 'priced_usage') AS estimated FROM daily_charges"
            "  WHERE day >= :since AND day < :today AND model <> '' GROUP BY 1, 2, 3) d"
            " JOIN settled_accounts s USING (account_id)"
            " WHERE billed IS NOT NULL AND estimated IS NOT NULL"
            " AND (day + 1)::timestamp AT TIME ZONE 'UTC' <= s.settled_until GROUP BY 1, 2 HAVING sum(estimated) > 0"
        ),
        {"since": since, "today": today},
    )
    return [Paid(*row) for row in rows]


def details(db: Connection, account: str, since: date, today: date) -> list[Detail]:
    """One account's tokens by key and context window, without batches."""
    rows = db.execute(
        text(
            "SELECT scope, model, api_key, service_tier, coalesce(tags ->> 'context_window', ''), meter,"
            f" period_end - period_start <= interval '1 hour', sum(quantity) FROM usage {_FLOWS}"
            " GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(quantity) > 0 ORDER BY 1, 2, 3, 4, 5, 6, 7"
        ),
        span(since, today, account),
    )
    return [Detail(*row) for row in rows]


def hours(
    db: Connection, account: str, since: date, today: date, *, night: tuple[int, int], busiest: int
) -> list[Hours]:
    """When one account's flows at the ordinary tier were used. `night`: UTC hours from, until; `busiest`: so many."""
    rows = db.execute(
        text(
            "WITH hourly AS ("
            " SELECT scope, model, api_key, date_trunc('hour', period_start AT TIME ZONE 'UTC') AS start,"
            f"  sum(quantity) AS tokens FROM usage {_FLOWS} AND service_tier = ANY(:ordinary)"
            "  AND period_end - period_start <= interval '1 hour' GROUP BY 1, 2, 3, 4),"
            " ranked AS (SELECT *,"
            "  row_number() OVER (PARTITION BY scope, model, api_key ORDER BY tokens DESC) AS place,"
            "  extract(hour FROM start) AS hour, extract(isodow FROM start) AS weekday, start::date AS day FROM hourly)"
            " SELECT scope, model, api_key, sum(tokens)::float8,"
            "  coalesce(sum(tokens) FILTER (WHERE hour >= :dusk OR hour < :dawn), 0)::float8,"
            "  coalesce(sum(tokens) FILTER (WHERE place <= :busiest), 0)::float8,"
            "  coalesce(sum(tokens) FILTER (WHERE weekday > 5), 0)::float8, count(DISTINCT day)"
            " FROM ranked GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        ),
        {**span(since, today, account), "ordinary": ORDINARY, "dusk": night[0], "dawn": night[1], "busiest": busiest},
    )
    return [Hours(*row) for row in rows]


_FLOWS = (
    "WHERE account_id = :account AND period_start >= :start AND period_start < :end AND unit = 'tokens'"
    " AND source <> 'analytics' AND model <> '' AND service_tier <> 'batch' AND NOT tags @> '{\"batch\": \"true\"}'"
)


def seats(db: Connection, since: date, today: date) -> list[PaidSeats]:
    """Accounts that pay for seats, by a reported number of seats or by a charge's tag `quantity`."""
    rows = db.execute(
        text(
            "WITH counted AS ("
            "  SELECT account_id, sum(quantity) AS number FROM daily_usage"
            "   WHERE day >= :since AND day < :today AND (lower(unit) = ANY(:seats) OR lower(meter) = ANY(:seats))"
            "   GROUP BY account_id, day"
            "  UNION ALL SELECT account_id, sum((tags ->> 'quantity')::numeric) FROM charges"
            "   WHERE period_start < :end AND period_end > :start AND (lower(unit) = ANY(:seats)"
            r"    OR lower(meter) = ANY(:seats)) AND tags ->> 'quantity' ~ '^\d{1,9}(\.\d{1,9})?$'"
            "   GROUP BY account_id, period_start, source),"
            " owed AS (SELECT account_id, sum(amount_usd) AS usd FROM best_charges WHERE day >= :since AND day < :today"
            "  AND (lower(unit) = ANY(:seats) OR lower(meter) = ANY(:seats)) GROUP BY 1),"
            " people AS (SELECT account_id, count(DISTINCT tags ->> 'actor') AS active FROM usage"
            "  WHERE source = 'analytics' AND period_start >= :start AND period_start < :end AND quantity > 0"
            "  AND tags ->> 'customer_type' IS DISTINCT FROM 'api' GROUP BY 1)"
            " SELECT account_id, max(number), max(usd), max(active) FROM counted JOIN owed USING (account_id)"
            f" JOIN people USING (account_id) WHERE account_id {LIVE} GROUP BY 1 HAVING max(number) > 0 ORDER BY 1"
        ),
        {**span(since, today), "since": since, "today": today, "seats": SEATS},
    )
    return [PaidSeats(*row) for row in rows]


def span(since: date, today: date, account: str = "") -> dict[str, Any]:
    """Whole UTC days as moments, for statements over single rows."""
    start, end = (datetime.combine(day, time(), UTC) for day in (since, today))
    return {"account": account, "start": start, "end": end}
